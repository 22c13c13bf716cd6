//! What is said of waits when somebody looks, by number.

use crate::{sync::lock::Lock, unwind};
use alloc::{
    collections::BTreeMap,
    string::String,
    sync::{Arc, Weak},
};
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::OnceLock;

type Tell = dyn Fn() -> Option<String> + Send + Sync;

static DETAILS: OnceLock<Lock<BTreeMap<usize, Weak<Tell>>>> = OnceLock::new();

fn all() -> &'static Lock<BTreeMap<usize, Weak<Tell>>> {
    DETAILS.get_or_init(|| Lock::new(BTreeMap::new()))
}

/// What can say more of a wait, as long as this lives.
pub(crate) struct Detail {
    /// Its number in the list of the process.
    number: usize,
    _tell: Arc<Tell>,
}

impl Detail {
    pub(crate) fn new(tell: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let tell: Arc<Tell> = Arc::new(tell);
        all().with(|details| details.insert(number, Arc::downgrade(&tell)));
        Detail { number, _tell: tell }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Detail {
    fn drop(&mut self) {
        let _gone = all().with(|details| details.remove(&self.number));
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Detail").field(&self.number).finish()
    }
}

/// Asks the one of this number what there is to say. Nothing if it is gone, has nothing to say, or panics.
pub(crate) fn words(number: usize) -> Option<String> {
    let tell = all().with(|details| details.get(&number).and_then(Weak::upgrade))?;
    // It may be the last one, and so be dropped here: with what users gave, which may panic as well.
    match unwind::catch(move || super::unheard(|| tell())) {
        Ok(words) => words,
        Err(payload) => {
            unwind::discard(payload);
            None
        }
    }
}
