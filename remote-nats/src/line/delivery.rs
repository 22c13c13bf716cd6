//! A message that was delivered, and what is answered to it.

use crate::{connection::Connection, time::nanos};
use anyscope_remote::EngineError;
use async_nats::Message;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

pub(super) struct Delivery {
    pub(super) message: Message,
    /// Where it is acknowledged; different for each delivery.
    pub(super) reply: String,
    /// How often it was delivered, this one included.
    pub(super) delivered: u64,
    /// Its number in the stream.
    pub(super) sequence: u64,
    /// When it was stored, in nanoseconds by the server's clock.
    pub(super) stored_at: u64,
}

impl Delivery {
    pub(super) fn new(message: Message) -> Option<Self> {
        let reply = message.reply.as_ref()?.to_string();
        let tokens: Vec<_> = reply.split('.').collect();
        // $JS.ACK.[domain.account.]stream.consumer.delivered.sequence.number.time.pending[.more]
        let first = match tokens.len() {
            9 => 4,
            11.. => 6,
            _ => return None,
        };
        let number = |nth: usize| tokens.get(first + nth)?.parse::<u64>().ok();
        let (delivered, sequence, stored_at) = (number(0)?, number(1)?, number(3)?);
        Some(Delivery { message, reply, delivered, sequence, stored_at })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        Some(self.message.headers.as_ref()?.get(name)?.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }
}

impl Connection {
    /// Acknowledges in one way or another, and waits until the server has heard it.
    pub(super) async fn answer(
        &self,
        reply: &str,
        what: impl Into<Bytes>,
    ) -> Result<(), EngineError> {
        self.request(reply, async_nats::HeaderMap::new(), what.into()).await.map(drop)
    }

    pub(super) async fn give_up(&self, reply: &str, delay: Duration) -> Result<(), EngineError> {
        let what = match nanos(delay) {
            0 => "-NAK".to_owned(),
            delay => format!("-NAK {}", json!({ "delay": delay })),
        };
        self.answer(reply, what).await
    }
}

pub(super) const ACK: &str = "+ACK";
pub(super) const PROGRESS: &str = "+WPI";
