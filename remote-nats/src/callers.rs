//! Who is there, and what time the server has.

use crate::{connection::Connection, error::unavailable, handle::Core, names, time::nanos};
use anyscope_remote::{
    EngineError,
    engine::{CallerId, Gone},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{
    sync::{
        Mutex, PoisonError,
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

#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    /// Nanoseconds since 1970.
    time: u64,
}

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
        self.publish_to_callers(&subject, lease.to_string().into()).await
    }

    pub(crate) async fn gone(&self, callers: Vec<CallerId>) -> Result<Gone, EngineError> {
        self.ensure_callers().await?;
        let now = self.now().await?;
        let stream = self.callers();
        let mut gone = Vec::new();
        for caller in callers {
            let subject = names::caller(&self.settings.prefix, &caller);
            let until = self.connection.last(&stream, &subject).await?.and_then(|there| {
                let lease: u64 = std::str::from_utf8(&there.payload).ok()?.parse().ok()?;
                Some(there.time.saturating_add(lease))
            });
            if until.is_none_or(|until| until <= now) {
                gone.push(caller);
            }
        }
        Ok(gone)
    }

    /// What time the server has, in nanoseconds since 1970: clocks of machines differ, so all that is compared is its.
    pub(crate) async fn now(&self) -> Result<u64, EngineError> {
        let heard = *self.clock.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = match heard {
            Some(heard) if heard.at.elapsed() < FRESH => heard,
            _ => self.hear().await?,
        };
        let since = nanos(heard.at.elapsed());
        Ok(heard.time.saturating_add(since))
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
    /// Makes a stream, unless it is there. Then it stays as it is.
    pub(crate) async fn ensure_stream(
        &self,
        name: &str,
        mut config: Value,
        replicas: usize,
    ) -> Result<(), EngineError> {
        let info = match self.stream(name).await? {
            Some(info) => info,
            None => {
                config["name"] = name.into();
                config["description"] = DESCRIPTION.into();
                config["storage"] = "file".into();
                config["num_replicas"] = replicas.max(1).into();
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
        let found = info.config.description;
        if found == DESCRIPTION {
            return Ok(());
        }
        let why = match found.strip_prefix("anyscope, format ") {
            Some(format) => format!("the stream `{name}` has format {format}, and 1 is known here"),
            None => format!("the stream `{name}` is not one of anyscope: choose another prefix"),
        };
        Err(EngineError::new(anyscope_remote::ErrorKind::Incompatible, why))
    }
}
