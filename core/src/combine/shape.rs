//! What the values of futures of one type are collected into.

use super::race::EmptyRace;
use core::array;

/// The shape of a group, with its keys.
#[allow(unnameable_types, reason = "sealed")]
pub trait Shape {
    /// What names a member.
    type Key;
    /// The shape, of `T`s.
    type Of<T>;
    /// What one member yields alone.
    type Named<T>;
    /// What a race yields.
    type Won<T>;

    fn key(&mut self, place: usize) -> Self::Key;

    fn named<T>(key: Self::Key, value: T) -> Self::Named<T>;

    fn won<T>(named: Option<T>) -> Self::Won<T>;

    /// Collects the values of all members, in their order. Called once.
    fn collect<T>(&mut self, values: impl ExactSizeIterator<Item = T>) -> Self::Of<T>;
}

/// `[_; N]`.
#[derive(Debug)]
pub struct Array<const N: usize>;

impl<const N: usize> Shape for Array<N> {
    type Key = usize;
    type Of<T> = [T; N];
    type Named<T> = T;
    type Won<T> = T;

    fn key(&mut self, place: usize) -> usize {
        place
    }

    fn named<T>(_: usize, value: T) -> T {
        value
    }

    fn won<T>(named: Option<T>) -> T {
        const { assert!(N > 0, "a race of nobody has no winner") };
        named.expect("an array has members")
    }

    #[inline(always)]
    fn collect<T>(&mut self, mut values: impl ExactSizeIterator<Item = T>) -> [T; N] {
        array::from_fn(|_| values.next().expect("a value for each member"))
    }
}

/// A shape whose members have an index, and of which there may be none.
macro_rules! indexed {
    ($(#[$cfg:meta])? $name:ident = $of:ty, |$values:ident| $collect:expr) => {
        #[doc = concat!("`", stringify!($of), "`.")]
        $(#[$cfg])?
        #[derive(Debug)]
        pub struct $name;

        $(#[$cfg])?
        impl Shape for $name {
            type Key = usize;
            type Of<T> = $of;
            type Named<T> = T;
            type Won<T> = Result<T, EmptyRace>;

            fn key(&mut self, place: usize) -> usize {
                place
            }

            fn named<T>(_: usize, value: T) -> T {
                value
            }

            fn won<T>(named: Option<T>) -> Result<T, EmptyRace> {
                named.ok_or(EmptyRace)
            }

            #[inline(always)]
            #[allow(unused_mut)]
            fn collect<T>(&mut self, mut $values: impl ExactSizeIterator<Item = T>) -> $of {
                $collect
            }
        }
    };
}

indexed!(AnOption = Option<T>, |values| values.next());
indexed!(#[cfg(feature = "alloc")] AVec = alloc::vec::Vec<T>, |values| values.collect());
indexed!(#[cfg(feature = "alloc")] ABox = alloc::boxed::Box<[T]>, |values| values.collect());
