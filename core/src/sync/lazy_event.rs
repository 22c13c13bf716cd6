//! An event that costs nothing while nothing listens.
//!
//! Listeners wait in the order in which they came. They are in a map that one thread at a time
//! works on, and that no thread waits for (a [`Combiner`]). No user code runs
//! while the map is taken. The wakers are not in the map, but in a slot of each listener's own; the
//! wakers to fire are collected, and fired when the map is free. So a waker that panics, or polls
//! its task inside `wake`, finds everything in order and blocks no other thread.
//!
//! | state of a listener | set by | leads to |
//! |---|---|---|
//! | `WAITING` | [`listen`](LazyEvent::listen) | `NOTIFIED`, `GONE` |
//! | `NOTIFIED` | the thread that holds the map | `GONE` |
//! | `GONE` | the listener, when it has seen the notification, or is dropped | |
//!
//! A pair of fences makes sure that nothing is missed: a listener enters, then checks the awaited
//! condition; a notifier changes the condition, then looks for listeners. With a weaker order, both
//! could read the value from before the other's write.

use super::{Arc, AtomicUsize, Ordering, Wakers, fence};
use crate::{
    sync::{atomic_waker::AtomicWaker, combiner::Combiner, once_box::OnceBox},
    unwind,
};
use alloc::collections::BTreeMap;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

const WAITING: usize = 0;
const NOTIFIED: usize = 1;
const GONE: usize = 2;

/// Something that happens, once or repeatedly, and can be awaited; see the [module](self).
pub(crate) struct LazyEvent {
    /// Made by the first listener.
    queue: OnceBox<Arc<Queue>>,
}

struct Queue {
    /// How many listeners there are.
    listeners: AtomicUsize,
    /// How many listeners there ever were. The number of a listener is how many came before it.
    /// Wraps around.
    numbers: AtomicUsize,
    /// How many were notified and have neither seen it nor been dropped.
    unseen: AtomicUsize,
    waiting: Combiner<Waiting, Request>,
}

/// The waiting listeners, by their numbers.
type Waiting = BTreeMap<usize, Arc<Place>>;

/// What a listener and its queue share.
struct Place {
    state: AtomicUsize,
    waker: AtomicWaker,
}

enum Request {
    Enter(usize, Arc<Place>),
    Leave(usize),
    Notify(usize),
}

impl LazyEvent {
    pub(crate) fn new() -> Self {
        LazyEvent { queue: OnceBox::new() }
    }

    /// Listens from now on. Check the awaited condition after this call.
    pub(crate) fn listen(&self) -> EventListener {
        if self.queue.get().is_none() {
            // If another thread was first, its queue is used.
            let _ = self.queue.set(Arc::new(Queue::new()));
        }
        let queue = self.queue.get().expect("set above").clone();
        let place = Arc::new(Place { state: AtomicUsize::new(WAITING), waker: AtomicWaker::new() });
        let number = queue.numbers.fetch_add(1, Ordering::Relaxed);
        queue.listeners.fetch_add(1, Ordering::Relaxed);
        let mut wakers = Wakers::new();
        queue.run(Request::Enter(number, place.clone()), &mut wakers);
        // See the module: pairs with the fence in `collect`.
        fence(Ordering::SeqCst);
        let listener = EventListener { queue, place, number };
        // Those of listeners that we notified for threads which found the map taken by us.
        wakers.fire_and_resume();
        listener
    }

    /// Announces a change that was made before this call. Notifies listeners until `count` of them
    /// have been notified and have not seen it yet, and collects their wakers for the caller to
    /// fire.
    #[inline]
    pub(crate) fn collect(&self, count: usize, wakers: &mut Wakers) {
        // See the module: pairs with the fence in `listen`.
        fence(Ordering::SeqCst);
        let Some(queue) = self.queue.get() else { return };
        if queue.listeners.load(Ordering::Relaxed) > 0 {
            queue.run(Request::Notify(count), wakers);
        }
    }

    /// As [`collect`](Self::collect), and then fires the wakers. Call it last, as they may panic.
    pub(crate) fn notify(&self, count: usize) {
        let mut wakers = Wakers::new();
        self.collect(count, &mut wakers);
        wakers.fire_and_resume();
    }
}

impl Queue {
    fn new() -> Self {
        Queue {
            listeners: AtomicUsize::new(0),
            numbers: AtomicUsize::new(0),
            unseen: AtomicUsize::new(0),
            waiting: Combiner::new(BTreeMap::new()),
        }
    }

    fn run(&self, request: Request, wakers: &mut Wakers) {
        self.waiting.run(request, |request, waiting| self.apply(request, waiting, wakers));
    }

    fn apply(&self, request: Request, waiting: &mut Waiting, wakers: &mut Wakers) {
        match request {
            Request::Enter(number, place) => drop(waiting.insert(number, place)),
            Request::Leave(number) => drop(waiting.remove(&number)),
            Request::Notify(count) => {
                // A write, so that a listener which counts as unseen here, and sees its
                // notification after this, also sees the change that is announced now.
                let unseen = self.unseen.fetch_add(0, Ordering::AcqRel);
                let mut missing = count.saturating_sub(unseen);
                while missing > 0 {
                    let Some((_, place)) = waiting.pop_first() else { break };
                    // Counted first, as the listener may subtract itself as soon as it is notified.
                    self.unseen.fetch_add(1, Ordering::Relaxed);
                    if place.notify() {
                        missing -= 1;
                        wakers.add(place.waker.take());
                    } else {
                        self.unseen.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}

impl Place {
    /// Notifies the listener. Returns false if it is gone.
    fn notify(&self) -> bool {
        // Release: the listener sees the change that is announced.
        self.state.compare_exchange(WAITING, NOTIFIED, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

/// A future that is ready when the event has happened; see [`LazyEvent::listen`].
pub(crate) struct EventListener {
    queue: Arc<Queue>,
    place: Arc<Place>,
    number: usize,
}

impl EventListener {
    /// Returns whether the listener was notified. If it was, this counts as seen.
    fn is_through(&mut self) -> bool {
        match self.place.state.load(Ordering::Acquire) {
            WAITING => return false,
            NOTIFIED => {
                // Only we change the state from here on.
                self.place.state.store(GONE, Ordering::Relaxed);
                // Acquire: see the changes announced by notifiers that counted us as unseen, and
                // therefore notified fewer listeners.
                self.queue.unseen.fetch_sub(1, Ordering::AcqRel);
            }
            _ => {}
        }
        true
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_through() {
            return Poll::Ready(());
        }
        self.place.waker.register(cx.waker());
        // Checked again, as a notifier before `register` found no waker.
        if self.is_through() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Passes a notification that the listener has not seen on to the next listener.
impl Drop for EventListener {
    fn drop(&mut self) {
        let mut wakers = Wakers::new();
        match self.place.state.swap(GONE, Ordering::AcqRel) {
            WAITING => self.queue.run(Request::Leave(self.number), &mut wakers),
            NOTIFIED => {
                self.queue.unseen.fetch_sub(1, Ordering::AcqRel);
                self.queue.run(Request::Notify(1), &mut wakers);
            }
            _ => {}
        }
        self.queue.listeners.fetch_sub(1, Ordering::Relaxed);
        let own = self.place.waker.take();
        // Every step is done. What follows is user code.
        let mut panic = wakers.fire().err();
        unwind::keep_first(&mut panic, || drop(own));
        unwind::resume_unless_panicking(panic);
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
