//! The scope of a worker: it asks for as many jobs as it has places.

use super::{
    context::{Ended, JobContext},
    event::{Served, WorkerEvent},
    finish,
    held::Run,
    keep,
    run::run,
    site::{Counts, Settings, Site},
};
use crate::{
    Job,
    engine::{Ask, Engine, EngineError},
    time::{Backoff, Time},
};
use anyscope_core::{
    CancelToken, Clock, LimitedScope, Spawn, Timer,
    limit::{Capacity, IntoLimit},
    observe::labelled,
    scope_limited,
};
use std::{
    future::Future,
    sync::{Arc, Mutex},
};

/// How many jobs are asked for at once, at most.
const BATCH: usize = 256;

pub(super) async fn serve<J, X, T, H, Fut>(
    settings: Settings,
    here: Capacity,
    until: Option<CancelToken>,
    exec: X,
    timer: T,
    handler: H,
) -> Result<Served, EngineError>
where
    J: Job,
    X: Spawn + Clone + Send + Sync + 'static,
    T: Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    H: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, J::Error>> + Send + 'static,
{
    let time = Time::new(&timer);
    scope_limited(&exec, Here(here), async |s| {
        let site = Arc::new(Site {
            settings,
            time,
            held: Default::default(),
            counts: Counts::default(),
            stop: s.token(),
            fatal: Mutex::new(None),
        });
        s.defer(finish::give_back_all(site.clone()));
        s.spawn_daemon(keep::extend(site.clone()));
        s.spawn_daemon(keep::expire(site.clone()));
        s.spawn_daemon(keep::listen(site.clone()));
        if let Some(until) = until {
            let (s, site) = (s.clone(), site.clone());
            s.clone().spawn_daemon(async move {
                until.cancelled().await;
                s.cancel_with(&site.time, site.settings.grace, Ended::ShuttingDown.to_string());
            });
        }
        ask(&s, &site, Arc::new(handler)).await;
        site
    })
    .await
    .result()
}

impl Site {
    fn result(&self) -> Result<Served, EngineError> {
        match self.fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.counts.served()),
        }
    }
}

/// Asks for jobs and spawns their handlers, until the worker is to end.
async fn ask<J, X, H, Fut>(s: &LimitedScope<X>, site: &Arc<Site>, handler: Arc<H>)
where
    J: Job,
    X: Spawn + Clone + Send + Sync + 'static,
    H: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, J::Error>> + Send + 'static,
{
    let (settings, stop) = (&site.settings, &site.stop);
    let mut backoff = Backoff::new(&site.time);
    loop {
        let Ok(Ok(room)) = stop.run_until_cancelled(s.room()).await else { return };
        let mut rooms = vec![room];
        while rooms.len() < BATCH {
            let Ok(room) = s.try_room() else { break };
            rooms.push(room);
        }
        // The lease may begin as soon as we ask, so this is the moment from which we count.
        let asked = site.time.now();
        let mut ask =
            Ask::new(rooms.len(), settings.lease, settings.lease / 3, settings.name.clone());
        ask.everywhere = settings.everywhere;
        let leased = labelled("jobs for its workers", settings.engine.lease(&settings.queue, ask));
        let leased = match stop.run_until_cancelled(leased).await {
            Ok(Ok(leased)) => leased,
            Ok(Err(error)) => {
                site.tell(WorkerEvent::Engine(&error));
                if error.ends_workers() {
                    *site.fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        Some(error);
                    return;
                }
                drop(rooms);
                if stop.run_until_cancelled(backoff.wait()).await.is_err() {
                    return;
                }
                continue;
            }
            Err(_) => return,
        };
        backoff.reset();
        let until = site.until(asked);
        // First: if this is dropped while it waits, they are given back.
        let held: Vec<_> =
            leased.into_iter().map(|leased| site.held.add(leased, until, asked)).collect();
        let gone = without_callers(site, &held).await;
        for ((number, held), gone) in held.into_iter().zip(gone) {
            if gone {
                held.end(Ended::CallerGone);
            }
            let Some(room) = rooms.pop() else {
                // More than it was asked for.
                finish::finish(site, &held, finish::End::GiveBack).await;
                site.held.remove(number);
                continue;
            };
            room.spawn_named(J::NAME, run(site.clone(), number, held, handler.clone()));
        }
    }
}

/// Returns of each job whether its caller is gone. If that cannot be found out, it is there.
async fn without_callers(site: &Site, held: &[(u64, Arc<Run>)]) -> Vec<bool> {
    let caller = |run: &Run| run.leased.envelope.caller.clone();
    let mut callers: Vec<_> = held.iter().filter_map(|(_, run)| caller(run)).collect();
    callers.sort();
    callers.dedup();
    let mut gone = Vec::new();
    if !callers.is_empty() {
        let asked = site.settings.engine.gone(callers);
        if let Ok(Ok(answer)) =
            anyscope_core::timeout(&site.time, site.settings.lease / 3, asked).await
        {
            gone = answer;
        }
    }
    let is_gone = |run: &Run| caller(run).is_some_and(|caller| gone.contains(&caller));
    held.iter().map(|(_, run)| is_gone(run)).collect()
}

/// What users pass as their limit here.
struct Here(Capacity);

impl IntoLimit for Here {
    type Limit = Capacity;

    fn into_limit(self) -> Capacity {
        self.0
    }
}
