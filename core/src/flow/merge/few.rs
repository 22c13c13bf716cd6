//! A merge of a few sources, which are polled with the waker of the task.

use super::sealed::{Inputs, Rules};
use crate::{flow::source::Source, set::slab::Slab, unwind, waits};
use core::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// The largest number of sources that are merged in this way.
pub(super) const FEW: usize = 8;
/// How many times sources that wake themselves make progress before the task yields.
const PASSES: usize = 2;

/// A few sources, each identified by its place.
pub trait Sources {
    /// The type of the merged items.
    type Item;

    /// Returns the number of sources, including those that have ended.
    fn len(&self) -> usize;

    /// Polls each source that has not ended once for an item, from place `from` to the last, then
    /// from the first. Stops at the first result.
    fn poll_around(self: Pin<&mut Self>, from: usize, cx: &mut Context<'_>) -> Around<Self::Item>;

    /// Polls one source for an item.
    fn poll_one(
        self: Pin<&mut Self>,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>>;

    /// Lets one source make progress. Returns whether it has nothing left to do.
    fn progress(self: Pin<&mut Self>, place: usize, cx: &mut Context<'_>) -> bool;

    /// See [`Source::end_at`]. Does nothing for sources of different types.
    fn end_at(self: Pin<&mut Self>, is_last: fn(&Self::Item) -> bool) {
        let _ = is_last;
    }

    /// Drops all sources.
    fn clear(self: Pin<&mut Self>);

    /// Returns whether all sources have ended.
    fn are_over(&self) -> bool;

    /// Returns how many items are left.
    fn size_hint(&self) -> (usize, Option<usize>);
}

/// The result of polling a few sources.
#[derive(Debug)]
pub enum Around<T> {
    /// The source at this place yielded an item.
    Item(usize, T),
    /// The source at this place has ended, and was dropped.
    Ended(usize),
    /// No source has an item. They will wake the task.
    Waits,
    /// All sources have ended.
    Over,
}

/// Polls a source for an item, if it is there. Drops it if it ends or panics.
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

/// Lets a source make progress, if it is there. Returns whether it has nothing left to do. Drops it
/// if it panics.
pub(super) fn progress_slot<S: Source>(slot: Pin<&mut Option<S>>, cx: &mut Context<'_>) -> bool {
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
    /// Sources that are polled with the waker of the task.
    ///
    /// It is not known which source woke the task, so each wake polls all of them for an item. For
    /// so few this is cheaper than to find out. But a source that was not woken must not make
    /// progress without a wish for items: it could take an item ahead. So for progress, each source
    /// has a waker of its own.
    ///
    /// See [`merge`](super::merge()).
    pub struct Few<L> {
        #[pin]
        pub(super) sources: L,
        rules: Rules,
        // Nothing special is to be done: the merge is not biased and does not end, and no source was
        // told to make progress.
        plain: bool,
        // The place at which the next round begins.
        turn: usize,
        // While the merge ends: the next source to poll for the last time.
        last: Option<usize>,
        // One entry for each source, with the waker that the source has while it makes progress.
        wakers: Option<Slab<()>>,
        // The sources that have such a waker: they were let to make progress, and not polled for an
        // item since.
        told: usize,
        // The sources among them that have something left to do.
        busy: usize,
    }
}

impl<L: Sources> Few<L> {
    pub(super) fn new(sources: L) -> Self {
        debug_assert!(sources.len() <= FEW);
        let rules = Rules::PLAIN;
        Few { sources, rules, plain: true, turn: 0, last: None, wakers: None, told: 0, busy: 0 }
    }

    /// As [`poll_item`](Inputs::poll_item), where something special is to be done: a source has
    /// `ended`, say.
    #[cold]
    #[inline(never)]
    fn poll_apart(
        mut self: Pin<&mut Self>,
        ended: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<L::Item>> {
        let polled = self.as_mut().poll_by_rules(ended, cx);
        let this = self.project();
        *this.plain = !this.rules.biased && this.last.is_none() && *this.told == 0;
        polled
    }

    fn poll_by_rules(
        mut self: Pin<&mut Self>,
        mut ended: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<L::Item>> {
        let mut this = self.as_mut().project();
        let mut from = if this.rules.biased { 0 } else { *this.turn };
        while this.last.is_none() {
            let around = match ended.take() {
                Some(place) => Around::Ended(place),
                None => this.sources.as_mut().poll_around(from, cx),
            };
            match around {
                Around::Item(place, item) => {
                    *this.turn = place + 1;
                    *this.told &= !places(from, place);
                    return Poll::Ready(Some(item));
                }
                Around::Ended(place) => {
                    *this.told &= !places(from, place);
                    from = if this.rules.biased { 0 } else { place + 1 };
                    if this.rules.ends.with(place) {
                        *this.last = Some(0);
                    }
                }
                Around::Waits => {
                    *this.told = 0;
                    waits::waits_for_what(waits::What::Sources);
                    return Poll::Pending;
                }
                Around::Over => return Poll::Ready(None),
            }
        }
        self.poll_last(cx)
    }

    /// Polls the remaining sources for the last time, then drops them.
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

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn rules_mut(&mut self) -> &mut Rules {
        self.plain = false;
        &mut self.rules
    }

    #[inline]
    fn poll_item(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<L::Item>> {
        let this = self.as_mut().project();
        if !*this.plain {
            return self.poll_apart(None, cx);
        }
        match this.sources.poll_around(*this.turn, cx) {
            Around::Item(place, item) => {
                *this.turn = place + 1;
                Poll::Ready(Some(item))
            }
            Around::Ended(place) => self.poll_apart(Some(place), cx),
            Around::Waits => {
                waits::waits_for_what(waits::What::Sources);
                Poll::Pending
            }
            Around::Over => Poll::Ready(None),
        }
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&L::Item) -> bool) {
        self.project().sources.end_at(is_last);
    }

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.last.is_some() {
            return Poll::Ready(());
        }
        let mut this = self.project();
        let count = this.sources.len();
        let wakers = this.wakers.get_or_insert_with(|| wakers(count));
        let all = (1 << count) - 1;
        // If no known waker has fired, the waker of an earlier poll for an item has: then every
        // source makes progress.
        let mut unknown = true;
        for _ in 0..PASSES {
            let mut turns = take_woken(wakers) | (all & !*this.told);
            if turns == 0 && mem::take(&mut unknown) {
                turns = all;
            }
            unknown = false;
            *this.told = all;
            *this.plain = false;
            while turns != 0 {
                let place = turns.trailing_zeros() as usize;
                turns &= turns - 1;
                let done =
                    wakers.poll_with(place, |_, cx| this.sources.as_mut().progress(place, cx));
                *this.busy &= !(1 << place);
                *this.busy |= usize::from(done == Some(false)) << place;
            }
            if wakers.park(cx) {
                return if *this.busy == 0 { Poll::Ready(()) } else { Poll::Pending };
            }
        }
        waits::yields(cx.waker());
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.sources.size_hint()
    }

    fn is_over(&self) -> bool {
        self.sources.are_over()
    }
}

/// Returns the places from one to another as bits, passing from the last to the first.
fn places(from: usize, to: usize) -> usize {
    let until = |place: usize| (1 << place) - 1;
    match from <= to {
        true => until(to + 1) & !until(from),
        false => until(to + 1) | !until(from),
    }
}

#[cold]
fn wakers(count: usize) -> Slab<()> {
    let mut wakers = Slab::with_capacity(FEW);
    for place in 0..count {
        let key = wakers.insert(());
        debug_assert_eq!(key, place);
    }
    wakers
}

/// Returns the sources whose wakers have fired, as bits.
fn take_woken(wakers: &mut Slab<()>) -> usize {
    let mut woken = 0;
    loop {
        while let Some(place) = wakers.next() {
            woken |= 1 << place;
        }
        if !wakers.begin_pass() {
            return woken;
        }
    }
}

impl<L: Sources> fmt::Debug for Few<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Few").field("len", &self.sources.len()).finish_non_exhaustive()
    }
}
