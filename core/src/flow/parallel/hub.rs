//! What the shards of an operation share: the source, the limit, and what was taken.
//!
//! A few *shards*, children on the executor, each run a set of futures. Whichever has nothing to
//! do takes a batch of items off the source, makes work of them, and puts it into its *inbox*, from
//! where it starts one piece after the other. Others help themselves from the inbox when they
//! have nothing to do: so a shard that is held up by a slow piece of work delays what it has
//! started, and nothing else.
//!
//! The source is for one shard at a time ([`TryLock`]); no shard waits for it. A shard that finds
//! it taken sleeps; a shard that has had it looks afterwards whether there is more to take, and
//! wakes one that sleeps if so, which does the same in its turn. A shard says that it sleeps
//! *before* it looks for work a last time, and every shard looks for sleepers *after* a change;
//! both with a fence in between, so that one of the two sees the other. For the inboxes a
//! read-modify-write of both sides stands in for the fence, as they change with every piece of
//! work.
//!
//! Whoever starts a piece of work may be stuck in it: so before, it wakes one that sleeps if there
//! is more to be done, which does the same in its turn.

use super::super::source::Source;
use crate::flow::work::upstream::Upstream;
use crate::{
    limit::Capacity,
    sync::{
        AtomicBool, AtomicUsize, EventListener, Ordering, Wakers, atomic_box::AtomicBox,
        atomic_waker::AtomicWaker, cache_padded::CachePadded, fence, once_box::OnceBox,
        try_lock::TryLock,
    },
    unwind,
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, task::Wake};
use core::{
    mem,
    pin::Pin,
    task::{Context, Waker},
};

/// The most items that a shard takes off the source at a time.
const BATCH: usize = 32;

/// After how many ends the hub is told of them at least.
const TELL: usize = 8;

/// Work that was not started: its place in the order of the source, and itself.
pub(super) type Batch<Fut> = VecDeque<(usize, Fut)>;

/// What the shards share; see the [module](self).
pub(super) struct Hub<S, F, Fut> {
    pump: TryLock<Pump<S, F>>,
    limit: Capacity,
    /// How many items may be taken and not delivered; the limit if that is more.
    window: usize,
    /// An [`Upstream`] that all shards can look at: what was asked, by the shard that has the pump,
    /// ..
    asked: AtomicUsize,
    /// .. and whether the source has woken us since.
    woken: AtomicBool,
    /// There is nothing more to take, ever.
    ended: AtomicBool,
    /// The source is to be dropped by the shard that has it.
    closed: AtomicBool,
    /// The shards end when all is done; otherwise they are dropped then.
    ends: bool,
    /// How many items were taken. Changed by the shard that has the pump.
    taken: CachePadded<AtomicUsize>,
    /// How many pieces of work have come to their end.
    finished: CachePadded<AtomicUsize>,
    /// How many values were delivered; unwanted ones count with their end.
    delivered: CachePadded<AtomicUsize>,
    /// A bit for each shard that sleeps and would take work.
    idle: CachePadded<AtomicUsize>,
    /// Who waits for values, and for the end.
    pub(super) owner: AtomicWaker,
    pub(super) desks: Box<[Desk<Fut>]>,
}

/// What other shards see of a shard.
pub(super) struct Desk<Fut> {
    inbox: AtomicBox<Batch<Fut>>,
    /// Set with its first poll.
    pub(super) waker: OnceBox<Waker>,
}

/// The source, and what makes work of its items.
struct Pump<S, F> {
    /// `None` once the operation has shut down.
    source: Option<Pin<Box<S>>>,
    f: Option<F>,
    /// Fires when the limit changes.
    raised: Option<EventListener>,
    /// Somebody is in the source or in `f`, or was when they panicked.
    busy: bool,
}

impl<S, F, Fut> Hub<S, F, Fut> {
    pub(super) fn new(source: S, f: F, limit: Capacity, window: usize, shards: usize) -> Self {
        let desk = || Desk { inbox: AtomicBox::new(), waker: OnceBox::new() };
        let source = Some(Box::pin(source));
        Hub {
            pump: TryLock::new(Pump { source, f: Some(f), raised: None, busy: false }),
            limit,
            window,
            asked: AtomicUsize::new(Upstream::new().asked() as usize),
            woken: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            ends: false,
            taken: CachePadded::new(AtomicUsize::new(0)),
            finished: CachePadded::new(AtomicUsize::new(0)),
            delivered: CachePadded::new(AtomicUsize::new(0)),
            idle: CachePadded::new(AtomicUsize::new(0)),
            owner: AtomicWaker::new(),
            desks: (0..shards).map(|_| desk()).collect(),
        }
    }

    /// Has the shards end when all is done.
    pub(super) fn ending(mut self) -> Self {
        self.ends = true;
        self
    }

    /// How many items were taken from the source, and whether there are no more.
    pub(super) fn progress(&self) -> (usize, bool) {
        // First whether it has ended, as the last item is counted before that.
        let ended = self.ended.load(Ordering::Acquire);
        (self.taken.0.load(Ordering::Acquire), ended)
    }

    /// Whether the shard should end.
    pub(super) fn is_over(&self) -> bool {
        self.ends && self.is_done()
    }

    /// Whether the source has ended and all work too.
    pub(super) fn is_done(&self) -> bool {
        // Acquire, twice: see the last item counted, and what the work has done.
        self.ended.load(Ordering::Acquire)
            && self.finished.0.load(Ordering::Acquire) == self.taken.0.load(Ordering::Acquire)
    }

    /// So many pieces of work have come to their end.
    pub(super) fn finish(&self, pieces: usize) {
        // Release: a thread that sees the number sees what the work has done.
        self.finished.0.fetch_add(pieces, Ordering::AcqRel);
        // Either we see that the source has ended, or the shard that ended it sees that all is
        // finished.
        fence(Ordering::SeqCst);
        self.tell_if_done();
    }

    /// Nothing is left to take.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // As in `finish`.
        fence(Ordering::SeqCst);
        self.tell_if_done();
    }

    #[inline]
    fn tell_if_done(&self) {
        if self.is_done() {
            self.tell_done();
        }
    }

    #[cold]
    fn tell_done(&self) {
        let mut wakers = Wakers::new();
        wakers.add(self.owner.take());
        if self.ends {
            for _ in 0..self.desks.len() {
                wakers.add(self.take_idle().cloned());
            }
        }
        wakers.fire_and_resume();
    }

    /// After how many ends a shard must report: few compared with the limit, as a shard that has
    /// not reported may be stuck, and unreported ends take up room.
    pub(super) fn tell_after(&self) -> usize {
        (self.limit.now() / TELL).clamp(1, TELL)
    }

    /// Counts delivered values.
    pub(super) fn deliver(&self, values: usize) {
        self.delivered.0.fetch_add(values, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        if self.can_ask() {
            self.wake_one();
        }
    }

    /// This shard is about to sleep, if it finds nothing to do after this call.
    pub(super) fn sleep(&self, shard: usize) {
        self.idle.0.fetch_or(1 << shard, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        // Either a shard that fills an inbox after this sees that we sleep, or we see it filled.
        self.desks.iter().for_each(|desk| desk.inbox.synchronize());
    }

    /// This shard does not sleep.
    pub(super) fn wake_up(&self, shard: usize) {
        self.idle.0.fetch_and(!(1 << shard), Ordering::AcqRel);
    }

    /// Whether a shard that looks for work would find something.
    pub(super) fn has_work(&self) -> bool {
        self.can_ask() && !self.pump.is_taken()
            || self.desks.iter().any(|desk| !desk.inbox.is_empty())
    }

    /// Whether the source is to be asked for something.
    fn can_ask(&self) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return false;
        }
        let asked = self.asked.load(Ordering::Acquire);
        Upstream::resumed(asked, self.woken.load(Ordering::Acquire)).is_due(|| self.room() > 0)
    }

    /// Shows the other shards what the source was asked.
    fn show(&self, upstream: Upstream) {
        self.asked.store(upstream.asked() as usize, Ordering::Release);
    }

    /// How many items there is room for.
    fn room(&self) -> usize {
        let limit = self.limit.now();
        // Last what is never less than the others.
        let finished = self.finished.0.load(Ordering::Acquire);
        let delivered = self.delivered.0.load(Ordering::Acquire);
        let taken = self.taken.0.load(Ordering::Acquire);
        let running = taken.wrapping_sub(finished);
        let open = taken.wrapping_sub(delivered);
        let window = limit.max(self.window);
        limit.saturating_sub(running).min(window.saturating_sub(open))
    }

    /// Wakes a shard that sleeps, if there is something for it. As [`wake_one`](Self::wake_one).
    pub(super) fn share(&self) {
        if self.idle.0.load(Ordering::Relaxed) != 0 && self.has_work() {
            self.wake_one();
        }
    }

    /// Wakes a shard that sleeps, if there is one. A change comes before, and a fence.
    fn wake_one(&self) {
        if let Some(waker) = self.take_idle() {
            waker.wake_by_ref();
        }
    }

    /// The waker of a shard that sleeps, which does not count as asleep from here on.
    fn take_idle(&self) -> Option<&Waker> {
        let mut idle = self.idle.0.load(Ordering::Relaxed);
        while idle != 0 {
            let shard = idle.trailing_zeros();
            let before = self.idle.0.fetch_and(!(1 << shard), Ordering::AcqRel);
            if before >> shard & 1 == 1 {
                return self.desks[shard as usize].waker.get();
            }
            idle = before;
        }
        None
    }

    pub(super) fn is_inbox_empty(&self, shard: usize) -> bool {
        self.desks[shard].inbox.is_empty()
    }

    /// Takes back what was put into the inbox of a shard.
    pub(super) fn clear_inbox(&self, shard: usize) -> Option<Box<Batch<Fut>>> {
        self.desks[shard].inbox.take()
    }

    /// This shard leaves, with `pieces` of work that are counted nowhere else.
    pub(super) fn retire(&self, shard: usize, pieces: usize) {
        if self.ends {
            // A wake that was for us is for another.
            self.wake_up(shard);
            self.finish(pieces);
            self.share();
        }
        // If it panicked in the source, that was not done yet.
        self.drop_if_closed();
    }

    /// Drops the source, unless a shard is in it, which then does so.
    pub(super) fn close(&self) {
        self.ended.store(true, Ordering::Release);
        self.closed.store(true, Ordering::Release);
        self.drop_if_closed();
    }

    /// Must be called after every use of the pump.
    fn drop_if_closed(&self) {
        // Either we see that it is closed, or the closing thread finds the pump free.
        fence(Ordering::SeqCst);
        if !self.closed.load(Ordering::Acquire) {
            return;
        }
        // The listener too: the limit has our waker, and so us, as long as it listens.
        let parts =
            self.pump.try_with(|pump| (pump.source.take(), pump.f.take(), pump.raised.take()));
        // Not in the pump, as it is code of the user's.
        if let Some((source, f, raised)) = parts {
            let mut first = None;
            unwind::keep_first(&mut first, || drop(source));
            unwind::keep_first(&mut first, || drop(f));
            drop(raised);
            unwind::resume_unless_panicking(first);
        }
    }
}

impl<S, F, Fut> Hub<S, F, Fut>
where
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Send + 'static,
{
    /// The next piece of work for a shard: its own, or from the source, or another's.
    ///
    /// None also if the source wants to be asked again; see [`has_work`](Self::has_work).
    pub(super) fn next_work(
        self: &Arc<Self>,
        shard: usize,
        spare: &mut Option<Box<Batch<Fut>>>,
    ) -> Option<(usize, Fut)> {
        let own = self.desks[shard].inbox.take();
        let work = own.and_then(|batch| self.start_one(shard, batch, spare));
        let work = work.or_else(|| self.take_from_source(shard, spare));
        let work = work.or_else(|| {
            let others = (0..self.desks.len()).cycle().skip(shard + 1).take(self.desks.len() - 1);
            let stolen = others.filter_map(|other| self.desks[other].inbox.take()).next();
            stolen.and_then(|batch| self.start_one(shard, batch, spare))
        });
        if work.is_some() {
            self.share();
        }
        work
    }

    fn take_from_source(
        self: &Arc<Self>,
        shard: usize,
        spare: &mut Option<Box<Batch<Fut>>>,
    ) -> Option<(usize, Fut)> {
        if !self.can_ask() {
            return None;
        }
        // Stays there if the source or `f` panics: it is the shard that drops what was taken.
        let batch = spare.get_or_insert_default();
        self.pump.try_with(|pump| self.pull(pump, batch))?;
        // With the fence that `share` wants: we are out of the pump.
        self.drop_if_closed();
        let batch = spare.take()?;
        self.start_one(shard, batch, spare)
    }

    /// Takes one piece of a batch, and leaves the rest where every shard can take it.
    fn start_one(
        &self,
        shard: usize,
        mut batch: Box<Batch<Fut>>,
        spare: &mut Option<Box<Batch<Fut>>>,
    ) -> Option<(usize, Fut)> {
        let work = batch.pop_front();
        if batch.is_empty() {
            *spare = Some(batch);
        } else {
            let none = self.desks[shard].inbox.put(batch);
            debug_assert!(none.is_none(), "nobody else puts anything in");
        }
        work
    }

    /// Takes items off the source while there is room, and makes work of them.
    fn pull(self: &Arc<Self>, pump: &mut Pump<S, F>, batch: &mut Batch<Fut>) {
        if mem::replace(&mut pump.busy, true) {
            // It has panicked, and the operation shuts down.
            return self.end();
        }
        if !self.ended.load(Ordering::Acquire) {
            self.ask(pump, batch);
        }
        pump.busy = false;
    }

    fn ask(self: &Arc<Self>, pump: &mut Pump<S, F>, batch: &mut Batch<Fut>) {
        let (Some(source), Some(f)) = (&mut pump.source, &mut pump.f) else { return };
        let waker = Waker::from(self.clone());
        let cx = &mut Context::from_waker(&waker);
        // Before the source is asked, so that a wake from then on counts.
        let woken = self.woken.swap(false, Ordering::AcqRel);
        let room = self.room();
        let mut upstream = Upstream::resumed(self.asked.load(Ordering::Relaxed), woken);
        // Another shard may have had the pump since we looked.
        if !upstream.is_due(|| room > 0) {
            return;
        }
        if room == 0 {
            upstream.go_on(|| source.as_mut().poll_progress(cx));
            self.show(upstream);
            self.watch_limit(&mut pump.raised, cx);
            return;
        }
        let most = (room / self.desks.len()).clamp(1, BATCH);
        let taken = self.taken.0.load(Ordering::Relaxed);
        while batch.len() < most {
            let Some(item) = upstream.next(|| source.as_mut().poll_next(cx)) else {
                self.show(upstream);
                if upstream.has_ended() {
                    self.end();
                }
                return;
            };
            let number = taken.wrapping_add(batch.len());
            batch.push_back((number, f(item)));
            // Release, one by one: should `f` panic, what was taken is counted.
            self.taken.0.store(number.wrapping_add(1), Ordering::Release);
            self.show(upstream);
        }
    }

    /// Has us woken when the limit changes.
    fn watch_limit(&self, raised: &mut Option<EventListener>, cx: &mut Context<'_>) {
        let Some(live) = self.limit.live() else { return };
        loop {
            let listener = raised.get_or_insert_with(|| live.listen());
            if Pin::new(listener).poll(cx).is_pending() {
                return;
            }
            *raised = None;
        }
    }
}

/// The source has something for us.
impl<S, F, Fut> Wake for Hub<S, F, Fut>
where
    S: Send + 'static,
    F: Send + 'static,
    Fut: Send + 'static,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        self.wake_one();
    }
}
