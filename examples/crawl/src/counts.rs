//! How many requests ended how.

use crate::http::Fault;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

#[derive(Default)]
pub(crate) struct Counts {
    /// None is a success.
    requests: Mutex<BTreeMap<Option<Fault>, usize>>,
}

impl Counts {
    /// A request has ended.
    pub(crate) fn add(&self, fault: Option<Fault>) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(fault).or_default() += 1;
    }

    pub(crate) fn get(&self) -> BTreeMap<Option<Fault>, usize> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
