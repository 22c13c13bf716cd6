//! Merges of tuples: sources of different types.

use super::{
    IntoMerge, Merge,
    few::{Around, Few, Sources, poll_slot, progress_slot},
    one_of::*,
};
use crate::flow::source::{Source, into_flow::IntoFlow};
use core::{
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Adds the size hints of two sources.
pub(super) fn add_hints(
    (low, high): (usize, Option<usize>),
    hint: (usize, Option<usize>),
) -> (usize, Option<usize>) {
    let high = high.zip(hint.1).and_then(|(high, more)| high.checked_add(more));
    (low.saturating_add(hint.0), high)
}

pub(super) fn hint_of<S: Source>(slot: &Option<S>) -> (usize, Option<usize>) {
    slot.as_ref().map_or((0, Some(0)), S::size_hint)
}

macro_rules! tuples {
    ($($(#[$example:meta])* $name:ident $one_of:ident $count:literal: $($place:literal $variant:ident $field:ident $T:ident),+;)+) => {$(
        pin_project! {
            #[doc = concat!("The ", $count, " sources of a [`merge`](super::merge()) of a tuple.")]
            pub struct $name<$($T),+> {
                $(
                    #[pin]
                    $field: Option<$T>,
                )+
            }
        }

        impl<$($T: Source),+> Sources for $name<$($T),+> {
            type Item = $one_of<$($T::Item),+>;

            #[inline]
            fn len(&self) -> usize {
                $count
            }

            #[inline(always)]
            fn poll_around(
                self: Pin<&mut Self>,
                from: usize,
                cx: &mut Context<'_>,
            ) -> Around<Self::Item> {
                let mut this = self.project();
                let mut waits = false;
                let mut place = from;
                for _ in 0..$count {
                    if place >= $count {
                        place = 0;
                    }
                    match place {
                        $($place => match poll_slot(this.$field.as_mut(), cx) {
                            Some(Poll::Ready(Some(item))) => {
                                return Around::Item($place, $one_of::$variant(item));
                            }
                            Some(Poll::Ready(None)) => return Around::Ended($place),
                            Some(Poll::Pending) => waits = true,
                            None => {}
                        },)+
                        _ => {}
                    }
                    place += 1;
                }
                if waits { Around::Waits } else { Around::Over }
            }

            fn poll_one(
                self: Pin<&mut Self>,
                place: usize,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                let this = self.project();
                match place {
                    $($place => poll_slot(this.$field, cx)
                        .unwrap_or(Poll::Ready(None))
                        .map(|item| item.map($one_of::$variant)),)+
                    _ => Poll::Ready(None),
                }
            }

            fn progress(self: Pin<&mut Self>, place: usize, cx: &mut Context<'_>) -> bool {
                let this = self.project();
                match place {
                    $($place => progress_slot(this.$field, cx),)+
                    _ => true,
                }
            }

            fn clear(self: Pin<&mut Self>) {
                let mut this = self.project();
                $(this.$field.set(None);)+
            }

            fn are_over(&self) -> bool {
                $(self.$field.is_none() &&)+ true
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let mut sum = (0, Some(0));
                $(sum = add_hints(sum, hint_of(&self.$field));)+
                sum
            }
        }

        impl<$($T: IntoFlow),+> IntoMerge for ($($T,)+) {
            type Item = $one_of<$($T::Item),+>;
            type Inputs = Few<$name<$($T::Source),+>>;

            fn into_inputs(self) -> Self::Inputs {
                let ($($field,)+) = self;
                Few::new($name { $($field: Some($field.into_flow().source)),+ })
            }
        }

        impl<$($T: Source),+> Merge<Few<$name<$($T),+>>> {
            /// Returns the sources that have not ended. The items that were taken ahead are in
            /// them: a merge holds none.
            ///
            /// After a poll this needs sources that are [`Unpin`].
            $(#[$example])*
            pub fn into_parts(self) -> ($(Option<$T>,)+) {
                let sources = self.inputs.sources;
                ($(sources.$field,)+)
            }
        }
    )+};
}

tuples! {
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, OneOf2};
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let merged = flow::merge((flow::iter([1, 2]), flow::iter(["a"])));
    /// let mut merged = merged.into_stream();
    /// assert_eq!(merged.next().await, Some(OneOf2::First(1)));
    /// let (numbers, _words) = merged.into_parts();
    /// assert_eq!(flow::source(numbers.unwrap()).collect::<Vec<_>>().await, [2]);
    /// # });
    /// ```
    Tuple2 OneOf2 2: 0 First a A, 1 Second b B;
    Tuple3 OneOf3 3: 0 First a A, 1 Second b B, 2 Third c C;
    Tuple4 OneOf4 4: 0 First a A, 1 Second b B, 2 Third c C, 3 Fourth d D;
    Tuple5 OneOf5 5: 0 First a A, 1 Second b B, 2 Third c C, 3 Fourth d D, 4 Fifth e E;
    Tuple6 OneOf6 6: 0 First a A, 1 Second b B, 2 Third c C, 3 Fourth d D, 4 Fifth e E,
        5 Sixth f F;
    Tuple7 OneOf7 7: 0 First a A, 1 Second b B, 2 Third c C, 3 Fourth d D, 4 Fifth e E,
        5 Sixth f F, 6 Seventh g G;
    Tuple8 OneOf8 8: 0 First a A, 1 Second b B, 2 Third c C, 3 Fourth d D, 4 Fifth e E,
        5 Sixth f F, 6 Seventh g G, 7 Eighth h H;
}
