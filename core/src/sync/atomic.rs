//! Atomics, `Arc` and `UnsafeCell`: those of `core` and `alloc`, or loom's when its models run.
//!
//! The models are built with `--cfg anyscope_loom`, a private name: `--cfg loom` would also
//! change our dependencies.

#[cfg(not(anyscope_loom))]
mod imp {
    #[cfg(feature = "alloc")]
    pub(crate) use alloc::sync::Arc;
    #[cfg(any(
        feature = "std",
        all(feature = "alloc", target_has_atomic = "64", not(anyscope_two_words))
    ))]
    pub(crate) use core::sync::atomic::AtomicU64;
    #[cfg(feature = "alloc")]
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, fence};
    pub(crate) use core::sync::atomic::{AtomicUsize, Ordering};

    /// [`core::cell::UnsafeCell`] with loom's interface, so that a model sees every access.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            UnsafeCell(core::cell::UnsafeCell::new(value))
        }

        #[cfg(feature = "alloc")]
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(anyscope_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// Makes a model treat freeing a value as an access to it: every other access must happen
    /// before, and the model tries every order in which one may come after. loom does not check
    /// this by itself.
    pub(crate) trait Freed {
        fn freed(&mut self);
    }

    impl Freed for AtomicUsize {
        fn freed(&mut self) {
            if !loom::thread::panicking() {
                self.fetch_or(0, Ordering::Relaxed);
                self.with_mut(|_| ());
            }
        }
    }

    impl Freed for AtomicU64 {
        fn freed(&mut self) {
            if !loom::thread::panicking() {
                self.fetch_or(0, Ordering::Relaxed);
                self.with_mut(|_| ());
            }
        }
    }

    impl Freed for AtomicBool {
        fn freed(&mut self) {
            if !loom::thread::panicking() {
                self.fetch_or(false, Ordering::Relaxed);
                // SAFETY: `&mut` rules out a concurrent write; loom checks that this is so.
                unsafe { self.unsync_load() };
            }
        }
    }

    impl<T> Freed for AtomicPtr<T> {
        fn freed(&mut self) {
            if !loom::thread::panicking() {
                self.with_mut(|_| ());
            }
        }
    }

    impl<T> Freed for UnsafeCell<T> {
        fn freed(&mut self) {
            if !loom::thread::panicking() {
                self.with_mut(|_| ());
            }
        }
    }
}

pub(crate) use imp::*;
