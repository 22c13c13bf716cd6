//! Keeps the leases of a worker, and hears of cancels.

use super::{context::Ended, event::WorkerEvent, site::Site};
use crate::{
    engine::{Engine, Held, Signal},
    time::Backoff,
};
use anyscope_core::{Clock, Timer, timeout};
use futures_core::Stream;
use std::{future::poll_fn, pin::pin, sync::Arc};

/// Extends all leases, at each third of their time.
pub(super) async fn extend(site: Arc<Site>) {
    let third = site.settings.lease / 3;
    loop {
        site.time.sleep(third).await;
        let mut backoff = Backoff::new(&site.time);
        while !extend_once(&site).await {
            site.time.sleep(backoff.delay().min(third)).await;
        }
        end_those_without_caller(&site).await;
    }
}

/// Returns false if the engine could not be asked.
async fn extend_once(site: &Site) -> bool {
    let runs: Vec<_> = site.held.all().into_iter().filter(|run| !run.is_lost()).collect();
    if runs.is_empty() {
        return true;
    }
    let leases = runs.iter().map(|run| run.leased.lease.clone()).collect();
    let asked = site.time.now();
    let lease = site.settings.lease;
    let extend = site.settings.engine.extend(&site.settings.queue, leases, lease);
    match timeout(&site.time, lease / 3, extend).await {
        Ok(Ok(held)) => {
            for (run, held) in runs.iter().zip(held) {
                match held {
                    // Whoever ends it hears what has become of it.
                    Held::Lost if run.ends() => {}
                    Held::Lost => site.lose(run),
                    // Its time counts from when we asked: the engine may have heard it then.
                    Held::Yes => run.extend(site.until(asked)),
                    Held::Settled => {
                        run.extend(site.until(asked));
                        run.end(Ended::Cancelled);
                    }
                }
            }
            true
        }
        Ok(Err(error)) => {
            site.tell(WorkerEvent::Engine(&error));
            false
        }
        Err(_) => false,
    }
}

async fn end_those_without_caller(site: &Site) {
    let runs = site.held.all();
    let mut callers: Vec<_> =
        runs.iter().filter_map(|run| run.leased.envelope.caller.clone()).collect();
    callers.sort();
    callers.dedup();
    if callers.is_empty() {
        return;
    }
    let asked = site.settings.engine.gone(callers);
    let Ok(Ok(gone)) = timeout(&site.time, site.settings.lease / 3, asked).await else { return };
    for run in runs {
        if run.leased.envelope.caller.as_ref().is_some_and(|caller| gone.contains(caller)) {
            run.end(Ended::CallerGone);
        }
    }
}

/// Ends handlers whose lease has run out by our own clock: nothing is asked, as the engine may be out of reach.
pub(super) async fn expire(site: Arc<Site>) {
    let third = site.settings.lease / 3;
    loop {
        let now = site.time.now();
        let mut next = now.saturating_add(third);
        for run in site.held.all().iter().filter(|run| !run.is_lost()) {
            match run.until() {
                until if until <= now => site.lose(run),
                until => next = next.min(until),
            }
        }
        site.time.sleep(next.saturating_duration_since(now)).await;
    }
}

/// Ends handlers whose jobs are cancelled.
pub(super) async fn listen(site: Arc<Site>) {
    let mut backoff = Backoff::new(&site.time);
    loop {
        let mut signals = pin!(site.settings.engine.signals(&site.settings.queue));
        while let Some(signal) = poll_fn(|cx| signals.as_mut().poll_next(cx)).await {
            match signal {
                Ok((job, Signal::Cancel)) => {
                    backoff.reset();
                    site.held.cancel(job, site.time.now());
                }
                Err(error) => {
                    site.tell(WorkerEvent::Engine(&error));
                    break;
                }
            }
        }
        backoff.wait().await;
    }
}
