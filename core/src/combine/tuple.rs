//! Tuples: every poll polls all futures, as for a few that is faster than finding out whose waker
//! fired.

use super::join::Join;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

pin_project! {
    /// A future, and later its value.
    #[project = SlotProjection]
    enum Slot<F: Future, T = <F as Future>::Output> {
        Running { #[pin] future: F },
        Ready { value: Option<T> },
    }
}

impl<F: Future> Slot<F> {
    /// Returns whether the value is there.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let SlotProjection::Running { future } = self.as_mut().project() else { return true };
        let Poll::Ready(value) = future.poll(cx) else { return false };
        self.set(Slot::Ready { value: Some(value) });
        true
    }

    #[inline]
    fn take(self: Pin<&mut Self>) -> F::Output {
        let SlotProjection::Ready { value } = self.project() else { unreachable!("all are ready") };
        value.take().expect("polled after it was ready")
    }
}

macro_rules! tuples {
    ($($name:ident $count:literal: $($future:ident $slot:ident $value:ident),+;)+) => {$(
        pin_project! {
            #[doc = concat!("Future of [`join`](super::join) for ", $count, " futures.")]
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $name<$($future: Future,)+ $($value = <$future as Future>::Output),+> {
                $(#[pin] $slot: Slot<$future, $value>,)+
            }
        }

        impl<$($future: Future),+> Join for ($($future,)+) {
            type Output = ($($future::Output,)+);
            type Future = $name<$($future),+>;

            fn into_join(self) -> Self::Future {
                let ($($slot,)+) = self;
                $name { $($slot: Slot::Running { future: $slot },)+ }
            }
        }

        impl<$($future: Future),+> Future for $name<$($future),+> {
            type Output = ($($future::Output,)+);

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let this = self.project();
                let mut this = ($(this.$slot,)+);
                let ($($slot,)+) = &mut this;
                let mut all = true;
                $(all &= $slot.as_mut().poll(cx);)+
                if !all {
                    return Poll::Pending;
                }
                Poll::Ready(($($slot.as_mut().take(),)+))
            }
        }

        impl<$($future: Future),+> fmt::Debug for $name<$($future),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

tuples! {
    Join2 "two": A a AT, B b BT;
    Join3 "three": A a AT, B b BT, C c CT;
    Join4 "four": A a AT, B b BT, C c CT, D d DT;
    Join5 "five": A a AT, B b BT, C c CT, D d DT, E e ET;
    Join6 "six": A a AT, B b BT, C c CT, D d DT, E e ET, F f FT;
    Join7 "seven": A a AT, B b BT, C c CT, D d DT, E e ET, F f FT, G g GT;
    Join8 "eight": A a AT, B b BT, C c CT, D d DT, E e ET, F f FT, G g GT, H h HT;
}
