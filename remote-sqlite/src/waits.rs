//! Those who wait for something in the file: looked for when somebody has written, or when it is time.

use crate::{
    error::translate,
    inbox::Inbox,
    jobs::{self, Time},
    oneshot::Reply,
    thread::{Message, now},
};
use anyscope_remote::{
    EngineError,
    engine::{Again, Ask, JobId, Leased, Queue},
};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

/// All who wait.
#[derive(Default)]
pub(crate) struct Waits {
    leases: Vec<WaitForLease>,
    /// By queue and id.
    outcomes: HashMap<(String, String), Vec<Reply<Vec<u8>>>>,
    /// The last that was looked at; see [`jobs::settled_since`].
    settled: i64,
    released: Vec<(Queue, JobId, Reply<()>)>,
    inboxes: Vec<(Queue, Weak<Inbox>)>,
    signal: i64,
    /// When something may change although nobody writes.
    next: Option<Time>,
}

/// Jobs for those who wait, by their place.
pub(crate) type Claims = Vec<(usize, Vec<Leased>)>;

struct WaitForLease {
    queue: Queue,
    ask: Ask,
    end: Time,
    to: Reply<Vec<Leased>>,
}

impl Waits {
    pub(crate) fn is_empty(&self) -> bool {
        self.leases.is_empty()
            && self.outcomes.is_empty()
            && self.released.is_empty()
            && self.inboxes.is_empty()
    }

    /// How long until something is to be done although nobody writes.
    pub(crate) fn until_due(&self, now: Time) -> Duration {
        let ends = self.leases.iter().map(|wait| wait.end);
        jobs::span(now, ends.chain(self.next).min().unwrap_or(Time::MAX))
    }

    /// Adds somebody. Look after this: what is waited for may be there.
    pub(crate) fn add(&mut self, db: &Connection, wait: Message) {
        match wait {
            Message::Lease { queue, ask, to } => {
                let end = jobs::after(now(), ask.wait);
                self.leases.push(WaitForLease { queue, ask, end, to });
            }
            Message::Outcome { queue, job, to } => {
                if self.outcomes.is_empty() {
                    self.settled = jobs::last_settled(db).unwrap_or(0);
                }
                // It may have been settled before.
                match jobs::outcome(db, &queue, &job) {
                    Ok(Some(outcome)) => drop(to.send(Ok(outcome))),
                    Ok(None) => {
                        let key = (queue.as_str().to_owned(), job.as_str().to_owned());
                        self.outcomes.entry(key).or_default().push(to);
                    }
                    Err(error) => drop(to.send(Err(translate(error)))),
                }
            }
            Message::Released { queue, job, to } => self.released.push((queue, job, to)),
            Message::Signals { queue, to } => {
                if self.inboxes.is_empty() {
                    self.signal = jobs::last_signal(db).unwrap_or(0);
                }
                self.inboxes.push((queue, Arc::downgrade(&to)));
            }
            Message::Write(_) | Message::Read(_) => unreachable!("nobody waits with these"),
        }
    }

    /// Looks whether those who wait have what they wait for. `changed` says that somebody has written.
    pub(crate) fn look(&mut self, db: &mut Connection, changed: bool) {
        let now = now();
        if changed || self.next.is_some_and(|next| next <= now) {
            self.next = None;
            self.look_for_outcomes(db);
            self.look_for_releases(db, now);
            self.look_for_signals(db);
            self.look_for_jobs(db, now);
        }
        self.end_waits(now);
    }

    fn look_for_outcomes(&mut self, db: &Connection) {
        self.outcomes.retain(|_, waiting| {
            waiting.retain(|to| !to.is_closed());
            !waiting.is_empty()
        });
        if self.outcomes.is_empty() {
            return;
        }
        // An error passes, or is heard of by whoever writes.
        let Ok((settled, last)) = jobs::settled_since(db, self.settled) else { return };
        self.settled = last;
        for key in settled {
            let Some(waiting) = self.outcomes.remove(&key) else { continue };
            let (Ok(queue), Ok(job)) = (Queue::parse(&key.0), JobId::parse(&key.1)) else {
                continue;
            };
            let outcome = jobs::outcome(db, &queue, &job);
            match outcome {
                Ok(Some(outcome)) => {
                    waiting.into_iter().for_each(|to| drop(to.send(Ok(outcome.clone()))))
                }
                // Forgotten already, which takes a very short time to keep outcomes.
                Ok(None) => drop(self.outcomes.insert(key, waiting)),
                Err(error) => {
                    let error = translate(error);
                    waiting.into_iter().for_each(|to| drop(to.send(Err(error.kind().into()))));
                }
            }
        }
    }

    fn look_for_releases(&mut self, db: &Connection, now: Time) {
        for (queue, job, to) in std::mem::take(&mut self.released) {
            match jobs::leased_until(db, &queue, &job, now) {
                Ok(None) => drop(to.send(Ok(()))),
                Ok(Some(until)) => {
                    self.at(until);
                    if !to.is_closed() {
                        self.released.push((queue, job, to));
                    }
                }
                Err(error) => drop(to.send(Err(translate(error)))),
            }
        }
    }

    fn look_for_signals(&mut self, db: &Connection) {
        self.inboxes.retain(|(_, inbox)| inbox.strong_count() > 0);
        if self.inboxes.is_empty() {
            return;
        }
        let Ok((signals, last)) = jobs::signals_since(db, self.signal) else { return };
        self.signal = last;
        for (queue, job) in signals {
            let Ok(job) = JobId::parse(&job) else { continue };
            let inboxes = self.inboxes.iter().filter(|(of, _)| of.as_str() == queue);
            inboxes
                .filter_map(|(_, inbox)| inbox.upgrade())
                .for_each(|inbox| inbox.push(job.clone()));
        }
    }

    fn look_for_jobs(&mut self, db: &mut Connection, now: Time) {
        self.leases.retain(|wait| !wait.to.is_closed());
        if let Err(error) = self.claim_alone(db, now) {
            // All of them end with it, and each may be the one that is looked at.
            let why = error.to_string();
            let kind = translate(error).kind();
            for wait in std::mem::take(&mut self.leases) {
                drop(wait.to.send(Err(EngineError::new(kind, why.clone()))));
            }
        }
    }

    /// Claims in a transaction for this alone, if there may be something. When there may be, we look again.
    fn claim_alone(&mut self, db: &mut Connection, now: Time) -> rusqlite::Result<()> {
        let mut next = None;
        let mut may_claim = false;
        for wait in &self.leases {
            may_claim |= jobs::may_claim(db, &wait.queue, now)?;
            next = next.into_iter().chain(jobs::next_change(db, &wait.queue, now)?).min();
        }
        if let Some(next) = next {
            self.at(next);
        }
        if may_claim {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let claims = self.claim(&transaction, now)?;
            transaction.commit()?;
            self.deliver(db, claims);
        }
        Ok(())
    }

    /// Leases jobs to those who wait for some, in the order in which they came. To be [delivered](Self::deliver) when it is committed.
    pub(crate) fn claim(&self, db: &Connection, now: Time) -> rusqlite::Result<Claims> {
        let mut claims = Claims::new();
        for (number, wait) in
            self.leases.iter().enumerate().filter(|(_, wait)| !wait.to.is_closed())
        {
            if jobs::may_claim(db, &wait.queue, now)? {
                let jobs = jobs::claim(db, &wait.queue, &wait.ask, now)?;
                if !jobs.is_empty() {
                    claims.push((number, jobs));
                }
            }
        }
        Ok(claims)
    }

    /// Hands out what was claimed. Nobody may be added in between.
    pub(crate) fn deliver(&mut self, db: &mut Connection, claims: Claims) {
        // From the last on, so that the numbers of the others stay.
        for (number, jobs) in claims.into_iter().rev() {
            let WaitForLease { queue, to, .. } = self.leases.remove(number);
            if let Err(Ok(jobs)) = to.send(Ok(jobs)) {
                give_back(db, &queue, &jobs);
            }
        }
    }

    fn end_waits(&mut self, now: Time) {
        let (over, others) =
            std::mem::take(&mut self.leases).into_iter().partition(|wait| wait.end <= now);
        self.leases = others;
        let over: Vec<WaitForLease> = over;
        over.into_iter().for_each(|wait| drop(wait.to.send(Ok(Vec::new()))));
    }

    fn at(&mut self, time: Time) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }
}

/// Gives back what nobody has heard of.
fn give_back(db: &mut Connection, queue: &Queue, jobs: &[Leased]) {
    // If this fails, the leases run out.
    let Ok(transaction) = db.transaction_with_behavior(TransactionBehavior::Immediate) else {
        return;
    };
    for job in jobs {
        let _ = jobs::give_back(&transaction, queue, &job.lease, Again::now(), now());
    }
    let _ = transaction.commit();
}

/// Those who wait for signals are told that there will be none.
impl Drop for Waits {
    fn drop(&mut self) {
        self.inboxes
            .iter()
            .filter_map(|(_, inbox)| inbox.upgrade())
            .for_each(|inbox| inbox.close());
    }
}
