//! Items that come from one of several sources of different types.

/// Items that may be errors: a [`Result`], or one of several results.
///
/// # Examples
///
/// ```
/// use anyscope::flow::{OneOf2, TryItem};
///
/// /// Counts the errors, whatever kind of results these are.
/// fn errors<I: TryItem>(items: &[I]) -> usize {
///     items.iter().filter(|item| item.is_error()).count()
/// }
///
/// assert_eq!(errors(&[Ok(1), Err("broken")]), 1);
/// let merged: [OneOf2<Result<u8, &str>, Result<u16, &str>>; 2] =
///     [OneOf2::First(Ok(1)), OneOf2::Second(Err("broken"))];
/// assert_eq!(errors(&merged), 1);
/// ```
pub trait TryItem {
    /// The type of the items that are not errors.
    type Ok;
    /// The type of the errors.
    type Err;

    /// Returns the item as a result.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;

    /// Returns whether the item is an error.
    fn is_error(&self) -> bool;
}

impl<T, E> TryItem for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }

    fn is_error(&self) -> bool {
        self.is_err()
    }
}

macro_rules! one_of {
    ($($(#[$example:meta])* $name:ident, $count:literal: $($variant:ident $T:ident $same:ident),+;)+) => {$(
        #[doc = concat!("A value from one of ", $count, " sources of different types: see [`merge`](super::merge()).")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum $name<$($T),+> {
            $($variant($T),)+
        }

        impl<T> $name<$($same),+> {
            /// Returns the value, if all sources have items of the same type.
            $(#[$example])*
            pub fn into_inner(self) -> T {
                match self {
                    $($name::$variant(value) => value,)+
                }
            }
        }

        impl<$($T,)+ Er> TryItem for $name<$(Result<$T, Er>),+> {
            type Ok = $name<$($T),+>;
            type Err = Er;

            fn into_result(self) -> Result<Self::Ok, Er> {
                match self {
                    $($name::$variant(value) => value.map($name::$variant),)+
                }
            }

            fn is_error(&self) -> bool {
                match self {
                    $($name::$variant(value) => value.is_err(),)+
                }
            }
        }
    )+};
}

one_of! {
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, OneOf2};
    ///
    /// # smol::block_on(async {
    /// // An array cannot have sources of two types.
    /// let merged = flow::merge((flow::iter([1, 2]), flow::iter(10..12)));
    /// let numbers: Vec<_> = merged.map(OneOf2::into_inner).collect().await;
    /// assert_eq!(numbers, [1, 10, 2, 11]);
    /// # });
    /// ```
    OneOf2, "two": First A T, Second B T;
    OneOf3, "three": First A T, Second B T, Third C T;
    OneOf4, "four": First A T, Second B T, Third C T, Fourth D T;
    OneOf5, "five": First A T, Second B T, Third C T, Fourth D T, Fifth E T;
    OneOf6, "six": First A T, Second B T, Third C T, Fourth D T, Fifth E T, Sixth F T;
    OneOf7, "seven": First A T, Second B T, Third C T, Fourth D T, Fifth E T, Sixth F T,
        Seventh G T;
    OneOf8, "eight": First A T, Second B T, Third C T, Fourth D T, Fifth E T, Sixth F T,
        Seventh G T, Eighth H T;
}
