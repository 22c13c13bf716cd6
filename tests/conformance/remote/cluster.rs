//! Workers that count what they run.

use crate::jobs::{Number, Trouble};
use anyscope::Executor;
use anyscope_remote::{EngineError, JobContext, Served, Workers, engine::Engine};
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The queue of all tests.
pub(crate) const QUEUE: &str = "numbers";

/// Which jobs were begun, how often.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    begun: BTreeMap<u32, u32>,
    wakers: Vec<Waker>,
    /// What handlers have found wrong.
    wrong: Vec<String>,
}

impl Drop for State {
    fn drop(&mut self) {
        assert!(self.wrong.is_empty() || std::thread::panicking(), "{:?}", self.wrong);
    }
}

impl Runs {
    pub(crate) fn of(&self, number: u32) -> u32 {
        self.0.lock().unwrap().begun.get(&number).copied().unwrap_or(0)
    }

    pub(crate) fn begin(&self, number: u32) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            *state.begun.entry(number).or_default() += 1;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Fails the test if this does not hold. A panic in a handler would only fail an attempt.
    pub(crate) fn check(&self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.0.lock().unwrap().wrong.push(what.into());
        }
    }

    /// Waits until a job was begun so often.
    pub(crate) async fn begun(&self, number: u32, times: u32) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.begun.get(&number).is_some_and(|begun| *begun >= times) {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Leases of a second, and attempts without delay.
pub(crate) fn workers(engine: &impl Engine) -> Workers {
    Workers::new(engine, QUEUE).lease(SECOND).attempts(3, [Duration::ZERO; 9])
}

/// Serves with a handler that is told of in `runs`.
pub(crate) fn serve<E, H, Fut>(
    workers: Workers,
    ex: &E,
    runs: &Runs,
    handler: H,
) -> impl Future<Output = Result<Served, EngineError>> + Send + use<E, H, Fut>
where
    E: Executor,
    H: Fn(u32, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<u32, Trouble>> + Send + 'static,
{
    let runs = runs.clone();
    workers.serve(ex, ex, move |Number(number), cx| {
        runs.begin(number);
        handler(number, cx)
    })
}
