//! What a pool, its guards and its destroys share.
//!
//! Under the lock resources change places and are counted. No user code runs there: no manager, no
//! destructor, no clock, no waker. What has to happen besides follows when the lock is free, and each
//! step has an owner that undoes or completes it if the code after it panics or is dropped:
//!
//! | a resource is | counted in | owner |
//! |---|---|---|
//! | being created | `creating` | [`Creating`](super::checkout) |
//! | being recycled, or lent | `lent` | [`Ready`](super::checkout), [`Guard`](super::guard::Guard) |
//! | idle | `idle` | the queue |
//! | being destroyed | `destroying` | [`Ends`](super::destroy) |

use super::{
    destroy::{self, Exec},
    idle::{Idle, Order, Put, Resource, Times},
    manage::Manage,
    places::Places,
    report::Status,
    time::Time,
};
use crate::{
    scope::Scope,
    sync::{LazyEvent, Wakers},
    time::Instant,
    unwind::{self, Payload},
};
use alloc::{sync::Arc, vec::Vec};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Shared<M: Manage> {
    pub(super) manager: M,
    pub(super) settings: Settings,
    pub(super) places: Places,
    pub(super) time: Arc<dyn Time>,
    /// Where destroys run. The pool owns the scope.
    pub(super) scope: Scope<Exec>,
    /// Wakes the reaper: the time of a resource is over sooner than it knows.
    pub(super) sooner: LazyEvent,
    /// Wakes who closes the pool: it may be empty now.
    pub(super) emptied: LazyEvent,
    state: Mutex<State<M::Resource>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) max_idle: usize,
    pub(super) times: Times,
    pub(super) order: Order,
}

struct State<R> {
    idle: Idle<R>,
    lent: usize,
    creating: usize,
    destroying: usize,
    created: u64,
    destroyed: u64,
    taken: u64,
    closed: bool,
    /// When the reaper looks next.
    reaped_at: Instant,
    /// The first panic of a child.
    panic: Option<Payload>,
}

/// What a get does next.
pub(super) enum Next<R> {
    /// Nothing: the pool is closed.
    Closed,
    /// Recycle this one. It counts as lent.
    Recycle(Resource<R>),
    /// Destroy this one, and ask again. It counts as being destroyed.
    Destroy(Resource<R>),
    /// Create one, which is counted.
    Create,
}

impl<R> State<R> {
    fn is_over(&self) -> bool {
        self.closed && self.lent == 0 && self.creating == 0 && self.destroying == 0
    }
}

impl<M: Manage> Shared<M> {
    pub(super) fn new(
        manager: M,
        places: Places,
        settings: Settings,
        time: Arc<dyn Time>,
        scope: Scope<Exec>,
    ) -> Self {
        let state = State {
            idle: Idle::new(),
            lent: 0,
            creating: 0,
            destroying: 0,
            created: 0,
            destroyed: 0,
            taken: 0,
            closed: false,
            reaped_at: Instant::NEVER,
            panic: None,
        };
        Shared {
            manager,
            settings,
            places,
            time,
            scope,
            sooner: LazyEvent::new(),
            emptied: LazyEvent::new(),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M::Resource>> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is, for those whom it concerns.
    pub(super) fn now(&self) -> Instant {
        if self.settings.times.matter() {
            self.time.now()
        } else {
            Instant::from_epoch(core::time::Duration::ZERO)
        }
    }

    /// What a get does that has a place.
    pub(super) fn next(&self, now: Instant) -> Next<M::Resource> {
        let mut state = self.lock();
        if state.closed {
            return Next::Closed;
        }
        match state.idle.take(self.settings.order, now) {
            Some((resource, false)) => {
                state.lent += 1;
                Next::Recycle(resource)
            }
            Some((resource, true)) => {
                state.destroying += 1;
                Next::Destroy(resource)
            }
            None => {
                state.creating += 1;
                Next::Create
            }
        }
    }

    /// Counts what was being created: as lent, or not at all if there is none. Returns whether the
    /// pool lends it.
    pub(super) fn created(&self, is_there: bool) -> bool {
        let mut state = self.lock();
        state.creating -= 1;
        if is_there {
            state.created += 1;
            state.lent += 1;
            // What is lent comes back, and then nothing is to be allocated.
            let resources = (state.lent + state.idle.len()).min(self.settings.max_idle);
            state.idle.make_room(resources);
        }
        let lends = !state.closed;
        self.unlock(state);
        lends
    }

    /// Ends what was lent. It counts as being destroyed.
    pub(super) fn end_lent(self: &Arc<Self>, resource: Resource<M::Resource>) {
        let mut state = self.lock();
        state.lent -= 1;
        state.destroying += 1;
        drop(state);
        self.destroy(resource);
    }

    /// Forgets what was lent.
    pub(super) fn taken(&self) {
        let mut state = self.lock();
        state.lent -= 1;
        state.taken += 1;
        self.unlock(state);
    }

    /// Takes back what was lent: it is idle, or it is destroyed.
    pub(super) fn put_back(self: &Arc<Self>, resource: Resource<M::Resource>) {
        // A clock that panics must not keep the place: the resource is treated as too old.
        let (now, panic) = match unwind::catch(|| self.now()) {
            Ok(now) => (now, None),
            Err(payload) => (Instant::NEVER, Some(payload)),
        };
        let mut wakers = Wakers::new();
        let mut state = self.lock();
        state.lent -= 1;
        let keeps = !state.closed && self.has_room(&state);
        let put = match keeps {
            true => state.idle.put(resource, &self.settings.times, now),
            false => Put::Over(resource),
        };
        match put {
            Put::Until(end) => {
                let sooner = end < state.reaped_at;
                if sooner {
                    state.reaped_at = end;
                }
                drop(state);
                if sooner {
                    self.sooner.collect(1, &mut wakers);
                }
            }
            Put::Over(resource) => {
                state.destroying += 1;
                drop(state);
                self.destroy(resource);
            }
        }
        self.places.release();
        wakers.fire_and_resume();
        unwind::resume_unless_panicking(panic);
    }

    /// Whether one more may be idle.
    fn has_room(&self, state: &State<M::Resource>) -> bool {
        let (idle, all) = (state.idle.len(), state.idle.len() + state.lent + state.creating);
        // The second is for a limit that was lowered.
        (idle < self.settings.max_idle || idle < self.places.waiting())
            && all < self.places.max().get()
    }

    /// Ends idle resources for which there is no room any more, now that fewer wait for one.
    pub(super) fn trim(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let room = self.settings.max_idle.max(self.places.waiting());
            if state.closed || state.idle.len() <= room {
                return;
            }
            let Some(resource) = state.idle.take_last(self.settings.order) else { return };
            state.destroying += 1;
            drop(state);
            self.destroy(resource);
        }
    }

    /// Ends those whose time is over. Returns when that of the next one is.
    pub(super) fn reap(self: &Arc<Self>, now: Instant) -> Instant {
        let mut state = self.lock();
        let (over, next) = state.idle.take_over(now);
        state.destroying += over.len();
        state.reaped_at = next;
        drop(state);
        self.destroy_all(over);
        next
    }

    /// From now on nothing is lent, and what comes back is destroyed, as is what is idle.
    pub(super) fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        let idle = state.idle.take_all();
        state.destroying += idle.len();
        drop(state);
        self.destroy_all(idle);
        self.places.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.places.is_closed()
    }

    /// Whether the pool is closed and nothing is left of it.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            max: self.places.max(),
            idle: state.idle.len(),
            lent: state.lent,
            creating: state.creating,
            destroying: state.destroying,
            waiting: self.places.waiting(),
            created: state.created,
            destroyed: state.destroyed,
            taken: state.taken,
            closed: state.closed,
        }
    }

    /// A child has ended: counts the resource that it was destroying, if any. Its panic is kept for
    /// whoever closes the pool.
    pub(super) fn ended(&self, destroyed: bool, panic: Option<Payload>) {
        let mut state = self.lock();
        if destroyed {
            state.destroying -= 1;
            state.destroyed += 1;
        }
        let second = match (&state.panic, panic) {
            (None, panic) => {
                state.panic = panic;
                None
            }
            (Some(_), panic) => panic,
        };
        let over = state.is_over();
        drop(state);
        unwind::discard(second);
        self.tell_if(over);
    }

    pub(super) fn take_panic(&self) -> Option<Payload> {
        self.lock().panic.take()
    }

    /// Ends a resource that counts as being destroyed.
    pub(super) fn destroy(self: &Arc<Self>, resource: Resource<M::Resource>) {
        destroy::start(self, resource.value);
    }

    fn destroy_all(self: &Arc<Self>, resources: Vec<Resource<M::Resource>>) {
        resources.into_iter().for_each(|resource| self.destroy(resource));
    }

    /// Frees the lock, and wakes those who wait for the end if it has come.
    fn unlock(&self, state: MutexGuard<'_, State<M::Resource>>) {
        let over = state.is_over();
        drop(state);
        self.tell_if(over);
    }

    fn tell_if(&self, over: bool) {
        if over {
            self.emptied.notify(usize::MAX);
        }
    }
}
