//! What a pool knows of its jobs and workers: what is done under its lock.
//!
//! Nothing here runs user code. Wakers are collected, and jobs that are dropped are handed out, for
//! the caller to deal with after the lock.

use super::{
    desk::Desk,
    error::PoolClosed,
    slot::Slot,
    stats::{Stats, Totals, WorkerState},
    strategy::{Route, Strategy},
    submit::Waiter,
};
use crate::{
    limit::Capacity,
    sync::{Wakers, atomic_waker::AtomicWaker},
    values::Context,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::mem;

/// A job on its way to a worker.
pub(super) struct Entry<J, O> {
    pub(super) job: J,
    pub(super) slot: Arc<Slot<O>>,
    /// What was around the submit.
    pub(super) context: Option<Context>,
    pub(super) route: Route,
    /// In the order of the submits.
    pub(super) number: u64,
}

impl<J, O> Entry<J, O> {
    pub(super) fn new(job: J, route: Route, context: Option<Context>) -> Self {
        Entry { job, slot: Arc::new(Slot::new()), context, route, number: 0 }
    }
}

pub(super) struct State<J, O> {
    closed: Option<PoolClosed>,
    /// How many jobs may be queued.
    room: usize,
    strategy: Strategy,
    /// How many jobs may run; see [`turns`](super::turns).
    pub(super) limit: Capacity,
    pub(super) running: usize,
    /// Jobs that any worker may take.
    pub(super) shared: VecDeque<Entry<J, O>>,
    pub(super) desks: Vec<Desk<J, O>>,
    /// Those of `shared` and of all desks.
    queued: usize,
    /// Submits that wait for room, which there is none while there are any.
    waiting: BTreeMap<u64, Waiting<J, O>>,
    numbers: u64,
    /// Whose turn it is.
    next: usize,
    totals: Totals,
    /// When it was closed.
    before: Option<Totals>,
}

/// A job whose submitter waits.
type Waiting<J, O> = (Entry<J, O>, Arc<Waiter<J, O>>);

/// How a job has ended that a worker had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Failed,
    Aborted,
    Dropped,
}

/// What a close has the caller deal with after the lock.
pub(super) struct Leftovers<J, O> {
    pub(super) dropped: Vec<Entry<J, O>>,
    /// Each has its job, and may be the last to know of it.
    pub(super) waiters: Vec<Arc<Waiter<J, O>>>,
}

/// Why a job was not taken.
pub(super) enum Refused {
    Full,
    Closed(PoolClosed),
}

impl<J, O> State<J, O> {
    pub(super) fn new(workers: usize, room: usize, strategy: Strategy, limit: Capacity) -> Self {
        let desks = (0..workers).map(|_| Desk::new()).collect();
        State {
            closed: None,
            room,
            strategy,
            limit,
            running: 0,
            shared: VecDeque::new(),
            desks,
            queued: 0,
            waiting: BTreeMap::new(),
            numbers: 0,
            next: 0,
            totals: Totals::default(),
            before: None,
        }
    }

    pub(super) fn closed(&self) -> Option<&PoolClosed> {
        self.closed.as_ref()
    }

    pub(super) fn waker(&self, index: usize) -> Arc<AtomicWaker> {
        self.desks[index].waker.clone()
    }

    /// Queues a job, if there is room.
    pub(super) fn submit(
        &mut self,
        entry: Entry<J, O>,
        wakers: &mut Wakers,
    ) -> Result<(), (Refused, Entry<J, O>)> {
        if let Some(closed) = &self.closed {
            return Err((Refused::Closed(closed.clone()), entry));
        }
        if self.queued >= self.room {
            return Err((Refused::Full, entry));
        }
        let number = self.number();
        self.queue(Entry { number, ..entry }, wakers);
        Ok(())
    }

    /// Queues a job, or has it wait for room. Returns its number if it waits.
    pub(super) fn submit_or_wait(
        &mut self,
        entry: Entry<J, O>,
        waiter: &Arc<Waiter<J, O>>,
        wakers: &mut Wakers,
    ) -> Result<Option<u64>, (PoolClosed, Entry<J, O>)> {
        match self.submit(entry, wakers) {
            Ok(()) => Ok(None),
            Err((Refused::Closed(closed), entry)) => Err((closed, entry)),
            Err((Refused::Full, entry)) => {
                let number = self.number();
                self.waiting.insert(number, (Entry { number, ..entry }, waiter.clone()));
                Ok(Some(number))
            }
        }
    }

    /// Takes back a job that waits for room.
    pub(super) fn leave(&mut self, number: u64) -> Option<Entry<J, O>> {
        self.waiting.remove(&number).map(|(entry, _)| entry)
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn queue(&mut self, entry: Entry<J, O>, wakers: &mut Wakers) {
        self.totals.submitted += 1;
        self.queued += 1;
        let to = match (entry.route, self.strategy) {
            (Route::To(index), _) => Some(index),
            (Route::Any, Strategy::RoundRobin) => {
                let index = self.next;
                self.next = (index + 1) % self.desks.len();
                Some(index)
            }
            (Route::Any, Strategy::LeastBusy) => {
                let loads = self.desks.iter().enumerate();
                loads.min_by_key(|(_, desk)| desk.load()).map(|(index, _)| index)
            }
            (Route::Any, Strategy::Shared) => None,
        };
        match to {
            Some(index) => self.desks[index].queue.push_back(entry),
            None => self.shared.push_back(entry),
        }
        if self.is_limited() {
            return self.call_next(wakers);
        }
        let desk = match to {
            Some(index) => Some(&mut self.desks[index]).filter(|desk| desk.is_idle()),
            None => self.desks.iter_mut().find(|desk| desk.is_uncalled()),
        };
        if let Some(desk) = desk {
            desk.tell(wakers);
        }
    }

    /// Takes the job that a worker is to do next: the one that was submitted first. The worker is
    /// idle if there is none, or if it is not its turn.
    pub(super) fn take(&mut self, index: usize, wakers: &mut Wakers) -> Option<Entry<J, O>> {
        let own = self.desks[index].first();
        let shared = self.shared.front().map(|entry| entry.number);
        let first = match (own, shared) {
            (Some(own), Some(shared)) => Some(own.min(shared)),
            (own, shared) => own.or(shared),
        };
        let entry = match first {
            Some(first) if self.is_its_turn(index, first) => match own == Some(first) {
                true => self.desks[index].queue.pop_front(),
                false => self.shared.pop_front(),
            },
            _ => None,
        };
        let desk = &mut self.desks[index];
        desk.is_told = false;
        match &entry {
            Some(entry) => {
                desk.state = WorkerState::Running;
                desk.running = Some(entry.slot.clone());
                self.running += 1;
                self.left(wakers);
                if self.closed.is_some() && self.shared.is_empty() {
                    // Those who were parked may leave, if this was the last.
                    self.tell_all(wakers);
                }
            }
            None => desk.state = WorkerState::Idle,
        }
        self.call_next_if_limited(wakers);
        entry
    }

    /// A job has left the queue, so another one may come in.
    fn left(&mut self, wakers: &mut Wakers) {
        self.queued -= 1;
        while self.queued < self.room {
            let Some((_, (entry, waiter))) = self.waiting.pop_first() else { return };
            self.queue(entry, wakers);
            waiter.admit(wakers);
        }
    }

    /// A worker is through with its job.
    pub(super) fn end(
        &mut self,
        index: usize,
        ended: Ended,
        wakers: &mut Wakers,
    ) -> Option<Arc<Slot<O>>> {
        let desk = &mut self.desks[index];
        match ended {
            Ended::Done => {
                desk.done += 1;
                self.totals.done += 1;
            }
            Ended::Failed => {
                desk.failed += 1;
                self.totals.failed += 1;
            }
            Ended::Aborted => self.totals.aborted += 1,
            Ended::Dropped => self.totals.dropped += 1,
        }
        // Until it takes the next one.
        desk.state =
            if ended == Ended::Failed { WorkerState::Restarting } else { WorkerState::Idle };
        // Told, as it is about to look.
        desk.is_told = true;
        let slot = desk.running.take();
        self.running -= usize::from(slot.is_some());
        self.call_next_if_limited(wakers);
        slot
    }

    /// A worker has failed and is to be made anew.
    pub(super) fn restart(&mut self, index: usize) {
        self.desks[index].state = WorkerState::Restarting;
        self.desks[index].restarts += 1;
    }

    /// Whether a worker has nothing left to do for ever.
    pub(super) fn may_leave(&self, index: usize) -> bool {
        let desk = &self.desks[index];
        self.closed.is_some()
            && desk.running.is_none()
            && desk.queue.is_empty()
            && self.shared.is_empty()
    }

    pub(super) fn has_left(&mut self, index: usize, wakers: &mut Wakers) {
        self.desks[index].state = WorkerState::Ended;
        // It may have been called, and others not.
        self.call_next_if_limited(wakers);
    }

    /// Takes the job of a slot out of the queue. If it is not there, and is running, collects the
    /// waker of its worker.
    pub(super) fn withdraw(
        &mut self,
        slot: &Arc<Slot<O>>,
        also_running: bool,
        wakers: &mut Wakers,
    ) -> Option<Entry<J, O>> {
        let queues = self.desks.iter_mut().map(|desk| &mut desk.queue);
        let found = [&mut self.shared].into_iter().chain(queues).find_map(|queue| {
            let at = queue.iter().position(|entry| Arc::ptr_eq(&entry.slot, slot))?;
            queue.remove(at)
        });
        if found.is_some() {
            self.totals.aborted += 1;
            self.left(wakers);
            if self.closed.is_some() {
                // Some may wait for nothing but this job.
                self.tell_all(wakers);
            }
        } else if also_running {
            let is_its = |desk: &&Desk<_, _>| {
                desk.running.as_ref().is_some_and(|running| Arc::ptr_eq(running, slot))
            };
            if let Some(desk) = self.desks.iter().find(is_its) {
                slot.abort();
                wakers.add(desk.waker.take());
            }
        }
        found
    }

    /// Takes no more jobs, and gives those that wait for room back. With `empty`, hands out those
    /// that are queued.
    pub(super) fn close(
        &mut self,
        closed: &PoolClosed,
        empty: bool,
        wakers: &mut Wakers,
    ) -> Leftovers<J, O> {
        let totals = self.totals;
        self.before.get_or_insert(totals);
        // A failure is what whoever shut the pool down wants to hear of, too.
        let is_worse = matches!(closed, PoolClosed::Failed(_));
        match &self.closed {
            None => self.closed = Some(closed.clone()),
            Some(PoolClosed::Failed(_)) => {}
            Some(_) if is_worse => self.closed = Some(closed.clone()),
            Some(_) => {}
        }
        let mut waiters = Vec::with_capacity(self.waiting.len());
        for (entry, waiter) in mem::take(&mut self.waiting).into_values() {
            waiter.refuse(entry, closed.clone(), wakers);
            waiters.push(waiter);
        }
        let mut dropped = Vec::new();
        if empty {
            dropped.extend(self.shared.drain(..));
            self.desks.iter_mut().for_each(|desk| dropped.extend(desk.queue.drain(..)));
            self.queued = 0;
            self.totals.dropped += dropped.len() as u64;
        }
        self.tell_all(wakers);
        Leftovers { dropped, waiters }
    }

    pub(super) fn tell_all(&mut self, wakers: &mut Wakers) {
        self.desks.iter_mut().for_each(|desk| desk.tell(wakers));
    }

    /// Returns what was done since the pool was closed.
    pub(super) fn since_closed(&self) -> Totals {
        let before = self.before.unwrap_or(self.totals);
        Totals {
            submitted: self.totals.submitted - before.submitted,
            done: self.totals.done - before.done,
            failed: self.totals.failed - before.failed,
            aborted: self.totals.aborted - before.aborted,
            dropped: self.totals.dropped - before.dropped,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let is_full = self.room() == 0;
        Stats {
            workers: self.desks.iter().map(|desk| desk.stats(is_full)).collect(),
            submitted: self.totals.submitted,
            done: self.totals.done,
            failed: self.totals.failed,
            aborted: self.totals.aborted,
            dropped: self.totals.dropped,
            queued: self.queued,
            running: self.running,
            waiting: self.waiting.len(),
        }
    }
}
