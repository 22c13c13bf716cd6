//! Who is there, and what time the server has.

use crate::{error::unavailable, handle::Core, names, time::nanos};
use anyscope_core::join;
use anyscope_remote::{
    EngineError,
    engine::{CallerId, Gone},
};
use bytes::Bytes;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The server's clock, as we last heard of it.
#[derive(Default)]
pub(crate) struct Clock {
    heard: Mutex<Option<Heard>>,
    /// The stream of callers is there.
    ready: AtomicBool,
}

impl Clock {
    fn now(&self) -> Option<u64> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.filter(|heard| heard.at.elapsed() < FRESH).map(|heard| heard.now())
    }
}

#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    /// Nanoseconds since 1970.
    time: u64,
}

impl Heard {
    fn now(&self) -> u64 {
        self.time.saturating_add(nanos(self.at.elapsed()))
    }
}

/// Callers that were looked for.
#[derive(Default)]
pub(crate) struct AllSeen {
    seen: HashMap<CallerId, Seen>,
    /// When those were dropped that nobody looks for any more.
    tidied: Option<Instant>,
}

/// What is known of a caller.
struct Seen {
    looked: Instant,
    /// Until when it is there, in nanoseconds since 1970.
    until: u64,
    /// How long it is there each time that it says so.
    lease: Duration,
    /// Since when the server does not know it, although it was there.
    missing: Option<Instant>,
}

impl Seen {
    fn new(looked: Instant) -> Self {
        Seen { looked, until: 0, lease: AGAIN, missing: None }
    }
}

/// What a caller has said.
struct Said {
    until: u64,
    lease: Duration,
}

impl AllSeen {
    fn of(&mut self, caller: &CallerId, looked: Instant) -> &mut Seen {
        if self.tidied.is_none_or(|at| at.elapsed() > TIDY) {
            self.seen.retain(|_, seen| seen.looked.elapsed() < KEPT);
            self.tidied = Some(looked);
        }
        self.seen.entry(caller.clone()).or_insert_with(|| Seen::new(looked))
    }
}

/// How often callers are dropped that nobody has looked for, and for how long.
const TIDY: Duration = Duration::from_secs(10);
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Within this time a caller that is there says so again when it can: it has most of it for being connected again.
const AGAIN: Duration = Duration::from_secs(30);

/// How long we rely on what we saw of a caller: one that has said that it goes may be believed to be there for so long.
const GLANCE: Duration = Duration::from_millis(50);

/// How long we rely on our own clock to run as fast as the server's.
const FRESH: Duration = Duration::from_secs(30);

impl Core {
    pub(crate) async fn attend(
        &self,
        caller: &CallerId,
        lease: Duration,
    ) -> Result<(), EngineError> {
        self.ensure_callers().await?;
        let lease = nanos(lease);
        let subject = names::caller(&self.settings.prefix, caller);
        let told = self.publish_to_callers(&subject, lease.to_string().into()).await;
        if let Some(seen) = self.seen().seen.get_mut(caller) {
            // So it is looked for again.
            seen.until = 0;
        }
        told
    }

    /// Looks for callers of jobs, so that it is known when somebody asks. They were there when the jobs were put: if the server does not know them any more, it has lost them.
    pub(crate) async fn look_for(&self, callers: Vec<CallerId>) {
        self.expect(&callers);
        let _ = self.gone(callers).await;
    }

    pub(crate) async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        self.ensure_callers().await?;
        let (now, stream) = (self.now().await?, self.callers());
        let look = async |caller: CallerId| {
            if self.are_seen(std::slice::from_ref(&caller)) {
                return Ok(None);
            }
            let subject = names::caller(&self.settings.prefix, &caller);
            let looked = Instant::now();
            let said = self.connection.last(&stream, &subject).await?.and_then(|said| {
                let lease: u64 = std::str::from_utf8(&said.payload).ok()?.parse().ok()?;
                let until = said.time.saturating_add(lease);
                Some(Said { until, lease: Duration::from_nanos(lease) })
            });
            Ok(self.is_gone(&caller, said, looked, now).then_some(caller))
        };
        let looked = join(callers.into_iter().map(look).collect::<Vec<_>>()).await;
        if looked.iter().any(Result::is_err) {
            self.connection.has_failed();
        }
        looked.into_iter().filter_map(Result::transpose).collect()
    }

    fn expect(&self, callers: &[CallerId]) {
        let (now, mut all) = (Instant::now(), self.seen());
        for caller in callers {
            all.of(caller, now);
        }
    }

    /// Judges what was found. One that could not say that it is there, or whose word the server has lost, has time to say it again.
    fn is_gone(&self, caller: &CallerId, said: Option<Said>, looked: Instant, now: u64) -> bool {
        let well_for = looked.saturating_duration_since(self.connection.well_since());
        let mut all = self.seen();
        match said {
            Some(Said { until, lease }) => {
                *all.of(caller, looked) = Seen { looked, until, lease, missing: None };
                // With no lease it has said that it goes.
                until <= now && (lease.is_zero() || well_for >= lease.min(AGAIN))
            }
            None => {
                let Some(known) = all.seen.get_mut(caller) else { return true };
                let missing = *known.missing.get_or_insert(looked);
                (known.looked, known.until) = (looked, 0);
                let missing_for = looked.saturating_duration_since(missing);
                missing_for >= known.lease && well_for >= known.lease.min(AGAIN)
            }
        }
    }

    /// Whether all of these were seen just now.
    pub(crate) fn are_seen(&self, callers: &[CallerId]) -> bool {
        let Some(now) = self.clock.now() else { return false };
        let all = self.seen();
        let mut seen = callers.iter().map(|caller| all.seen.get(caller));
        seen.all(|seen| seen.is_some_and(|seen| seen.until > now && seen.looked.elapsed() < GLANCE))
    }

    fn seen(&self) -> MutexGuard<'_, AllSeen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time the server has, in nanoseconds since 1970: clocks of machines differ, so all that is compared is its.
    pub(crate) async fn now(&self) -> Result<u64, EngineError> {
        match self.clock.now() {
            Some(now) => Ok(now),
            None => Ok(self.hear().await?.now()),
        }
    }

    /// Stores something, and looks when that was.
    async fn hear(&self) -> Result<Heard, EngineError> {
        self.ensure_callers().await?;
        let subject = format!("{}.callers.clock-{}", self.settings.prefix, self.client);
        // Before: then its time is never taken to be earlier than it is.
        let at = Instant::now();
        self.publish_to_callers(&subject, Bytes::new()).await?;
        let stored = self.connection.last(&self.callers(), &subject).await?;
        let time = stored.ok_or_else(|| unavailable("the stream of callers was cleared"))?.time;
        let heard = Heard { at, time };
        *self.clock.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
        Ok(heard)
    }

    async fn publish_to_callers(&self, subject: &str, payload: Bytes) -> Result<(), EngineError> {
        let published = self.connection.publish(subject, payload).await;
        if published.is_err() {
            self.clock.ready.store(false, Ordering::Relaxed);
        }
        published
    }

    fn callers(&self) -> String {
        format!("{}-callers", self.settings.prefix)
    }

    async fn ensure_callers(&self) -> Result<(), EngineError> {
        if self.clock.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let week = 7 * 24 * 60 * 60 * 1_000_000_000_u64;
        let config = json!({
            "subjects": [format!("{}.callers.*", self.settings.prefix)],
            "retention": "limits",
            "discard": "old",
            "max_msgs_per_subject": 1,
            "max_age": week,
        });
        self.connection.ensure_stream(&self.callers(), config, self.settings.replicas).await?;
        self.clock.ready.store(true, Ordering::Relaxed);
        Ok(())
    }
}
