//! Executors that lose, hoard, leak or poll children at the wrong time: they can keep a scope
//! waiting, and nothing else.

use anyscope::{
    BlockOn, CancelledBy, Child, JoinHandle, OwnedScope, Scope, ScopeError, Spawn, block_scope,
    observe::Event, scope, scope_local, spawn_fn, threads::ThreadPool, try_block_scope,
    try_scope_local,
};
use std::{
    future::{Future, pending, poll_fn, ready},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::Poll,
    thread,
};
use support::{
    Hoard, Signal, Tracer, blow_up, cause,
    hostile::{BLOCKS, BadOwner, Block, DEEDS, Deed, Hostile, HostileLocal, elsewhere},
    kinds::{End, kinds},
    panic_in, poll_once, yield_now,
};

/// Given a scope of any kind on an executor of any kind, when the scope is dropped, then its
/// children are gone, and whatever the executor does later touches none of them.
#[test]
fn a_dropped_scope_leaves_nothing_to_its_executor() {
    for deed in DEEDS {
        for kind in kinds() {
            let (exec, signal, tracer) = (Hostile::new(deed), Signal::new(), Tracer::new());
            let work = [(); 3].map(|()| tracer.trace(signal.wait()));
            let mut scope = kind.open(&exec, work, pending());
            let over = poll_once(scope.as_mut()).is_ready();
            assert_eq!(over, deed.loses() && (kind.fails_fast || !kind.has_body), "{}", kind.name);
            exec.poll_all();
            if !over {
                let _ = poll_once(scope.as_mut());
            }
            exec.poll_all();
            drop(scope);
            assert_eq!(tracer.alive(), 0, "{} {deed:?}", kind.name);
            let polls = tracer.polls();
            elsewhere(|| signal.fire());
            exec.haunt();
            assert_eq!(tracer.polls(), polls, "{} {deed:?}", kind.name);
        }
    }
}

/// Given an executor that does not let a child get on, when the body has ended, then the scope
/// waits for the child as long as it is there.
#[test]
fn what_is_kept_back_keeps_its_scope_waiting() {
    for deed in DEEDS.into_iter().filter(|deed| !deed.loses()) {
        for kind in kinds() {
            let (exec, signal, tracer) = (Hostile::new(deed), Signal::new(), Tracer::new());
            let mut scope = kind.open(&exec, [tracer.trace(signal.wait())], ready(()));
            for _ in 0..3 {
                assert!(poll_once(scope.as_mut()).is_pending(), "{} {deed:?}", kind.name);
                exec.poll_all();
            }
            assert_eq!(tracer.alive(), 1);
            signal.fire();
            exec.poll_all();
            let leaked = exec.children() == 0;
            let end = poll_once(scope.as_mut());
            let expected = if leaked { Poll::Pending } else { Poll::Ready(End::Done) };
            assert_eq!(end, expected, "{} {deed:?}", kind.name);
            drop(scope);
            assert_eq!(tracer.alive(), 0);
            exec.haunt();
        }
    }
}

/// Given an executor that drops children, then a scope that fails fast ends with that cause, and
/// the others end as if the child had.
#[test]
fn a_lost_child_ends_a_scope_only_if_it_fails_fast() {
    for deed in DEEDS.into_iter().filter(|deed| deed.loses()) {
        for kind in kinds() {
            let (exec, go, tracer) = (Hostile::new(deed), Signal::new(), Tracer::new());
            let work = [(); 3].map(|()| tracer.trace(pending()));
            let mut scope = kind.open(&exec, work, go.wait());
            let mut end = poll_once(scope.as_mut());
            if kind.fails_fast {
                assert_eq!(end, Poll::Ready(End::Cancelled(CancelledBy::Executor)));
            } else {
                if kind.has_body {
                    assert_eq!(end, Poll::Pending);
                    go.fire();
                    end = poll_once(scope.as_mut());
                }
                assert_eq!(end, Poll::Ready(End::Done), "{} {deed:?}", kind.name);
            }
            assert_eq!(tracer.alive(), 0);
        }
    }
}

/// Given an executor that drops children, then each of their handles says that it was the
/// executor, however the child was spawned.
#[test]
fn the_handle_of_a_lost_child_names_the_executor() {
    for deed in DEEDS.into_iter().filter(|deed| deed.loses()) {
        let exec = Hostile::new(deed);
        let owned = OwnedScope::new(&exec);
        assert_eq!(end_of(owned.spawn(pending::<()>())), CancelledBy::Executor);
        assert_eq!(end_of(owned.spawn_named("lost", pending::<()>())), CancelledBy::Executor);
        assert_eq!(end_of(owned.spawn_daemon(pending::<()>())), CancelledBy::Executor);
        assert_eq!(end_of(owned.spawn_on(&exec, pending::<()>())), CancelledBy::Executor);
        let mut value = pin!(owned.spawn(pending::<()>()).value());
        assert!(panic_in(|| poll_once(value.as_mut())).contains("the executor dropped it"));
    }
}

fn end_of<T>(handle: JoinHandle<'_, T>) -> CancelledBy {
    match poll_once(pin!(handle)) {
        Poll::Ready(outcome) => cause(outcome),
        Poll::Pending => panic!("the child is there"),
    }
}

/// Given an executor that polls inside `spawn`, to the end if it can, then scopes are as with
/// any other, children that spawn siblings included.
#[test]
fn children_may_be_polled_inside_spawn() {
    for kind in kinds() {
        let (exec, tracer) = (Hostile::new(Deed::PollAndKeep), Tracer::new());
        let work = [(); 5].map(|()| tracer.trace(ready(())));
        let mut scope = kind.open(&exec, work, ready(()));
        assert_eq!(poll_once(scope.as_mut()), Poll::Ready(End::Done), "{}", kind.name);
        assert_eq!((tracer.polls(), tracer.alive()), (5, 0));
        exec.haunt();
        assert_eq!(tracer.polls(), 5);
    }

    let eager = Hostile::new(Deed::PollAndKeep);
    let mut deep = pin!(scope(&eager, async |s| fibonacci(&s, 10).await));
    assert_eq!(poll_once(deep.as_mut()), Poll::Ready(55));

    let (mut sum, words) = (0, vec!["to", "be"]);
    block_scope(&eager, async |s| {
        drop(
            s.spawn(async { sum = s.spawn(async { words.len() }).await.unwrap() + words[0].len() }),
        );
    });
    assert_eq!(sum, 4);
}

fn fibonacci<E>(s: &Scope<E>, n: usize) -> Pin<Box<dyn Future<Output = usize> + Send>>
where
    E: Spawn + Clone + Send + Sync + 'static,
{
    let s = s.clone();
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let [a, b] = [n - 1, n - 2].map(|n| s.spawn(fibonacci(&s, n)));
        a.await.unwrap() + b.await.unwrap()
    })
}

/// Given an executor that polls each time on another thread, and polls on when a child has ended,
/// then children end once and with the right value.
#[test]
fn children_may_be_polled_on_many_threads_in_turn() {
    let exec = Hostile::new(Deed::PollElsewhere);
    let tracer = Tracer::new();
    let mut scope = pin!(scope(&exec, async |s| {
        let [a, b] = [3, 4].map(|n| s.spawn(tracer.trace(step_by_step(n))));
        (a.await.unwrap(), b.await.unwrap())
    }));
    let threads = loop {
        if let Poll::Ready(threads) = poll_once(scope.as_mut()) {
            break threads;
        }
        exec.poll_all();
    };
    assert_eq!(threads, (4, 5));
    assert_eq!(tracer.polls(), 9);
    exec.haunt();
    assert_eq!(tracer.polls(), 9);
}

/// Is pending `n` times; answers on how many threads it was polled.
fn step_by_step(n: usize) -> impl Future<Output = usize> + Send + 'static {
    let mut threads = Vec::new();
    poll_fn(move |_| {
        let this = thread::current().id();
        assert!(!threads.contains(&this));
        threads.push(this);
        if threads.len() > n { Poll::Ready(threads.len()) } else { Poll::Pending }
    })
}

/// Given an executor that panics inside `spawn`, with the child in its hands or kept elsewhere,
/// then the spawner panics, and the scope ends with that panic when its children are gone.
#[test]
fn an_executor_may_panic_inside_spawn() {
    for keeps in [false, true] {
        for kind in kinds() {
            let (tracer, kept, calls) = (Tracer::new(), Hostile::new(Deed::Keep), Arc::default());
            let exec = spawn_fn({
                let (kept, calls) = (kept.clone(), Arc::<AtomicUsize>::clone(&calls));
                move |child| {
                    let first = calls.fetch_add(1, SeqCst) == 0;
                    if first || keeps {
                        kept.spawn(child);
                    }
                    if !first {
                        blow_up("spawn")
                    }
                }
            });
            let work = [(); 2].map(|()| tracer.trace(pending()));
            let mut scope = kind.open(&exec, work, pending());
            assert_eq!(panic_in(|| poll_once(scope.as_mut())), "spawn", "{}", kind.name);
            if kind.name.starts_with("owned") {
                // The panic went through the block around the scope, and the scope with it.
                drop(scope);
            }
            assert_eq!(tracer.alive(), 0, "{}", kind.name);
            kept.haunt();
            assert_eq!(tracer.polls(), 0);
        }
    }
}

/// Given children that own their own handle, or even what the executor polls them with, when
/// they end in whatever way, then both go with them.
#[test]
fn children_may_own_themselves() {
    #[derive(Clone, Copy, PartialEq)]
    enum Way {
        ScopeIsDropped,
        ScopeIsCancelled,
        ExecutorDrops,
        Returns,
    }
    use Way::*;

    for (way, owns_child) in [
        (ScopeIsDropped, false),
        (ScopeIsDropped, true),
        (ScopeIsCancelled, true),
        (ExecutorDrops, false),
        (Returns, false),
    ] {
        let (exec, tracer, go) = (Hoard::new(), Tracer::new(), Signal::new());
        let owned = OwnedScope::new(&exec);
        let inbox = Arc::new(Mutex::new(None));
        let handle = owned.spawn(tracer.trace({
            let (inbox, go) = (inbox.clone(), go.clone());
            async move {
                go.wait().await;
                drop(inbox);
            }
        }));
        let mut child = exec.take().pop();
        assert!(poll_once(Pin::new(child.as_mut().unwrap())).is_pending());
        let own = if owns_child { child.take() } else { None };
        *inbox.lock().unwrap() = Some((handle, own));
        let left = Arc::downgrade(&inbox);
        drop(inbox);
        match way {
            ScopeIsDropped => drop(owned),
            ScopeIsCancelled => owned.cancel("test"),
            ExecutorDrops => drop(child.take()),
            Returns => {
                go.fire();
                assert!(poll_once(Pin::new(child.as_mut().unwrap())).is_ready());
            }
        }
        assert_eq!((tracer.alive(), left.strong_count()), (0, 0));
    }
}

/// Given closures to block on that an executor loses, keeps, leaks or runs at once, then their
/// children are as any others.
#[test]
fn closures_to_block_on_may_be_mistreated() {
    for deed in DEEDS {
        let (exec, runs, held) = (Hostile::new(deed), Arc::new(AtomicUsize::new(0)), Arc::new(()));
        let owned = OwnedScope::new(&exec);
        let child = owned.spawn_blocking({
            let (runs, held) = (runs.clone(), held.clone());
            move || {
                drop(held);
                runs.fetch_add(1, SeqCst)
            }
        });
        let runs_at_once =
            matches!(deed, Deed::PollAndKeep | Deed::PollAndLose | Deed::PollAndLeak);
        let ended = runs_at_once || deed.loses();
        assert_eq!(child.is_finished(), ended, "{deed:?}");
        drop(owned);
        assert_eq!(Arc::strong_count(&held), 1, "{deed:?}");
        match poll_once(pin!(child)) {
            Poll::Ready(Ok(value)) if runs_at_once => assert_eq!(value, 0),
            Poll::Ready(outcome) => {
                let expected =
                    if deed.loses() { CancelledBy::Executor } else { CancelledBy::Scope };
                assert_eq!(cause(outcome), expected, "{deed:?}");
            }
            Poll::Pending => panic!("{deed:?}: the child is there"),
        }
        exec.haunt();
        assert_eq!(runs.load(SeqCst), usize::from(runs_at_once), "{deed:?}");
    }
}

/// Given an executor of one thread that mistreats its children, then they go with the scope, and
/// a scope that fails fast learns of the loss.
#[test]
fn local_children_may_be_mistreated() {
    for deed in DEEDS {
        let exec = HostileLocal::new(deed);
        let alive = Rc::new(());
        let child = || {
            let alive = alive.clone();
            async move {
                pending::<()>().await;
                drop(alive);
                Ok::<(), ()>(())
            }
        };

        let mut scope = Box::pin(scope_local(&exec, async |s| {
            let handle = s.spawn(child());
            drop(s.spawn(child()));
            handle.await
        }));
        let polled = poll_once(scope.as_mut());
        assert_eq!(polled.is_ready(), deed.loses(), "{deed:?}");
        if let Poll::Ready(outcome) = polled {
            assert_eq!(cause(outcome), CancelledBy::Executor);
        }
        exec.poll_all();
        drop(scope);
        assert_eq!(Rc::strong_count(&alive), 1, "{deed:?}");

        let mut scope = Box::pin(try_scope_local(&exec, async |s| {
            s.spawn(child()).value().await;
            Ok(())
        }));
        match poll_once(scope.as_mut()) {
            Poll::Ready(ended) => assert!(deed.loses() && ended.unwrap_err().is_cancelled()),
            Poll::Pending => assert!(!deed.loses()),
        }
        drop(scope);
        assert_eq!(Rc::strong_count(&alive), 1, "{deed:?}");
        exec.poll_all();
    }
}

/// Given a child without a scope, then an executor may do with it what it likes, and its panic
/// goes no further.
#[test]
fn detached_children_may_be_mistreated() {
    for deed in DEEDS {
        let (exec, tracer) = (Hostile::new(deed), Tracer::new());
        exec.spawn(Child::unscoped(tracer.trace(async { blow_up("detached") })));
        exec.poll_all();
        exec.haunt();
        let leaked = usize::from(deed == Deed::Leak);
        assert_eq!(tracer.alive(), leaked, "{deed:?}");
    }
}

/// Given a `block_scope` on an executor of any kind, when it has returned, then what its children
/// borrowed is free, and whatever the executor does later touches none of it.
#[test]
fn borrowed_data_is_free_after_a_block_scope() {
    for deed in DEEDS {
        let (exec, signal, tracer) = (Hostile::new(deed), Signal::new(), Tracer::new());
        let mut data = vec![Box::new(0); 3];
        let late = block_scope(&exec, async |s| {
            let handles: Vec<_> = data
                .iter_mut()
                .map(|n| {
                    let mut fired = Box::pin(signal.wait());
                    s.spawn(tracer.trace(poll_fn(move |cx| {
                        **n += 1;
                        fired.as_mut().poll(cx)
                    })))
                })
                .collect();
            exec.poll_all();
            s.cancel("test");
            let mut causes = Vec::new();
            for handle in handles {
                causes.push(cause(handle.await));
            }
            causes
        });
        let expected = if deed.loses() { CancelledBy::Executor } else { CancelledBy::Scope };
        assert_eq!(late, [expected; 3], "{deed:?}");
        assert_eq!(tracer.alive(), 0);
        let polls = tracer.polls();
        assert_eq!(data.iter().map(|n| **n).sum::<usize>(), polls);
        drop(data);
        elsewhere(|| signal.fire());
        exec.haunt();
        assert_eq!(tracer.polls(), polls, "{deed:?}");
    }
}

/// Given a `try_block_scope` whose executor loses a child, then it fails with that cause; one
/// whose executor leaks a child unpolled waits until it is cancelled. Errors and values that
/// borrow are free afterwards as well.
#[test]
fn borrowed_errors_are_free_after_a_block_scope() {
    for deed in DEEDS {
        let exec = Hostile::new(deed);
        let message = String::from("no such word");
        let result: Result<&str, _> = try_block_scope(&exec, async |s| {
            let value = s.spawn(async { Ok(message.as_str()) });
            drop(s.spawn(async { Err::<(), _>(message.as_str()) }));
            if deed == Deed::Leak {
                yield_now().await;
                s.cancel("test");
            }
            let value = value.value().await;
            exec.poll_all();
            pending::<()>().await;
            Ok(value)
        });
        match result.unwrap_err() {
            ScopeError::Failed { first, rest } => {
                let unpolled = matches!(deed, Deed::Lose | Deed::LoseElsewhere | Deed::Leak);
                assert!(!unpolled, "{deed:?}");
                assert_eq!((first, rest.len()), ("no such word", 0));
            }
            ScopeError::Cancelled(cancelled) => {
                let leaked = deed == Deed::Leak;
                assert!(deed.loses() || leaked, "{deed:?}");
                let cause = if leaked { CancelledBy::Scope } else { CancelledBy::Executor };
                assert_eq!(cancelled.by(), cause);
            }
            other => panic!("{other:?}"),
        }
        drop(message);
        exec.haunt();
    }
}

/// Given a `block_on` that panics before, while or after it has the result, or that leaks what it
/// was given, when children run on real threads, then the panic comes out when they are gone.
#[test]
fn borrowed_data_is_free_after_a_block_on_that_panicked() {
    for block in BLOCKS {
        let pool = BadOwner { exec: ThreadPool::new(2), block };
        let tracer = Tracer::new();
        let mut data = vec![Box::new(0); 8];
        let message = panic_in(|| {
            block_scope(&pool, async |s| {
                for n in &mut data {
                    drop(s.spawn(tracer.trace(async move {
                        for _ in 0..10 {
                            **n += 1;
                            yield_now().await;
                        }
                    })));
                }
            });
        });
        if block == Block::Beyond {
            assert!(message.contains("after it had returned its result"), "{message}");
        } else {
            assert_eq!(message, "block_on");
        }
        assert_eq!(tracer.alive(), 0, "{block:?}");
        let sum = data.iter().map(|n| **n).sum::<usize>();
        drop(data);
        match block {
            Block::Never => assert_eq!(sum, 0),
            Block::Through | Block::Beyond => assert_eq!(sum, 80),
            Block::Once | Block::OnceAndLeak => {}
        }
    }
}

/// Given a `block_on` that panics while a child is being polled on another thread, then the panic
/// comes out after that poll.
#[test]
fn a_poll_in_progress_is_waited_for_when_block_on_panics() {
    /// Polls once, waits until a child is inside its poll, then panics.
    struct Impatient {
        pool: ThreadPool,
        inside: Mutex<mpsc::Receiver<()>>,
    }

    impl Spawn for Impatient {
        fn spawn(&self, child: Child) {
            self.pool.spawn(child);
        }
    }

    impl BlockOn for Impatient {
        fn block_on<F: Future>(&self, future: F) -> F::Output {
            assert!(poll_once(pin!(future)).is_pending());
            self.inside.lock().unwrap().recv().unwrap();
            blow_up("block_on")
        }
    }

    let (inside, has_begun) = mpsc::channel();
    let (go_on, abandoned) = mpsc::channel();
    let exec = Impatient { pool: ThreadPool::new(1), inside: Mutex::new(has_begun) };
    let (mut data, tracer) = (vec![0; 100], Tracer::new());
    let borrowed = &mut data;
    let message = panic_in(|| {
        block_scope(&exec, async |s| {
            // Called when `block_on` has dropped the future, which is before the wait.
            s.on_event(move |event| match event {
                Event::Abandoned { children: 1, running: 1, .. } => go_on.send(()).unwrap(),
                other => panic!("{other:?}"),
            });
            drop(s.spawn(tracer.trace(async move {
                inside.send(()).unwrap();
                abandoned.recv().unwrap();
                thread::yield_now();
                borrowed.fill(7);
                pending::<()>().await;
            })));
            pending::<()>().await;
        })
    });
    assert_eq!(message, "block_on");
    assert_eq!((data, tracer.alive()), (vec![7; 100], 0));
}

/// Given closures to block on that borrow, when their executor mistreats them, then nothing of
/// them is left after the scope.
#[test]
fn borrowing_closures_may_be_mistreated() {
    for deed in DEEDS {
        let exec = Hostile::new(deed);
        let mut data = vec![1];
        let result = block_scope(&exec, async |s| {
            let child = s.spawn_blocking(|| {
                data.push(2);
                data.len()
            });
            s.cancel("test");
            child.await
        });
        if matches!(deed, Deed::PollAndKeep | Deed::PollAndLose | Deed::PollAndLeak) {
            assert_eq!(result.unwrap(), 2);
        } else {
            assert!(result.unwrap_err().is_cancelled());
        }
        drop(data);
        exec.haunt();
    }
}
