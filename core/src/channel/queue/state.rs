//! What both ends of a queue share.

use super::Overflow;
use crate::{
    sync::{AtomicUsize, Wakers, lock::Lock},
    waits::ends::Ends,
};
use alloc::collections::VecDeque;
use core::task::{Poll, Waker};

/// How a [`queue`](super::queue()) stands, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// How many items are in the queue, with one that was given to a consumer that waited.
    pub len: usize,
    /// The most that there have been at once, since the queue was made.
    pub peak: usize,
    /// Whether the consumer waits for an item.
    pub waiting: bool,
    /// How many items were sent, whatever became of them. They add up: they were received, dropped or
    /// merged, or are in the queue.
    pub sent: u64,
    /// How many were received.
    pub received: u64,
    /// How many were dropped, or [merged](super::QueueSender::send_or_merge) into another one.
    pub dropped: u64,
    /// Whether the queue is closed.
    pub closed: bool,
}

/// What both ends share.
pub(super) struct Shared<T> {
    pub(super) state: Lock<State<T>>,
    pub(super) senders: AtomicUsize,
    /// Who is at its ends, for whoever watches.
    pub(super) ends: Ends,
}

impl<T> Shared<T> {
    pub(super) fn new(room: usize, overflow: Overflow) -> Self {
        let status = QueueStatus::default();
        let (items, given, waker) = (VecDeque::new(), None, None);
        let state = Lock::new(State { items, given, waker, room, overflow, status });
        Shared { state, senders: AtomicUsize::new(1), ends: Ends::new() }
    }

    pub(super) fn status(&self) -> QueueStatus {
        self.state.with(|state| QueueStatus { len: state.len(), ..state.status })
    }

    /// Closes the queue, and tells the consumer.
    pub(super) fn close(&self) {
        self.ends.closes();
        let mut wakers = Wakers::new();
        wakers.add(self.state.with(State::close));
        wakers.fire_and_resume();
    }
}

/// Changed under the lock, in which no code of others runs: what is to be dropped or fired is
/// returned.
pub(super) struct State<T> {
    items: VecDeque<T>,
    /// The item of a consumer that had waited when it came. Only while `items` has later ones.
    given: Option<T>,
    waker: Option<Waker>,
    room: usize,
    overflow: Overflow,
    /// All but the length.
    status: QueueStatus,
}

/// What became of an item that was sent.
pub(super) enum Sent<T> {
    /// It is in the queue. The waker is to be fired.
    In(Option<Waker>),
    /// It is in the queue, instead of the oldest, which is to be dropped.
    Instead(T),
    /// There was no room. Neither is it in the queue, nor anything dropped.
    Full(T),
    Closed(T),
}

impl<T> State<T> {
    fn len(&self) -> usize {
        self.items.len() + usize::from(self.given.is_some())
    }

    /// Puts an item in, or returns it if there is no room. A consumer that waits has it at once.
    pub(super) fn put(&mut self, item: T) -> Sent<T> {
        if self.status.closed {
            return Sent::Closed(item);
        }
        if self.status.waiting {
            debug_assert!(self.len() == 0, "the consumer waits beside an item");
            self.status.waiting = false;
            self.given = Some(item);
        } else if self.items.len() < self.room {
            self.items.push_back(item);
        } else {
            return Sent::Full(item);
        }
        self.status.sent += 1;
        self.status.peak = self.status.peak.max(self.len());
        Sent::In(self.waker.take())
    }

    /// Puts an item in by the rule of the queue.
    pub(super) fn put_by_rule(&mut self, item: T) -> Sent<T> {
        let item = match self.put(item) {
            Sent::Full(item) => item,
            sent => return sent,
        };
        self.status.sent += 1;
        self.status.dropped += 1;
        match self.overflow {
            Overflow::DropNewest => Sent::Full(item),
            Overflow::DropOldest => {
                let oldest = self.items.pop_front().expect("no queue has no room");
                self.items.push_back(item);
                Sent::Instead(oldest)
            }
        }
    }

    /// Takes out the item that came last, to be merged with one that is sent.
    pub(super) fn take_last(&mut self) -> Option<T> {
        let last = self.items.pop_back();
        self.status.dropped += u64::from(last.is_some());
        last
    }

    /// Takes the next item, if there is one or will be none.
    pub(super) fn take(&mut self) -> Poll<Option<T>> {
        match self.given.take().or_else(|| self.items.pop_front()) {
            Some(item) => {
                self.status.received += 1;
                Poll::Ready(Some(item))
            }
            None if self.status.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Notes that the consumer waits, if the waker is there already.
    pub(super) fn waits_with(&mut self, waker: &Waker) -> bool {
        let same = self.waker.as_ref().is_some_and(|own| own.will_wake(waker));
        self.status.waiting |= same;
        same
    }

    /// Notes that the consumer waits, and returns the waker that it had before.
    pub(super) fn waits(&mut self, waker: Waker) -> Option<Waker> {
        self.status.waiting = true;
        self.waker.replace(waker)
    }

    /// Notes that the consumer does not wait any more, and returns its waker.
    pub(super) fn stops_waiting(&mut self) -> Option<Waker> {
        self.status.waiting = false;
        self.waker.take()
    }

    /// Closes the queue, and returns the waker of a consumer that waits.
    pub(super) fn close(&mut self) -> Option<Waker> {
        self.status.closed = true;
        self.stops_waiting()
    }

    /// Closes the queue for good, and returns all that is to be dropped.
    pub(super) fn end(&mut self) -> (Option<T>, VecDeque<T>, Option<Waker>) {
        let waker = self.close();
        self.status.dropped += self.len() as u64;
        (self.given.take(), core::mem::take(&mut self.items), waker)
    }
}
