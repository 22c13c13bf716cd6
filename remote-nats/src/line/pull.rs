//! One request for messages.

use crate::{
    connection::{Connection, PATIENCE},
    error::unavailable,
    time::nanos,
};
use anyscope_remote::EngineError;
use async_nats::{Message, Subscriber};
use bytes::Bytes;
use serde_json::json;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    time::Duration,
};
use tokio::time::timeout;

/// What came of a request.
pub(super) struct Pulled {
    pub(super) deliveries: Vec<Delivery>,
    /// Nobody waits for more.
    pub(super) stopped: bool,
}

/// A message that was delivered.
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
    fn new(message: Message) -> Option<Self> {
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
    /// Asks for up to `most` messages, and waits for the first so long; until `stop` ends.
    pub(super) async fn pull(
        &self,
        stream: &str,
        consumer: &str,
        most: usize,
        wait: Duration,
        stop: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<Pulled, EngineError> {
        let (inbox, mut lost_connection) = (self.client.new_inbox(), self.lost());
        let lost = |error: &dyn std::fmt::Display| unavailable(error.to_string());
        let mut messages =
            self.client.subscribe(inbox.clone()).await.map_err(|error| lost(&error))?;
        let ask = json!({
            "batch": most,
            // With a time, this means: as soon as there is one.
            "no_wait": true,
            "expires": nanos(wait),
        });
        let subject = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", self.api);
        self.client
            .publish_with_reply(subject, inbox, ask.to_string().into())
            .await
            .map_err(|error| lost(&error))?;
        let mut deliveries = Vec::new();
        let collect = self.collect(&mut messages, most, wait, &mut deliveries);
        let (ended, stopped) = tokio::select! {
            ended = collect => (ended, false),
            () = stop => (Ok(()), true),
            _ = lost_connection.changed() => (Err(unavailable("the connection is lost")), false),
        };
        if let (Err(error), true) = (&ended, deliveries.is_empty()) {
            return Err(unavailable(error.to_string()));
        }
        if deliveries.len() < most {
            self.rest(messages, &mut deliveries).await;
        }
        Ok(Pulled { deliveries, stopped })
    }

    async fn collect(
        &self,
        messages: &mut Subscriber,
        most: usize,
        wait: Duration,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), EngineError> {
        while deliveries.len() < most {
            // The rest of a batch is there with the first of it.
            let patience = if deliveries.is_empty() { wait + LATE } else { LINGER };
            let Ok(message) = timeout(patience, next(messages)).await else {
                return match deliveries.is_empty() {
                    true => Err(unavailable("the server says nothing")),
                    false => Ok(()),
                };
            };
            let message = message.ok_or_else(|| unavailable("the connection is closed"))?;
            match message.status.map(|status| status.as_u16()) {
                None => deliveries.extend(Delivery::new(message)),
                Some(100) => {}
                Some(404 | 408) => return Ok(()),
                Some(status) => {
                    let why = message.description.unwrap_or_default();
                    return Err(unavailable(format!("no messages: {status} {why}")));
                }
            }
        }
        Ok(())
    }

    /// Asks for no more, and takes what is on its way: what were not taken would be nobody's until its lease is over.
    async fn rest(&self, mut messages: Subscriber, deliveries: &mut Vec<Delivery>) {
        // It ends when the server has heard it. An `unsubscribe` would end at once, and drop what comes before that.
        if messages.drain().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = timeout(PATIENCE, next(&mut messages)).await {
            if message.status.is_none() {
                deliveries.extend(Delivery::new(message));
            }
        }
    }

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

const LINGER: Duration = Duration::from_millis(1);

/// How much later than asked for the server may say that there is nothing.
const LATE: Duration = Duration::from_secs(1);

async fn next(messages: &mut Subscriber) -> Option<Message> {
    poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut *messages), cx)).await
}
