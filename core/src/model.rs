//! What models are made of: a small executor, waits that find lost wakes, probes that find races,
//! leaks and uses of freed memory. Exists with `--cfg anyscope_loom` only, for tests.
//!
//! loom runs the threads of a model in every order (within a bound on preemptions), and with
//! every value that a weak memory may answer. It fails a model in which all threads wait, and one
//! in which two accesses to an `UnsafeCell` are not ordered. This module adds what it lacks:
//!
//! - a wait that returns only for its own waker, so that a lost wake is a deadlock;
//! - [`Probe`]s, in place of user values: dropped once, and never while another thread looks;
//! - an allocator that fills freed memory and keeps it for a while: who still looks at a loom type
//!   in it does not find one.

extern crate std;

use crate::{Child, KeepAlive, Spawn};
use alloc::{boxed::Box, sync::Arc, task::Wake, vec::Vec};
use core::{
    cell::Cell,
    future::Future,
    mem,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};
use loom::{cell::UnsafeCell, thread};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Write,
    sync::Mutex,
    time::Instant,
};

/// Explores `model`, within `LOOM_MAX_PREEMPTIONS` if that is set, and says how large it was.
pub fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    check_deep(name, 0, model);
}

/// As [`check`], with `preemptions` at least.
pub fn check_deep(name: &str, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = executions.clone();
    let start = Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = builder.preemption_bound.map(|bound| bound.max(preemptions));
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let line = std::format!(
        "model {name}: {} executions, {:.1} s\n",
        executions.load(Ordering::Relaxed),
        start.elapsed().as_secs_f64(),
    );
    // At once, as other models write too.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A thread of a model.
#[derive(Debug)]
#[must_use = "join it, so that what is checked last comes last"]
pub struct Thread<T> {
    end: Arc<Step<Option<T>>>,
}

/// Starts a thread.
pub fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> Thread<T> {
    let end = Arc::new(Step::new(None));
    let ours = end.clone();
    let joiner = thread::current();
    thread::spawn(move || {
        let value = f();
        ours.run(|end| *end = Some(value));
        joiner.unpark();
    });
    Thread { end }
}

impl<T> Thread<T> {
    /// Waits for its end, on the thread that started it.
    pub fn join(self) -> T {
        // Not `JoinHandle::join`, which prints.
        loop {
            if let Some(value) = self.end.run(Option::take) {
                return value;
            }
            thread::park();
        }
    }
}

/// A value that changes in steps of which other threads see no middle, as under a lock. It costs a
/// model one branch a step. A step must not use any type of loom.
#[derive(Debug, Default)]
pub struct Step<T> {
    order: loom::sync::atomic::AtomicUsize,
    value: Mutex<T>,
}

impl<T> Step<T> {
    /// A value.
    pub fn new(value: T) -> Self {
        Step { order: loom::sync::atomic::AtomicUsize::new(0), value: Mutex::new(value) }
    }

    /// Makes a step.
    pub fn run<R>(&self, step: impl FnOnce(&mut T) -> R) -> R {
        self.order.fetch_add(1, Ordering::AcqRel);
        step(&mut self.value.lock().unwrap())
    }
}

/// Polls `future` until it is ready, each time with the same waker, and never without a wake.
pub fn block_on<F: Future>(future: F) -> F::Output {
    drive(future, false)
}

/// [`block_on`] with a new waker for each poll.
pub fn block_on_fresh<F: Future>(future: F) -> F::Output {
    drive(future, true)
}

fn drive<F: Future>(future: F, fresh: bool) -> F::Output {
    let mut future = pin!(future);
    let mut signal = Signal::new();
    loop {
        let waker = Waker::from(signal.clone());
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        signal.wait();
        if fresh {
            signal = Signal::new();
        }
    }
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The waker of a waiting thread.
struct Signal {
    fired: AtomicBool,
    by_itself: AtomicBool,
    thread: thread::Thread,
}

impl Signal {
    fn new() -> Arc<Self> {
        Arc::new(Signal {
            fired: AtomicBool::new(false),
            by_itself: AtomicBool::new(false),
            thread: thread::current(),
        })
    }

    fn wait(&self) {
        // Who has woken itself waits for another thread, and would starve it.
        if self.by_itself.swap(false, Ordering::Relaxed) {
            thread::yield_now();
        }
        while !self.fired.swap(false, Ordering::Relaxed) {
            thread::park();
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::Relaxed);
        if thread::current().id() == self.thread.id() {
            self.by_itself.store(true, Ordering::Relaxed);
        }
        self.thread.unpark();
    }
}

/// Counts what is alive: a model ends with nothing.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    /// Something to be counted.
    pub fn probe(&self) -> Probe {
        self.0.fetch_add(1, Ordering::Relaxed);
        Probe { value: UnsafeCell::new(()), census: self.0.clone() }
    }

    /// How many probes there are.
    pub fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value of a user: finds out when two threads have it at the same time.
#[derive(Debug)]
pub struct Probe {
    value: UnsafeCell<()>,
    census: Arc<AtomicUsize>,
}

impl Probe {
    /// An access that nothing else may run into.
    pub fn touch(&self) {
        self.value.with_mut(|_| ());
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.touch();
        }
        assert!(self.census.fetch_sub(1, Ordering::Relaxed) > 0, "dropped twice");
    }
}

/// A future that is ready at its `polls`th poll, with a probe as its value. It touches one of its
/// own in each, and wakes nobody.
#[derive(Debug)]
pub struct Work {
    own: Probe,
    value: Option<Probe>,
    polls: usize,
}

impl Work {
    /// Work that counts in `census` as two: itself and its value.
    pub fn new(census: &Census, polls: usize) -> Self {
        Work { own: census.probe(), value: Some(census.probe()), polls }
    }
}

impl Future for Work {
    type Output = Probe;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Probe> {
        self.own.touch();
        self.polls -= 1;
        if self.polls > 0 {
            return Poll::Pending;
        }
        Poll::Ready(self.value.take().expect("ready once"))
    }
}

/// Something to wait for: set by one thread, awaited by another, which uses it up.
#[derive(Clone, Debug, Default)]
pub struct Flag(Arc<Step<(bool, Option<Waker>)>>);

impl Flag {
    /// Lets whoever waits go on.
    pub fn set(&self) {
        let waker = self.0.run(|(set, waker)| {
            *set = true;
            waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Flag {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Not in the step: wakers have loom's types in them.
        let new = cx.waker().clone();
        let (is_set, old) = self.0.run(|(set, waker)| (mem::take(set), waker.replace(new)));
        drop(old);
        if is_set { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// An executor whose tasks the model runs, on the threads of its choice. What it wants kept with
/// a child counts in `memory` until the child is freed.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    spawned: Arc<Step<Vec<Child>>>,
    memory: Census,
}

impl Tasks {
    /// The child that was spawned last and not yet taken.
    pub fn take(&self) -> Child {
        self.try_take().expect("a child was spawned")
    }

    /// As [`take`](Self::take), if there is one.
    pub fn try_take(&self) -> Option<Child> {
        self.spawned.run(Vec::pop)
    }

    /// How many children have not been freed.
    pub fn in_memory(&self) -> usize {
        self.memory.alive()
    }
}

impl Spawn for Tasks {
    fn spawn(&self, child: Child) {
        self.spawned.run(|spawned| spawned.push(child));
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.spawn(child);
        Some(KeepAlive::new(Box::new(self.memory.probe())))
    }
}

/// How many freed blocks are kept, and up to which size.
const KEPT: usize = 512;
const LARGEST: usize = 1024;
const FILL: u8 = 0xa5;

struct Quarantine;

#[global_allocator]
static QUARANTINE: Quarantine = Quarantine;

std::thread_local! {
    static FREED: [Cell<(*mut u8, usize, usize)>; KEPT] =
        const { [const { Cell::new((core::ptr::null_mut(), 0, 1)) }; KEPT] };
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: that of the system's allocator, to which every block goes back, later.
unsafe impl GlobalAlloc for Quarantine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() > LARGEST {
            // SAFETY: promised by the caller.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: the block is the caller's, who gives it up.
        unsafe { block.write_bytes(FILL, layout.size()) };
        let at = NEXT.replace((NEXT.get() + 1) % KEPT);
        let (old, size, align) =
            FREED.with(|freed| freed[at].replace((block, layout.size(), layout.align())));
        if !old.is_null() {
            // SAFETY: given up by its owner, with this layout.
            unsafe { System.dealloc(old, Layout::from_size_align_unchecked(size, align)) };
        }
    }
}
