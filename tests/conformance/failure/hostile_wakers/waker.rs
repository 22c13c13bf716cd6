//! Wakers that do what they must not.

use std::{
    any::Any,
    future::Future,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    thread,
};
use support::blow_up;

const OURS: &str = "the waker";

/// What a waker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    PanicInWake,
    PanicInClone,
    PanicInDrop,
    /// Polls its task in `wake`.
    Poll,
    /// Polls its task in `wake`, with a new waker, and panics after that.
    PollAndPanic,
    /// Wakes another one that panics.
    WakeOthers,
    /// Drops its task in `wake`.
    DropTask,
}

/// All of them.
pub(super) const DEEDS: [Deed; 7] = {
    use Deed::*;
    [PanicInWake, PanicInClone, PanicInDrop, Poll, PollAndPanic, WakeOthers, DropTask]
};

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task, and what its wakers do.
pub(super) struct Hostile {
    deed: Deed,
    pub(super) armed: AtomicBool,
    pub(super) task: Mutex<Option<Task>>,
    pub(super) panics: AtomicUsize,
    /// Whether the task was woken during its own poll.
    again: AtomicBool,
}

impl Hostile {
    pub(super) fn new(deed: Deed, task: Task) -> Arc<Self> {
        let (armed, panics) = (AtomicBool::new(true), AtomicUsize::new(0));
        let again = AtomicBool::new(false);
        Arc::new(Hostile { deed, armed, task: Mutex::new(Some(task)), panics, again })
    }

    /// Polls the task, unless somebody is at it. Its panic is returned.
    pub(super) fn poll(self: &Arc<Self>, waker: &Waker) -> Result<(), Box<dyn Any + Send>> {
        let Ok(mut slot) = self.task.try_lock() else { return Ok(()) };
        let Some(task) = &mut *slot else { return Ok(()) };
        let poll =
            catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(waker))));
        if !matches!(poll, Ok(Poll::Pending)) {
            // Destructors may come back here.
            let task = slot.take();
            drop(slot);
            catch_unwind(AssertUnwindSafe(|| drop(task)))?;
        }
        poll.map(drop)
    }

    /// Leaves a waker of this with whatever the task waits for.
    pub(super) fn leave_waker(self: &Arc<Self>) {
        let waker = ManuallyDrop::new(self.waker());
        let _ = self.poll(&waker);
        // SAFETY: undoes the count of the waker, which is not used any more.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(self)) };
    }

    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        // SAFETY: the functions of the table keep the contract, and the pointer is what they expect.
        unsafe { Waker::from_raw(raw(self.clone())) }
    }

    fn explode(&self, deed: Deed) {
        // Twice would be an abort, and everybody's fault.
        if self.deed == deed && self.armed.load(SeqCst) && !thread::panicking() {
            self.panics.fetch_add(1, SeqCst);
            blow_up::<()>(OURS);
        }
    }

    fn wake(self: &Arc<Self>) {
        self.explode(Deed::PanicInWake);
        match self.deed {
            Deed::Poll => {
                self.again.store(true, SeqCst);
                while self.task.try_lock().is_ok() && self.again.swap(false, SeqCst) {
                    self.poll(&self.waker()).unwrap();
                }
            }
            Deed::PollAndPanic => {
                let _ = self.poll(&self.waker());
                self.explode(Deed::PollAndPanic);
            }
            Deed::WakeOthers => {
                let grumpy = Hostile::new(Deed::PanicInWake, Box::pin(async {}));
                let _ = catch_unwind(AssertUnwindSafe(|| grumpy.waker().wake()));
                self.explode(Deed::WakeOthers);
            }
            Deed::DropTask => {
                let task = self.task.try_lock().ok().and_then(|mut task| task.take());
                drop(task);
            }
            _ => {}
        }
    }
}

fn raw(hostile: Arc<Hostile>) -> RawWaker {
    RawWaker::new(Arc::into_raw(hostile).cast(), &VTABLE)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the pointer came from `raw`, and its count is not ours to drop.
        let hostile = unsafe { ManuallyDrop::new(Arc::<Hostile>::from_raw(data.cast())) };
        hostile.explode(Deed::PanicInClone);
        raw(Arc::clone(&hostile))
    },
    |data| {
        // SAFETY: the pointer came from `raw`, and its count is given up here.
        let hostile = unsafe { Arc::<Hostile>::from_raw(data.cast()) };
        hostile.wake();
    },
    |data| {
        // SAFETY: as for the clone.
        let hostile = unsafe { ManuallyDrop::new(Arc::<Hostile>::from_raw(data.cast())) };
        hostile.wake();
    },
    |data| {
        // SAFETY: as for `wake`.
        let hostile = unsafe { Arc::<Hostile>::from_raw(data.cast()) };
        hostile.explode(Deed::PanicInDrop);
    },
);
