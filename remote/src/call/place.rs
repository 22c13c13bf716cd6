//! Where the jobs of calls are, for those who look at the tree of their caller.
//!
//! An engine is asked when somebody looks, and answers after that: so each look shows what was found out for the one before.

use super::caller::Caller;
use crate::{
    engine::{AnyEngine, Engine, JobId, Queue, Status},
    time::Time,
    words::Span,
};
use anyscope_core::{Clock, Instant, timeout};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// An engine is not asked more often.
const PACE: Duration = Duration::from_secs(1);
/// How long it has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is older is said to be.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Places(Mutex<State>);

#[derive(Default)]
struct State {
    is_asked: bool,
    known: Option<Arc<Known>>,
}

struct Known {
    at: Instant,
    status: Status,
}

impl Caller {
    /// Returns what says where a job is, as far as it is known, and has it found out for the next time. It keeps nothing alive.
    pub(super) fn place_of(
        self: &Arc<Self>,
        job: &JobId,
    ) -> impl Fn() -> Option<String> + Send + Sync + 'static {
        let (caller, job) = (Arc::downgrade(self), job.clone());
        move || {
            let caller = caller.upgrade()?;
            let now = caller.time.now();
            let known = caller.places.lock().known.clone();
            let is_due = |known: &Arc<Known>| now.saturating_duration_since(known.at) >= PACE;
            if known.as_ref().is_none_or(is_due) {
                caller.ask();
            }
            known.map(|known| known.place(&job, now))
        }
    }

    /// Asks the engine, unless it is being asked: for all calls at once.
    fn ask(&self) {
        if std::mem::replace(&mut self.places.lock().is_asked, true) {
            return;
        }
        let asking = Asking(self.places.clone());
        let (engine, queue, time) = (self.engine.clone(), self.queue.clone(), self.time.clone());
        self.scope.spawn_daemon(asking.ask(engine, queue, time));
    }
}

/// The engine is being asked, until this is dropped.
struct Asking(Arc<Places>);

impl Asking {
    async fn ask(self, engine: AnyEngine, queue: Queue, time: Time) {
        // What is not answered is not known; whoever looks sees how old it is that was.
        if let Ok(Ok(status)) = timeout(&time, PATIENCE, engine.status(&queue)).await {
            let known = Arc::new(Known { at: time.now(), status });
            let _older = self.0.lock().known.replace(known);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.lock().is_asked = false;
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn place(&self, job: &JobId, now: Instant) -> String {
        let age = now.saturating_duration_since(self.at);
        let is_fresh = age < FRESH;
        let Status { ready, delayed, running, .. } = &self.status;
        let mut words = match running.iter().find(|running| running.job == *job) {
            Some(running) => {
                let since = running.since + if is_fresh { age } else { Duration::ZERO };
                let attempt = match running.attempt {
                    0 | 1 => String::new(),
                    attempt => format!("attempt {attempt} "),
                };
                format!("{attempt}runs on {} for {}", running.worker, Span(since))
            }
            None => {
                format!("on no worker, {} wait and {} run", ready + delayed, running.len())
            }
        };
        if !is_fresh {
            words += &format!(", {} ago", Span(age));
        }
        words
    }
}
