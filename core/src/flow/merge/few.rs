//! A merge of a few sources, polled by hand.

use super::sealed::{Ends, Inputs, Rules};
use core::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// The most sources that are polled by hand.
pub(super) const FEW: usize = 8;

/// A few sources, each known by its place.
pub trait Sources {
    /// What the merge of them gives.
    type Item;

    /// How many there are.
    fn len(&self) -> usize;

    /// The next item of one of them. It is dropped when it ends, and stays ended.
    fn poll_one(
        self: Pin<&mut Self>,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>>;

    /// Lets one of them go on. Ready if it has ended.
    fn go_on(self: Pin<&mut Self>, place: usize, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops one of them.
    fn end(self: Pin<&mut Self>, place: usize);

    /// How many items are left.
    fn size_hint(&self) -> (usize, Option<usize>);
}

pin_project! {
    /// Sources that are polled by hand, with the waker of the task.
    ///
    /// Nobody knows which of them has woken the task, so all that have not been asked since are.
    /// For so few that is cheaper than to find out.
    pub struct Few<L> {
        #[pin]
        pub(super) sources: L,
        // A bit for each source that has not ended.
        live: usize,
        // Those of them whose turn in this pass is still to come.
        pass: usize,
    }
}

impl<L: Sources> Few<L> {
    pub(super) fn new(sources: L) -> Self {
        debug_assert!(sources.len() <= FEW);
        let live = (1 << sources.len()) - 1;
        Few { sources, live, pass: live }
    }
}

impl<L: Sources> Inputs for Few<L> {
    type Item = L::Item;

    fn len(&self) -> usize {
        self.sources.len()
    }

    #[inline]
    fn poll_item(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        rules: Rules,
    ) -> Poll<Option<L::Item>> {
        let mut this = self.project();
        // Those that have nothing: they have our waker.
        let mut waits = 0;
        if rules.biased && *this.live != 0 {
            *this.pass = *this.live;
        }
        loop {
            if *this.pass == 0 {
                *this.pass = *this.live & !waits;
                if *this.pass == 0 {
                    if *this.live != 0 {
                        return Poll::Pending;
                    }
                    // Those that were asked for the last time are still there.
                    (0..this.sources.len()).for_each(|place| this.sources.as_mut().end(place));
                    return Poll::Ready(None);
                }
            }
            let place = this.pass.trailing_zeros() as usize;
            let bit = 1 << place;
            *this.pass &= !bit;
            // Not live while it is polled: one that panics is not polled again.
            let live = *this.live & bit;
            *this.live ^= live;
            match this.sources.as_mut().poll_one(place, cx) {
                Poll::Ready(Some(item)) => {
                    *this.live |= live;
                    return Poll::Ready(Some(item));
                }
                Poll::Pending => {
                    *this.live |= live;
                    waits |= bit;
                }
                Poll::Ready(None) => {}
            }
            if live & !*this.live != 0 && rules.ends.with(place) {
                // The others are asked for the last time: they are not live any more.
                *this.pass = mem::take(this.live);
            }
        }
    }

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let mut left = *this.live;
        let mut done = Poll::Ready(());
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            if this.sources.as_mut().go_on(place, cx).is_pending() {
                done = Poll::Pending;
            }
        }
        done
    }

    fn size_hint(&self, ends: Ends) -> (usize, Option<usize>) {
        let (low, high) = self.sources.size_hint();
        if ends == Ends::All { (low, high) } else { (0, high) }
    }

    fn is_over(&self) -> bool {
        self.live | self.pass == 0
    }
}

impl<L: Sources> fmt::Debug for Few<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Few").field("len", &self.live.count_ones()).finish_non_exhaustive()
    }
}
