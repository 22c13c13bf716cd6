//! `join`: all of several futures.

use anyscope_core::join;
use smol::future::{block_on, poll_once, yield_now};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

async fn after(yields: usize) -> usize {
    for _ in 0..yields {
        yield_now().await;
    }
    yields
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Values come in the order of the futures, whichever is ready first.
#[test]
fn w1_values_in_the_order_of_the_futures() {
    block_on(async {
        assert_eq!(join((after(2), after(0), after(1))).await, (2, 0, 1));
        assert_eq!(join((0..100).rev().map(after).collect::<Vec<_>>()).await[..3], [99, 98, 97]);
        let eight =
            (after(7), after(6), after(5), after(4), after(3), after(2), after(1), after(0));
        assert_eq!(join(eight).await, (7, 6, 5, 4, 3, 2, 1, 0));
    });
}

/// Of nothing, it is ready at once.
#[test]
fn w4_none_is_ready_at_once() {
    assert_eq!(poll(pin!(join(Vec::<std::future::Ready<()>>::new()))), Poll::Ready(vec![]));
}

/// They run concurrently: each may wait for another.
#[test]
fn they_run_side_by_side() {
    let turn = Cell::new(0);
    let wait = async |own: usize| {
        while turn.get() != own {
            yield_now().await;
        }
        turn.set(own + 1);
    };
    block_on(join((wait(2), wait(1), wait(0))));
    block_on(join(vec![wait(5), wait(4), wait(3)]));
    assert_eq!(turn.get(), 6);
}

/// A future is dropped as soon as it is ready, and not polled again; the rest goes with the join.
#[test]
fn futures_go_when_they_are_ready() {
    struct Log<'a>(&'a RefCell<Vec<u8>>, u8);
    impl Drop for Log<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1);
        }
    }
    let log = RefCell::new(Vec::new());
    {
        let logs = [0, 1].map(|n| Log(&log, n));
        let [first, second] = logs;
        let mut both = pin!(join((
            async move {
                let _first = first;
                pending::<()>().await;
            },
            async move { drop(second) },
        )));
        assert!(poll(both.as_mut()).is_pending());
        assert!(poll(both.as_mut()).is_pending());
        assert_eq!(*log.borrow(), [1]);
    }
    assert_eq!(*log.borrow(), [1, 0]);
}

/// Those in a `Vec` are polled only when they were woken themselves.
#[test]
fn only_the_woken_of_a_vec_are_polled() {
    let polls = Rc::new(Cell::new(0));
    let idle = |polls: Rc<Cell<usize>>| {
        std::future::poll_fn(move |_| {
            polls.set(polls.get() + 1);
            Poll::<usize>::Pending
        })
    };
    let mut futures: Vec<std::pin::Pin<Box<dyn Future<Output = usize>>>> = vec![];
    futures.extend((0..10).map(|_| Box::pin(idle(polls.clone())) as _));
    futures.push(Box::pin(after(50)));
    block_on(async {
        let mut joined = pin!(join(futures));
        for _ in 0..100 {
            assert!(poll_once(joined.as_mut()).await.is_none());
        }
    });
    assert_eq!(polls.get(), 10);
}

/// Polled after it was ready, it says so.
#[test]
fn polled_after_its_end_panics() {
    let mut tuple = pin!(join((ready(1), ready(2))));
    assert!(poll(tuple.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(tuple.as_mut()))).is_err());
    let mut vec = pin!(join(vec![ready(1)]));
    assert!(poll(vec.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(vec.as_mut()))).is_err());
}

/// A panic goes through; what is polled after it does not hang.
#[test]
fn a_panic_goes_through() {
    let mut vec = pin!(join(vec![async { panic!("broken") }]));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(vec.as_mut()))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(vec.as_mut()))).is_err());
}
