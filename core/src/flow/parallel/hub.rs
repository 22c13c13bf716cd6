//! What the shards of an operation share: the source, the limit, and what was taken.
//!
//! A few *shards*, children on the executor, each run a set of futures. A shard that has nothing to
//! do takes a batch of items from the source, turns them into work, and puts the work into its
//! *inbox*, from which it starts one piece after the other. Other shards take from that inbox when
//! they have nothing to do. So a shard that is held up by a slow piece of work delays only the work
//! that it has started.
//!
//! One shard at a time uses the source ([`TryLock`]), and no shard waits for it. A shard that finds
//! it in use goes to sleep. A shard that has used it checks afterwards whether there is more to
//! take, and if so wakes a sleeping shard, which does the same in its turn. A shard announces that
//! it sleeps *before* it looks for work for the last time, and every shard looks for sleepers
//! *after* a change; both have a fence in between, so that one of the two sees the other. For the
//! inboxes, a read-modify-write on both sides replaces the fence, because they change with every
//! piece of work.
//!
//! A shard that starts a piece of work may be stuck in it. So if there is more to do, it first
//! wakes a sleeping shard, which does the same in its turn.

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

/// The largest number of items that a shard takes from the source at a time.
const BATCH: usize = 32;

/// A shard reports to the hub at the latest after this many pieces of work have ended.
const TELL: usize = 8;

/// Work that was not started, each piece with its place in the order of the source.
pub(super) type Batch<Fut> = VecDeque<(usize, Fut)>;

/// What the shards share; see the [module](self).
pub(super) struct Hub<S, F, Fut> {
    pump: TryLock<Pump<S, F>>,
    limit: Capacity,
    /// How many items may be taken and not delivered. The limit applies instead if it is larger.
    window: usize,
    /// The [`Upstream`], readable by all shards. What was asked is written by the shard that has
    /// the pump.
    asked: AtomicUsize,
    /// Whether the source has woken us since it was asked.
    woken: AtomicBool,
    /// No more items will be taken.
    ended: AtomicBool,
    /// The operation is over: a shard that has used the pump must drop the source.
    closed: AtomicBool,
    /// The shards end when all work is done. Otherwise the operation drops them.
    ends: bool,
    /// How many items were taken. Written by the shard that has the pump.
    taken: CachePadded<AtomicUsize>,
    /// How many pieces of work have ended.
    finished: CachePadded<AtomicUsize>,
    /// How many values were delivered. Not counted if the window has no bound.
    delivered: CachePadded<AtomicUsize>,
    /// A bit for each shard that sleeps and may be woken for work.
    idle: CachePadded<AtomicUsize>,
    /// An empty box of one who stole it and had one already, for one whose box was stolen.
    spare: AtomicBox<Batch<Fut>>,
    /// Fired when all work is done.
    pub(super) owner: AtomicWaker,
    pub(super) desks: Box<[Desk<Fut>]>,
}

/// The part of a shard that other shards can access.
pub(super) struct Desk<Fut> {
    inbox: AtomicBox<Batch<Fut>>,
    /// Set in the first poll of the shard.
    pub(super) waker: OnceBox<Waker>,
}

/// The source, and the function that turns its items into work.
struct Pump<S, F> {
    /// `None` once the operation has shut down.
    source: Option<Pin<Box<S>>>,
    f: Option<F>,
    /// Fires when the limit changes.
    raised: Option<EventListener>,
    /// The source or `f` is being called, or has panicked.
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
            spare: AtomicBox::new(),
            owner: AtomicWaker::new(),
            desks: (0..shards).map(|_| desk()).collect(),
        }
    }

    /// Makes the shards end when all work is done.
    pub(super) fn ending(mut self) -> Self {
        self.ends = true;
        self
    }

    /// Returns how many items were taken from the source, and whether no more will be.
    pub(super) fn progress(&self) -> (usize, bool) {
        // `ended` is read first, because the last item is counted before `ended` is set.
        let ended = self.ended.load(Ordering::Acquire);
        (self.taken.0.load(Ordering::Acquire), ended)
    }

    /// Returns whether the shard should end.
    pub(super) fn is_over(&self) -> bool {
        self.ends && self.is_done()
    }

    /// Returns whether the source and all work have ended.
    pub(super) fn is_done(&self) -> bool {
        // Acquire, twice: see the last item counted, and everything that the work did.
        self.ended.load(Ordering::Acquire)
            && self.finished.0.load(Ordering::Acquire) == self.taken.0.load(Ordering::Acquire)
    }

    /// Counts `pieces` of work that have ended.
    pub(super) fn finish(&self, pieces: usize) {
        // Release: a thread that sees the number sees everything that the work did.
        self.finished.0.fetch_add(pieces, Ordering::AcqRel);
        // Pairs with the fence in `end`: either we see that the source has ended, or the shard that
        // ended it sees that all work has.
        fence(Ordering::SeqCst);
        self.tell_if_done();
    }

    /// Notes that no more items will be taken.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // Pairs with the fence in `finish`.
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

    /// Returns after how many ended pieces of work a shard must report. Few compared with the
    /// limit: a shard that has not reported may be stuck, and unreported ends take up room.
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

    /// Announces that this shard will sleep, unless it finds something to do after this call.
    pub(super) fn sleep(&self, shard: usize) {
        self.idle.0.fetch_or(1 << shard, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        // Either a shard that fills an inbox after this sees that we sleep, or we see the work.
        self.desks.iter().for_each(|desk| desk.inbox.synchronize());
    }

    /// Notes that this shard does not sleep.
    pub(super) fn wake_up(&self, shard: usize) {
        self.idle.0.fetch_and(!(1 << shard), Ordering::AcqRel);
    }

    /// Returns whether a shard that looks for work would find some.
    pub(super) fn has_work(&self) -> bool {
        self.can_ask() && !self.pump.is_taken()
            || self.desks.iter().any(|desk| !desk.inbox.is_empty())
    }

    /// Returns whether the source should be polled.
    fn can_ask(&self) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return false;
        }
        let asked = self.asked.load(Ordering::Acquire);
        Upstream::resumed(asked, self.woken.load(Ordering::Acquire)).is_due(|| self.room() > 0)
    }

    /// Publishes what the source was asked.
    fn show(&self, upstream: Upstream) {
        self.asked.store(upstream.asked() as usize, Ordering::Release);
    }

    /// Returns how many items there is room for.
    fn room(&self) -> usize {
        let limit = self.limit.now();
        // `taken` is read last: it is never less than the other two.
        let finished = self.finished.0.load(Ordering::Acquire);
        let delivered = self.delivered.0.load(Ordering::Acquire);
        let taken = self.taken.0.load(Ordering::Acquire);
        let running = taken.wrapping_sub(finished);
        let open = taken.wrapping_sub(delivered);
        let window = limit.max(self.window);
        limit.saturating_sub(running).min(window.saturating_sub(open))
    }

    /// Wakes a sleeping shard, if there is work for it. As [`wake_one`](Self::wake_one).
    pub(super) fn share(&self) {
        if let Some(waker) = self.take_helper() {
            waker.wake_by_ref();
        }
    }

    /// Takes the waker of a sleeping shard, if there is work for it. See
    /// [`take_idle`](Self::take_idle).
    #[inline]
    fn take_helper(&self) -> Option<&Waker> {
        let helps = self.idle.0.load(Ordering::Relaxed) != 0 && self.has_work();
        if helps { self.take_idle() } else { None }
    }

    /// Wakes a sleeping shard, if there is one. The caller has made a change, and then a fence.
    fn wake_one(&self) {
        if let Some(waker) = self.take_idle() {
            waker.wake_by_ref();
        }
    }

    /// Returns the waker of a sleeping shard, which no longer counts as asleep.
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

    /// Takes the work out of the inbox of a shard.
    pub(super) fn clear_inbox(&self, shard: usize) -> Option<Box<Batch<Fut>>> {
        self.desks[shard].inbox.take()
    }

    /// Called when a shard ends, with the number of its `pieces` of work that were not counted yet.
    pub(super) fn retire(&self, shard: usize, pieces: usize) {
        if self.ends {
            // A wake that this shard received is passed to another shard.
            self.wake_up(shard);
            self.finish(pieces);
            self.share();
        }
        // If the shard panicked in the source, it has not called this yet.
        self.drop_if_closed();
    }

    /// Drops the source, unless a shard is using it: then that shard drops it.
    pub(super) fn close(&self) {
        self.ended.store(true, Ordering::Release);
        self.closed.store(true, Ordering::Release);
        self.drop_if_closed();
    }

    /// Drops the source if the operation is over. Must be called after every use of the pump.
    fn drop_if_closed(&self) {
        // Either we see `closed`, or the closing thread finds the pump free.
        fence(Ordering::SeqCst);
        if !self.closed.load(Ordering::Acquire) {
            return;
        }
        // With the listener: through it the limit keeps our waker, and so keeps us.
        let parts =
            self.pump.try_with(|pump| (pump.source.take(), pump.f.take(), pump.raised.take()));
        // Outside of the pump, because this runs user code.
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
    /// Returns the next piece of work for a shard: from its own inbox, from the source, or from the
    /// inbox of another shard.
    ///
    /// May also return `None` if the source must be polled again; see [`has_work`](Self::has_work).
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
        let helper = if work.is_some() { self.take_helper() } else { None };
        if let Some(waker) = helper {
            if let Err(panic) = unwind::catch(|| waker.wake_by_ref()) {
                // The shard drops what it has in hand, as all that it has.
                spare.get_or_insert_default().extend(work);
                unwind::resume(panic);
            }
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
        // If the source or `f` panics, the batch stays in `spare`, and the shard drops it.
        let batch = spare.get_or_insert_with(|| self.spare.take().unwrap_or_default());
        self.pump.try_with(|pump| self.pull(pump, batch))?;
        // Contains the fence that `share` needs: we have left the pump.
        self.drop_if_closed();
        let batch = spare.take()?;
        self.start_one(shard, batch, spare)
    }

    /// Takes one piece of a batch, and puts the rest into the inbox, where every shard can take it.
    fn start_one(
        &self,
        shard: usize,
        mut batch: Box<Batch<Fut>>,
        spare: &mut Option<Box<Batch<Fut>>>,
    ) -> Option<(usize, Fut)> {
        let work = batch.pop_front();
        if batch.is_empty() {
            if let Some(second) = spare.replace(batch) {
                drop(self.spare.put(second));
            }
        } else {
            let none = self.desks[shard].inbox.put(batch);
            debug_assert!(none.is_none(), "only this shard fills its inbox");
        }
        work
    }

    /// Takes items from the source while there is room, and turns them into work.
    fn pull(self: &Arc<Self>, pump: &mut Pump<S, F>, batch: &mut Batch<Fut>) {
        if mem::replace(&mut pump.busy, true) {
            // The source or `f` has panicked, and the operation shuts down.
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
        // Before the source is polled, so that a wake from then on counts.
        let woken = self.woken.swap(false, Ordering::AcqRel);
        let room = self.room();
        let mut upstream = Upstream::resumed(self.asked.load(Ordering::Relaxed), woken);
        // Another shard may have had the pump since we looked.
        if !upstream.is_due(|| room > 0) {
            return;
        }
        if room == 0 {
            upstream.progress(|| source.as_mut().poll_progress(cx));
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
            // Once for each box, and not step by step.
            batch.reserve(most - batch.len());
            batch.push_back((number, f(item)));
            // Release, one by one, so that all taken items are counted even if `f` panics.
            self.taken.0.store(number.wrapping_add(1), Ordering::Release);
            self.show(upstream);
        }
    }

    /// Arranges that a change of the limit wakes us.
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

/// The waker of the source: wakes a shard that polls the source again.
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
