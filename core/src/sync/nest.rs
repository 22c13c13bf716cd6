//! Values on the stack of a thread, found by the code that they are around.
//!
//! Each thread has a list of them, a thread-local of its own. A value is on it for the time of one
//! call, [`with`], and is linked to the one around it. Costs no allocation, and three accesses to a
//! thread-local a call.

use core::{cell::Cell, marker::PhantomData, ptr};
use std::thread::LocalKey;

/// What is on a list: values that may borrow.
pub(crate) trait Nested: 'static {
    type Value<'a>;

    /// Shows that a value which borrows for long can be used as one that borrows for less: then
    /// nothing that is shorter-lived can be put into it by whoever finds it.
    fn shorten<'short, 'long: 'short>(
        value: &'short Self::Value<'long>,
    ) -> &'short Self::Value<'short>;
}

/// The innermost value on this thread, with those around it behind it.
pub(crate) struct Nest<N: Nested> {
    top: Cell<*const Entry<'static, N>>,
}

struct Entry<'a, N: Nested> {
    value: N::Value<'a>,
    outer: *const Entry<'static, N>,
}

impl<N: Nested> Nest<N> {
    pub(crate) const fn new() -> Self {
        Nest { top: Cell::new(ptr::null()) }
    }
}

// On some targets every thread-local has a destructor, and this may run in the destructor of another
// one, after it: nothing is found there.

fn top<N: Nested>(nest: &'static LocalKey<Nest<N>>) -> *const Entry<'static, N> {
    nest.try_with(|nest| nest.top.get()).unwrap_or(ptr::null())
}

fn set_top<N: Nested>(nest: &'static LocalKey<Nest<N>>, top: *const Entry<'static, N>) {
    let _ = nest.try_with(|nest| nest.top.set(top));
}

/// Runs `f` with `value` around it.
#[inline]
pub(crate) fn with<N: Nested, R>(
    nest: &'static LocalKey<Nest<N>>,
    value: N::Value<'_>,
    f: impl FnOnce() -> R,
) -> R {
    let entry = Entry::<N> { value, outer: top(nest) };
    set_top(nest, ptr::from_ref(&entry).cast());
    let _back = Back { nest, outer: entry.outer };
    f()
}

/// Takes the innermost value off the list.
struct Back<N: Nested> {
    nest: &'static LocalKey<Nest<N>>,
    outer: *const Entry<'static, N>,
}

impl<N: Nested> Drop for Back<N> {
    fn drop(&mut self) {
        set_top(self.nest, self.outer);
    }
}

/// Asks the values around the caller, the innermost first, until one has an answer.
pub(crate) fn find<N: Nested, R>(
    nest: &'static LocalKey<Nest<N>>,
    mut f: impl for<'a> FnMut(&'a N::Value<'a>) -> Option<R>,
) -> Option<R> {
    let mut next = top(nest);
    while !next.is_null() {
        // SAFETY: an entry is on the list only during a call of `with` that is around this one and
        // keeps it, and such calls return in reverse order. Nothing outlives this turn of the loop,
        // as `f` takes references of any lifetime; so it matters not how long the value borrows,
        // which is longer than that.
        let entry: &Entry<'_, N> = unsafe { &*next };
        if let Some(answer) = f(N::shorten(&entry.value)) {
            return Some(answer);
        }
        next = entry.outer;
    }
    None
}

/// Tells values apart: the address of the innermost one, as [`find`] has it. Null if there is none.
pub(crate) fn innermost<N: Nested>(nest: &'static LocalKey<Nest<N>>) -> *const () {
    find(nest, |value| Some(ptr::from_ref(value).cast())).unwrap_or(ptr::null())
}

/// For values that borrow nothing.
pub(crate) struct Plain<T>(PhantomData<T>);

impl<T: 'static> Nested for Plain<T> {
    type Value<'a> = T;

    fn shorten<'short, 'long: 'short>(value: &'short T) -> &'short T {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{panic::catch_unwind, thread_local, vec::Vec};

    thread_local! {
        static NUMBERS: Nest<Plain<u8>> = const { Nest::new() };
    }

    fn around() -> Vec<u8> {
        let mut all = Vec::new();
        find(&NUMBERS, |&number| {
            all.push(number);
            None::<()>
        });
        all
    }

    #[test]
    fn the_innermost_is_found_first_and_gone_after_a_panic() {
        assert!(innermost(&NUMBERS).is_null());
        with(&NUMBERS, 1, || {
            assert!(catch_unwind(|| with(&NUMBERS, 2, || panic!("{:?}", around()))).is_err());
            assert_eq!(around(), [1]);
            with(&NUMBERS, 3, || assert_eq!(around(), [3, 1]));
        });
        assert_eq!(around(), []);
    }
}
