//! The adapter of an engine in memory.

use super::{
    claim::Claim,
    event::Listener,
    handle::{Memory, Shared, State},
    line::{Inbox, Line},
    link::{Link, PATIENCE},
};
use crate::engine::{
    Again, Ask, CallerId, DeadLetter, End, Engine, EngineError, Envelope, ErrorKind, Gone, Held,
    JobId, LeaseId, Leased, Put, Queue, Settled, Settler, Signal, Status,
};
use anyscope_core::{Instant, deadline, timeout};
use futures_core::Stream;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

impl Memory {
    /// Asks the engine: at once, or over the link.
    ///
    /// `undo` is called if the answer finds nobody, as whoever asked is gone.
    async fn ask<R: Send + 'static>(
        &self,
        mut apply: impl FnMut(&mut State, &Shared, Instant) -> R + Send + 'static,
        undo: impl FnOnce(&mut State, R, Instant) + Send + 'static,
    ) -> Result<R, EngineError> {
        let Some(link) = self.link.clone() else {
            let now = self.shared.now();
            return Ok(self.shared.change(|state| apply(state, &self.shared, now)));
        };
        let shared = Arc::downgrade(&self.shared);
        let asks = Arc::new(());
        let asked: Weak<()> = Arc::downgrade(&asks);
        let time = self.shared.time.clone();
        let message = self.shared.scope.spawn(async move {
            let times = link.request(&time).await;
            let mut answer = None;
            for n in 0..times {
                if n > 0 {
                    link.between(&time).await;
                }
                let shared = shared.upgrade()?;
                let now = shared.now();
                let this = shared.change(|state| apply(state, &shared, now));
                // The first answer counts; what a second delivery has done is done.
                answer.get_or_insert(this);
            }
            let answer = answer?;
            if !link.answer(&time).await {
                return None;
            }
            if asked.strong_count() == 0 {
                if let Some(shared) = shared.upgrade() {
                    let now = shared.now();
                    shared.change(|state| undo(state, answer, now));
                }
                return None;
            }
            Some(answer)
        });
        let answer = timeout(&self.shared.time, PATIENCE, message).await;
        drop(asks);
        match answer {
            Ok(Ok(Some(answer))) => Ok(answer),
            _ => Err(ErrorKind::Unavailable.into()),
        }
    }

    /// As [`ask`](Self::ask), where it does not matter whether anybody hears the answer.
    async fn tell<R: Send + 'static>(
        &self,
        apply: impl FnMut(&mut State, &Shared, Instant) -> R + Send + 'static,
    ) -> Result<R, EngineError> {
        self.ask(apply, |_, _, _| {}).await
    }

    fn check_size(&self, size: usize) -> Result<(), EngineError> {
        EngineError::check_size(size, self.shared.payload_limit)
    }

    /// Waits until `look` sees something in the queue of a job. It says when to look again if nothing happens to the job before.
    async fn wait_for<R: Send + 'static>(
        &self,
        queue: &Queue,
        job: &JobId,
        look: impl Fn(&Line, &JobId) -> Result<R, Instant> + Clone + Send + 'static,
    ) -> Result<R, EngineError> {
        let losses = self.shared.change(|state| state.losses);
        loop {
            // Listens before it looks, so that nothing is missed.
            let event = self
                .shared
                .change(|state| (state.losses == losses).then(|| state.line(queue).waiter(job)));
            let Some(event) = event else { return Err(ErrorKind::Unavailable.into()) };
            let changed = event.listen();
            let (look, queue, job) = (look.clone(), queue.clone(), job.clone());
            let seen = self.tell(move |state, _, now| {
                let line = state.line(&queue);
                line.expire(now);
                look(line, &job)
            });
            match seen.await? {
                Ok(seen) => return Ok(seen),
                Err(next) => drop(deadline(&self.shared.time, next, changed).await),
            }
        }
    }
}

impl Engine for Memory {
    async fn put(&self, queue: &Queue, jobs: Vec<Envelope>) -> Result<Vec<Put>, EngineError> {
        for job in &jobs {
            self.check_size(job.payload.len())?;
        }
        let queue = queue.clone();
        let put = self.tell(move |state, shared, now| {
            let line = state.line(&queue);
            line.forget(shared.keep, now);
            line.put(jobs.clone(), shared.queue_limit, now)
        });
        put.await?.ok_or_else(|| ErrorKind::Full.into())
    }

    async fn lease(&self, queue: &Queue, ask: Ask) -> Result<Vec<Leased>, EngineError> {
        let end = self.shared.now().saturating_add(ask.wait);
        loop {
            let more = self.shared.change(|state| state.line(queue).more.clone());
            let changed = more.listen();
            let (queue2, queue3, ask) = (queue.clone(), queue.clone(), ask.clone());
            let claim = self.ask(
                move |state, _, now| state.line(&queue2).claim(&ask, now),
                move |state, claim, now| {
                    if let Claim::Jobs(jobs) = claim {
                        let line = state.line(&queue3);
                        jobs.iter().for_each(|job| line.give_back(&job.lease, Again::now(), now));
                    }
                },
            );
            let next = match claim.await? {
                Claim::Jobs(jobs) => return Ok(jobs),
                Claim::Nothing(next) => next.min(end),
            };
            let _ = deadline(&self.shared.time, next, changed).await;
            if self.shared.now() >= end {
                return Ok(Vec::new());
            }
        }
    }

    async fn extend(
        &self,
        queue: &Queue,
        leases: Vec<LeaseId>,
        lease: Duration,
    ) -> Result<Vec<Held>, EngineError> {
        let queue = queue.clone();
        self.tell(move |state, _, now| state.line(&queue).extend(&leases, lease, now)).await
    }

    async fn settle(
        &self,
        queue: &Queue,
        job: &JobId,
        by: Settler,
        end: End,
    ) -> Result<Settled, EngineError> {
        self.check_size(end.bytes.len())?;
        let (queue, job) = (queue.clone(), job.clone());
        self.tell(move |state, _, now| state.line(&queue).settle(&job, &by, end.clone(), now)).await
    }

    async fn give_back(
        &self,
        queue: &Queue,
        lease: &LeaseId,
        again: Again,
    ) -> Result<(), EngineError> {
        let (queue, lease) = (queue.clone(), lease.clone());
        self.tell(move |state, _, now| state.line(&queue).give_back(&lease, again, now)).await
    }

    async fn outcome(&self, queue: &Queue, job: &JobId) -> Result<Vec<u8>, EngineError> {
        self.wait_for(queue, job, |line, job| line.outcome(job).ok_or(Instant::NEVER)).await
    }

    async fn released(&self, queue: &Queue, job: &JobId) -> Result<(), EngineError> {
        self.wait_for(queue, job, |line, job| line.leased_until(job).map_or(Ok(()), Err)).await
    }

    async fn signal(&self, queue: &Queue, job: &JobId, signal: Signal) -> Result<(), EngineError> {
        let (queue, job) = (queue.clone(), job.clone());
        self.tell(move |state, _, _| state.line(&queue).signal(&job, signal)).await
    }

    fn signals(
        &self,
        queue: &Queue,
    ) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static {
        let inbox = self.shared.change(|state| state.line(queue).inbox());
        Signals { inbox, link: self.link.clone(), wait: None }
    }

    async fn attend(&self, caller: &CallerId, lease: Duration) -> Result<(), EngineError> {
        let caller = caller.clone();
        self.tell(move |state, _, now| {
            state.callers.retain(|_, until| *until > now);
            state.callers.insert(caller.clone(), now.saturating_add(lease));
        })
        .await
    }

    async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        self.tell(move |state, _, now| {
            let is_gone =
                |caller: &&CallerId| state.callers.get(*caller).is_none_or(|until| *until <= now);
            callers.iter().filter(is_gone).cloned().collect()
        })
        .await
    }

    async fn status(&self, queue: &Queue) -> Result<Status, EngineError> {
        let queue = queue.clone();
        self.tell(move |state, _, now| state.line(&queue).status(now)).await
    }

    async fn dead_letters(
        &self,
        queue: &Queue,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let queue = queue.clone();
        self.tell(move |state, _, _| state.line(&queue).dead_letters(at_most)).await
    }

    async fn redrive(&self, queue: &Queue, job: &JobId) -> Result<bool, EngineError> {
        let (queue, job) = (queue.clone(), job.clone());
        let redriven = self.tell(move |state, shared, now| {
            state.line(&queue).redrive(&job, shared.queue_limit, now)
        });
        redriven.await?.ok_or_else(|| ErrorKind::Full.into())
    }
}

/// The signals to the jobs of a queue.
struct Signals {
    inbox: Arc<Inbox>,
    link: Option<Link>,
    wait: Option<Listener>,
}

impl Stream for Signals {
    type Item = Result<(JobId, Signal), EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.inbox.take() {
                Some(_) if self.link.as_ref().is_some_and(Link::loses_answers) => {}
                Some(signal) => return Poll::Ready(Some(Ok(signal))),
                None => match &mut self.wait {
                    // Looked at again after this, so that nothing is missed.
                    None => self.wait = Some(self.inbox.more.listen()),
                    Some(wait) => {
                        ready!(Pin::new(wait).poll(cx));
                        self.wait = None;
                    }
                },
            }
        }
    }
}
