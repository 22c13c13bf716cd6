//! Watching what happens to futures: in which order, how often polled, whether dropped.

use super::signal::yield_now;
use std::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

/// Events in the order in which they happened, from any thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    pub fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The same, with the first `count` sorted: they happened side by side, in any order.
    pub fn events_after_any(&self, count: usize) -> Vec<String> {
        let mut events = self.events();
        let count = count.min(events.len());
        events[..count].sort();
        events
    }

    /// Something that adds `event` when it is dropped.
    pub fn on_drop(&self, event: &str) -> impl Send + Sync + 'static + use<> {
        let (log, event) = (self.clone(), String::from(event));
        on_drop(move || log.add(event))
    }
}

/// Something that calls `f` when it is dropped.
pub fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

/// See [`on_drop`].
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Counts what happens to the futures it wraps.
#[derive(Clone, Default)]
pub struct Tracer(Arc<Counts>);

#[derive(Default)]
struct Counts {
    polls: AtomicUsize,
    drops: AtomicUsize,
    alive: AtomicUsize,
}

impl Tracer {
    pub fn new() -> Self {
        Self::default()
    }

    /// How often the futures were polled.
    pub fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }

    /// How many of them were dropped.
    pub fn drops(&self) -> usize {
        self.0.drops.load(SeqCst)
    }

    /// How many of them are there.
    pub fn alive(&self) -> usize {
        self.0.alive.load(SeqCst)
    }

    /// The same future, traced. It must not be polled after it was ready.
    pub fn trace<F: Future>(&self, future: F) -> Traced<F> {
        self.0.alive.fetch_add(1, SeqCst);
        Traced { future: Box::pin(future), counts: self.0.clone(), ready: false }
    }
}

pub struct Traced<F> {
    future: Pin<Box<F>>,
    counts: Arc<Counts>,
    ready: bool,
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert!(!self.ready, "polled after it was ready");
        self.counts.polls.fetch_add(1, SeqCst);
        let poll = self.future.as_mut().poll(cx);
        self.ready = poll.is_ready();
        poll
    }
}

impl<F> Drop for Traced<F> {
    fn drop(&mut self) {
        self.counts.drops.fetch_add(1, SeqCst);
        self.counts.alive.fetch_sub(1, SeqCst);
    }
}

/// Counts how many are somewhere at the same time.
#[derive(Clone, Default)]
pub struct Gauge(Arc<Levels>);

#[derive(Default)]
struct Levels {
    now: AtomicUsize,
    peak: AtomicUsize,
    ever: AtomicUsize,
}

impl Gauge {
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, until what is returned is dropped: before the permit that let it in, or another
    /// thread has it already and both are counted.
    pub fn enter(&self) -> Inside {
        let levels = self.0.clone();
        levels.ever.fetch_add(1, SeqCst);
        let now = levels.now.fetch_add(1, SeqCst) + 1;
        levels.peak.fetch_max(now, SeqCst);
        Inside(levels)
    }

    /// How many there are.
    pub fn now(&self) -> usize {
        self.0.now.load(SeqCst)
    }

    /// How many there were at most.
    pub fn peak(&self) -> usize {
        self.0.peak.load(SeqCst)
    }

    /// How many there have been.
    pub fn ever(&self) -> usize {
        self.0.ever.load(SeqCst)
    }
}

/// One of those that a [`Gauge`] counts.
pub struct Inside(Arc<Levels>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

/// Waits until the child behind `handle` has been polled and is waiting for something: its future
/// is at rest, and nobody is inside it.
pub async fn until_idle(tracer: &Tracer, handle: &impl Debug) {
    while tracer.polls() == 0 || !format!("{handle:?}").contains("state: idle") {
        yield_now().await;
    }
}

/// Checks that a value, usually a future, may move between threads.
pub fn is_send<T: Send>(value: T) -> T {
    value
}
