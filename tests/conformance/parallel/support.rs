//! Executors and events for these tests.

use anyscope::{Child, Spawn};
use std::{
    future::{Future, poll_fn},
    num::NonZeroUsize,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    thread,
};

/// Shows a behaviour on tokio with two workers, on smol, on a pool of two threads, and in 50 orders
/// of the simulation. In the body, `ex` is a handle of the executor.
macro_rules! behaviour {
    ($($(#[$doc:meta])* $name:ident |$ex:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use anyscope::BlockOn;

            async fn show<X: anyscope::Spawn + Clone + Send + Sync + 'static>($ex: X) $body

            #[test]
            fn tokio_multi() {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let owner = builder.worker_threads(2).build().unwrap();
                let owner = anyscope::tokio::TokioRuntime::from(owner);
                owner.block_on(show(owner.handle()));
            }

            #[test]
            fn smol() {
                ::smol::block_on(show(anyscope::smol::Smol));
            }

            #[test]
            fn threads() {
                let owner = anyscope::threads::ThreadPool::new(2);
                owner.block_on(show(owner.handle()));
            }

            #[test]
            fn simulated() {
                anyscope::sim::explore(50, show);
            }
        }
    )+};
}

pub(crate) use behaviour;

/// An event that happens once.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Signal {
    pub(crate) fn fire(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let signal = self.clone();
        poll_fn(move |cx| {
            let mut state = signal.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Lets others run, so often.
pub(crate) fn yields(mut times: usize) -> impl Future<Output = ()> + Send + 'static {
    poll_fn(move |cx| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Lets others run until a condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yields(1).await;
    }
}

/// How many there are, and were at most.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

impl Gauge {
    pub(crate) fn enter(&self) -> Inside {
        self.0.2.fetch_add(1, SeqCst);
        let now = self.0.0.fetch_add(1, SeqCst) + 1;
        self.0.1.fetch_max(now, SeqCst);
        Inside(self.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.1.load(SeqCst)
    }

    pub(crate) fn ever(&self) -> usize {
        self.0.2.load(SeqCst)
    }
}

/// Counts until it is dropped.
pub(crate) struct Inside(Gauge);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, SeqCst);
    }
}

pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Awaits a future that must panic, and returns the message.
pub(crate) async fn panic_of<F: Future>(future: F) -> String {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let mut future = Box::pin(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(_)) => panic!("a panic was expected"),
        Err(payload) => {
            let message = payload.downcast_ref::<&'static str>();
            Poll::Ready(message.map_or_else(|| "no message".into(), |message| (*message).into()))
        }
    })
    .await
}

/// Panics without a word from the panic hook.
pub(crate) fn blow_up<T>(message: &'static str) -> T {
    std::panic::resume_unwind(Box::new(message))
}

/// A thread for each child.
#[derive(Clone, Default)]
pub(crate) struct ThreadEach {
    asleep: Arc<AtomicUsize>,
}

impl ThreadEach {
    /// How many children have been polled without having ended, at least once.
    pub(crate) fn asleep(&self) -> usize {
        self.asleep.load(SeqCst)
    }
}

impl Spawn for ThreadEach {
    fn spawn(&self, mut child: Child) {
        let asleep = self.asleep.clone();
        thread::spawn(move || {
            let mut first = true;
            smol::block_on(poll_fn(|cx| {
                let polled = Pin::new(&mut child).poll(cx);
                if std::mem::take(&mut first) {
                    asleep.fetch_add(1, SeqCst);
                }
                polled
            }));
        });
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}

/// Keeps its children for the test to poll.
#[derive(Clone, Default)]
pub(crate) struct Keeper(Arc<Mutex<Vec<Child>>>);

impl Keeper {
    pub(crate) fn take(&self) -> Vec<Child> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Spawn for Keeper {
    fn spawn(&self, child: Child) {
        self.0.lock().unwrap().push(child);
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}
