//! What one would write without a library: a caller and a worker over the same client.

use async_nats::{Client, HeaderMap, Message, Subject};
use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::timeout,
};

/// How a job ends.
pub(crate) trait Protocol: Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether what is stored is confirmed, and the outcome is stored, the first one for good.
    const CONFIRMED: bool;
}

/// As anyscope has it: the job is confirmed, its outcome is stored if it has none, and the acknowledgement is confirmed.
pub(crate) struct Confirmed;

impl Protocol for Confirmed {
    const NAME: &'static str = "confirmed";
    const CONFIRMED: bool = true;
}

/// The least that does something: nobody knows what is stored, and of a crash nobody hears.
pub(crate) struct Unconfirmed;

impl Protocol for Unconfirmed {
    const NAME: &'static str = "unconfirmed";
    const CONFIRMED: bool = false;
}

/// A queue with its worker, which runs as long as the runtime.
pub(crate) struct Line<P> {
    client: Client,
    waiting: Waiting,
    next: AtomicUsize,
    protocol: PhantomData<P>,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

impl<P: Protocol> Line<P> {
    pub(crate) async fn open(server: &str) -> Arc<Self> {
        let client = async_nats::connect(server).await.unwrap();
        let name = P::NAME;
        for (kind, retention) in [("job", "workqueue"), ("end", "limits")] {
            let config = json!({
                "name": format!("{name}-{kind}"),
                "subjects": [format!("{name}.{kind}.*")],
                "retention": retention,
                "storage": "file",
            });
            ask(&client, &format!("STREAM.CREATE.{name}-{kind}"), &config).await;
        }
        let consumer = json!({
            "stream_name": format!("{name}-job"),
            "config": { "durable_name": "workers", "ack_policy": "explicit", "max_ack_pending": -1 },
        });
        ask(&client, &format!("CONSUMER.DURABLE.CREATE.{name}-job.workers"), &consumer).await;
        let waiting = Waiting::default();
        let line = Line { client, waiting, next: AtomicUsize::new(0), protocol: PhantomData };
        let line = Arc::new(line);
        let won = line.client.subscribe(format!("{name}.won.*")).await.unwrap();
        tokio::spawn(hear(won, line.waiting.clone()));
        tokio::spawn(work::<P>(async_nats::connect(server).await.unwrap()));
        line
    }

    /// Calls a second.
    pub(crate) async fn rate(self: &Arc<Self>, at_once: usize) -> f64 {
        self.call().await;
        let (number, places) = (super::jobs(at_once), Arc::new(Semaphore::new(at_once)));
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        for _ in 0..number {
            let (place, line) = (places.clone().acquire_owned().await.unwrap(), self.clone());
            calls.spawn(async move {
                line.call().await;
                drop(place);
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
        number as f64 / begun.elapsed().as_secs_f64()
    }

    async fn call(&self) {
        let id = format!("{}", self.next.fetch_add(1, Relaxed));
        let (sender, done) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id.clone(), sender);
        let subject = format!("{}.job.{id}", P::NAME);
        match P::CONFIRMED {
            true => store(&self.client, subject).await,
            false => self.client.publish(subject, Bytes::from_static(b"{}")).await.unwrap(),
        }
        done.await.unwrap();
    }
}

async fn hear(mut won: async_nats::Subscriber, waiting: Waiting) {
    while let Some(message) = next(&mut won).await {
        let id = id_of(&message.subject);
        if let Some(sender) = waiting.lock().unwrap().remove(id) {
            let _ = sender.send(());
        }
    }
}

async fn work<P: Protocol>(client: Client) {
    let places = Arc::new(Semaphore::new(super::HERE));
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}-job.workers", P::NAME);
    loop {
        drop(places.acquire().await.unwrap());
        let inbox = client.new_inbox();
        let mut messages = client.subscribe(inbox.clone()).await.unwrap();
        let free = places.available_permits().max(1);
        let ask = json!({ "batch": free, "expires": 1_000_000_000_u64 }).to_string();
        client.publish_with_reply(subject.clone(), inbox, ask.into()).await.unwrap();
        for _ in 0..free {
            // A server of 2.9 says nothing of a request whose time is over just as a message comes.
            let Ok(message) = timeout(Duration::from_secs(2), next(&mut messages)).await else {
                break;
            };
            let Some(message) = message else { return };
            if message.status.is_some() {
                break;
            }
            let (place, client) = (places.clone().acquire_owned().await.unwrap(), client.clone());
            tokio::spawn(async move {
                end::<P>(&client, message).await;
                drop(place);
            });
        }
    }
}

async fn end<P: Protocol>(client: &Client, job: Message) {
    let (name, id, ack) = (P::NAME, id_of(&job.subject), job.reply.clone().unwrap());
    if P::CONFIRMED {
        store(client, format!("{name}.end.{id}")).await;
    }
    client.publish(format!("{name}.won.{id}"), Bytes::from_static(b"{}")).await.unwrap();
    match P::CONFIRMED {
        true => drop(client.request(ack, Bytes::from_static(b"+ACK")).await.unwrap()),
        false => client.publish(ack, Bytes::from_static(b"+ACK")).await.unwrap(),
    }
}

/// Stores the first message of a subject, and waits until the server says so.
async fn store(client: &Client, subject: String) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
    let stored =
        client.request_with_headers(subject, headers, Bytes::from_static(b"{}")).await.unwrap();
    let answer: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
}

async fn ask(client: &Client, what: &str, body: &Value) {
    let answer = client.request(format!("$JS.API.{what}"), body.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
}

async fn next(messages: &mut async_nats::Subscriber) -> Option<Message> {
    poll_fn(|cx| Pin::new(&mut *messages).poll_next(cx)).await
}

fn id_of(subject: &Subject) -> &str {
    subject.rsplit('.').next().unwrap()
}
