//! Values on the stack of a thread, found by the code that runs inside them.
//!
//! Each thread has a list of values in a thread-local. A value is on the list during one call of
//! [`with`], and is linked to the value around it. A call costs no allocation, and three accesses to
//! a thread-local.

use core::{cell::Cell, marker::PhantomData, ptr};
use std::thread::LocalKey;

/// The kind of value on a list. A value may borrow.
pub(crate) trait Nested: 'static {
    type Value<'a>;

    /// Proves that a value which borrows for long can be used as one that borrows for less: then
    /// the code that finds the value cannot put anything shorter-lived into it.
    fn shorten<'short, 'long: 'short>(
        value: &'short Self::Value<'long>,
    ) -> &'short Self::Value<'short>;
}

/// The innermost value on this thread, linked to those around it.
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

// On some targets every thread-local has a destructor, and the list may already be gone when the
// destructor of another thread-local calls this. Nothing is found then.

#[inline]
fn top<N: Nested>(nest: &'static LocalKey<Nest<N>>) -> *const Entry<'static, N> {
    nest.try_with(|nest| nest.top.get()).unwrap_or(ptr::null())
}

#[inline]
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

/// Runs `f` with no value around it.
#[inline]
pub(crate) fn without<N: Nested, R>(nest: &'static LocalKey<Nest<N>>, f: impl FnOnce() -> R) -> R {
    let _back = Back { nest, outer: top(nest) };
    set_top(nest, ptr::null());
    f()
}

/// Puts the values on the list that were on it before, when dropped.
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
        // keeps the entry alive, and such calls return in reverse order. `f` takes references of
        // any lifetime, so no reference outlives this turn of the loop; and the value borrows for
        // longer than that, whatever its real lifetime.
        let entry: &Entry<'_, N> = unsafe { &*next };
        if let Some(answer) = f(N::shorten(&entry.value)) {
            return Some(answer);
        }
        next = entry.outer;
    }
    None
}

/// Returns whether there is no value around the caller.
#[inline]
pub(crate) fn is_empty<N: Nested>(nest: &'static LocalKey<Nest<N>>) -> bool {
    top(nest).is_null()
}

/// Calls `f` with the innermost value, if there is one.
#[inline]
pub(crate) fn with_innermost<N: Nested, R>(
    nest: &'static LocalKey<Nest<N>>,
    f: impl for<'a> FnOnce(Option<&'a N::Value<'a>>) -> R,
) -> R {
    let top = top(nest);
    if top.is_null() {
        return f(None);
    }
    // SAFETY: as in `find`; `f` takes a reference of any lifetime, so none outlives this call.
    let entry: &Entry<'_, N> = unsafe { &*top };
    f(Some(N::shorten(&entry.value)))
}

/// Returns the address of the innermost value, to tell values apart; the same address that [`find`]
/// passes. Null if there is none.
pub(crate) fn innermost<N: Nested>(nest: &'static LocalKey<Nest<N>>) -> *const () {
    find(nest, |value| Some(ptr::from_ref(value).cast())).unwrap_or(ptr::null())
}

/// The kind of values that borrow nothing.
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
