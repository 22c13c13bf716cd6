//! Streams of ours: made, found, or refused.

use crate::{
    connection::Connection,
    error::{Refused, unavailable},
    jetstream::{StreamConfig, StreamInfo},
};
use anyscope_remote::{EngineError, ErrorKind};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What our streams say of themselves; the number changes when an old program would misunderstand a new one.
const DESCRIPTION: &str = "anyscope, format 1";

/// For so often it is looked for a stream that somebody else may be making: over a fifth of a second.
const LOOKS: u32 = 10;

/// For how long a cluster may have fewer servers than copies are asked for.
const FORMING: Duration = Duration::from_secs(10);

impl Connection {
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
                match self.create(name, &config).await {
                    Ok(info) => info,
                    Err(Refused::Api(error)) if error.is_other_settings() => {
                        // Somebody else was first.
                        let info = self.stream(name).await?;
                        info.ok_or_else(|| unavailable("a stream comes and goes"))?
                    }
                    Err(Refused::Api(error)) if error.is_overlap() => {
                        self.made_by_others(name).await?.ok_or_else(|| EngineError::from(error))?
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
        Err(EngineError::new(ErrorKind::Incompatible, why))
    }

    /// Notes how a stream may be asked.
    pub(crate) fn note(&self, stream: &str, config: &StreamConfig) {
        self.set_direct(stream, config.allow_direct && config.num_replicas == 1);
    }

    /// Makes a stream. A cluster that has just begun knows its servers one after the other, so it has time for that.
    async fn create(&self, name: &str, config: &Value) -> Result<StreamInfo, Refused> {
        let begun = Instant::now();
        loop {
            match self.ask(&format!("STREAM.CREATE.{name}"), config).await {
                Err(Refused::Api(error)) if error.is_too_few() && begun.elapsed() < FORMING => {
                    sleep(Duration::from_millis(100)).await;
                }
                created => return created,
            }
        }
    }

    /// Looks for a stream that somebody else may be making.
    async fn made_by_others(&self, name: &str) -> Result<Option<StreamInfo>, EngineError> {
        for _ in 0..LOOKS {
            if let Some(info) = self.stream(name).await? {
                return Ok(Some(info));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(None)
    }
}
