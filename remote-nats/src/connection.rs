//! Requests to the server, and the runtime that the client needs.

use crate::error::{unavailable, unreadable};
use anyscope_remote::{EngineError, ErrorKind};
use async_nats::{
    Client, ConnectOptions, Event, HeaderMap, Message, Request, RequestErrorKind, ServerError,
    Subscriber, connection::State,
};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    collections::HashSet,
    future::{Future, pending, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Handle},
    sync::{
        broadcast::{self, error::RecvError},
        oneshot, watch,
    },
    task::{AbortHandle, JoinHandle},
    time::{sleep, timeout},
};

/// How often a request is made again to which nobody listens: over a quarter of a second.
const UNANSWERED: u64 = 9;

/// How long the server has for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Connection {
    pub(crate) client: Client,
    /// What requests to JetStream begin with.
    pub(crate) api: String,
    refusals: Arc<Refusals>,
    /// Streams that one server has, and that give their messages without a detour through JetStream.
    direct: RwLock<HashSet<String>>,
}

impl Connection {
    pub(crate) fn new(client: Client, api: String, refusals: Arc<Refusals>) -> Self {
        refusals.note_trouble();
        Connection { client, api, refusals, direct: RwLock::default() }
    }

    /// How many bytes a message may have.
    pub(crate) fn most(&self) -> usize {
        self.client.max_payload()
    }

    pub(crate) async fn request(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, EngineError> {
        self.is_there()?;
        let mut unanswered = 0;
        let error = loop {
            let mut request = Request::new().payload(payload.clone()).timeout(Some(PATIENCE));
            if !headers.is_empty() {
                request = request.headers(headers.clone());
            }
            let refused = self.refusals.of(subject);
            let answer = tokio::select! {
                biased;
                answer = self.client.send_request(subject.to_owned(), request) => answer,
                () = refused => {
                    return Err(denied(&format!("this user may not publish to `{subject}`")));
                }
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A stream that somebody else has made just now may be known before it listens.
            if error.kind() != RequestErrorKind::NoResponders || unanswered == UNANSWERED {
                break error;
            }
            unanswered += 1;
            sleep(Duration::from_millis(5 * unanswered)).await;
        };
        Err(match error.kind() {
            RequestErrorKind::TimedOut => unavailable("no answer in time"),
            RequestErrorKind::NoResponders => {
                unavailable(format!("nobody answers to `{subject}`: its stream has no leader now"))
            }
            RequestErrorKind::MaxPayloadExceeded => {
                EngineError::new(ErrorKind::Other, "the message is larger than the server takes")
            }
            _ => unavailable(error.to_string()),
        })
    }

    /// Whether messages of this stream may be asked for directly. Of one with copies that could be one that does not have the last ones yet.
    pub(crate) fn is_direct(&self, stream: &str) -> bool {
        self.direct.read().unwrap_or_else(PoisonError::into_inner).contains(stream)
    }

    pub(crate) fn set_direct(&self, stream: &str, direct: bool) {
        if self.is_direct(stream) != direct {
            let mut all = self.direct.write().unwrap_or_else(PoisonError::into_inner);
            match direct {
                true => all.insert(stream.to_owned()),
                false => all.remove(stream),
            };
        }
    }

    /// Refuses what would be done when nobody waits for it any more: what is sent while the connection is made again.
    pub(crate) fn is_there(&self) -> Result<(), EngineError> {
        if self.client.connection_state() == State::Connected {
            return Ok(());
        }
        Err(match self.refusals.authorization.load(Ordering::Relaxed) {
            true => denied("the server does not take its credentials any more"),
            false => unavailable("the connection is lost, and made again"),
        })
    }

    /// Changes when the connection is lost: then what was asked is not answered any more.
    pub(crate) fn lost(&self) -> watch::Receiver<()> {
        self.refusals.lost.subscribe()
    }

    /// Returns since when there was neither a new connection nor an answer that did not come, as far as it was noted: what others should have said since then, the server has
    /// heard.
    pub(crate) fn well_since(&self) -> Instant {
        let trouble = *self.refusals.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.unwrap_or_else(Instant::now)
    }

    /// Notes that an answer did not come.
    pub(crate) fn has_failed(&self) {
        self.refusals.note_trouble();
    }

    /// Returns when the server knows what was sent before, and all that it had sent is here.
    pub(crate) async fn round_trip(&self) -> Result<(), EngineError> {
        timeout(
            PATIENCE,
            self.request(&format!("{}.INFO", self.api), HeaderMap::new(), Bytes::new()),
        )
        .await
        .map_err(|_| unavailable("no answer in time"))?
        .map(drop)
    }
}

fn denied(why: &str) -> EngineError {
    EngineError::new(ErrorKind::Denied, why)
}

/// What the server has refused, which it says apart from the request; and what has become of the connection.
pub(crate) struct Refusals {
    authorization: AtomicBool,
    lost: watch::Sender<()>,
    /// What the server says, in small letters.
    said: broadcast::Sender<Arc<str>>,
    /// When the connection was made, or an answer did not come.
    trouble: Mutex<Option<Instant>>,
}

impl Default for Refusals {
    fn default() -> Self {
        Refusals {
            authorization: AtomicBool::default(),
            lost: watch::Sender::default(),
            said: broadcast::Sender::new(64),
            trouble: Mutex::default(),
        }
    }
}

impl Refusals {
    /// Tells these of what happens to the client.
    pub(crate) fn listen(self: &Arc<Self>, options: ConnectOptions) -> ConnectOptions {
        let refusals = self.clone();
        options.event_callback(move |event| {
            refusals.hear(event);
            async {}
        })
    }

    fn hear(&self, event: Event) {
        match event {
            Event::Connected => {
                self.authorization.store(false, Ordering::Relaxed);
                self.note_trouble();
            }
            Event::Disconnected => self.lost.send_replace(()),
            Event::ServerError(ServerError::AuthorizationViolation) => {
                self.authorization.store(true, Ordering::Relaxed);
            }
            Event::ServerError(ServerError::Other(why)) => {
                let _ = self.said.send(why.to_lowercase().into());
            }
            _ => {}
        }
    }

    fn note_trouble(&self) {
        let now = Some(Instant::now());
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Waits until the server says, from now on, that the user may not publish to this subject.
    fn of<'a>(&self, subject: &'a str) -> impl Future<Output = ()> + use<'a> {
        let mut said = self.said.subscribe();
        async move {
            loop {
                match said.recv().await {
                    Ok(why) => {
                        let quoted = format!("\"{}\"", subject.to_lowercase());
                        if why.contains("permissions violation") && why.contains(&quoted) {
                            return;
                        }
                    }
                    // Of many others.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => pending().await,
                }
            }
        }
    }
}

/// Where the client lives: a thread of its own, or a runtime of the user's.
pub(crate) struct Home {
    pub(crate) handle: Handle,
    /// Ends the thread when it is dropped.
    _thread: Option<oneshot::Sender<()>>,
}

impl Home {
    pub(crate) fn new(handle: Option<Handle>) -> io::Result<Self> {
        if let Some(handle) = handle {
            return Ok(Home { handle, _thread: None });
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (ends, end) = oneshot::channel();
        thread::Builder::new().name("anyscope-nats".to_owned()).spawn(move || {
            let _ = runtime.block_on(end);
        })?;
        Ok(Home { handle, _thread: Some(ends) })
    }

    /// Does it there, and stops if this future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let task = self.handle.spawn(work);
        let _stop = Stop(task.abort_handle());
        joined(task).await
    }

    /// Does it there, to its end.
    pub(crate) async fn run_to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        joined(self.handle.spawn(work)).await
    }
}

async fn joined<T>(task: JoinHandle<Result<T, EngineError>>) -> Result<T, EngineError> {
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(unavailable("the runtime of the client has ended")),
    }
}

/// Stops a task when it is dropped.
pub(crate) struct Stop(pub(crate) AbortHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the next message. None when there will be no more.
pub(crate) async fn next(messages: &mut Subscriber) -> Option<Message> {
    poll_fn(|cx| Stream::poll_next(Pin::new(&mut *messages), cx)).await
}

/// Reads JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, EngineError> {
    serde_json::from_slice(bytes).map_err(unreadable)
}
