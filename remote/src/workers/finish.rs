//! What becomes of a job when its handler has ended.

use super::{
    context::Ended,
    event::WorkerEvent,
    held::Run,
    run::Ran,
    site::{Site, count},
};
use crate::{
    engine::{self, Again, Engine, ErrorKind, Settled, Settler},
    outcome::{Last, Outcome},
    time::Backoff,
};
use anyscope_core::{Clock, timeout};
use std::{sync::Arc, time::Duration};

pub(super) enum End {
    Settle(Outcome),
    /// It failed, and is tried again if it may be.
    Again(Last),
    /// This worker has no more to do with it.
    GiveBack,
    /// Another worker has it.
    Leave,
}

impl End {
    pub(super) fn dead(attempts: u32, last: Last) -> Self {
        End::Settle(Outcome::Dead { attempts, last })
    }
}

/// Returns what follows from the end of a handler.
pub(super) fn end_of(site: &Site, run: &Run, ran: Ran) -> End {
    let attempt = run.leased.attempt;
    let why = run.why().or_else(|| site.stop.is_cancelled().then_some(Ended::ShuttingDown));
    if run.is_lost() {
        return End::Leave;
    }
    match (ran, why) {
        (Ran::Returned(value), _) => End::Settle(Outcome::Returned(value)),
        (Ran::Refused(why), _) => End::dead(attempt, Last::Refused(why)),
        (_, Some(Ended::DeadlinePassed)) => End::Settle(Outcome::DeadlinePassed),
        (_, Some(Ended::CallerGone)) => {
            End::Settle(Outcome::Cancelled(Ended::CallerGone.to_string()))
        }
        // The caller has settled it; what is left is the lease.
        (_, Some(Ended::Cancelled)) => End::GiveBack,
        (Ran::Panicked(message), _) => End::Again(Last::Panicked(message)),
        (_, Some(Ended::ShuttingDown)) => End::GiveBack,
        (_, Some(Ended::LeaseLost)) => End::Leave,
        (Ran::Failed { error, again: true }, None) => End::Again(Last::Failed(error)),
        (Ran::Failed { error, again: false }, None) => End::Settle(Outcome::Failed(error)),
        (Ran::Dropped, None) => {
            End::Settle(Outcome::Cancelled("its handler has cancelled itself".to_owned()))
        }
    }
}

/// Tells the engine, as long as the lease is ours by our own clock.
pub(super) async fn finish(site: &Site, run: &Run, end: End) {
    run.begin_to_end();
    match end {
        End::Settle(outcome) => settle(site, run, outcome).await,
        End::Again(last) => {
            let attempt = run.leased.attempt;
            let delay = (site.settings.delays)(attempt).filter(|_| attempt < site.attempts(run));
            match delay {
                Some(delay) => {
                    site.tell(WorkerEvent::Retried { job: &run.leased.envelope.id, attempt });
                    give_back(site, run, Again::after(delay)).await;
                }
                None => settle(site, run, Outcome::Dead { attempts: attempt, last }).await,
            }
        }
        End::GiveBack => give_back(site, run, Again::now()).await,
        End::Leave => {}
    }
}

async fn settle(site: &Site, run: &Run, mut outcome: Outcome) {
    let job = &run.leased.envelope.id;
    let mut backoff = Backoff::new(&site.time);
    loop {
        let bytes = outcome.to_bytes();
        let dead = matches!(outcome, Outcome::Dead { .. });
        let end = if dead { engine::End::dead(bytes) } else { engine::End::new(bytes) };
        let by = Settler::Worker(run.leased.lease.clone());
        let settle = site.settings.engine.settle(&site.settings.queue, job, by, end);
        // Past this moment a settle could still be heard, but the job may be another worker's by then.
        let Some(left) = left(site, run) else { return site.lose(run) };
        match timeout(&site.time, left, settle).await {
            Ok(Ok(Settled::First)) => {
                count(&site.counts.settled);
                if let Outcome::Dead { attempts, last } = &outcome {
                    site.tell(WorkerEvent::Dead { job, attempts: *attempts, why: last.why() });
                }
                return;
            }
            Ok(Ok(Settled::Already(_))) => return,
            Ok(Ok(Settled::LeaseLost)) => return site.lose(run),
            // Meanwhile it may have been extended.
            Err(_) => {}
            Ok(Err(error)) => {
                site.tell(WorkerEvent::Engine(&error));
                match error.kind() {
                    // No later attempt would be smaller.
                    ErrorKind::TooLarge { .. }
                        if !matches!(outcome, Outcome::Dead { last: Last::Refused(_), .. }) =>
                    {
                        let last = Last::Refused(format!("its outcome: {error}"));
                        outcome = Outcome::Dead { attempts: run.leased.attempt, last };
                    }
                    _ => backoff.wait().await,
                }
            }
        }
    }
}

async fn give_back(site: &Site, run: &Run, again: Again) {
    let mut backoff = Backoff::new(&site.time);
    loop {
        let give_back =
            site.settings.engine.give_back(&site.settings.queue, &run.leased.lease, again);
        let Some(left) = left(site, run) else { return site.lose(run) };
        match timeout(&site.time, left, give_back).await {
            Ok(Ok(())) => return count(&site.counts.given_back),
            Ok(Err(error)) => {
                site.tell(WorkerEvent::Engine(&error));
                backoff.wait().await;
            }
            Err(_) => {}
        }
    }
}

/// Gives back what was begun or not, when all handlers are gone: so others need not wait for the leases.
pub(super) async fn give_back_all(site: Arc<Site>) {
    for run in site.held.all() {
        if !run.is_lost() {
            give_back(&site, &run, Again::now()).await;
        }
    }
}

/// How long the lease is ours, by our own clock.
fn left(site: &Site, run: &Run) -> Option<Duration> {
    let left = run.until().saturating_duration_since(site.time.now());
    (!left.is_zero()).then_some(left)
}

impl Site {
    /// Ends a handler whose lease is lost.
    pub(super) fn lose(&self, run: &Run) {
        if run.lose() {
            count(&self.counts.lost);
            self.tell(WorkerEvent::LeaseLost { job: &run.leased.envelope.id });
        }
    }

    /// How often a job may be begun.
    pub(super) fn attempts(&self, run: &Run) -> u32 {
        run.leased.envelope.attempts.map_or(self.settings.attempts, |attempts| attempts.get())
    }
}

impl Last {
    fn why(&self) -> &str {
        match self {
            Last::Failed(_) => "its last attempt failed",
            Last::Panicked(_) => "its last attempt panicked",
            Last::WorkerLost => "its worker was lost",
            Last::Refused(why) => why,
        }
    }
}
