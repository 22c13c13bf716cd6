//! A lock for a few steps.
//!
//! Only for code that is over soon whatever happens: no user code runs inside, so no wake, no clone or
//! drop of a waker, no destructor of a user's value. What is to be fired or dropped is taken out and
//! dealt with after it.
//!
//! With `std` it is a mutex of the system. Without, a thread that finds it taken spins; an interrupt
//! handler must then not use what the code that it interrupts uses.

#[cfg(feature = "std")]
use std::sync::{Mutex, PoisonError};

#[cfg(not(feature = "std"))]
use super::try_lock::TryLock;

/// A lock for a few steps; see the [module](self).
#[derive(Debug)]
pub(crate) struct Lock<T> {
    #[cfg(feature = "std")]
    value: Mutex<T>,
    #[cfg(not(feature = "std"))]
    value: TryLock<T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(feature = "std")]
        let value = Mutex::new(value);
        #[cfg(not(feature = "std"))]
        let value = TryLock::new(value);
        Lock { value }
    }

    /// Calls `f` with the lock held.
    #[cfg(feature = "std")]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Nothing inside panics but for a lack of memory.
        f(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `f` with the lock held.
    #[cfg(not(feature = "std"))]
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
