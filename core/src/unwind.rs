//! The only file that catches and resumes panics.
//!
//! With `std` a panic of user code is caught and becomes a value; without it, the panic propagates
//! through this crate to the code that polls. Payloads are user values too: their destructors may
//! panic, so an unwanted payload is dropped by [`discard`].

/// What a panic carries.
#[cfg(feature = "alloc")]
pub(crate) type Payload = alloc::boxed::Box<dyn core::any::Any + Send>;

/// No such value exists: without `std` nothing is caught.
#[cfg(not(feature = "alloc"))]
#[derive(Debug)]
pub enum Payload {}

#[cfg(not(feature = "alloc"))]
impl Drop for Payload {
    fn drop(&mut self) {
        match *self {}
    }
}

/// Runs `f`; with `std`, its panic is the error.
///
/// The caller must not use what `f` left half done as if it were whole.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(core::panic::AssertUnwindSafe(f));
    #[cfg(not(feature = "std"))]
    return Ok(f());
}

/// Runs `f`; with `std`, its panic is the error. Without `std`, the panic propagates through the
/// caller, and `on_unwind` runs while it unwinds.
pub(crate) fn catch_or<R>(on_unwind: impl FnOnce(), f: impl FnOnce() -> R) -> Result<R, Payload> {
    let guard = Finally::new(on_unwind);
    let result = catch(f);
    guard.disarm();
    result
}

/// Resumes a caught panic.
pub(crate) fn resume(payload: Payload) -> ! {
    #[cfg(feature = "std")]
    std::panic::resume_unwind(payload);
    #[cfg(not(feature = "std"))]
    {
        // Not reached: nothing is caught without `std`.
        discard(payload);
        panic!("a child of this scope panicked")
    }
}

/// Runs `f` and keeps its panic in `first` unless there is one already.
pub(crate) fn keep_first(first: &mut Option<Payload>, f: impl FnOnce()) {
    if let Err(payload) = catch(f) {
        match first {
            None => *first = Some(payload),
            Some(_) => discard(payload),
        }
    }
}

/// Resumes a panic that was kept. Does not resume it in a destructor that runs because of another
/// panic: that would abort the process.
pub(crate) fn resume_unless_panicking(first: Option<Payload>) {
    let Some(payload) = first else { return };
    #[cfg(feature = "std")]
    if std::thread::panicking() {
        return discard(payload);
    }
    resume(payload)
}

/// Runs user code at a point where nothing but the panic hook can learn of its panic.
///
/// The payload may itself panic when it is dropped, with a payload that panics too: the second
/// payload of such a chain is leaked.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch(f) {
        if let Err(payload) = catch(|| drop(payload)) {
            core::mem::forget(payload);
        }
    }
}

/// Drops a value whose destructor may panic.
pub(crate) fn discard<T>(value: T) {
    contain(|| drop(value));
}

/// Runs a closure when dropped, and so also when the code after it panics.
pub(crate) struct Finally<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Finally<F> {
    pub(crate) fn new(f: F) -> Self {
        Finally(Some(f))
    }

    /// Forgets the closure.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Finally<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}
