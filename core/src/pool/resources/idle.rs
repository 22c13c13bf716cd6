//! Resources that nobody uses, and when their time is over.

use crate::time::Instant;
use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

/// Which of several idle resources a [`ResourcePool`](super::ResourcePool) lends next.
///
/// See [`order`](super::ResourcePoolBuilder::order).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one that was used last. What is not needed stays idle, until its time is over: so a pool
    /// shrinks when there is less to do.
    #[default]
    Lifo,
    /// The one that has been idle for the longest. All are used equally often.
    Fifo,
}

/// A resource, and when it was made: zero where nobody asks.
pub(super) struct Resource<R> {
    pub(super) value: R,
    pub(super) created: Instant,
}

/// How long a resource may be used, and be idle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_lifetime: Option<Duration>,
}

impl Times {
    /// Whether anybody needs to know what time it is.
    pub(super) fn matter(&self) -> bool {
        self.idle_timeout.is_some() || self.max_lifetime.is_some()
    }

    /// When the time of a resource is over that becomes idle now.
    fn end(&self, created: Instant, now: Instant) -> Instant {
        let after = |from: Instant, time: Option<Duration>| {
            time.map_or(Instant::NEVER, |time| from.saturating_add(time))
        };
        after(created, self.max_lifetime).min(after(now, self.idle_timeout))
    }
}

/// The idle resources, the one that has been idle for the longest in front.
pub(super) struct Idle<R> {
    queue: VecDeque<Entry<R>>,
}

struct Entry<R> {
    resource: Resource<R>,
    end: Instant,
}

/// What has become of a resource that was put back.
pub(super) enum Put<R> {
    /// It is idle, until this moment.
    Until(Instant),
    /// Its time is over.
    Over(Resource<R>),
}

impl<R> Idle<R> {
    pub(super) fn new() -> Self {
        Idle { queue: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Makes room for so many in all, so that [`put`](Self::put) does not allocate.
    pub(super) fn make_room(&mut self, resources: usize) {
        self.queue.reserve(resources.saturating_sub(self.queue.len()));
    }

    pub(super) fn put(&mut self, resource: Resource<R>, times: &Times, now: Instant) -> Put<R> {
        let end = times.end(resource.created, now);
        if end <= now {
            return Put::Over(resource);
        }
        self.queue.push_back(Entry { resource, end });
        Put::Until(end)
    }

    /// Takes the next one, and says whether its time is over.
    pub(super) fn take(&mut self, order: Order, now: Instant) -> Option<(Resource<R>, bool)> {
        let entry = match order {
            Order::Lifo => self.queue.pop_back(),
            Order::Fifo => self.queue.pop_front(),
        };
        entry.map(|Entry { resource, end }| (resource, end <= now))
    }

    /// Takes the one that would be lent last.
    pub(super) fn take_last(&mut self, order: Order) -> Option<Resource<R>> {
        let entry = match order {
            Order::Lifo => self.queue.pop_front(),
            Order::Fifo => self.queue.pop_back(),
        };
        entry.map(|entry| entry.resource)
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> Vec<Resource<R>> {
        self.queue.drain(..).map(|entry| entry.resource).collect()
    }

    /// Takes those whose time is over, and says when that of the next is.
    pub(super) fn take_over(&mut self, now: Instant) -> (Vec<Resource<R>>, Instant) {
        let (mut over, mut next, mut at) = (Vec::new(), Instant::NEVER, 0);
        while let Some(entry) = self.queue.get(at) {
            if entry.end <= now {
                over.extend(self.queue.remove(at).map(|entry| entry.resource));
            } else {
                next = next.min(entry.end);
                at += 1;
            }
        }
        (over, next)
    }
}
