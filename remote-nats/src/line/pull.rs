//! Asks a consumer for messages, again and again over one subscription.
//!
//! A server chooses a request for a message, and sends it some moments later. If nobody listens by then, it counts as delivered, and nobody else has it until its lease is over. The
//! client drops what is on its way, too, when it ends a subscription (also one that it drains: it does not wait until the server has heard that). So nobody stops to listen while a request is
//! open: only the server ends one, when it has as many messages as were asked for, or says that there are no more, or that its time is over. That time is short.
//! A server of 2.9 says nothing of a request whose time is over just as a message comes for it; that message is kept for the next one.

use super::delivery::Delivery;
use crate::{
    connection::{Connection, PATIENCE, next},
    error::unavailable,
    time::nanos,
};
use anyscope_remote::EngineError;
use async_nats::Subscriber;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{sync::watch, time::timeout};

/// One who asks, with one request at a time.
pub(super) struct Puller {
    messages: Subscriber,
    lost: watch::Receiver<()>,
    /// Each request is answered to a subject of its own, which this begins.
    inbox: String,
    requests: u64,
    open: Option<Open>,
    /// When the request was made that is open, or was last.
    asked: Instant,
    /// The server has others that wait for all that is there.
    queued: bool,
    /// Since when the server has said nothing of any request.
    unheard: Option<Instant>,
}

/// A request that the server has not ended.
struct Open {
    subject: String,
    /// How many messages may still come.
    left: usize,
    /// For how long the server was asked.
    wait: Duration,
    /// When the server ends it, at the earliest.
    until: Instant,
}

/// What is asked, of whom.
pub(super) struct Request<'a> {
    pub(super) stream: &'a str,
    pub(super) consumer: &'a str,
    pub(super) most: usize,
    /// How long to wait for the first message.
    pub(super) wait: Duration,
}

impl Puller {
    pub(super) async fn new(connection: &Connection) -> Result<Self, EngineError> {
        let (lost, inbox) = (connection.lost(), connection.client.new_inbox());
        let messages = connection.client.subscribe(format!("{inbox}.*")).await;
        let messages = messages.map_err(|error| unavailable(error.to_string()))?;
        let (requests, open, asked, queued, unheard) = (0, None, Instant::now(), false, None);
        Ok(Puller { messages, lost, inbox, requests, open, asked, queued, unheard })
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns when the request was made whose messages are collected.
    pub(super) fn asked(&self) -> Instant {
        self.asked
    }

    /// Returns how long the request that is open may still be.
    pub(super) fn rest(&self) -> Duration {
        let until = self.open.as_ref().map(|open| open.until);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Whether the request that is open gets no more than `most` messages, and was made for no longer than `wait`.
    pub(super) fn fits(&self, most: usize, wait: Duration) -> bool {
        // What was asked before the connection was lost may not be known any more.
        let heard = self.lost.has_changed().is_ok_and(|lost| !lost);
        heard && self.open.as_ref().is_some_and(|open| open.left <= most && open.wait <= wait)
    }

    /// Makes a request. None may be open.
    pub(super) async fn ask(
        &mut self,
        connection: &Connection,
        Request { stream, consumer, most, wait }: Request<'_>,
    ) -> Result<(), EngineError> {
        self.lost.mark_unchanged();
        connection.is_there()?;
        self.requests += 1;
        let subject = format!("{}.{}", self.inbox, self.requests);
        let mut ask = json!({ "batch": most, "expires": nanos(wait) });
        if !self.queued {
            // With a time, this means: as soon as there is one. Refused if others wait for all that is there.
            ask["no_wait"] = true.into();
        }
        self.asked = Instant::now();
        let next = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", connection.api);
        let client = &connection.client;
        let told = client.publish_with_reply(next, subject.clone(), ask.to_string().into()).await;
        told.map_err(|error| unavailable(error.to_string()))?;
        let (left, until) = (most, self.asked + wait);
        self.open = Some(Open { subject, left, wait, until });
        self.unheard.get_or_insert(self.asked);
        Ok(())
    }

    /// Collects what comes of the request that is open: what is there with the first message. Or nothing, if the request ends without, or at `end`; but one
    /// that ends by then is waited for. If it fails, this puller is to be dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, what has come is in `deliveries`.
    pub(super) async fn collect(
        &mut self,
        end: Instant,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), EngineError> {
        while let Some(open) = &mut self.open {
            let silent = open.until + UNSAID;
            let first = if open.until <= end { silent } else { end };
            // The rest of a batch comes with the first of it.
            let patience = match deliveries.is_empty() {
                true => first.saturating_duration_since(Instant::now()),
                false => LINGER,
            };
            let message = tokio::select! {
                biased;
                message = timeout(patience, next(&mut self.messages)) => message,
                _ = self.lost.changed() => return Err(unavailable("the connection is lost")),
            };
            let message = match message {
                Ok(Some(message)) => message,
                Ok(None) => return Err(unavailable("the connection is closed")),
                Err(_) if Instant::now() < silent => return Ok(()),
                Err(_) => {
                    self.open = None;
                    return match self.unheard.is_some_and(|since| since.elapsed() > PATIENCE) {
                        true => Err(unavailable("the server says nothing")),
                        false => Ok(()),
                    };
                }
            };
            self.unheard = None;
            let Some(status) = message.status else {
                if let Some(delivery) = Delivery::new(message) {
                    deliveries.push(delivery);
                    // A server that was very slow may send what an earlier request asked for: its messages do not say of which they are.
                    open.left -= 1;
                    if open.left == 0 {
                        (self.open, self.queued) = (None, false);
                    }
                }
                continue;
            };
            if *message.subject == *open.subject && status.as_u16() != 100 {
                self.open = None;
                self.queued = false;
                match (status.as_u16(), message.description) {
                    (408, Some(why)) if why.contains("Pending") => self.queued = true,
                    (404 | 408, _) => {}
                    (status, why) => {
                        let why = why.unwrap_or_default();
                        return Err(unavailable(format!("no messages: {status} {why}")));
                    }
                }
            }
        }
        Ok(())
    }
}

const LINGER: Duration = Duration::from_millis(1);

/// How much later than its time is over the server may end a request; then it is taken to be over.
const UNSAID: Duration = Duration::from_millis(250);
