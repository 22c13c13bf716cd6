//! The outcomes of work on an executor, on their way to the consumer.
//!
//! Each shard fills a box, and puts it where it can be taken: at the end of each of its polls, and
//! at once if a taker sleeps until there is something. Boxes go back and forth.
//!
//! Work that is dropped has no outcome yet: why it was dropped is known when its shard has ended,
//! and may be a panic, which must not be overtaken by what it has led to. So a shard leaves the
//! places of such work where its end can be looked up ([`Outcomes::report_lost`]), and how far it
//! saw the source taken ([`Outcomes::untaken`]).

use super::shard::Outlet;
use crate::{
    cancel::Cancelled,
    child::{JoinError, Panic},
    sync::{
        AtomicBool, AtomicUsize, Ordering, Wakers, atomic_box::AtomicBox,
        atomic_waker::AtomicWaker, fence,
    },
    unwind::{self, Payload},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// What a piece of work came to, and its place in the order of the source.
pub(super) type Outcome<T> = (usize, Result<T, JoinError>);

/// Outcomes on their way from the shards to the taker.
pub(super) struct Outcomes<T> {
    trays: Box<[Tray<T>]>,
    /// Whoever takes them sleeps.
    waited_for: AtomicBool,
    taker: AtomicWaker,
    /// Nobody takes them any more.
    abandoned: AtomicBool,
    /// How many shards may still send some.
    senders: AtomicUsize,
    /// How many items were taken from the source, as far as the shards that are gone know.
    taken: AtomicUsize,
    /// One of them knows that there are no more.
    exhausted: AtomicBool,
}

/// Those of one shard, all in one box.
struct Tray<T> {
    full: AtomicBox<Vec<Outcome<T>>>,
    /// A box on the way back, to be used again.
    empty: AtomicBox<Vec<Outcome<T>>>,
    /// The places of work that the shard has dropped.
    lost: AtomicBox<Vec<usize>>,
}

impl<T> Outcomes<T> {
    pub(super) fn new(shards: usize) -> Arc<Self> {
        let tray =
            || Tray { full: AtomicBox::new(), empty: AtomicBox::new(), lost: AtomicBox::new() };
        Arc::new(Outcomes {
            trays: (0..shards).map(|_| tray()).collect(),
            waited_for: AtomicBool::new(false),
            taker: AtomicWaker::new(),
            abandoned: AtomicBool::new(false),
            senders: AtomicUsize::new(shards),
            taken: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
        })
    }

    /// Has the taker woken when something comes. Look whether something has after this call.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        self.taker.register(cx.waker());
        // A read-modify-write, as that of `take_taker`: either the sender sees that we wait, or we
        // see what was sent.
        self.waited_for.swap(true, Ordering::AcqRel);
    }

    /// How many shards have sent all that they ever will. Take once more after this call.
    pub(super) fn closed(&self) -> usize {
        // Acquire: what was sent before comes before.
        self.trays.len() - self.senders.load(Ordering::Acquire)
    }

    /// Makes outcomes of the work that a shard has dropped, once it is known why it has ended. They
    /// are there to be taken after this.
    pub(super) fn report_lost(&self, shard: usize, why: &Cancelled) {
        let tray = &self.trays[shard];
        let Some(lost) = tray.lost.take() else { return };
        let mut outcomes = tray.full.take().unwrap_or_default();
        let outcome = |number| (number, Err(JoinError::Cancelled(why.clone())));
        outcomes.extend(lost.into_iter().map(outcome));
        drop(tray.full.put(outcomes));
    }

    /// [`report_lost`](Self::report_lost) of all shards.
    pub(super) fn report_all_lost(&self, why: &Cancelled) {
        (0..self.trays.len()).for_each(|shard| self.report_lost(shard, why));
    }

    /// The place of the first item that was not taken, if there may be one. For when all shards
    /// have ended.
    pub(super) fn untaken(&self) -> Option<usize> {
        let exhausted = self.exhausted.load(Ordering::Acquire);
        (!exhausted).then(|| self.taken.load(Ordering::Acquire))
    }

    /// Nobody takes outcomes any more. Those that come are dropped; a panic among them goes to
    /// whoever runs the work. One among those that have come is returned.
    pub(super) fn abandon(&self) -> Option<Payload> {
        self.abandoned.store(true, Ordering::Release);
        // Either we see what was sent, or the sender sees that it will not be taken.
        fence(Ordering::SeqCst);
        self.discard()
    }

    /// Drops all that has come; with the first panic in it, or among its destructors.
    fn discard(&self) -> Option<Payload> {
        let mut first = None;
        self.take(|(_, outcome)| discard(outcome, &mut first));
        first
    }

    /// After something was sent: the waker of the taker, if it waits.
    fn take_taker(&self) -> Wakers {
        let mut wakers = Wakers::new();
        // For `abandon`. Whoever waits is found, or finds what we have done, by the swap.
        fence(Ordering::SeqCst);
        if self.waited_for.swap(false, Ordering::AcqRel) {
            wakers.add(self.taker.take());
        }
        wakers
    }

    /// Calls `take` with each outcome that has come; false if there was none.
    pub(super) fn take(&self, mut take: impl FnMut(Outcome<T>)) -> bool {
        let mut any = false;
        for tray in &self.trays {
            if let Some(mut outcomes) = tray.full.take() {
                any = true;
                outcomes.drain(..).for_each(&mut take);
                // What was there is one too many.
                drop(tray.empty.put(outcomes));
            }
        }
        any
    }
}

/// Drops an outcome; its panic is kept if it is the first.
pub(super) fn discard<T>(outcome: Result<T, JoinError>, first: &mut Option<Payload>) {
    unwind::keep_first(first, || match outcome {
        Err(JoinError::Panicked(panic)) => panic.resume(),
        other => drop(other),
    });
}

/// The end of a shard.
pub(super) struct Outbox<T> {
    outcomes: Arc<Outcomes<T>>,
    shard: usize,
    #[allow(clippy::box_collection, reason = "boxes fit into a mailbox")]
    filled: Box<Vec<Outcome<T>>>,
    /// The places of work that was dropped.
    lost: Vec<usize>,
}

impl<T> Outbox<T> {
    pub(super) fn new(outcomes: &Arc<Outcomes<T>>, shard: usize) -> Self {
        Outbox { outcomes: outcomes.clone(), shard, filled: Box::default(), lost: Vec::new() }
    }

    fn send(&mut self) {
        let tray = &self.outcomes.trays[self.shard];
        let next = match tray.full.take() {
            // It was not taken yet: one box for both.
            Some(mut earlier) => {
                earlier.append(&mut self.filled);
                mem::swap(&mut earlier, &mut self.filled);
                earlier
            }
            None => tray.empty.take().unwrap_or_default(),
        };
        let none = tray.full.put(mem::replace(&mut self.filled, next));
        debug_assert!(none.is_none(), "nobody else puts anything in");
        // With the fence of `abandon`.
        let wakers = self.outcomes.take_taker();
        let mut first = None;
        if self.outcomes.abandoned.load(Ordering::Acquire) {
            first = self.outcomes.discard();
        }
        unwind::keep_first(&mut first, || wakers.fire_and_resume());
        unwind::resume_unless_panicking(first);
    }
}

/// The shard has ended, or was never started.
impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        let mut first = None;
        if !self.filled.is_empty() {
            unwind::keep_first(&mut first, || self.send());
        }
        if !self.lost.is_empty() {
            let none = self.outcomes.trays[self.shard].lost.put(mem::take(&mut self.lost).into());
            debug_assert!(none.is_none(), "put once");
        }
        // Release: what was sent comes before.
        self.outcomes.senders.fetch_sub(1, Ordering::Release);
        let wakers = self.outcomes.take_taker();
        unwind::keep_first(&mut first, || wakers.fire_and_resume());
        unwind::resume_unless_panicking(first);
    }
}

impl<Fut: Future> Outlet<Fut> for Outbox<Fut::Output> {
    type Error = Infallible;

    #[inline]
    fn poll(
        &mut self,
        number: usize,
        work: Pin<&mut Fut>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Infallible>> {
        let outcome = match unwind::catch(|| work.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(JoinError::Panicked(Panic::new(payload))),
        };
        if self.outcomes.abandoned.load(Ordering::Acquire) {
            if let Err(JoinError::Panicked(panic)) = outcome {
                panic.resume();
            }
            return Poll::Ready(Ok(()));
        }
        self.filled.push((number, outcome));
        // The next piece may take long.
        if self.outcomes.waited_for.load(Ordering::Relaxed) {
            self.send();
        }
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self) {
        if !self.filled.is_empty() {
            self.send();
        }
    }

    fn dropped(&mut self, number: usize) {
        self.lost.push(number);
    }

    fn leave(&mut self, taken: usize, exhausted: bool) {
        // Both only ever grow, so it does not matter which of the shards is the last to tell.
        self.outcomes.taken.fetch_max(taken, Ordering::AcqRel);
        if exhausted {
            self.outcomes.exhausted.store(true, Ordering::Release);
        }
    }
}
