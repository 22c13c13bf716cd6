//! Everything that keeps a waker, on an executor whose children are polled by hand.

use super::waker::Task;
use anyscope::{
    AdaptiveLimit, CancelToken, Child, FutureMap, FutureSet, JoinHandle, Limit, LimitedScope,
    LiveLimit, OwnedScope, Spawn, When, flow, limit::adaptive::Aimd, scope, scope_limited, shield,
    smol::Smol, try_scope,
};
use futures_core::Stream;
use std::{
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker},
};

/// A wait, and what ends it.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// What the hostile waker is left with.
    pub(super) waits: Task,
    /// Who waits besides, with a good waker.
    pub(super) witness: Option<Task>,
    /// Ends the wait.
    pub(super) end: Box<dyn FnOnce()>,
    /// Whether the panic of a waker goes to the caller of `end`, and not to a scope.
    pub(super) unwinds: bool,
    /// Whether the other one is woken only when the first has got on.
    pub(super) in_turn: bool,
    /// Whether a scope is awaited, which reports a panic that nobody else got.
    pub(super) reports: bool,
    /// What else has to get on.
    pub(super) run: Box<dyn Fn()>,
    /// Alive as long as anything of it is.
    pub(super) memory: Weak<()>,
}

/// What a row is made with: something that each part of it holds.
pub(super) type Memory = Arc<()>;

pub(super) fn row<W>(
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
    pub(super) fn unwinding(mut self) -> Self {
        self.unwinds = true;
        self
    }

    fn reporting(mut self) -> Self {
        self.reports = true;
        self
    }

    pub(super) fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }
}

pub(super) fn none() -> Box<dyn Fn()> {
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

pub(super) fn run(exec: &Hand) -> Box<dyn Fn()> {
    let exec = exec.clone();
    Box::new(move || exec.run())
}

pub(super) fn rows() -> Vec<Row> {
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
                let _ = try_scope(&theirs, async move |s| {
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
                let _ = limited.spawn(async {}).await;
                drop(limited);
            };
            let witness = async move { drop(other.spawn(async {}).await) };
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
                let _ = limited.spawn(async {}).await;
                drop(limited);
            };
            let witness = async move { drop(other.spawn(async {}).await) };
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
        row("wait of a FutureSet", |memory| {
            let signal = Signal::default();
            let mut set = FutureSet::new();
            set.push(signal.wait());
            let waits = async move {
                let _memory = memory;
                let _ = set.wait(When::All).await;
            };
            (waits, None, Box::new(move || signal.fire()), none())
        })
        .unwinding(),
        row("wait for what a handle adds", |memory| {
            let mut set = FutureSet::new();
            set.push(Signal::default().wait());
            let (handle, ready) = (set.handle(), Signal::default());
            ready.fire();
            let waits = async move {
                let _memory = memory;
                let _ = set.wait(When::First).await;
            };
            (waits, None, Box::new(move || drop(handle.push(ready.wait()))), none())
        })
        .unwinding(),
        row("flow of a map whose last handle goes", |memory| {
            let mut map = FutureMap::<u8, std::future::Ready<()>>::new();
            let handle = map.handle();
            let waits = async move {
                let _memory = memory;
                let _ = map.as_completed().count().await;
            };
            (waits, None, Box::new(move || drop(handle)), none())
        })
        .unwinding(),
        row("live limit", |memory| {
            let limit = LiveLimit::new(Limit::new(1));
            let flow = |memory: Option<Memory>| {
                let (limit, both) = (limit.clone(), Signal::default());
                async move {
                    let _memory = memory;
                    flow::iter(0..2)
                        .for_each_concurrent(&limit, async |n| match n {
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
        row("adaptive limit", |memory| {
            let most = Aimd::builder().initial(1).build().unwrap();
            let adaptive = AdaptiveLimit::new(most);
            let flow = |memory: Option<Memory>| {
                let (adaptive, both) = (adaptive.clone(), Signal::default());
                async move {
                    let _memory = memory;
                    flow::iter(0..2)
                        .for_each_concurrent(&adaptive, async |n| match n {
                            0 => both.wait().await,
                            _ => both.fire(),
                        })
                        .await;
                }
            };
            let (waits, witness) = (flow(Some(memory)), flow(None));
            let end = Box::new(move || adaptive.start(Smol).success());
            (waits, Some(Box::pin(witness)), end, none())
        })
        .unwinding(),
        row("merge_keyed", |memory| {
            let (handle, merged) = flow::merge_keyed();
            let waits = async move {
                let _memory = memory;
                merged.for_each_concurrent(Limit::new(1), async |_| {}).await;
            };
            let end = Box::new(move || {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _ = handle.insert(1, flow::iter([1]));
                }));
                drop(handle);
                caught.unwrap_or_else(|panic| resume_unwind(panic));
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

/// An executor whose children are polled by hand.
#[derive(Clone, Default)]
pub(super) struct Hand(Arc<Mutex<VecDeque<Child>>>);

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
    pub(super) fn run(&self) {
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
pub(super) struct Signal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Signal {
    pub(super) fn fire(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            mem::take(&mut state.1)
        };
        let mut first = None;
        for waker in wakers {
            let panic = catch_unwind(AssertUnwindSafe(|| waker.wake())).err();
            first = first.or(panic);
        }
        if let Some(panic) = first {
            resume_unwind(panic);
        }
    }

    pub(super) fn is_fired(&self) -> bool {
        self.0.lock().unwrap().0
    }

    pub(super) fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
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
