//! One job: what keeps it from being begun, and its handler.

use super::{
    context::{Ended, JobContext},
    finish::{self, End},
    held::Run,
    site::{Site, count},
};
use crate::{
    Codec, Job,
    engine::{Envelope, Leased},
    headers::Until,
    outcome::{Last, Outcome},
    words::trace_id,
};
use anyscope_core::{Clock, JoinError, concurrent, context, observe::labelled, shield};
use std::{future::Future, sync::Arc};

/// How a handler has ended.
pub(super) enum Ran {
    Returned(Vec<u8>),
    Failed {
        error: Vec<u8>,
        again: bool,
    },
    Panicked(String),
    /// Not begun: it cannot be decoded, or its answer not be encoded.
    Refused(String),
    /// It was dropped.
    Dropped,
}

/// Runs one job, in a child of the worker's scope.
pub(super) async fn run<J, H, Fut>(site: Arc<Site>, number: u64, run: Arc<Run>, handler: Arc<H>)
where
    J: Job,
    H: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, J::Error>> + Send + 'static,
{
    let end = match not_to_begin::<J>(&site, &run) {
        Some(end) => end,
        None => {
            let ran = handle::<J, H, Fut>(&site, &run, handler).await;
            finish::end_of(&site, &run, ran)
        }
    };
    // What was done must be heard of, also when this worker ends. It ends with the lease.
    shield(finish::finish(&site, &run, end)).await;
    site.held.remove(number);
}

/// Returns what becomes of a job that is not to be begun.
fn not_to_begin<J: Job>(site: &Site, run: &Run) -> Option<End> {
    let Envelope { name, version, budget, .. } = &run.leased.envelope;
    let attempt = run.leased.attempt;
    if run.why() == Some(Ended::Cancelled) {
        // It has its outcome.
        Some(End::GiveBack)
    } else if run.why() == Some(Ended::CallerGone) {
        Some(End::Settle(Outcome::Cancelled(Ended::CallerGone.to_string())))
    } else if attempt > site.attempts(run) {
        Some(End::dead(attempt - 1, Last::WorkerLost))
    } else if budget.is_some_and(|budget| budget <= run.leased.waited) {
        Some(End::Settle(Outcome::DeadlinePassed))
    } else if name != J::NAME {
        let why = format!("a worker for `{}` does not know `{name}`", J::NAME);
        Some(End::dead(attempt, Last::Refused(why)))
    } else if *version < J::OLDEST {
        let why = format!(
            "version {version} of `{name}` is older than {}, the oldest that is known",
            J::OLDEST
        );
        Some(End::dead(attempt, Last::Refused(why)))
    } else if *version > J::VERSION {
        let why = format!(
            "version {version} of `{name}` is later than {}, the latest that is known",
            J::VERSION
        );
        Some(End::Again(Last::Refused(why)))
    } else {
        None
    }
}

/// Runs the handler, in a scope of its own: with its deadline, and asked to end when the run is.
async fn handle<J, H, Fut>(site: &Arc<Site>, run: &Arc<Run>, handler: Arc<H>) -> Ran
where
    J: Job,
    H: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, J::Error>> + Send + 'static,
{
    count(&site.counts.begun);
    let Envelope { budget, headers, .. } = &run.leased.envelope;
    let deadline = budget.map(|budget| {
        let left = budget.saturating_sub(run.leased.waited);
        site.time.now().saturating_add(left)
    });
    let mut around = context::current().with(headers.clone());
    if let Some(deadline) = deadline {
        around = around.with(Until(deadline));
    }
    concurrent(async |s| {
        if let Some(deadline) = deadline {
            s.deadline(&site.time, deadline);
        }
        let (token, stop) = (s.token(), site.stop.clone());
        let cx = JobContext {
            run: run.clone(),
            token,
            stop,
            deadline,
            worker: site.settings.name.clone(),
        };
        // All code of users is in this child.
        let mut child = s.spawn(around.around(call(run.clone(), cx, handler)));
        let ended = async {
            let cancelled = match run.kill().run_until_cancelled(&mut child).await {
                Ok(ended) => return ended,
                Err(cancelled) => cancelled,
            };
            let why = cancelled.reason().expect("cancelled for a reason").clone();
            s.cancel_with(&site.time, site.settings.grace, why);
            if let Ok(ended) = run.lost().run_until_cancelled(&mut child).await {
                return ended;
            }
            // No grace: another worker may have the job.
            s.cancel(Ended::LeaseLost.to_string());
            child.await
        };
        let ended = labelled("a handler", ended).detailed(origin(run)).await;
        if s.has_elapsed() {
            run.has_ended(Ended::DeadlinePassed);
        }
        match ended {
            Ok(ran) => ran,
            Err(JoinError::Panicked(panic)) => {
                Ran::Panicked(panic.message().unwrap_or("a value that is no text").to_owned())
            }
            Err(_) => Ran::Dropped,
        }
    })
    .await
}

/// Returns what says which job it is, and of which trace, for those who look at the tree of the worker.
fn origin(run: &Arc<Run>) -> impl Fn() -> Option<String> + Send + Sync + 'static {
    let run = Arc::downgrade(run);
    move || {
        let run = run.upgrade()?;
        let Leased { envelope: Envelope { id, headers, .. }, attempt, .. } = &run.leased;
        let trace = headers.get("traceparent").and_then(trace_id);
        let trace = trace.map(|id| format!(", trace {id}")).unwrap_or_default();
        Some(format!("job {id}, attempt {attempt}{trace}"))
    }
}

async fn call<J, H, Fut>(run: Arc<Run>, cx: JobContext, handler: Arc<H>) -> Ran
where
    J: Job,
    H: Fn(J, JobContext) -> Fut,
    Fut: Future<Output = Result<J::Output, J::Error>>,
{
    let job = match J::Codec::decode(&run.leased.envelope.payload) {
        Ok(job) => job,
        Err(error) => return Ran::Refused(format!("its payload is not decoded: {error}")),
    };
    let encoded = match handler(job, cx).await {
        Ok(value) => J::Codec::encode(&value).map(Ran::Returned),
        Err(error) => {
            let again = J::retry(&error);
            J::Codec::encode(&error).map(|error| Ran::Failed { error, again })
        }
    };
    encoded.unwrap_or_else(|error| Ran::Refused(format!("its outcome is not encoded: {error}")))
}
