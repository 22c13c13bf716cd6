//! [`LazyEvent`](super::lazy_event::LazyEvent) with a queue that changes in one step. Models of the
//! code that uses an event would be too large with the real one, which has models of its own in
//! `lazy_event_models.rs`.

use super::{AtomicBool, Ordering, Wakers, fence};
use crate::model::Step;
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Stands in for [`LazyEvent`](super::lazy_event::LazyEvent), with the same fences.
pub(crate) struct LazyEvent {
    used: AtomicBool,
    listeners: Arc<Step<Listeners>>,
}

/// Stands in for [`EventListener`](super::lazy_event::EventListener).
pub(crate) struct EventListener {
    event: Arc<Step<Listeners>>,
    /// None once it has fired.
    key: Option<usize>,
}

/// The listeners in the order in which they came, which is also that of notifications.
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

impl LazyEvent {
    pub(crate) fn new() -> Self {
        LazyEvent { used: AtomicBool::new(false), listeners: Arc::new(Step::default()) }
    }

    pub(crate) fn listen(&self) -> EventListener {
        self.used.store(true, Ordering::Relaxed);
        let key = self.listeners.run(|listeners| {
            listeners.next_key += 1;
            listeners.list.push((listeners.next_key, State::Created));
            listeners.next_key
        });
        let listener = EventListener { event: self.listeners.clone(), key: Some(key) };
        fence(Ordering::SeqCst);
        listener
    }

    pub(crate) fn collect(&self, count: usize, wakers: &mut Wakers) {
        fence(Ordering::SeqCst);
        if self.used.load(Ordering::Relaxed) {
            let notified = self.listeners.run(|listeners| listeners.notify(count));
            notified.into_iter().for_each(|waker| wakers.add(Some(waker)));
        }
    }

    pub(crate) fn notify(&self, count: usize) {
        let mut wakers = Wakers::new();
        self.collect(count, &mut wakers);
        wakers.fire_and_resume();
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

    /// Returns whether the listener was notified. If it was, it is removed; otherwise it waits with
    /// `waker`.
    fn wait(&mut self, key: usize, waker: &Waker) -> bool {
        let at = self.position(key);
        if let State::Notified = self.list[at].1 {
            self.list.remove(at);
            return true;
        }
        self.list[at].1 = State::Waiting(waker.clone());
        false
    }

    /// Removes a listener. Passes a notification that it has not used on to the next.
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

impl fmt::Debug for LazyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyEvent(..)")
    }
}

impl fmt::Debug for EventListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventListener(..)")
    }
}
