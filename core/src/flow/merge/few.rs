//! A merge of a few sources, polled by hand.

use super::sealed::{Ends, Inputs, Rules};
use crate::{flow::source::Source, unwind};
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

    /// Asks each that has not ended once for an item, from this place on and then from the first,
    /// until there is something to tell.
    fn poll_around(self: Pin<&mut Self>, from: usize, cx: &mut Context<'_>) -> Around<Self::Item>;

    /// The next item of one of them.
    fn poll_one(
        self: Pin<&mut Self>,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>>;

    /// Lets all of them go on. Ready if they have nothing to do.
    fn go_on(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops all of them.
    fn clear(self: Pin<&mut Self>);

    /// Whether all of them have ended.
    fn are_over(&self) -> bool;

    /// How many items are left.
    fn size_hint(&self) -> (usize, Option<usize>);
}

/// What a few sources have to tell.
#[derive(Debug)]
pub enum Around<T> {
    /// The one at this place gave an item.
    Item(usize, T),
    /// The one at this place has ended, and is dropped.
    Ended(usize),
    /// None of them has an item. They will wake us.
    Waits,
    /// All have ended.
    Over,
}

/// The next item of a source. It is dropped when it ends or panics.
#[inline(always)]
pub(super) fn poll_slot<S: Source>(
    slot: Pin<&mut Option<S>>,
    cx: &mut Context<'_>,
) -> Option<Poll<Option<S::Item>>> {
    let mut slot = DropOnUnwind(slot);
    let source = slot.0.as_mut().as_pin_mut();
    let polled = source.map(|source| source.poll_next(cx));
    if let Some(Poll::Ready(None)) = polled {
        slot.0.set(None);
    }
    mem::forget(slot);
    polled
}

/// Lets a source go on, if it is there.
pub(super) fn go_on_slot<S: Source>(slot: Pin<&mut Option<S>>, cx: &mut Context<'_>) -> bool {
    let mut slot = DropOnUnwind(slot);
    let source = slot.0.as_mut().as_pin_mut();
    let done = source.is_none_or(|source| source.poll_progress(cx).is_ready());
    mem::forget(slot);
    done
}

/// Drops a source that panics.
struct DropOnUnwind<'a, S>(Pin<&'a mut Option<S>>);

impl<S> Drop for DropOnUnwind<'_, S> {
    #[cold]
    fn drop(&mut self) {
        unwind::contain(|| self.0.set(None));
    }
}

pin_project! {
    /// Sources that are polled by hand, with the waker of the task.
    ///
    /// Nobody knows which of them has woken the task, so each wake asks all. For so few that is
    /// cheaper than to find out.
    pub struct Few<L> {
        #[pin]
        pub(super) sources: L,
        // Whose turn it is.
        turn: usize,
        // Once the merge is ending: which of them have been asked for the last time.
        last: Option<usize>,
    }
}

impl<L: Sources> Few<L> {
    pub(super) fn new(sources: L) -> Self {
        debug_assert!(sources.len() <= FEW);
        Few { sources, turn: 0, last: None }
    }

    /// Asks what is left for the last time.
    #[cold]
    fn poll_last(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<L::Item>> {
        let mut this = self.project();
        while let Some(place) = this.last.filter(|place| *place < this.sources.len()) {
            *this.last = Some(place + 1);
            if let Poll::Ready(Some(item)) = this.sources.as_mut().poll_one(place, cx) {
                return Poll::Ready(Some(item));
            }
        }
        this.sources.clear();
        Poll::Ready(None)
    }
}

impl<L: Sources> Inputs for Few<L> {
    type Item = L::Item;

    fn len(&self) -> usize {
        self.sources.len()
    }

    #[inline]
    fn poll_item(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        rules: Rules,
    ) -> Poll<Option<L::Item>> {
        let this = self.as_mut().project();
        if this.last.is_some() {
            return self.poll_last(cx);
        }
        let mut sources = this.sources;
        let mut from = if rules.biased { 0 } else { *this.turn };
        loop {
            match sources.as_mut().poll_around(from, cx) {
                Around::Item(place, item) => {
                    *this.turn = place + 1;
                    return Poll::Ready(Some(item));
                }
                Around::Ended(place) if rules.ends.with(place) => {
                    *this.last = Some(0);
                    return self.poll_last(cx);
                }
                Around::Ended(place) => from = if rules.biased { 0 } else { place + 1 },
                Around::Waits => return Poll::Pending,
                Around::Over => return Poll::Ready(None),
            }
        }
    }

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.last.is_some() {
            return Poll::Ready(());
        }
        self.project().sources.go_on(cx)
    }

    fn size_hint(&self, ends: Ends) -> (usize, Option<usize>) {
        let (low, high) = self.sources.size_hint();
        if ends == Ends::All { (low, high) } else { (0, high) }
    }

    fn is_over(&self) -> bool {
        self.sources.are_over()
    }
}

impl<L: Sources> fmt::Debug for Few<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Few").field("len", &self.sources.len()).finish_non_exhaustive()
    }
}
