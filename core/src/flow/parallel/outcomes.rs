//! Passes the outcomes of work on an executor to the consumer.
//!
//! Each shard fills a box of outcomes, and publishes it at the end of each poll, or at once if the
//! consumer waits. The consumer returns empty boxes to the shard.
//!
//! Work that is dropped has no outcome yet. The reason is known when its shard has ended. It may be
//! a panic, which the consumer must see before what the panic has led to. So a shard stores the
//! places of such work, and [`Outcomes::report_lost`] turns them into outcomes after the shard has
//! ended. It also stores how many items had been taken from the source ([`Outcomes::untaken`]).

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

/// The outcome of a piece of work, and its place in the order of the source.
pub(super) type Outcome<T> = (usize, Result<T, JoinError>);

/// The outcomes that shards have sent and the consumer has not taken.
pub(super) struct Outcomes<T> {
    trays: Box<[Tray<T>]>,
    /// The consumer waits.
    waited_for: AtomicBool,
    taker: AtomicWaker,
    /// The consumer is gone.
    abandoned: AtomicBool,
    /// How many shards may still send outcomes.
    senders: AtomicUsize,
    /// How many items were taken from the source, as seen by the shards that have ended.
    taken: AtomicUsize,
    /// A shard that has ended saw the end of the source.
    exhausted: AtomicBool,
}

/// The outcomes of one shard, in one box.
struct Tray<T> {
    full: AtomicBox<Vec<Outcome<T>>>,
    /// An empty box, to be reused by the shard.
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

    /// Registers the consumer to be woken when outcomes come. Take once more after this call.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        self.taker.register(cx.waker());
        // A read-modify-write, as in `take_taker`: either the sender sees that we wait, or we see
        // what was sent.
        self.waited_for.swap(true, Ordering::AcqRel);
    }

    /// Returns how many shards will send no more outcomes. Take once more after this call.
    pub(super) fn closed(&self) -> usize {
        // Acquire: see everything that those shards have sent.
        self.trays.len() - self.senders.load(Ordering::Acquire)
    }

    /// Adds outcomes for the work that a shard has dropped, after the shard has ended and the
    /// reason is known. Take once more after this call.
    pub(super) fn report_lost(&self, shard: usize, why: &Cancelled) {
        let tray = &self.trays[shard];
        let Some(lost) = tray.lost.take() else { return };
        let mut outcomes = tray.full.take().unwrap_or_default();
        let outcome = |number| (number, Err(JoinError::Cancelled(why.clone())));
        outcomes.extend(lost.into_iter().map(outcome));
        drop(tray.full.put(outcomes));
    }

    /// Calls [`report_lost`](Self::report_lost) for all shards.
    pub(super) fn report_all_lost(&self, why: &Cancelled) {
        (0..self.trays.len()).for_each(|shard| self.report_lost(shard, why));
    }

    /// Returns the place of the first item that was not taken from the source, if there may be one.
    /// Requires that all shards have ended.
    pub(super) fn untaken(&self) -> Option<usize> {
        let exhausted = self.exhausted.load(Ordering::Acquire);
        (!exhausted).then(|| self.taken.load(Ordering::Acquire))
    }

    /// Called when the consumer is dropped. Outcomes that come later are dropped, and a panic among
    /// them is resumed in the shard. Returns the first panic among the outcomes that have come.
    pub(super) fn abandon(&self) -> Option<Payload> {
        self.abandoned.store(true, Ordering::Release);
        // Either we see what was sent, or the sender sees that the consumer is gone.
        fence(Ordering::SeqCst);
        self.discard()
    }

    /// Drops all outcomes that have come. Returns the first panic among them or their destructors.
    fn discard(&self) -> Option<Payload> {
        let mut first = None;
        self.take(|(_, outcome)| discard(outcome, &mut first));
        first
    }

    /// Returns the waker of the consumer, if it waits. Called after something was sent.
    fn take_taker(&self) -> Wakers {
        let mut wakers = Wakers::new();
        // The fence pairs with that in `abandon`. The swap pairs with that in `wait`.
        fence(Ordering::SeqCst);
        if self.waited_for.swap(false, Ordering::AcqRel) {
            wakers.add(self.taker.take());
        }
        wakers
    }

    /// Calls `take` with each outcome that has come. Returns whether there were any.
    pub(super) fn take(&self, mut take: impl FnMut(Outcome<T>)) -> bool {
        let mut any = false;
        for tray in &self.trays {
            if let Some(mut outcomes) = tray.full.take() {
                any = true;
                outcomes.drain(..).for_each(&mut take);
                // A box that was there is not needed.
                drop(tray.empty.put(outcomes));
            }
        }
        any
    }
}

/// Drops an outcome. Keeps its panic in `first`, unless there is one already.
pub(super) fn discard<T>(outcome: Result<T, JoinError>, first: &mut Option<Payload>) {
    unwind::keep_first(first, || match outcome {
        Err(JoinError::Panicked(panic)) => panic.resume(),
        other => drop(other),
    });
}

/// The shard's side: sends outcomes.
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
            // The last box was not taken yet: add to it.
            Some(mut earlier) => {
                earlier.append(&mut self.filled);
                mem::swap(&mut earlier, &mut self.filled);
                earlier
            }
            None => tray.empty.take().unwrap_or_default(),
        };
        let none = tray.full.put(mem::replace(&mut self.filled, next));
        debug_assert!(none.is_none(), "only this shard fills its tray");
        // Contains the fence that pairs with that in `abandon`.
        let wakers = self.outcomes.take_taker();
        let mut first = None;
        if self.outcomes.abandoned.load(Ordering::Acquire) {
            first = self.outcomes.discard();
        }
        unwind::keep_first(&mut first, || wakers.fire_and_resume());
        unwind::resume_unless_panicking(first);
    }
}

/// Dropped when the shard has ended, or was never started.
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
        // Release: a thread that sees the count sees everything that we have sent.
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
        // At once, because the next piece of work may take long.
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
        // Both only grow, so the order in which shards report does not matter.
        self.outcomes.taken.fetch_max(taken, Ordering::AcqRel);
        if exhausted {
            self.outcomes.exhausted.store(true, Ordering::Release);
        }
    }
}
