//! What `event-listener` promises, for models: loom cannot look into that crate.

use crate::model::Step;
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Stands in for [`event_listener::Event`].
pub(crate) struct Event(Arc<Step<Listeners>>);

/// Stands in for [`event_listener::EventListener`].
pub(crate) struct EventListener {
    event: Arc<Step<Listeners>>,
    /// None once it has fired.
    key: Option<usize>,
}

/// First come, first notified.
#[derive(Default)]
struct Listeners {
    next_key: usize,
    list: Vec<(usize, State)>,
}

enum State {
    Created,
    Waiting(Waker),
    Notified,
}

impl Event {
    pub(crate) fn new() -> Self {
        Event(Arc::new(Step::default()))
    }

    pub(crate) fn listen(&self) -> EventListener {
        let key = self.0.run(|listeners| {
            listeners.next_key += 1;
            listeners.list.push((listeners.next_key, State::Created));
            listeners.next_key
        });
        EventListener { event: self.0.clone(), key: Some(key) }
    }

    /// Notifies so many that `count` are notified.
    pub(crate) fn notify(&self, count: usize) {
        wake(self.0.run(|listeners| listeners.notify(count)));
    }
}

impl Listeners {
    fn notify(&mut self, count: usize) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (_, state) in self.list.iter_mut().take(count) {
            if let State::Waiting(waker) = mem::replace(state, State::Notified) {
                wakers.push(waker);
            }
        }
        wakers
    }

    /// Whether the listener was notified: then it is gone. Otherwise it waits with `waker`.
    fn wait(&mut self, key: usize, waker: &Waker) -> bool {
        let at = self.position(key);
        if let State::Notified = self.list[at].1 {
            self.list.remove(at);
            return true;
        }
        self.list[at].1 = State::Waiting(waker.clone());
        false
    }

    /// A notification that a listener has not used goes to the next.
    fn leave(&mut self, key: usize) -> Vec<Waker> {
        match self.list.remove(self.position(key)).1 {
            State::Notified => self.notify(1),
            _ => Vec::new(),
        }
    }

    fn position(&self, key: usize) -> usize {
        let at = self.list.iter().position(|(other, _)| *other == key);
        at.expect("a listener that has not fired is on the list")
    }
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Future for EventListener {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let key = self.key.expect("polled after it fired");
        if !self.event.run(|listeners| listeners.wait(key, cx.waker())) {
            return Poll::Pending;
        }
        self.key = None;
        Poll::Ready(())
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            wake(self.event.run(|listeners| listeners.leave(key)));
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event(..)")
    }
}

impl fmt::Debug for EventListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventListener(..)")
    }
}
