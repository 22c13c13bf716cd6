//! Wakers that do what they must not, over everything that keeps a waker.
//!
//! Each [`Row`] is a wait, with what ends it. A hostile waker is left with it; when the wait is over,
//! whoever else waits has been woken, nothing is stuck, nothing was lost, and all memory is free.

#![cfg(not(anyscope_loom))]

use anyscope_core::{
    CancelToken, Child, FutureSet, JoinError, JoinHandle, Kept, Limit, LimitedScope, LiveLimit,
    OwnedScope, Spawn, flow, observe::Event, scope, scope_limited, shield,
};
use futures_core::Stream;
use std::{
    any::Any,
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    mem::{self, ManuallyDrop},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    thread,
};

const OURS: &str = "the waker";

/// What a waker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
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

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task, and what its wakers do.
struct Hostile {
    deed: Deed,
    armed: AtomicBool,
    task: Mutex<Option<Task>>,
    panics: AtomicUsize,
}

impl Hostile {
    fn new(deed: Deed, task: Task) -> Arc<Self> {
        let (armed, panics) = (AtomicBool::new(true), AtomicUsize::new(0));
        Arc::new(Hostile { deed, armed, task: Mutex::new(Some(task)), panics })
    }

    /// Polls the task, unless somebody is at it. Its panic is returned.
    fn poll(self: &Arc<Self>, waker: &Waker) -> Result<(), Box<dyn Any + Send>> {
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
    fn leave_waker(self: &Arc<Self>) {
        let waker = ManuallyDrop::new(self.waker());
        let _ = self.poll(&waker);
        // SAFETY: undoes the count of the waker, which is not used any more.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(self)) };
    }

    fn waker(self: &Arc<Self>) -> Waker {
        // SAFETY: the functions of the table keep the contract, and the pointer is what they expect.
        unsafe { Waker::from_raw(raw(self.clone())) }
    }

    fn explode(&self, deed: Deed) {
        // Twice would be an abort, and everybody's fault.
        if self.deed == deed && self.armed.load(SeqCst) && !thread::panicking() {
            self.panics.fetch_add(1, SeqCst);
            std::panic::panic_any(OURS);
        }
    }

    fn wake(self: &Arc<Self>) {
        self.explode(Deed::PanicInWake);
        match self.deed {
            Deed::Poll => self.poll(&self.waker()).unwrap(),
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

/// An executor whose children are polled by hand.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<VecDeque<Child>>>);

impl Spawn for Hand {
    fn spawn(&self, child: Child) {
        self.0.lock().unwrap().push_back(child);
    }
}

impl Hand {
    fn take(&self) -> Child {
        self.0.lock().unwrap().pop_front().expect("a child was spawned")
    }

    /// Polls every child once. None of these polls may panic.
    fn run(&self) {
        let children = mem::take(&mut *self.0.lock().unwrap());
        for mut child in children {
            let poll = Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop()));
            if poll.is_pending() {
                self.0.lock().unwrap().push_back(child);
            }
        }
    }
}

/// Something to wait for, that keeps one waker for each who waits.
#[derive(Clone, Default)]
struct Signal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Signal {
    fn fire(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let signal = self.clone();
        poll_fn(move |cx| {
            let waker = cx.waker().clone();
            let mut state = signal.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(waker);
            Poll::Pending
        })
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A wait, and what ends it.
struct Row {
    name: &'static str,
    /// What the hostile waker is left with.
    waits: Task,
    /// Who waits besides, with a good waker.
    witness: Option<Task>,
    /// Ends the wait.
    end: Box<dyn FnOnce()>,
    /// Whether the panic of a waker goes to the caller of `end`, and not to a scope.
    unwinds: bool,
    /// Whether the other one is woken only when the first has got on.
    in_turn: bool,
    /// Whether a scope is awaited, which reports a panic that nobody else got.
    reports: bool,
    /// What else has to get on.
    run: Box<dyn Fn()>,
    /// Alive as long as anything of it is.
    memory: Weak<()>,
}

/// What a row is made with: something that each part of it holds.
type Memory = Arc<()>;

fn row<W>(
    name: &'static str,
    make: impl FnOnce(Memory) -> (W, Option<Task>, Box<dyn FnOnce()>, Box<dyn Fn()>),
) -> Row
where
    W: Future<Output = ()> + Send + 'static,
{
    let memory = Memory::default();
    let alive = Arc::downgrade(&memory);
    let (waits, witness, end, run) = make(memory);
    Row {
        name,
        waits: Box::pin(waits),
        witness,
        end,
        unwinds: false,
        in_turn: false,
        reports: false,
        run,
        memory: alive,
    }
}

impl Row {
    fn unwinding(mut self) -> Self {
        self.unwinds = true;
        self
    }

    fn reporting(mut self) -> Self {
        self.reports = true;
        self
    }

    fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }
}

fn none() -> Box<dyn Fn()> {
    Box::new(|| ())
}

/// A scope in a struct with one child that waits for the signal and holds the memory.
fn owned(memory: &Memory) -> (Hand, Arc<OwnedScope<Hand>>, Signal, JoinHandle<'static, ()>) {
    let (exec, signal) = (Hand::default(), Signal::default());
    let scope = Arc::new(OwnedScope::new(&exec));
    let (wait, held) = (signal.wait(), memory.clone());
    let handle = scope.spawn(async move {
        wait.await;
        drop(held);
    });
    exec.run();
    (exec, scope, signal, handle)
}

fn fire_and_run(signal: Signal, exec: &Hand) -> Box<dyn FnOnce()> {
    let exec = exec.clone();
    Box::new(move || {
        signal.fire();
        exec.run();
    })
}

fn run(exec: &Hand) -> Box<dyn Fn()> {
    let exec = exec.clone();
    Box::new(move || exec.run())
}

fn rows() -> Vec<Row> {
    vec![
        row("handle", |memory| {
            let (exec, scope, signal, handle) = owned(&memory);
            let waits = async move {
                let _memory = memory;
                let _ = handle.await;
                drop(scope);
            };
            (waits, None, fire_and_run(signal, &exec), run(&exec))
        }),
        row("handle of a child that is cancelled", |memory| {
            let (exec, scope, _, handle) = owned(&memory);
            let (other, end) = (scope.spawn(pending::<()>()), scope.clone());
            exec.run();
            let waits = async move {
                let _memory = memory;
                let _ = handle.await;
                drop(scope);
            };
            let witness = async { drop(other.await) };
            (waits, Some(Box::pin(witness)), Box::new(move || end.cancel("now")), run(&exec))
        }),
        row("close", |memory| {
            let (exec, scope, signal, handle) = owned(&memory);
            drop(handle);
            let other = scope.clone();
            let waits = async move {
                let _memory = memory;
                scope.close().await;
            };
            let witness = async move { other.close().await };
            (waits, Some(Box::pin(witness)), fire_and_run(signal, &exec), run(&exec))
        })
        .reporting(),
        row("owner of a scope", |memory| {
            let (exec, signal) = (Hand::default(), Signal::default());
            let (theirs, wait) = (exec.clone(), signal.wait());
            let waits = async move {
                scope(&theirs, async move |s| {
                    s.spawn(async move {
                        wait.await;
                        drop(memory);
                    });
                })
                .await;
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                // The child came with the first poll of the scope.
                poll.run();
                signal.fire();
                poll.run();
            });
            (waits, None, end, run(&exec))
        })
        .reporting(),
        row("owner of a scope that fails", |memory| {
            let (exec, signal) = (Hand::default(), Signal::default());
            let (theirs, wait) = (exec.clone(), signal.wait());
            let waits = async move {
                let _ = anyscope_core::try_scope(&theirs, async move |s| {
                    s.spawn(async move {
                        wait.await;
                        drop(memory);
                        Err::<(), ()>(())
                    });
                    pending::<Result<(), ()>>().await
                })
                .await;
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                poll.run();
                signal.fire();
                poll.run();
            });
            (waits, None, end, run(&exec))
        })
        .reporting(),
        row("room", |memory| {
            let (exec, scope, limited, signal) = limited(&memory);
            let other = limited.clone();
            let waits = async move {
                let _memory = memory;
                let _ = limited.spawn_when_free(async {}).await;
                drop(limited);
            };
            let witness = async move { drop(other.spawn_when_free(async {}).await) };
            let (exec2, first) = (exec.clone(), Mutex::new(Some(scope)));
            let end = fire_and_run(signal, &exec);
            let run = move || {
                exec2.run();
                let _ = &first;
            };
            (waits, Some(Box::pin(witness)), end, Box::new(run))
        })
        .in_turn(),
        row("room in a scope that is cancelled", |memory| {
            let (exec, scope, limited, _) = limited(&memory);
            let (other, end) = (limited.clone(), limited.clone());
            let waits = async move {
                let _memory = memory;
                let _ = limited.spawn_when_free(async {}).await;
                drop(limited);
            };
            let witness = async move { drop(other.spawn_when_free(async {}).await) };
            let (exec, first) = (exec.clone(), Mutex::new(Some(scope)));
            let run = move || {
                exec.run();
                let _ = &first;
            };
            (waits, Some(Box::pin(witness)), Box::new(move || end.cancel("now")), Box::new(run))
        }),
        row("start", |memory| {
            let (exec, signal) = (Hand::default(), Signal::default());
            let scope = OwnedScope::new(&exec);
            let wait = signal.wait();
            let waits = async move {
                let start = scope.start(async move |ready| {
                    wait.await;
                    ready.signal(memory);
                });
                drop(start.await);
                drop(scope);
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                poll.run();
                signal.fire();
                poll.run();
            });
            (waits, None, end, run(&exec))
        }),
        row("token", |memory| {
            let token = CancelToken::new();
            let (below, end) = (token.child_token().child_token(), token.clone());
            let waits = async move {
                let _memory = memory;
                token.cancelled().await;
            };
            let witness = async move { below.cancelled().await };
            (waits, Some(Box::pin(witness)), Box::new(move || end.cancel("now")), none())
        })
        .unwinding(),
        row("run_until_cancelled", |memory| {
            let token = CancelToken::new();
            let (other, end) = (token.clone(), token.clone().drop_guard("now"));
            let waits = async move {
                let _ = token
                    .run_until_cancelled(async move {
                        let _memory = memory;
                        pending::<()>().await;
                    })
                    .await;
            };
            let witness = async move { other.cancelled().await };
            (waits, Some(Box::pin(witness)), Box::new(move || drop(end)), none())
        })
        .unwinding(),
        row("token of a scope", |memory| {
            let (exec, scope, _, handle) = owned(&memory);
            drop(handle);
            let (token, other, end) = (scope.token(), scope.token(), scope);
            let waits = async move {
                let _memory = memory;
                token.cancelled().await;
            };
            let witness = async move { other.cancelled().await };
            (waits, Some(Box::pin(witness)), Box::new(move || end.cancel("now")), run(&exec))
        }),
        row("shell of a child that is cancelled", |memory| {
            let (exec, scope, _, handle) = owned(&memory);
            drop((handle, memory));
            let first = exec.take();
            drop(scope.spawn(pending::<()>()));
            let second = exec.take();
            (first, Some(Box::pin(second)), Box::new(move || scope.cancel("now")), none())
        }),
        row("shell of a child behind a shield", |memory| {
            let exec = Hand::default();
            let scope = OwnedScope::new(&exec);
            let place = Arc::new(Mutex::new(None));
            let theirs = place.clone();
            let handle = scope.spawn(poll_fn(move |cx| {
                let _memory = &memory;
                let mut shield = Box::pin(shield(pending::<()>()));
                assert!(shield.as_mut().poll(cx).is_pending());
                theirs.lock().unwrap().get_or_insert(shield);
                Poll::<()>::Pending
            }));
            let child = exec.take();
            let end = Box::new(move || {
                handle.abort();
                let shield = place.lock().unwrap().take();
                drop(shield);
                drop((handle, scope));
            });
            (child, None, end, none())
        })
        .unwinding(),
        row("FutureSet", |memory| {
            let signal = Signal::default();
            let mut set = FutureSet::new();
            set.push(signal.wait());
            let waits = async move {
                let _memory = memory;
                poll_fn(|cx| Pin::new(&mut set).poll_next(cx)).await;
            };
            (waits, None, Box::new(move || signal.fire()), none())
        })
        .unwinding(),
        row("live limit", |memory| {
            let limit = LiveLimit::new(Limit::new(1));
            let flow = |memory: Option<Memory>| {
                let (limit, both) = (limit.clone(), Signal::default());
                async move {
                    let _memory = memory;
                    flow::iter(0..2)
                        .for_each(&limit, async |n| match n {
                            0 => both.wait().await,
                            _ => both.fire(),
                        })
                        .await;
                }
            };
            let (waits, witness) = (flow(Some(memory)), flow(None));
            let end = Box::new(move || limit.set(Limit::new(2)));
            (waits, Some(Box::pin(witness)), end, none())
        })
        .unwinding(),
        row("merge_keyed", |memory| {
            let (handle, merged) = flow::merge_keyed();
            let waits = async move {
                let _memory = memory;
                merged.for_each(Limit::new(1), async |_| {}).await;
            };
            let end = Box::new(move || {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _ = handle.insert(1, flow::iter([1]));
                }));
                drop(handle);
                caught.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            });
            (waits, None, end, none())
        })
        .unwinding(),
        row("for_each_on", |memory| {
            let (exec, signal) = (Hand::default(), Signal::default());
            let (theirs, wait) = (exec.clone(), signal.clone());
            let waits = async move {
                let _ = flow::iter(0..10)
                    .for_each_on(&theirs, Limit::new(4), move |_| {
                        let (wait, memory) = (wait.wait(), memory.clone());
                        async move {
                            wait.await;
                            drop(memory);
                        }
                    })
                    .await;
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                poll.run();
                signal.fire();
                (0..20).for_each(|_| poll.run());
            });
            (waits, None, end, run(&exec))
        }),
        row("map_on", |memory| {
            let (exec, signal) = (Hand::default(), Signal::default());
            let (theirs, wait) = (exec.clone(), signal.clone());
            let waits = async move {
                let mapped = flow::iter(0..10).map_on(&theirs, Limit::new(4), move |n| {
                    let (wait, memory) = (wait.wait(), memory.clone());
                    async move {
                        wait.await;
                        drop(memory);
                        n
                    }
                });
                let _: Vec<_> = mapped.collect().await;
            };
            let poll = exec.clone();
            let end = Box::new(move || {
                poll.run();
                signal.fire();
                (0..20).for_each(|_| poll.run());
            });
            (waits, None, end, run(&exec))
        }),
        row("items of a driven flow", |memory| {
            let place = Arc::new(Mutex::new(None));
            let theirs = place.clone();
            let drive = flow::iter(0..1).drive(async move |items| {
                *theirs.lock().unwrap() = Some(items);
                pending::<()>().await
            });
            let mut drive = Box::pin(drive);
            assert!(drive.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let mut items = place.lock().unwrap().take().unwrap();
            let waits = async move {
                let _memory = memory;
                while items.next().await.is_some() {}
            };
            (waits, None, Box::new(move || drop(drive)), none())
        })
        .unwinding(),
    ]
}

/// A scope for one child, which waits for the signal; its future, and its handle.
fn limited(memory: &Memory) -> (Hand, Task, LimitedScope<Hand>, Signal) {
    let (exec, signal) = (Hand::default(), Signal::default());
    let (theirs, wait, held) = (exec.clone(), signal.wait(), memory.clone());
    let place = Arc::new(Mutex::new(None));
    let handle = place.clone();
    let mut scope: Task = Box::pin(async move {
        scope_limited(&theirs, Limit::new(1), async move |s| {
            *handle.lock().unwrap() = Some(s);
            pending::<()>().await
        })
        .await;
    });
    assert!(scope.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let limited = place.lock().unwrap().take().unwrap();
    drop(limited.try_spawn(async move {
        wait.await;
        drop(held);
    }));
    exec.run();
    (exec, scope, limited, signal)
}

/// Polls a task until it is over, with what else has to get on. False if it never is.
fn finishes(hostile: &Arc<Hostile>, run: &dyn Fn(), panics: &mut Vec<Box<dyn Any + Send>>) -> bool {
    for _ in 0..50 {
        if hostile.task.lock().unwrap().is_none() {
            return true;
        }
        if let Err(panic) = hostile.poll(Waker::noop()) {
            panics.push(panic);
        }
        run();
    }
    false
}

fn show(deed: Deed, row: Row) {
    let Row { name, waits, witness, end, unwinds, in_turn, reports, run, memory } = row;
    let what = format!("{name}, {deed:?}");
    let mut panics = Vec::new();
    let hostile = Hostile::new(deed, waits);
    let count = Arc::new(Count::default());
    let witness = witness.map(|task| Hostile::new(Deed::Poll, task));
    // First in the queue, and so the first to be woken.
    hostile.leave_waker();
    // The first may have been ended by its own poll, and the other with it.
    let witness = witness.filter(|witness| {
        witness.poll(&Waker::from(count.clone())).unwrap();
        witness.task.lock().unwrap().is_some()
    });
    if deed == Deed::PanicInClone {
        // It has panicked; the task tries again with a good waker.
        hostile.armed.store(false, SeqCst);
        hostile.leave_waker();
    }
    let ended = catch_unwind(AssertUnwindSafe(end));
    assert!(ended.is_ok() || unwinds, "{what}: whoever ended the wait has panicked");
    if deed == Deed::PanicInWake && unwinds {
        assert!(ended.is_err(), "{what}: a panic is lost");
    }
    panics.extend(ended.err());
    run();
    hostile.armed.store(false, SeqCst);
    if in_turn {
        assert!(finishes(&hostile, &run, &mut panics), "{what}: it is stuck");
    }
    if let Some(witness) = &witness {
        assert!(count.0.load(SeqCst) > 0, "{what}: nobody has woken the other");
        assert!(finishes(witness, &run, &mut panics), "{what}: the other is stuck");
    }
    assert!(finishes(&hostile, &run, &mut panics), "{what}: it is stuck");
    if matches!(deed, Deed::PanicInWake | Deed::PollAndPanic) {
        assert!(hostile.panics.load(SeqCst) > 0, "{what}: nobody was woken");
        // One that has polled its task to the end before it panics is too late for the scope.
        let lost = deed == Deed::PanicInWake && reports && panics.is_empty();
        assert!(!lost, "{what}: a panic is lost");
    }
    drop((hostile, witness, run));
    assert_eq!(memory.strong_count(), 0, "{what}: something is left");
}

/// Each deed on every wait.
fn show_all(deed: Deed) {
    quiet();
    for n in 0..rows().len() {
        show(deed, rows().swap_remove(n));
    }
}

/// The panics of wakers are not printed.
fn quiet() {
    std::panic::set_hook(Box::new(|info| {
        if !info.payload().downcast_ref::<&str>().is_some_and(|message| *message == OURS) {
            eprintln!("{info}");
        }
    }));
}

#[test]
fn a_waker_panics_when_it_wakes() {
    show_all(Deed::PanicInWake);
}

#[test]
fn a_waker_panics_when_it_is_cloned() {
    show_all(Deed::PanicInClone);
}

#[test]
fn a_waker_panics_when_it_is_dropped() {
    show_all(Deed::PanicInDrop);
}

#[test]
fn a_waker_polls_its_task() {
    show_all(Deed::Poll);
}

#[test]
fn a_waker_polls_its_task_and_panics() {
    show_all(Deed::PollAndPanic);
}

#[test]
fn a_waker_wakes_others_that_panic() {
    show_all(Deed::WakeOthers);
}

#[test]
fn a_waker_drops_its_task() {
    show_all(Deed::DropTask);
}

/// What an executor wants kept, and panics when it is dropped.
#[derive(Clone, Default)]
struct KeepsBombs(Hand);

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            std::panic::panic_any(OURS);
        }
    }
}

impl Spawn for KeepsBombs {
    fn spawn(&self, child: Child) {
        self.0.spawn(child);
    }

    fn spawn_kept(&self, child: Child) -> Option<Kept> {
        self.spawn(child);
        Some(Kept::new(Bomb))
    }
}

/// Given an executor whose kept values panic when they are dropped, when others sweep them out, then
/// no poll, handle or scope panics for it, and everything is freed.
#[test]
fn what_is_kept_may_panic() {
    quiet();
    let memory = Memory::default();
    let exec = KeepsBombs::default();
    let scope = OwnedScope::new(&exec);
    for _ in 0..3 {
        let handles: Vec<_> = (0..1100)
            .map(|_| {
                let memory = memory.clone();
                scope.spawn(async move { memory })
            })
            .collect();
        exec.0.run();
        drop(handles);
    }
    assert_eq!((scope.live(), Arc::strong_count(&memory)), (0, 1));
    let mut close = Box::pin(scope.close());
    assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(close);
    drop(scope);
}

/// Panics when it is polled and when it is dropped.
struct Twice;

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("in poll")
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        panic!("in drop")
    }
}

/// Given a child whose poll panics, and whose destructor does too, then its handle has the first
/// panic, and the observer is told of the second.
#[test]
fn the_panic_of_a_poll_is_not_replaced_by_that_of_the_destructor() {
    let exec = Hand::default();
    let scope = OwnedScope::new(&exec);
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let theirs = dropped.clone();
    scope.on_event(move |event| {
        if let Event::PanicDropped { panic } = event {
            theirs.lock().unwrap().push(panic.to_string());
        }
    });
    let mut handle = scope.spawn(Twice);
    exec.run();
    let outcome = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(JoinError::Panicked(panic))) = outcome else { panic!("{outcome:?}") };
    assert!(panic.to_string().contains("in poll"), "{panic}");
    let dropped = dropped.lock().unwrap();
    assert!(matches!(&**dropped, [one] if one.contains("in drop")), "{dropped:?}");
}
