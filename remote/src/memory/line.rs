//! A queue: what waits, what is leased, what has ended.

use super::event::{Event, Wakers};
use crate::engine::{
    Again, DeadLetter, End, Envelope, Held, JobId, LeaseId, Put, Running, Settled, Settler, Signal,
    Status, WorkerName,
};
use anyscope_core::Instant;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

#[derive(Default)]
pub(super) struct Line {
    /// By the order in which they were put.
    pub(super) items: BTreeMap<u64, Item>,
    ids: HashMap<JobId, u64>,
    next: u64,
    /// What epochs of jobs begin after: what is lost may have had any of those before.
    epoch: u64,
    /// Neither leased nor settled, by when they may be.
    pub(super) waiting: BTreeSet<(Instant, u64)>,
    pub(super) leased: BTreeSet<u64>,
    /// Those without an outcome, by key.
    pub(super) keys: HashMap<String, BTreeSet<u64>>,
    /// Those with an outcome, by when they had it.
    settled: BTreeSet<(Instant, u64)>,
    /// Something may be leased, or sooner than it seemed.
    pub(super) more: Arc<Event>,
    /// Who waits for the outcome, or the end of the lease, of a job.
    waiters: HashMap<JobId, Weak<Event>>,
    inboxes: Vec<Weak<Inbox>>,
    /// Those to be woken when the lock is free.
    pub(super) wakers: Wakers,
}

pub(super) struct Item {
    id: JobId,
    /// None of one that was settled before it was put.
    pub(super) envelope: Option<Envelope>,
    pub(super) put_at: Instant,
    pub(super) attempts: u32,
    pub(super) epoch: u64,
    pub(super) lease: Option<Lease>,
    pub(super) due: Instant,
    end: Option<End>,
}

pub(super) struct Lease {
    pub(super) id: LeaseId,
    pub(super) worker: WorkerName,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// Signals for one worker. The oldest are dropped if it does not read them.
#[derive(Default)]
pub(super) struct Inbox {
    signals: Mutex<VecDeque<(JobId, Signal)>>,
    pub(super) more: Arc<Event>,
}

const INBOX: usize = 4096;

impl Inbox {
    pub(super) fn take(&self) -> Option<(JobId, Signal)> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Line {
    pub(super) fn put(
        &mut self,
        jobs: Vec<Envelope>,
        limit: usize,
        now: Instant,
    ) -> Option<Vec<Put>> {
        let new = jobs.iter().filter(|job| !self.ids.contains_key(&job.id)).count();
        if new > limit.saturating_sub(self.waiting.len() + self.leased.len()) {
            return None;
        }
        let put = jobs.into_iter().map(|job| self.put_one(job, now)).collect();
        self.more.happen(&mut self.wakers);
        Some(put)
    }

    fn put_one(&mut self, job: Envelope, now: Instant) -> Put {
        if self.ids.contains_key(&job.id) {
            return Put::Known;
        }
        let number = self.number(job.id.clone());
        if let Some(key) = &job.key {
            self.keys.entry(key.clone()).or_default().insert(number);
        }
        self.waiting.insert((now, number));
        let item = Item::new(job.id.clone(), now);
        self.items.insert(number, Item { envelope: Some(job), epoch: self.epoch, ..item });
        Put::Stored
    }

    fn number(&mut self, id: JobId) -> u64 {
        let number = self.next;
        self.next += 1;
        self.ids.insert(id, number);
        number
    }

    pub(super) fn extend(
        &mut self,
        leases: &[LeaseId],
        lease: Duration,
        now: Instant,
    ) -> Vec<Held> {
        self.expire(now);
        let until = now.saturating_add(lease);
        let extend = |id| {
            let Some(item) = self.leased_as(id).and_then(|number| self.items.get_mut(&number))
            else {
                return Held::Lost;
            };
            item.lease.as_mut().expect("leased").until = until;
            if item.end.is_some() { Held::Settled } else { Held::Yes }
        };
        leases.iter().map(extend).collect()
    }

    fn leased_as(&self, id: &LeaseId) -> Option<u64> {
        let has =
            |number: &&u64| self.items[number].lease.as_ref().is_some_and(|lease| lease.id == *id);
        self.leased.iter().find(has).copied()
    }

    pub(super) fn settle(&mut self, job: &JobId, by: &Settler, end: End, now: Instant) -> Settled {
        let number = match (self.ids.get(job), by) {
            (Some(&number), _) => number,
            (None, Settler::Worker(_)) => return Settled::LeaseLost,
            (None, Settler::Caller) => {
                let number = self.number(job.clone());
                self.items.insert(number, Item::new(job.clone(), now));
                number
            }
        };
        let item = self.items.get_mut(&number).expect("there");
        let settled = match (&item.end, by) {
            (Some(first), _) => Settled::Already(first.bytes.clone()),
            // A lease that has run out is good as long as nobody else has one.
            (None, Settler::Worker(lease)) if item.last_lease() != *lease => {
                return Settled::LeaseLost;
            }
            (None, _) => {
                item.end = Some(end);
                let due = item.due;
                self.waiting.remove(&(due, number));
                self.settled.insert((now, number));
                self.forget_key(number);
                Settled::First
            }
        };
        if let Settler::Worker(lease) = by {
            self.release(lease);
        }
        self.tell(job);
        self.more.happen(&mut self.wakers);
        settled
    }

    fn forget_key(&mut self, number: u64) {
        let Some(key) = self.items[&number].envelope.as_ref().and_then(|job| job.key.as_ref())
        else {
            return;
        };
        if let Some(those) = self.keys.get_mut(key) {
            those.remove(&number);
            if those.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    pub(super) fn give_back(&mut self, lease: &LeaseId, again: Again, now: Instant) {
        self.expire(now);
        let Some(number) = self.release(lease) else { return };
        let item = self.items.get_mut(&number).expect("there");
        if !again.counts {
            item.attempts -= 1;
        }
        let job = item.id.clone();
        self.wait_again(number, now.saturating_add(again.after));
        self.tell(&job);
    }

    /// Ends a lease; returns the job that it was of.
    fn release(&mut self, lease: &LeaseId) -> Option<u64> {
        let number = self.leased_as(lease)?;
        self.leased.remove(&number);
        self.items.get_mut(&number).expect("there").lease = None;
        Some(number)
    }

    fn wait_again(&mut self, number: u64, due: Instant) {
        let item = self.items.get_mut(&number).expect("there");
        if item.end.is_none() {
            item.due = due;
            self.waiting.insert((due, number));
        }
        self.more.happen(&mut self.wakers);
    }

    /// Ends leases that have run out.
    pub(super) fn expire(&mut self, now: Instant) {
        let over = |number: &&u64| {
            self.items[number].lease.as_ref().is_some_and(|lease| lease.until <= now)
        };
        let over: Vec<_> = self.leased.iter().filter(over).copied().collect();
        for number in over {
            self.leased.remove(&number);
            let item = self.items.get_mut(&number).expect("there");
            let lease = item.lease.take().expect("leased");
            let job = item.id.clone();
            self.wait_again(number, lease.until);
            self.tell(&job);
        }
    }

    /// Forgets outcomes that were kept for so long.
    pub(super) fn forget(&mut self, keep: Duration, now: Instant) {
        while let Some(&(at, number)) = self.settled.first() {
            if at.saturating_add(keep) > now || self.items[&number].lease.is_some() {
                return;
            }
            self.settled.pop_first();
            if let Some(item) = self.items.remove(&number) {
                self.ids.remove(&item.id);
            }
        }
    }

    /// Loses what was put or settled since then, and what was leased of it. All that wait look again.
    pub(super) fn lose(&mut self, since: Instant) {
        self.epoch += 1 << 32;
        let settled: Vec<_> = self.settled.range((since, 0)..).map(|(_, number)| *number).collect();
        let put = self.items.iter().filter(|(_, item)| item.put_at >= since).map(|(n, _)| *n);
        let lost: BTreeSet<_> = put.chain(settled).collect();
        for number in lost {
            self.forget_key(number);
            let item = self.items.remove(&number).expect("there");
            self.ids.remove(&item.id);
            self.waiting.remove(&(item.due, number));
            self.leased.remove(&number);
        }
        self.settled.retain(|(_, number)| self.items.contains_key(number));
        for event in self.waiters.values().filter_map(Weak::upgrade) {
            event.happen(&mut self.wakers);
        }
        self.more.happen(&mut self.wakers);
    }

    pub(super) fn outcome(&self, job: &JobId) -> Option<Vec<u8>> {
        self.items[self.ids.get(job)?].end.as_ref().map(|end| end.bytes.clone())
    }

    /// Until when a job is leased, if it is.
    pub(super) fn leased_until(&self, job: &JobId) -> Option<Instant> {
        self.items[self.ids.get(job)?].lease.as_ref().map(|lease| lease.until)
    }

    /// Notified when something happens to a job.
    pub(super) fn waiter(&mut self, job: &JobId) -> Arc<Event> {
        if let Some(event) = self.waiters.get(job).and_then(Weak::upgrade) {
            return event;
        }
        // Those whose waiters are gone go now and then.
        if self.waiters.len().is_power_of_two() {
            self.waiters.retain(|_, event| event.strong_count() > 0);
        }
        let event = Arc::new(Event::default());
        self.waiters.insert(job.clone(), Arc::downgrade(&event));
        event
    }

    fn tell(&mut self, job: &JobId) {
        if let Some(event) = self.waiters.get(job).and_then(Weak::upgrade) {
            event.happen(&mut self.wakers);
        }
    }

    pub(super) fn inbox(&mut self) -> Arc<Inbox> {
        self.inboxes.retain(|inbox| inbox.strong_count() > 0);
        let inbox = Arc::new(Inbox::default());
        self.inboxes.push(Arc::downgrade(&inbox));
        inbox
    }

    pub(super) fn signal(&mut self, job: &JobId, signal: Signal) {
        for inbox in self.inboxes.iter().filter_map(Weak::upgrade) {
            let mut signals = inbox.signals.lock().unwrap_or_else(PoisonError::into_inner);
            if signals.len() == INBOX {
                signals.pop_front();
            }
            signals.push_back((job.clone(), signal));
            drop(signals);
            inbox.more.happen(&mut self.wakers);
        }
    }

    pub(super) fn status(&mut self, now: Instant) -> Status {
        self.expire(now);
        let ready = self
            .waiting
            .iter()
            .filter(|&&(due, number)| due <= now && self.is_first_of_key(number))
            .count();
        let dead = |&&(_, number): &&(Instant, u64)| {
            self.items[&number].end.as_ref().is_some_and(|end| end.dead)
        };
        let running = |number| {
            let Item { envelope: Some(job), lease: Some(lease), attempts, .. } =
                &self.items[number]
            else {
                unreachable!("leased")
            };
            let since = now.saturating_duration_since(lease.since);
            Running::new(job.id.clone(), job.name.clone(), lease.worker.clone(), *attempts, since)
        };
        Status {
            ready: ready as u64,
            delayed: (self.waiting.len() - ready) as u64,
            running: self.leased.iter().map(running).collect(),
            settled: self.settled.len() as u64,
            dead: self.settled.iter().filter(dead).count() as u64,
        }
    }

    pub(super) fn is_first_of_key(&self, number: u64) -> bool {
        let key = self.items[&number].envelope.as_ref().and_then(|job| job.key.as_ref());
        key.is_none_or(|key| self.keys.get(key).is_some_and(|those| those.first() == Some(&number)))
    }

    pub(super) fn dead_letters(&self, at_most: usize) -> Vec<DeadLetter> {
        let letter = |&(_, number): &(Instant, u64)| {
            let Item { envelope: Some(job), end: Some(end), .. } = &self.items[&number] else {
                return None;
            };
            end.dead.then(|| DeadLetter::new(job.clone(), end.clone()))
        };
        self.settled.iter().filter_map(letter).take(at_most).collect()
    }

    /// Returns none if there is no room.
    pub(super) fn redrive(&mut self, job: &JobId, limit: usize, now: Instant) -> Option<bool> {
        self.expire(now);
        let Some(&number) = self.ids.get(job) else { return Some(false) };
        let Item {
            envelope: Some(envelope),
            end: Some(End { dead: true, .. }),
            lease: None,
            epoch,
            ..
        } = &self.items[&number]
        else {
            return Some(false);
        };
        if self.waiting.len() + self.leased.len() >= limit {
            return None;
        }
        // What comes late is of an earlier lease.
        let (mut envelope, epoch) = (envelope.clone(), epoch + 1);
        envelope.caller = None;
        self.settled.retain(|(_, settled)| *settled != number);
        self.items.remove(&number);
        self.ids.remove(job);
        self.put_one(envelope, now);
        self.items.get_mut(&self.ids[job]).expect("there").epoch = epoch;
        self.more.happen(&mut self.wakers);
        Some(true)
    }
}

impl Item {
    fn new(id: JobId, now: Instant) -> Self {
        Item {
            id,
            envelope: None,
            put_at: now,
            attempts: 0,
            epoch: 0,
            lease: None,
            due: now,
            end: None,
        }
    }

    /// The lease that it has, or had last.
    fn last_lease(&self) -> LeaseId {
        lease_id(&self.id, self.epoch)
    }
}

pub(super) fn lease_id(job: &JobId, epoch: u64) -> LeaseId {
    LeaseId::new(format!("{epoch}:{job}"))
}
