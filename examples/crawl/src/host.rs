//! What is between a page and its server.
//!
//! From the outside in: room among the pages under way, tries, a place, the breaker, the measure, the time limit of one request.
//!
//! - Places are given in the order of asking. So only so many pages are under way that the next try of one does not wait behind all
//!   the rest of the site; the others wait outside, and a host that is down fills its own room and no other's.
//! - Whoever waits for the next try has no place.
//! - The places of a host are those of its adaptive limit. Nobody else needs them, so whoever has one may wait until the breaker
//!   lets requests through again: it does so at the moment of the request.
//! - What is measured is the request alone: neither the wait for a place, which would make the host look slow, nor that for
//!   the breaker.

use crate::{
    args::Rule,
    counts::Counts,
    http::{self, Fault},
    server::Page,
};
use anyscope::{
    AdaptiveLimit, CancelToken, Elapsed, Executor, Semaphore,
    limit::adaptive::{Algorithm, Outcome},
    resilience::{Attempts, CircuitBreaker, breaker::BreakerState, retry},
    timeout,
};
use backon::ExponentialBuilder;
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

type Adaptive = AdaptiveLimit<Box<dyn Algorithm + Send + Sync>>;

/// A host, as the crawler sees it.
pub(crate) struct Host {
    /// Pages under way, those among them that wait for a place or for their next try.
    room: Semaphore,
    adaptive: Adaptive,
    places: Semaphore,
    breaker: CircuitBreaker,
    opened: Arc<AtomicUsize>,
}

/// What is the same for all requests.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) time_limit: Duration,
    pub(crate) retries: usize,
}

impl Host {
    pub(crate) fn new(rule: Rule, room: NonZeroUsize) -> Self {
        let adaptive = AdaptiveLimit::new(rule.algorithm());
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let breaker = CircuitBreaker::builder()
            .failure_rate(50)
            // Shorter than what it takes to fail with all of the site, and more calls than a few broken pages make.
            .window_time(Duration::from_millis(400))
            .minimum_calls(20)
            .open_for(Duration::from_millis(250))
            .on_change(move |transition| {
                if transition.to == BreakerState::Open {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build()
            .expect("these settings make sense");
        let (room, places) = (Semaphore::new(room), Semaphore::new(&adaptive));
        Host { room, adaptive, places, breaker, opened }
    }

    /// How many requests it gets at a time, now.
    pub(crate) fn limit(&self) -> usize {
        self.adaptive.get().get()
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// How often the breaker has opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Fetches a page, with as many tries as it takes. Makes no request any more once `stop` is cancelled.
    pub(crate) async fn fetch<E: Executor>(
        &self,
        exec: &E,
        page: Page,
        patience: &Patience,
        stop: &CancelToken,
        counts: &Counts,
    ) -> Result<String, Attempts<Fault>> {
        // Asked to end while it waits, no request is made below.
        let _room = stop.run_until_cancelled(self.room.acquire()).await;
        let policy = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .without_max_times()
            .with_jitter();
        retry(exec, policy, || self.try_once(exec, page, patience.time_limit, stop, counts))
            .times(patience.retries)
            .when(|fault, _| fault.is_passing())
            .await
    }

    async fn try_once<E: Executor>(
        &self,
        exec: &E,
        page: Page,
        time_limit: Duration,
        stop: &CancelToken,
        counts: &Counts,
    ) -> Result<String, Fault> {
        let turn = async {
            let place = self.places.acquire().await.expect("it is never closed");
            (place, self.breaker.enter(exec).await)
        };
        let turn = stop.run_until_cancelled(turn).await;
        let (_place, admission) = turn.map_err(|_| Fault::Interrupted)?;
        let request = timeout(exec, time_limit, http::get(page));
        let answer = self.adaptive.call_with(exec, request, outcome).await;
        let answer = answer.unwrap_or(Err(Fault::TimedOut));
        admission.end(answer.as_ref().is_err_and(Fault::is_of_the_host));
        counts.add(answer.as_ref().err().copied());
        answer
    }
}

/// What a limit learns from a request.
fn outcome(answer: &Result<Result<String, Fault>, Elapsed>) -> Outcome {
    match answer {
        Ok(Ok(_)) => Outcome::Success,
        Ok(Err(Fault::Overload)) | Err(_) => Outcome::Dropped,
        // It says nothing of how much is too much.
        Ok(Err(_)) => Outcome::Ignored,
    }
}
