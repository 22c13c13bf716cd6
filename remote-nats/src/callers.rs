//! Who is there, and what time the server has.

use crate::{
    connection::{Connection, all},
    error::unavailable,
    handle::Core,
    jetstream::StreamConfig,
    names,
    time::nanos,
};
use anyscope_remote::{
    EngineError,
    engine::{CallerId, Gone},
};
use bytes::Bytes;
use serde_json::{Value, json};
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

/// A caller that was there when we looked.
pub(crate) struct Seen {
    looked: Instant,
    /// Until when it is, in nanoseconds since 1970.
    until: u64,
}

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
        self.seen().remove(caller);
        told
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
            let until = self.connection.last(&stream, &subject).await?.and_then(|there| {
                let lease: u64 = std::str::from_utf8(&there.payload).ok()?.parse().ok()?;
                Some(there.time.saturating_add(lease))
            });
            let Some(until) = until.filter(|until| *until > now) else { return Ok(Some(caller)) };
            let mut seen = self.seen();
            seen.retain(|_, seen| seen.looked.elapsed() < GLANCE);
            seen.insert(caller, Seen { looked, until });
            Ok(None)
        };
        let looked = all(callers.into_iter().map(look)).await.into_iter();
        looked.filter_map(Result::transpose).collect()
    }

    /// Whether all of these were seen just now.
    pub(crate) fn are_seen(&self, callers: &[CallerId]) -> bool {
        let Some(now) = self.clock.now() else { return false };
        let all = self.seen();
        let mut seen = callers.iter().map(|caller| all.get(caller));
        seen.all(|seen| seen.is_some_and(|seen| seen.until > now && seen.looked.elapsed() < GLANCE))
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<CallerId, Seen>> {
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

/// What our streams say of themselves; the number changes when an old program would misunderstand a new one.
const DESCRIPTION: &str = "anyscope, format 1";

impl Connection {
    /// Notes how a stream may be asked.
    pub(crate) fn note(&self, stream: &str, config: &StreamConfig) {
        self.set_direct(stream, config.allow_direct && config.num_replicas == 1);
    }

    /// Makes a stream, unless it is there. Then it stays as it is, which is returned.
    pub(crate) async fn ensure_stream(
        &self,
        name: &str,
        mut config: Value,
        replicas: usize,
    ) -> Result<StreamConfig, EngineError> {
        let info = match self.stream(name).await? {
            Some(info) => info,
            None => {
                config["name"] = name.into();
                config["description"] = DESCRIPTION.into();
                config["storage"] = "file".into();
                config["num_replicas"] = replicas.max(1).into();
                config["allow_direct"] = (replicas <= 1).into();
                config["duplicate_window"] = 1_000_000_000_u64.into();
                match self.ask(&format!("STREAM.CREATE.{name}"), &config).await {
                    Ok(info) => info,
                    Err(crate::error::Refused::Api(error)) if error.is_other_settings() => {
                        // Somebody else was first.
                        let info = self.stream(name).await?;
                        info.ok_or_else(|| unavailable("a stream comes and goes"))?
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let config = info.config;
        let found = &*config.description;
        if found == DESCRIPTION {
            self.note(name, &config);
            return Ok(config);
        }
        let why = match found.strip_prefix("anyscope, format ") {
            Some(format) => format!("the stream `{name}` has format {format}, and 1 is known here"),
            None => format!("the stream `{name}` is not one of anyscope: choose another prefix"),
        };
        Err(EngineError::new(anyscope_remote::ErrorKind::Incompatible, why))
    }
}
