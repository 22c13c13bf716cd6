//! A value of an executor that is kept with a child.

use core::{fmt, marker::PhantomData, mem::MaybeUninit};

/// A value of an executor that is kept until the memory of a child is freed: usually the
/// executor's own handle of the task. See
/// [`Spawn::spawn_keep_alive`](crate::Spawn::spawn_keep_alive).
///
/// Takes two words, so the value must be no larger than a pointer. A panic of its destructor is
/// reported by the panic hook and goes no further, as the code that frees the child may have nothing
/// to do with it.
///
/// # Examples
///
/// An adapter whose tasks are freed with their handle:
///
/// ```
/// use anyscope::{Child, KeepAlive, Spawn};
///
/// struct Adapter(smol::Executor<'static>);
///
/// impl Spawn for Adapter {
///     fn spawn(&self, child: Child) {
///         self.0.spawn(child).detach();
///     }
///
///     fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
///         Some(KeepAlive::new(self.0.spawn(child)))
///     }
/// }
/// ```
pub struct KeepAlive {
    word: Word,
    does: &'static Does,
}

type Word = MaybeUninit<*mut ()>;

/// What can be done with the value.
struct Does {
    /// Requires that the word holds the value, and no longer does so afterwards.
    drop: unsafe fn(&mut Word),
    /// Tells the executor that the child at an address is awaited. Requires that the word holds the
    /// value.
    await_child: Option<unsafe fn(&Word, *const ())>,
}

/// An executor that may poll a child on behalf of the code that awaits it.
pub(crate) trait Awaited: Send + 'static {
    /// The child at `address` is awaited, and has not ended. It may be polled inside this call.
    fn on_await(&self, address: *const ());
}

// SAFETY: made of a value that is `Send`.
unsafe impl Send for KeepAlive {}
// SAFETY: a `&KeepAlive` gives access to nothing, but for `on_await`, which only the handle of the
// child calls.
unsafe impl Sync for KeepAlive {}

impl KeepAlive {
    /// Keeps `value`. Does not compile if `value` is larger than a pointer; put it in a box then.
    ///
    /// # Examples
    ///
    /// See [`KeepAlive`].
    pub fn new<T: Send + 'static>(value: T) -> Self {
        Self::of(value, &Of::<T>::KEPT)
    }

    /// Keeps `value`, and tells it when the child is awaited before its end.
    pub(crate) fn and_told<T: Awaited>(value: T) -> Self {
        Self::of(value, &Of::<T>::TOLD)
    }

    /// `does` is that of `T`.
    fn of<T>(value: T, does: &'static Does) -> Self {
        const {
            assert!(size_of::<T>() <= size_of::<*mut ()>(), "box what is larger than a pointer");
            assert!(align_of::<T>() <= align_of::<*mut ()>(), "box what is aligned more strictly");
        }
        let mut word = Word::uninit();
        // SAFETY: it fits, as checked above.
        unsafe { word.as_mut_ptr().cast::<T>().write(value) };
        KeepAlive { word, does }
    }

    /// Tells the executor that the child at `address` is awaited, if it wants to know.
    #[inline]
    pub(super) fn on_await(&self, address: *const ()) {
        if let Some(await_child) = self.does.await_child {
            // SAFETY: the word holds what `does` is for, until `self` is dropped.
            unsafe { await_child(&self.word, address) };
        }
    }
}

struct Of<T>(PhantomData<T>);

impl<T> Of<T> {
    const KEPT: Does = Does { drop: Self::drop, await_child: None };

    unsafe fn drop(word: &mut Word) {
        // SAFETY: promised by the caller.
        unsafe { word.as_mut_ptr().cast::<T>().drop_in_place() };
    }
}

impl<T: Awaited> Of<T> {
    const TOLD: Does = Does { drop: Self::drop, await_child: Some(Self::await_child) };

    unsafe fn await_child(word: &Word, address: *const ()) {
        // SAFETY: promised by the caller.
        unsafe { &*word.as_ptr().cast::<T>() }.on_await(address);
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        // SAFETY: the word holds what `does` is for, and nobody looks again.
        unsafe { (self.does.drop)(&mut self.word) };
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepAlive(..)")
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;
    use alloc::sync::Arc;

    #[test]
    fn what_is_kept_is_dropped_once() {
        let value = Arc::new(());
        let kept = KeepAlive::new(value.clone());
        assert_eq!(Arc::strong_count(&value), 2);
        drop(kept);
        assert_eq!(Arc::strong_count(&value), 1);
        drop(KeepAlive::new(()));
    }
}
