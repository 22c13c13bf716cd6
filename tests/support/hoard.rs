//! Executors that do not do their work.

use anyscope::{Child, Spawn};
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

/// An executor that keeps its children unpolled, until a test says who is to poll them.
#[derive(Clone, Debug, Default)]
pub struct Hoard(Arc<Mutex<Vec<Child>>>);

impl Hoard {
    pub fn new() -> Self {
        Self::default()
    }

    /// What it was given, oldest first.
    pub fn take(&self) -> Vec<Child> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Leaves its children to an executor that does its work.
    pub fn hand_over(&self, other: &impl Spawn) {
        self.take().into_iter().for_each(|child| other.spawn(child));
    }
}

impl Spawn for Hoard {
    fn spawn(&self, child: Child) {
        self.0.lock().unwrap().push(child);
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}

/// Makes `spawn_all` share futures that are few: an iterator that does not say how many it has.
pub fn unsized_hint<I: Iterator>(mut items: I) -> impl Iterator<Item = I::Item> {
    std::iter::from_fn(move || items.next())
}

/// An executor that refuses every child.
#[derive(Clone, Copy, Debug)]
pub struct Refusing;

impl Spawn for Refusing {
    fn spawn(&self, child: Child) {
        drop(child);
    }
}
