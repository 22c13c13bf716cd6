//! An event that costs nothing while nobody listens.
//!
//! Listeners wait in the order in which they came. They are in a map that one thread at a time
//! works on, and for which nobody waits: who finds it taken leaves what it wants done on a stack,
//! and whoever is at work looks at that stack when it is through. No code of a user's runs there:
//! not even the wakers are in the map, but in a place of each listener's own; those that are to be
//! fired are collected, and fired when the map is free. So a waker that panics, or polls its
//! task then and there, finds everything in order, and holds nobody up.
//!
//! | state of a listener | set by | leads to |
//! |---|---|---|
//! | `WAITING` | [`listen`](LazyEvent::listen) | `NOTIFIED`, `GONE` |
//! | `NOTIFIED` | whoever is at work | `GONE` |
//! | `GONE` | the listener, which has seen that it was notified, or is dropped | |
//!
//! Two pairs of fences see to it that nothing is missed, as a weaker order would let both sides
//! of a pair read what was before the other's write:
//!
//! - who listens enters and then checks what it waits for; who notifies changes that and then looks
//!   for listeners;
//! - who finds the map taken leaves a request and then tries again; who was at work frees the
//!   map and then looks for requests.

use super::{Arc, AtomicUsize, Ordering, Wakers, fence};
use crate::{
    sync::{atomic_waker::AtomicWaker, once_box::OnceBox, stack::Stack, try_lock::TryLock},
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

/// Something that happens, once or again and again, and is waited for; see the [module](self).
pub(crate) struct LazyEvent {
    /// Made by the first who listens.
    queue: OnceBox<Arc<Queue>>,
}

struct Queue {
    /// How many listeners there are.
    listeners: AtomicUsize,
    /// How many there ever were: each has the number of those before it. Wraps around.
    numbers: AtomicUsize,
    /// How many were notified and have neither seen it nor been dropped.
    unseen: AtomicUsize,
    waiting: TryLock<Waiting>,
    /// What those want who found `waiting` taken.
    requests: Stack<Request>,
}

/// Those who wait, by their numbers.
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

    /// Listens from now on. Check what is waited for after this call.
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
        let listener = EventListener { queue, place, number };
        // See the module: pairs with the fence in `collect`.
        fence(Ordering::SeqCst);
        // Those of others, who found the queue taken by us.
        wakers.fire_and_resume();
        listener
    }

    /// Announces a change that was made before, to as many listeners as are missing until `count`
    /// of them are notified and have not looked yet. Their wakers are for the caller to fire.
    #[inline]
    pub(crate) fn collect(&self, count: usize, wakers: &mut Wakers) {
        // See the module: pairs with the fence in `listen`.
        fence(Ordering::SeqCst);
        let Some(queue) = self.queue.get() else { return };
        if queue.listeners.load(Ordering::Relaxed) > 0 {
            queue.run(Request::Notify(count), wakers);
        }
    }

    /// [`collect`](Self::collect), and fires the wakers. Call it last, as they may panic.
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
            waiting: TryLock::new(BTreeMap::new()),
            requests: Stack::new(),
        }
    }

    /// Does what is requested, or leaves it to whoever is at work. Does what others have left.
    fn run(&self, request: Request, wakers: &mut Wakers) {
        let mut request = Some(request);
        loop {
            let free = self.waiting.try_with(|waiting| {
                let left = self.requests.take();
                for request in left.into_iter().chain(request.take()) {
                    self.apply(request, waiting, wakers);
                }
            });
            if free.is_none() {
                // The second time, whoever is at work will find it.
                let Some(request) = request.take() else { return };
                self.requests.push(request);
            }
            // See the module: the fence of both sides.
            fence(Ordering::SeqCst);
            if self.requests.is_empty() {
                return;
            }
        }
    }

    fn apply(&self, request: Request, waiting: &mut Waiting, wakers: &mut Wakers) {
        match request {
            Request::Enter(number, place) => drop(waiting.insert(number, place)),
            Request::Leave(number) => drop(waiting.remove(&number)),
            Request::Notify(count) => {
                // A write, so that a listener which counts as notified here, and sees it after
                // this, sees what is announced.
                let unseen = self.unseen.fetch_add(0, Ordering::AcqRel);
                let mut missing = count.saturating_sub(unseen);
                while missing > 0 {
                    let Some((_, place)) = waiting.pop_first() else { break };
                    // Before the listener can count itself out.
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
    /// False if the listener is gone.
    fn notify(&self) -> bool {
        // Release: the listener sees what is announced.
        self.state.compare_exchange(WAITING, NOTIFIED, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

/// Ready when the event has happened; see [`LazyEvent::listen`].
pub(crate) struct EventListener {
    queue: Arc<Queue>,
    place: Arc<Place>,
    number: usize,
}

impl EventListener {
    /// Whether the listener was notified: it has seen that then.
    fn is_through(&mut self) -> bool {
        match self.place.state.load(Ordering::Acquire) {
            WAITING => return false,
            NOTIFIED => {
                // Nobody but us changes it from here on.
                self.place.state.store(GONE, Ordering::Relaxed);
                // Acquire: see what is announced by those for whom we counted as notified.
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
        // Again, as whoever notified us may have found no waker.
        if self.is_through() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A notification that the listener has not seen goes to the next.
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
        // All is done. What follows is code of others.
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
