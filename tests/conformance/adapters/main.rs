//! What the adapters promise for themselves: owners, handles, shutdown, time and contexts.

use anyscope::{
    BlockOn, CancelledBy, Clock, OwnedScope, Ready, ScopeError, Spawn, SpawnLocal, Timer,
    block_scope, flow, scope, scope_local,
    smol::{Smol, SmolExecutor, SmolLocal},
    threads::ThreadPool,
    timeout,
    tokio::{TokioLocal, TokioRuntime, WithTokio},
    try_scope,
};
use futures_core::Stream;
use std::{
    future::{Future, pending},
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, mpsc},
    task::Poll,
    thread,
    time::Duration,
};
use support::{
    Tracer, blocking, blow_up, cause,
    executors::{NoThreads, SmolOwn, Threads, TokioCurrent, TokioMulti, Under},
    panic_in, panic_message, poll_once, until_idle, yield_now,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

blocking! {
    /// Given a `block_on`, when its thread calls it again, then that panics before anything of it
    /// runs, names both calls, and the outer one goes on.
    nested_block_on_names_both_calls |owner| {
        let outer_line = line!() + 1;
        let (inner_line, message) = owner.block_on(async {
            let inner_line = line!() + 1;
            (inner_line, panic_in(|| owner.block_on(async { unreachable!("the body runs") })))
        });
        assert_names(&message, outer_line);
        assert_names(&message, inner_line);
        assert_eq!(owner.block_on(async { 7 }), 7);
    }

    /// The same for `block_scope`, in itself and in a `block_on`.
    nested_block_scope_names_both_calls |owner| {
        let outer_line = line!() + 1;
        let (inner_line, message) = block_scope(owner, async |s| {
            s.spawn(async {});
            let inner_line = line!() + 1;
            (inner_line, panic_in(|| block_scope(owner, async |_| unreachable!("the body runs"))))
        });
        assert_names(&message, outer_line);
        assert_names(&message, inner_line);

        let outer_line = line!() + 1;
        let (inner_line, message) = owner.block_on(async {
            let inner_line = line!() + 1;
            (inner_line, panic_in(|| block_scope(owner, async |_| unreachable!("the body runs"))))
        });
        assert_names(&message, outer_line);
        assert_names(&message, inner_line);
        assert_eq!(block_scope(owner, async |s| s.spawn(async { 7 }).await.unwrap()), 7);
    }

    /// Given a child, when it blocks on its own executor, then that panics before anything of it
    /// runs, and says so and where.
    block_on_in_a_child_names_the_call |owner| {
        let (line, message) = block_scope(owner, async |s| {
            let child = s.spawn(async {
                let line = line!() + 1;
                (line, panic_in(|| owner.block_on(async { unreachable!("the body runs") })))
            });
            child.await.unwrap()
        });
        assert_names(&message, line);
        // Where the thread is driven by its own `block_on`, that is the call to name.
        assert!(message.contains("running a") || message.contains("already blocks"), "{message}");
    }
}

#[track_caller]
fn assert_names(message: &str, line: u32) {
    assert!(message.contains(&format!("{}:{line}:", file!())), "line {line}: {message}");
}

/// Given an executor of one thread, then a second `block_on` is no different there.
#[test]
fn nested_block_on_of_a_local_executor_names_both_calls() {
    let owner = SmolLocal::new();
    let outer_line = line!() + 1;
    let (inner_line, message) = owner.block_on(async {
        let inner_line = line!() + 1;
        (inner_line, panic_in(|| owner.block_on(async { unreachable!("the body runs") })))
    });
    assert_names(&message, outer_line);
    assert_names(&message, inner_line);
}

/// Given work that always has something to do, so that it spends the budget which tokio gives its task, then
/// a limit of time ends it all the same.
#[test]
fn limit_of_work_that_spends_the_budget() {
    let (owner, handle) = TokioCurrent::start(0);
    let busy = async {
        loop {
            tokio::task::consume_budget().await;
        }
    };
    assert!(owner.block_on(timeout(&handle, Duration::from_millis(1), busy)).is_err());
}

/// Given two executors of the same kind, then blocking on the one inside the other is nobody's
/// mistake, except on tokio, which forbids it.
#[test]
fn block_on_inside_another_executor_is_allowed() {
    fn both<A: BlockOn, B: BlockOn>(a: &A, b: &B) -> i32 {
        a.block_on(async { b.block_on(async { 7 }) })
    }

    assert_eq!(both(&SmolExecutor::new(), &SmolExecutor::new()), 7);
    assert_eq!(both(&ThreadPool::new(1), &ThreadPool::new(1)), 7);
    assert_eq!(both(&Smol, &ThreadPool::new(0)), 7);
    let (tokio, _) = TokioCurrent::start(0);
    assert_eq!(both(&Smol, &tokio), 7);
    assert_eq!(both(&tokio, &Smol), 7);
    let line = line!() + 2;
    let (other, _) = TokioMulti::start(0);
    let message = panic_in(|| tokio.block_on(async { other.block_on(async { 7 }) }));
    assert_names(&message, line);
    assert!(message.contains("another tokio runtime"), "{message}");
}

/// What happens to scopes on `U` when its owner is dropped.
fn shut_down<U: Under>() {
    let (owner, handle) = U::start(0);
    let (tracer, scope, fail_fast) =
        (Tracer::new(), OwnedScope::new(&handle), OwnedScope::<_, _>::fail_fast(&handle));
    let (child, value, sibling) = owner.block_on(async {
        let child = scope.spawn(tracer.trace(pending::<()>()));
        let value = scope.spawn(async { 7 });
        let sibling = fail_fast.spawn(tracer.trace(pending::<Result<(), &str>>()));
        until_idle(&tracer, &child).await;
        until_idle(&tracer, &sibling).await;
        while !value.is_finished() {
            yield_now().await;
        }
        (child, value, sibling)
    });
    drop(owner);
    assert_eq!(tracer.alive(), 0);
    // The handles, and that of the executor, are there after it.
    assert_eq!(cause(at_once(child)), CancelledBy::Executor);
    assert_eq!(at_once(value).unwrap(), 7);
    assert_eq!(cause(at_once(sibling)), CancelledBy::Executor);

    let cancelled = at_once(fail_fast.close()).unwrap_err();
    assert!(cancelled.is_cancelled());
    assert!(cancelled.to_string().contains("the executor dropped it"), "{cancelled}");

    let polls = tracer.polls();
    assert_eq!(cause(at_once(scope.spawn(tracer.trace(async {})))), CancelledBy::Executor);
    assert_eq!(tracer.polls(), polls);
    at_once(scope.close());

    let late = try_scope(&handle, async |s| {
        s.spawn(async { Ok::<_, ()>(()) }).value().await;
        Ok(())
    });
    assert!(at_once(late).unwrap_err().is_cancelled());
}

/// Makes one `#[test]` for every executor that can be shut down.
macro_rules! on_each_that_ends {
    ($($name:ident $under:ident)+) => {$(
        #[test]
        fn $name() {
            super::shut_down::<super::$under>();
        }
    )+};
}

/// Given an executor that is shut down, then its children are dropped, children spawned later are
/// refused, handles of both say who it was, and a scope that fails fast ends with that.
mod children_of_an_executor_that_is_shut_down_say_so {
    on_each_that_ends! {
        smol_own SmolOwn
        tokio_current TokioCurrent
        tokio_multi TokioMulti
        threads Threads
        no_threads NoThreads
    }
}

/// The output of a future that does not wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// The same for executors of one thread.
#[test]
fn local_children_of_an_executor_that_is_shut_down_say_so() {
    fn refuses(handle: &(impl SpawnLocal + Clone + 'static)) {
        let outcome = at_once(scope_local(handle, async |s| s.spawn(async {}).await));
        assert_eq!(cause(outcome), CancelledBy::Executor);
    }

    let owner = SmolLocal::new();
    let handle = owner.handle();
    drop(owner);
    refuses(&handle);

    let owner = TokioLocal::new();
    let handle = owner.handle();
    drop(owner);
    refuses(&handle);
}

/// Given a pool whose last owner is one of its own children, when the child drops it, then the
/// drop returns, the other threads are joined, and what has not ended is refused.
#[test]
fn a_pool_may_be_dropped_by_its_own_child() {
    for threads in [1, 3] {
        let pool = Arc::new(ThreadPool::new(threads));
        let scope = OwnedScope::new(&pool.handle());
        let tracer = Tracer::new();
        let idle = scope.spawn(tracer.trace(pending::<()>()));
        let (dropped, has_dropped) = mpsc::channel();
        let (alone, is_alone) = mpsc::channel::<()>();
        let child = scope.spawn({
            let pool = pool.clone();
            async move {
                is_alone.recv().unwrap();
                drop(Arc::into_inner(pool).unwrap());
                dropped.send(thread::current().name().map(String::from)).unwrap();
                7
            }
        });
        drop(pool);
        alone.send(()).unwrap();
        let name = has_dropped.recv().unwrap().unwrap();
        assert!(name.starts_with("anyscope-"), "{name}");
        assert_eq!(smol::block_on(child).unwrap(), 7);
        assert_eq!(cause(smol::block_on(idle)), CancelledBy::Executor);
        assert_eq!(tracer.alive(), 0);
        assert_eq!(cause(at_once(scope.spawn(async {}))), CancelledBy::Executor);
    }
}

/// The same for tokio, where nobody may wait.
#[test]
fn a_tokio_runtime_may_be_dropped_by_its_own_child() {
    let (owner, handle) = TokioMulti::start(0);
    let owner = Arc::new(owner);
    let scope = OwnedScope::new(&handle);
    let (alone, is_alone) = mpsc::channel::<()>();
    let child = scope.spawn({
        let owner = owner.clone();
        async move {
            is_alone.recv().unwrap();
            drop(Arc::into_inner(owner).unwrap());
            7
        }
    });
    drop(owner);
    alone.send(()).unwrap();
    assert_eq!(smol::block_on(child).unwrap(), 7);
    assert_eq!(cause(smol::block_on(scope.spawn(async {}))), CancelledBy::Executor);
}

/// Given a worker whose child panics, with or without somebody to receive it, then the worker
/// lives on.
#[test]
fn a_worker_outlives_a_child_that_panics() {
    fn check(exec: &(impl Spawn + Clone + Send + Sync + 'static)) {
        smol::block_on(scope(exec, async |s| {
            let worker = s.spawn(async { thread::current().id() }).await.unwrap();
            for _ in 0..10 {
                let panics = s.spawn(async { blow_up("child") });
                assert_eq!(panic_message::<()>(panics.await), "child");
                exec.spawn(anyscope::Child::unscoped(async { blow_up("nobody's") }));
            }
            assert_eq!(s.spawn(async { thread::current().id() }).await.unwrap(), worker);
        }));
    }

    let pool = ThreadPool::new(1);
    check(&pool.handle());
    let mut one = tokio::runtime::Builder::new_multi_thread();
    let runtime = TokioRuntime::from(one.worker_threads(1).build().unwrap());
    check(&runtime.handle());
}

/// Given a tokio runtime whose time is paused, then the adapter's clock and timer follow it, to
/// the nanosecond, and an hour passes in no time.
#[test]
fn tokios_paused_time_is_followed() {
    let mut paused = tokio::runtime::Builder::new_current_thread();
    let runtime = TokioRuntime::from(paused.enable_time().start_paused(true).build().unwrap());
    let tokio = runtime.handle();
    let hour = Duration::from_secs(3600);
    runtime.block_on(async {
        let start = tokio.now();
        assert_eq!(tokio.now(), start);
        tokio.sleep(hour).await;
        assert_eq!(tokio.now(), start.saturating_add(hour));
        let ends = scope(&tokio, async |s| {
            let sleepers = [3, 1, 2].map(|n| {
                let tokio = tokio.clone();
                s.spawn(async move {
                    tokio.sleep(hour * n).await;
                    tokio.now()
                })
            });
            let mut ends = Vec::new();
            for sleeper in sleepers {
                ends.push(sleeper.await.unwrap().saturating_duration_since(start));
            }
            ends
        })
        .await;
        assert_eq!(ends, [hour * 4, hour * 2, hour * 3]);
    });
}

/// Given an executor that knows nothing of tokio, when it is wrapped, then its children may use
/// tokio's timers and sockets, where they ran before; and they may be cancelled while they do.
#[test]
fn with_tokio_children_elsewhere_use_timers_and_sockets() {
    let (runtime, _) = TokioMulti::start(0);
    let tokio = runtime.block_on(async { tokio::runtime::Handle::current() });
    let pool = ThreadPool::new(1);
    echo_over_tcp(&WithTokio::new(pool.handle(), tokio.clone()), "anyscope-0");
    echo_over_tcp(&WithTokio::new(Smol, tokio.clone()), "smol-1");
    let own = SmolExecutor::new();
    let exec = WithTokio::new(own.handle(), tokio);
    let this = thread::current();
    own.block_on(async { echo_over_tcp_in(&exec, this.name().unwrap()).await });
}

fn echo_over_tcp(exec: &(impl Spawn + Clone + Send + Sync + 'static), thread_name: &str) {
    smol::block_on(echo_over_tcp_in(exec, thread_name));
}

/// A server and a client, each a child on a thread of that name.
async fn echo_over_tcp_in(exec: &(impl Spawn + Clone + Send + Sync + 'static), name: &str) {
    assert!(tokio::runtime::Handle::try_current().is_err());
    fn here() -> Option<String> {
        thread::current().name().map(String::from)
    }

    let result: Result<_, ScopeError<io::Error>> = try_scope(exec, async |s| {
        let (address, server) = s
            .start(async |ready: Ready<SocketAddr>| {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                ready.signal(listener.local_addr()?);
                let (mut stream, _) = listener.accept().await?;
                let mut word = [0; 5];
                stream.read_exact(&mut word).await?;
                stream.write_all(&word).await?;
                Ok(here())
            })
            .await
            .expect("no port");
        let client = s.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
            stream.write_all(b"to be").await?;
            let mut word = String::new();
            stream.read_to_string(&mut word).await?;
            Ok((word, here()))
        });
        let never = s.spawn(async {
            tokio::time::sleep(Duration::MAX).await;
            Ok(())
        });
        let ends = (server.value().await, client.value().await);
        never.abort();
        Ok(ends)
    })
    .await;
    let (server, (word, client)) = result.unwrap();
    assert_eq!(
        (word.as_str(), server.as_deref(), client.as_deref()),
        ("to be", Some(name), Some(name))
    );
}

/// Given a pool of no threads, when nobody lends it one, then a spawn panics, as the child would
/// never run.
#[test]
fn a_pool_of_no_threads_wants_to_be_driven() {
    let pool = ThreadPool::new(0);
    let handle = pool.handle();
    let owned = OwnedScope::new(&handle);
    let tracer = Tracer::new();
    let message = panic_in(|| owned.spawn(tracer.trace(async {})));
    assert!(message.contains("runs children only inside its `block_on`"), "{message}");
    assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    let worker = pool.block_on(async { owned.spawn(async { thread::current().id() }).await });
    assert_eq!(worker.unwrap(), thread::current().id());
}

/// Given a pool that cannot be built as asked for, then that is an error, and no thread is left.
#[test]
fn a_pool_that_cannot_be_built_is_an_error() {
    let name = ThreadPool::builder().threads(2).name("with a\0nul").build();
    assert_eq!(name.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert!(ThreadPool::builder().threads(usize::MAX).build().is_err());
}

/// Given a pool with a name, then its threads bear it.
#[test]
fn threads_bear_the_name_of_their_pool() {
    let pool = ThreadPool::builder().threads(1).name("pool").build().unwrap();
    let scope = OwnedScope::new(&pool.handle());
    let name = smol::block_on(scope.spawn(async { thread::current().name().map(String::from) }));
    assert_eq!(name.unwrap().as_deref(), Some("pool-0"));
}

/// Given a flow that asks tokio before each item, then it gives as many in one poll of the task as
/// tokio's budget allows, and goes on in the next.
#[test]
fn flow_shares_the_budget_of_a_tokio_task() {
    let owner = TokioRuntime::from(tokio::runtime::Builder::new_current_thread().build().unwrap());
    let mut flow = pin!(flow::iter(0..).cooperate(anyscope::tokio::proceed).into_stream());
    let mut given = Vec::new();
    owner.block_on(std::future::poll_fn(|cx| {
        let mut items = 0;
        while items <= 1000 && flow.as_mut().poll_next(cx).is_ready() {
            items += 1;
        }
        given.push(items);
        if given.len() == 2 { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert!(given.iter().all(|items| (1..=1000).contains(items)), "{given:?}");
}
