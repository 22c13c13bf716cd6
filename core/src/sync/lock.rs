//! A lock for a few steps.
//!
//! Only for code that is over soon whatever happens: no user code runs inside, so no wake, no clone or
//! drop of a waker, no destructor of a user's value. What is to be fired or dropped is taken out and
//! dealt with after it.
//!
//! With `std` it is a mutex of the system. Without, a thread that finds it taken spins; an interrupt
//! handler must then not use what the code that it interrupts uses.

#[cfg(anyscope_loom)]
use loom::sync::Mutex as Inner;
#[cfg(all(feature = "std", not(anyscope_loom)))]
use std::sync::{Mutex as Inner, PoisonError};

#[cfg(not(any(feature = "std", anyscope_loom)))]
use super::try_lock::TryLock as Inner;

/// A lock for a few steps; see the [module](self).
#[derive(Debug)]
pub(crate) struct Lock<T> {
    value: Inner<T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock { value: Inner::new(value) }
    }

    /// Calls `f` with the lock held.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Nothing inside panics but for a lack of memory.
        f(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `f` with the lock held.
    #[cfg(anyscope_loom)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.value.lock().expect("nothing inside panics"))
    }

    /// Calls `f` with the lock held.
    #[cfg(not(any(feature = "std", anyscope_loom)))]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let mut f = Some(f);
        loop {
            if let Some(result) = self.value.try_with(|value| f.take().map(|f| f(value))) {
                return result.expect("called once");
            }
            core::hint::spin_loop();
        }
    }
}
