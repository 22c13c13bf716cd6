//! Executors and wakers that do what they must not.

use super::{panics::blow_up, poll_once};
use anyscope::{BlockOn, Child, LocalChild, Spawn, SpawnBlocking, SpawnLocal};
use std::{
    cell::RefCell,
    future::Future,
    mem,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
    thread,
};

/// What a [`Hostile`] executor does with a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Keeps it unpolled.
    Keep,
    /// Polls it inside `spawn` and keeps it.
    PollAndKeep,
    /// Keeps it, and polls it on a new thread every time.
    PollElsewhere,
    /// Drops it.
    Lose,
    /// Polls it inside `spawn`, then drops it.
    PollAndLose,
    /// Drops it on another thread.
    LoseElsewhere,
    /// Leaks it.
    Leak,
    /// Polls it inside `spawn`, then leaks it.
    PollAndLeak,
}

/// All of them.
pub const DEEDS: [Deed; 8] = {
    use Deed::*;
    [Keep, PollAndKeep, PollElsewhere, Lose, PollAndLose, LoseElsewhere, Leak, PollAndLeak]
};

impl Deed {
    /// Whether the child is dropped before it has ended.
    pub fn loses(self) -> bool {
        matches!(self, Deed::Lose | Deed::PollAndLose | Deed::LoseElsewhere)
    }
}

/// An executor that keeps no promise.
#[derive(Clone)]
pub struct Hostile {
    deed: Deed,
    kept: Arc<Mutex<Vec<Child>>>,
    jobs: Arc<Mutex<Vec<Job>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Hostile {
    pub fn new(deed: Deed) -> Self {
        Hostile { deed, kept: Arc::default(), jobs: Arc::default() }
    }

    /// Polls once whatever it has, ended or not.
    pub fn poll_all(&self) {
        // Not under the lock, as children spawn.
        let mut kept = mem::take(&mut *self.kept.lock().unwrap());
        for child in &mut kept {
            if self.deed == Deed::PollElsewhere {
                let _ = elsewhere(|| poll_once(Pin::new(child)));
            } else {
                let _ = poll_once(Pin::new(child));
            }
        }
        self.kept.lock().unwrap().append(&mut kept);
    }

    /// How many children it has.
    pub fn children(&self) -> usize {
        self.kept.lock().unwrap().len()
    }

    /// What it was given to block on.
    pub fn take_jobs(&self) -> Vec<Job> {
        mem::take(&mut *self.jobs.lock().unwrap())
    }

    /// Comes back when all is over: polls on another thread what it has, and drops it on a third.
    pub fn haunt(&self) {
        elsewhere(|| self.poll_all());
        elsewhere(|| self.poll_all());
        let kept = mem::take(&mut *self.kept.lock().unwrap());
        elsewhere(move || drop(kept));
        let jobs = self.take_jobs();
        elsewhere(move || jobs.into_iter().for_each(|job| job()));
    }
}

impl Spawn for Hostile {
    fn spawn(&self, mut child: Child) {
        if matches!(self.deed, Deed::PollAndKeep | Deed::PollAndLose | Deed::PollAndLeak) {
            let _ = poll_once(Pin::new(&mut child));
        }
        match self.deed {
            Deed::Keep | Deed::PollAndKeep | Deed::PollElsewhere => {
                self.kept.lock().unwrap().push(child);
            }
            Deed::Lose | Deed::PollAndLose => drop(child),
            Deed::LoseElsewhere => elsewhere(move || drop(child)),
            Deed::Leak | Deed::PollAndLeak => mem::forget(child),
        }
    }
}

impl SpawnBlocking for Hostile {
    fn spawn_blocking(&self, job: Job) {
        match self.deed {
            Deed::Keep | Deed::PollElsewhere => self.jobs.lock().unwrap().push(job),
            Deed::PollAndKeep | Deed::PollAndLose | Deed::PollAndLeak => job(),
            Deed::Lose => drop(job),
            Deed::LoseElsewhere => elsewhere(move || drop(job)),
            Deed::Leak => mem::forget(job),
        }
    }
}

/// The same for children that are not `Send`. What a [`Hostile`] does elsewhere, it does here.
#[derive(Clone)]
pub struct HostileLocal {
    deed: Deed,
    kept: Rc<RefCell<Vec<LocalChild>>>,
}

impl HostileLocal {
    pub fn new(deed: Deed) -> Self {
        HostileLocal { deed, kept: Rc::default() }
    }

    /// Polls once whatever it has, ended or not.
    pub fn poll_all(&self) {
        let mut kept = self.kept.take();
        for child in &mut kept {
            let _ = poll_once(Pin::new(child));
        }
        self.kept.borrow_mut().append(&mut kept);
    }
}

impl SpawnLocal for HostileLocal {
    fn spawn_local(&self, mut child: LocalChild) {
        if matches!(self.deed, Deed::PollAndKeep | Deed::PollAndLose | Deed::PollAndLeak) {
            let _ = poll_once(Pin::new(&mut child));
        }
        match self.deed {
            Deed::Keep | Deed::PollAndKeep | Deed::PollElsewhere => {
                self.kept.borrow_mut().push(child);
            }
            Deed::Leak | Deed::PollAndLeak => mem::forget(child),
            _ => drop(child),
        }
    }
}

/// Runs `f` on a thread that is gone afterwards.
pub fn elsewhere<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|threads| threads.spawn(f).join().unwrap())
}

/// What a [`BadOwner`] does instead of blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Panics.
    Never,
    /// Polls once, then panics.
    Once,
    /// Polls once, leaks the future, then panics.
    OnceAndLeak,
    /// Gets the result, then panics.
    Through,
    /// Gets the result, then polls again.
    Beyond,
}

/// All of them.
pub const BLOCKS: [Block; 5] =
    [Block::Never, Block::Once, Block::OnceAndLeak, Block::Through, Block::Beyond];

/// An executor whose `block_on` panics sooner or later.
pub struct BadOwner<E> {
    pub exec: E,
    pub block: Block,
}

impl<E: Spawn> Spawn for BadOwner<E> {
    fn spawn(&self, child: Child) {
        self.exec.spawn(child);
    }
}

impl<E: BlockOn> BlockOn for BadOwner<E> {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = Box::pin(future);
        match self.block {
            Block::Never => {}
            Block::Once => drop(poll_once(future.as_mut())),
            Block::OnceAndLeak => {
                let _ = poll_once(future.as_mut());
                mem::forget(future);
            }
            Block::Through => drop(self.exec.block_on(future)),
            Block::Beyond => {
                drop(self.exec.block_on(future.as_mut()));
                let _ = poll_once(future.as_mut());
                unreachable!("a future that is over was polled");
            }
        }
        blow_up("block_on")
    }
}

/// Parks the thread, whatever waker it is given.
impl BlockOn for Hostile {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = poll_once(future.as_mut()) {
                return output;
            }
            self.poll_all();
        }
    }
}

/// What of a [`Spy`]'s waker panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bomb {
    Wake,
    Clone,
    Drop,
}

/// Counts what happens to a waker and its clones, from any thread.
#[derive(Clone, Default)]
pub struct Spy(Arc<Counts>);

#[derive(Default)]
struct Counts {
    wakes: AtomicUsize,
    clones: AtomicUsize,
    bomb: Mutex<Option<Bomb>>,
}

impl Spy {
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose wakers panic.
    pub fn with(bomb: Bomb) -> Self {
        let spy = Spy::new();
        spy.arm(Some(bomb));
        spy
    }

    /// From now on, `bomb` panics.
    pub fn arm(&self, bomb: Option<Bomb>) {
        *self.0.bomb.lock().unwrap() = bomb;
    }

    pub fn waker(&self) -> Waker {
        // SAFETY: the functions of the table keep the contract, and the pointer is what they expect.
        unsafe { Waker::from_raw(raw(self.0.clone())) }
    }

    /// Polls with a waker of this.
    pub fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        // Not dropped when armed.
        let waker = mem::ManuallyDrop::new(self.waker());
        let poll = future.poll(&mut Context::from_waker(&waker));
        // SAFETY: undoes the count of the waker, which is not used any more.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.0)) };
        poll
    }

    /// How often any of the wakers was woken.
    pub fn wakes(&self) -> usize {
        self.0.wakes.load(SeqCst)
    }

    /// How often any of the wakers was woken since this was last called.
    pub fn take_wakes(&self) -> usize {
        self.0.wakes.swap(0, SeqCst)
    }

    /// How often any of the wakers was cloned.
    pub fn clones(&self) -> usize {
        self.0.clones.load(SeqCst)
    }

    /// How many wakers there are.
    pub fn alive(&self) -> usize {
        // Without those of spies, of which tests have one.
        Arc::strong_count(&self.0) - 1
    }
}

impl Counts {
    fn explode(&self, bomb: Bomb) {
        // Twice would be an abort, and everybody's fault.
        if *self.bomb.lock().unwrap() == Some(bomb) && !thread::panicking() {
            blow_up("waker")
        }
    }
}

fn raw(counts: Arc<Counts>) -> RawWaker {
    RawWaker::new(Arc::into_raw(counts).cast(), &VTABLE)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(counts: *const ()) -> RawWaker {
    // SAFETY: the pointer came from `raw`, and its count is not ours to drop.
    let counts = unsafe { mem::ManuallyDrop::new(Arc::<Counts>::from_raw(counts.cast())) };
    counts.clones.fetch_add(1, SeqCst);
    counts.explode(Bomb::Clone);
    raw(Arc::clone(&counts))
}

unsafe fn wake(counts: *const ()) {
    // SAFETY: the pointer came from `raw`, and its count is given up here.
    let counts = unsafe { Arc::<Counts>::from_raw(counts.cast()) };
    counts.wakes.fetch_add(1, SeqCst);
    counts.explode(Bomb::Wake);
}

unsafe fn wake_by_ref(counts: *const ()) {
    // SAFETY: as for `clone`.
    let counts = unsafe { mem::ManuallyDrop::new(Arc::<Counts>::from_raw(counts.cast())) };
    counts.wakes.fetch_add(1, SeqCst);
    counts.explode(Bomb::Wake);
}

unsafe fn drop_waker(counts: *const ()) {
    // SAFETY: as for `wake`.
    let counts = unsafe { Arc::<Counts>::from_raw(counts.cast()) };
    counts.explode(Bomb::Drop);
}
