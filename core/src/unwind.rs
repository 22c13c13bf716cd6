//! The only file that catches and resumes panics.
//!
//! With `std` a panic of user code is a value; without it, it goes through us to whoever polls.
//! Payloads are user values too: their destructors may panic, so a payload that nobody wants goes
//! through [`discard`].

/// What a panic carries.
#[cfg(feature = "alloc")]
pub(crate) type Payload = alloc::boxed::Box<dyn core::any::Any + Send>;

/// There is none: without `std` nothing is caught.
#[cfg(not(feature = "alloc"))]
pub(crate) enum Payload {}

#[cfg(not(feature = "alloc"))]
impl Drop for Payload {
    fn drop(&mut self) {
        match *self {}
    }
}

/// Runs `f`; with `std`, its panic is the error.
///
/// The caller sees to it that whatever `f` left half done is not used as if it were whole.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(core::panic::AssertUnwindSafe(f));
    #[cfg(not(feature = "std"))]
    return Ok(f());
}

/// Runs `f`; with `std`, its panic is the error. Without, a panic goes on through the caller, and
/// `on_unwind` runs on its way out.
pub(crate) fn catch_or<R>(on_unwind: impl FnOnce(), f: impl FnOnce() -> R) -> Result<R, Payload> {
    let guard = Finally::new(on_unwind);
    let result = catch(f);
    guard.disarm();
    result
}

/// Lets a caught panic go on.
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

/// Lets a kept panic go on, but not from a destructor that itself runs because of a panic: that
/// would abort the process.
pub(crate) fn resume_unless_panicking(first: Option<Payload>) {
    let Some(payload) = first else { return };
    #[cfg(feature = "std")]
    if std::thread::panicking() {
        return discard(payload);
    }
    resume(payload)
}

/// Runs code of others at a point where its panic has nobody to go to but the panic hook.
///
/// The payload may itself panic when it is dropped, with a payload that does too: the second link
/// of such a chain is leaked.
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

/// Runs a closure when dropped, so also when the code after it panics.
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
