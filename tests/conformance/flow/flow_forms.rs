//! What is different in the two forms of bounded operations.

use anyscope::{CancelledBy, Limit, ScopeError, flow};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{Hoard, Log, Refusing, Signal, Tracer, behaviour, panic_in, poll_once, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);

behaviour! {
    /// Given an executor that refuses children, then the operation ends with an error that says so,
    /// and the source is left alone.
    executor_that_refuses_ends_the_operation |_ex| {
        let taken = Arc::new(AtomicUsize::new(0));
        let source = || {
            let taken = taken.clone();
            flow::iter((0..100).inspect(move |_| count(&taken)))
        };
        let refused = source().for_each_on(&Refusing, TWO, |_| async {}).await;
        assert_eq!(refused.unwrap_err().by(), CancelledBy::Executor);
        assert_eq!(taken.load(SeqCst), 0);
        let refused = source().try_for_each_on(&Refusing, TWO, |_| async { Ok::<_, String>(()) });
        let Err(ScopeError::Cancelled(cancelled)) = refused.await else { panic!("not refused") };
        assert_eq!(cancelled.by(), CancelledBy::Executor);
        assert_eq!(taken.load(SeqCst), 0);
    }

    /// Work on an executor goes on while nobody polls the operation.
    work_on_an_executor_goes_on_unpolled |ex| {
        let (done, go) = (Arc::new(AtomicUsize::new(0)), Signal::new());
        let (ends, start) = (done.clone(), go.clone());
        let work = move |_| {
            let (done, go) = (ends.clone(), start.clone());
            async move {
                go.wait().await;
                done.fetch_add(1, SeqCst);
            }
        };
        let mut op = pin!(flow::iter(0..4).for_each_on(&ex, TWO, work));
        assert!(poll_once(op.as_mut()).is_pending());
        go.fire();
        while done.load(SeqCst) < 2 {
            yield_now().await;
        }
        op.await.unwrap();
        assert_eq!(done.load(SeqCst), 4);
    }

    /// Errors that come while the rest is coming down are attached to the first.
    operation_on_an_executor_reports_later_errors_too with threads |ex| {
        let both = Arc::new(std::sync::Barrier::new(2));
        let pool = anyscope::threads::ThreadPool::new(2);
        let _ = ex;
        let work = move |n| {
            let both = both.clone();
            async move {
                // Neither is idle when the other one fails.
                both.wait();
                both.wait();
                Err::<(), _>(n)
            }
        };
        let result = flow::iter(0..2).try_for_each_on(&pool.handle(), TWO, work).await;
        let Err(ScopeError::Failed { first, rest }) = result else { panic!("not failed") };
        assert_eq!((first + rest[0], rest.len()), (1, 1));
    }
}

/// Work in the awaiting task may borrow, also mutably, and need not be `Send`.
#[test]
fn inline_work_borrows_and_need_not_be_send() {
    let (sum, seen) = (Rc::new(Cell::new(0)), RefCell::new(Vec::new()));
    let words = vec![String::from("to"), String::from("be")];
    smol::block_on(flow::iter(&words).for_each_concurrent(TWO, async |word| {
        let sum = sum.clone();
        yield_now().await;
        sum.set(sum.get() + word.len());
        seen.borrow_mut().push(word);
    }));
    assert_eq!((sum.get(), seen.into_inner().len()), (4, 2));
    let mut longest = "";
    let result = smol::block_on(flow::iter(&words).try_for_each_concurrent(ONE, |word| {
        longest = longest.max(word);
        async move { if word.is_empty() { Err(Rc::new(())) } else { Ok(()) } }
    }));
    assert!(result.is_ok());
    assert_eq!(longest, "to");
}

/// Given inline work that waits, then it is polled when its own waker fires, and not when that of
/// another piece does.
#[test]
fn inline_work_is_polled_only_when_it_is_woken() {
    let go = [Signal::new(), Signal::new()];
    let tracers = [Tracer::new(), Tracer::new()];
    let mut op =
        pin!(flow::iter(0..2).for_each_concurrent(TWO, |n| tracers[n].trace(go[n].wait())));
    assert!(poll_once(op.as_mut()).is_pending());
    go[1].fire();
    assert!(poll_once(op.as_mut()).is_pending());
    assert!(poll_once(op.as_mut()).is_pending());
    assert_eq!((tracers[0].polls(), tracers[1].polls()), (1, 2));
    go[0].fire();
    assert!(poll_once(op.as_mut()).is_ready());
}

/// Given inline work that wakes itself all the time, then a poll of the operation comes to its end.
#[test]
fn inline_work_that_is_always_ready_gives_way() {
    let tracer = Tracer::new();
    let busy = |_| {
        tracer.trace(async {
            loop {
                yield_now().await;
            }
        })
    };
    let mut op = pin!(flow::iter(0..4).for_each_concurrent(Limit::Unbounded, busy));
    assert!(poll_once(op.as_mut()).is_pending());
    let polls = tracer.polls();
    assert!((4..=100).contains(&polls), "{polls}");
    // Work that ends at once, without an end of the source, gives way as well.
    let ready = Tracer::new();
    let mut op = pin!(flow::iter(0..).for_each_concurrent(ONE, |_: usize| ready.trace(async {})));
    assert!(poll_once(op.as_mut()).is_pending());
    assert!((1..=200).contains(&ready.polls()), "{}", ready.polls());
}

/// A dropped operation drops its work before its source, of which the work may use something.
#[test]
fn inline_work_is_dropped_before_the_source() {
    let log = Log::new();
    let gone = log.on_drop("source");
    let source = (0..9).inspect(move |_| keep(&gone));
    let mut op = Box::pin(flow::iter(source).for_each_concurrent(TWO, |_| {
        let gone = log.on_drop("work");
        async move {
            let _gone = gone;
            pending::<()>().await;
        }
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    drop(op);
    assert_eq!(log.events(), ["work", "work", "source"]);
}

/// When an inline operation has returned an error, nothing of it is left, although the future is.
#[test]
fn inline_operation_that_failed_has_dropped_all() {
    let log = Log::new();
    let gone = log.on_drop("source");
    let source = (0..9).inspect(move |_| keep(&gone));
    let mut op = Box::pin(flow::iter(source).try_for_each_concurrent(TWO, |n| {
        let gone = log.on_drop("work");
        async move {
            let _gone = gone;
            match n {
                0 => pending().await,
                _ => Err("broken"),
            }
        }
    }));
    assert_eq!(poll_once(op.as_mut()), Poll::Ready(Err("broken")));
    log.add("returned");
    assert_eq!(log.events(), ["work", "work", "source", "returned"]);
    let message = panic_in(|| poll_once(op.as_mut()));
    assert!(message.contains("polled after it was ready"), "{message}");
}

/// A dropped operation on an executor drops idle work before the drop returns, and then its source.
#[test]
fn work_on_an_executor_is_dropped_before_the_source() {
    let (log, hoard) = (Log::new(), Hoard::new());
    let gone = log.on_drop("source");
    let source = (0..9).inspect(move |_| keep(&gone));
    let works = log.clone();
    let mut op = Box::pin(flow::iter(source).for_each_on(&hoard, TWO, move |_| {
        let gone = works.on_drop("work");
        async move {
            let _gone = gone;
            pending::<()>().await;
        }
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut children = hoard.take();
    assert_eq!(children.len(), 2);
    assert!(poll_once(Pin::new(&mut children[0])).is_pending());
    drop(op);
    assert_eq!(log.events(), ["work", "work", "source"]);
    // Empty shells.
    assert!(children.iter_mut().all(|child| poll_once(Pin::new(child)).is_ready()));
}

/// An operation that was polled to its end says so when it is polled again.
#[test]
fn operation_polled_after_its_end_panics() {
    let mut op = Box::pin(flow::iter(0..1).for_each_concurrent(ONE, |_| async {}));
    assert!(poll_once(op.as_mut()).is_ready());
    let message = panic_in(|| poll_once(op.as_mut()));
    assert!(message.contains("polled after it was ready"), "{message}");
    let mut op = Box::pin(flow::iter(0..0).for_each_on(&Refusing, ONE, |_: i32| async {}));
    assert!(poll_once(op.as_mut()).is_ready());
    let message = panic_in(|| poll_once(op.as_mut()));
    assert!(message.contains("after it had returned its result"), "{message}");
}

/// One more.
fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, SeqCst);
}

/// Makes a closure own what is dropped with it.
fn keep<T>(_: &T) {}
