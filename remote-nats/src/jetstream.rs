//! What is asked of streams: requests and answers in JSON.

use crate::{
    connection::{Connection, json},
    error::{ApiError, Refused, unreadable},
    time::nanoseconds,
};
use anyscope_remote::{EngineError, ErrorKind};
use async_nats::{HeaderMap, Message};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A message that is stored.
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    headers: Headers,
    pub(crate) payload: Vec<u8>,
    /// When, in nanoseconds by the server's clock.
    pub(crate) time: u64,
}

/// As they came.
enum Headers {
    Lines(String),
    Map(HeaderMap),
}

impl Stored {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        match &self.headers {
            Headers::Lines(lines) => {
                let mut lines = lines.lines().filter_map(|line| line.split_once(':'));
                lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
            }
            Headers::Map(map) => map.get(name).map(|value| value.as_str()),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// Reads an answer that is the message itself, with headers of the server's. None if it says that there is none.
    fn of(answer: Message) -> Result<Option<Self>, EngineError> {
        let headers = match (answer.status.map(|status| status.as_u16()), answer.headers) {
            (None, Some(headers)) => headers,
            (Some(404), _) => return Ok(None),
            (status, _) => return Err(unreadable(format!("a message with status {status:?}"))),
        };
        let header = |name: &str| {
            let value = headers.get_last(name).map(|value| value.as_str().to_owned());
            value.ok_or_else(|| unreadable(format!("a message without `{name}`")))
        };
        let subject = header("Nats-Subject")?;
        let sequence = header("Nats-Sequence")?;
        let sequence = sequence.parse().map_err(|_| unreadable(&sequence))?;
        let time = header("Nats-Time-Stamp")?;
        let time = nanoseconds(&time).ok_or_else(|| unreadable(&time))?;
        let headers = Headers::Map(headers);
        Ok(Some(Stored { subject, sequence, headers, payload: answer.payload.into(), time }))
    }
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Published {
    /// It is stored, with this number.
    Stored(u64),
    /// Another one was first.
    Conflict,
}

#[derive(Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: StreamConfig,
    pub(crate) state: StreamState,
}

#[derive(Deserialize)]
pub(crate) struct StreamConfig {
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) num_replicas: usize,
    #[serde(default)]
    pub(crate) allow_direct: bool,
    pub(crate) republish: Option<Republish>,
}

/// What the server sends on when it has stored it.
#[derive(Deserialize)]
pub(crate) struct Republish {
    #[serde(rename = "dest")]
    pub(crate) to: String,
}

#[derive(Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    /// The number of the last message that was stored.
    pub(crate) last_seq: u64,
}

#[derive(Deserialize)]
pub(crate) struct ConsumerInfo {
    /// When; another one with its name has another time.
    #[serde(default)]
    pub(crate) created: String,
    pub(crate) config: ConsumerConfig,
    pub(crate) delivered: Place,
    /// All up to here is acknowledged.
    pub(crate) ack_floor: Place,
    pub(crate) num_ack_pending: u64,
    pub(crate) num_redelivered: u64,
    pub(crate) num_pending: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConsumerConfig {
    /// In nanoseconds.
    #[serde(default)]
    pub(crate) ack_wait: u64,
    #[serde(default)]
    pub(crate) max_ack_pending: i64,
}

#[derive(Deserialize)]
pub(crate) struct Place {
    pub(crate) stream_seq: u64,
}

impl Connection {
    /// Asks JetStream.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &Value,
    ) -> Result<T, Refused> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.request(&format!("{}.{what}", self.api), HeaderMap::new(), body).await?;
        read(&answer.payload)
    }

    pub(crate) async fn stream(&self, stream: &str) -> Result<Option<StreamInfo>, EngineError> {
        found(self.ask(&format!("STREAM.INFO.{stream}"), &Value::Null).await)
    }

    pub(crate) async fn consumer(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<Option<ConsumerInfo>, EngineError> {
        found(self.ask(&format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null).await)
    }

    /// Creates a consumer, or changes it.
    pub(crate) async fn set_consumer(
        &self,
        stream: &str,
        name: &str,
        subject: &str,
        config: &ConsumerConfig,
    ) -> Result<ConsumerInfo, EngineError> {
        let body = json!({
            "stream_name": stream,
            "config": {
                "durable_name": name,
                "filter_subject": subject,
                "deliver_policy": "all",
                "replay_policy": "instant",
                "ack_policy": "explicit",
                "ack_wait": config.ack_wait,
                "max_ack_pending": config.max_ack_pending,
                "max_deliver": -1,
                "max_waiting": 16_384,
            },
        });
        Ok(self.ask(&format!("CONSUMER.DURABLE.CREATE.{stream}.{name}"), &body).await?)
    }

    pub(crate) async fn delete_consumer(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<(), EngineError> {
        self.ask::<Value>(&format!("CONSUMER.DELETE.{stream}.{name}"), &Value::Null).await?;
        Ok(())
    }

    /// Returns the last message with this subject, which may have wildcards. Asks the leader: what was stored before is seen.
    pub(crate) async fn last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Stored>, EngineError> {
        if self.is_direct(stream) && !subject.contains('*') {
            let wanted = format!("{}.DIRECT.GET.{stream}.{subject}", self.api);
            return match self.request(&wanted, HeaderMap::new(), Bytes::new()).await {
                Ok(answer) => Stored::of(answer),
                Err(error) => {
                    if error.kind() == ErrorKind::Unavailable {
                        // Somebody may have changed the stream, and then nobody answers, until it is looked at again.
                        self.set_direct(stream, false);
                    }
                    Err(error)
                }
            };
        }
        self.message(stream, &json!({ "last_by_subj": subject })).await
    }

    /// Returns the first message with this subject, which may have wildcards, from this number on.
    pub(crate) async fn first(
        &self,
        stream: &str,
        subject: &str,
        from: u64,
    ) -> Result<Option<Stored>, EngineError> {
        self.message(stream, &json!({ "seq": from.max(1), "next_by_subj": subject })).await
    }

    async fn message(&self, stream: &str, which: &Value) -> Result<Option<Stored>, EngineError> {
        #[derive(Deserialize)]
        struct Answer {
            message: Raw,
        }

        #[derive(Deserialize)]
        struct Raw {
            subject: String,
            seq: u64,
            #[serde(default)]
            hdrs: String,
            #[serde(default)]
            data: String,
            time: String,
        }

        let asked = self.ask::<Answer>(&format!("STREAM.MSG.GET.{stream}"), which).await;
        let Some(Answer { message: Raw { subject, seq, hdrs, data, time } }) = found(asked)? else {
            return Ok(None);
        };
        let headers = STANDARD.decode(hdrs).map_err(unreadable)?;
        Ok(Some(Stored {
            subject,
            sequence: seq,
            headers: Headers::Lines(String::from_utf8_lossy(&headers).into_owned()),
            payload: STANDARD.decode(data).map_err(unreadable)?,
            time: nanoseconds(&time).ok_or_else(|| unreadable(time))?,
        }))
    }

    /// Deletes a message, if it is there.
    pub(crate) async fn delete(&self, stream: &str, sequence: u64) -> Result<(), EngineError> {
        let body = json!({ "seq": sequence, "no_erase": true });
        let deleted = self.ask::<Value>(&format!("STREAM.MSG.DELETE.{stream}"), &body).await;
        match deleted {
            Ok(_) => Ok(()),
            Err(Refused::Api(error)) if error.is_deleted() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes all messages with this subject, which may have wildcards, up to this one.
    pub(crate) async fn delete_to(
        &self,
        stream: &str,
        subject: &str,
        last: u64,
    ) -> Result<(), EngineError> {
        let body = json!({ "filter": subject, "seq": last + 1 });
        self.ask::<Value>(&format!("STREAM.PURGE.{stream}"), &body).await?;
        Ok(())
    }

    /// Stores a message, if the last one with its subject has this number: zero if there must be none.
    pub(crate) async fn publish_after(
        &self,
        subject: &str,
        last: u64,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Published, EngineError> {
        headers.insert("Nats-Expected-Last-Subject-Sequence", last.to_string());
        match self.store(subject, headers, payload).await {
            Ok(sequence) => Ok(Published::Stored(sequence)),
            Err(Refused::Api(error)) if error.is_conflict() => Ok(Published::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a message, after whatever is there.
    pub(crate) async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), EngineError> {
        self.store(subject, HeaderMap::new(), payload).await?;
        Ok(())
    }

    async fn store(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<u64, Refused> {
        #[derive(Deserialize)]
        struct Answer {
            seq: Option<u64>,
            error: Option<ApiError>,
        }

        let answer = self.request(subject, headers, payload).await?;
        match json(&answer.payload)? {
            Answer { error: Some(error), .. } => Err(Refused::Api(error)),
            Answer { seq: Some(seq), .. } => Ok(seq),
            Answer { .. } => Err(unreadable("a message without its number").into()),
        }
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    #[derive(Deserialize)]
    struct Failed {
        error: ApiError,
    }

    if let Ok(Failed { error }) = serde_json::from_slice(bytes) {
        return Err(Refused::Api(error));
    }
    Ok(json(bytes)?)
}

fn found<T>(asked: Result<T, Refused>) -> Result<Option<T>, EngineError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(Refused::Api(error)) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
