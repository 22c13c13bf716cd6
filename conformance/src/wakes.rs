//! Who is woken is polled again.

use crate::{
    Adapter,
    tools::{Signal, on, until, yield_now},
};
use anyscope_core::scope;
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
    thread,
};

/// A thread that the executor knows nothing of wakes a child.
pub fn a_wake_from_another_thread<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            for _ in 0..100 {
                let signal = Signal::default();
                let waits = signal.clone();
                let child = s.spawn(async move { waits.wait().await });
                let thread = thread::spawn(move || signal.set());
                child.value().await;
                thread.join().unwrap();
            }
        })
        .await;
    });
}

/// A child that wakes itself while it is polled is polled again: "queued" is cleared before the poll, not after it.
pub fn a_wake_in_the_poll<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let child = s.spawn(async {
                for _ in 0..1000 {
                    yield_now().await;
                }
            });
            child.value().await;
        })
        .await;
    });
}

/// Wakes from several threads, at any moment of the polls: the last one is seen.
pub fn no_wake_is_lost_in_a_storm<A: Adapter>() {
    const EACH: usize = 2000;
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let shared = Arc::new((AtomicUsize::new(0), Mutex::new(None::<Waker>)));
            let waits = shared.clone();
            let child = s.spawn(poll_fn(move |cx| {
                // The waker first: whoever counts after this look wakes.
                *waits.1.lock().unwrap() = Some(cx.waker().clone());
                if waits.0.load(Ordering::SeqCst) == 3 * EACH {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
            let storm = || {
                let shared = shared.clone();
                thread::spawn(move || {
                    for _ in 0..EACH {
                        shared.0.fetch_add(1, Ordering::SeqCst);
                        let waker = shared.1.lock().unwrap().clone();
                        waker.inspect(Waker::wake_by_ref);
                    }
                })
            };
            let threads = [storm(), storm(), storm()];
            child.value().await;
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        })
        .await;
    });
}

/// A wake queues the child and returns: who wakes may hold a lock that the child wants.
pub fn a_wake_does_not_poll<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let shared = Arc::new(Mutex::new((false, None::<Waker>)));
            let waits = shared.clone();
            let child = s.spawn(poll_fn(move |cx| {
                let Ok(mut shared) = waits.try_lock() else {
                    // Held by who wakes. If that is this thread, it is inside of `wake`.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                };
                shared.1 = Some(cx.waker().clone());
                if shared.0 { Poll::Ready(()) } else { Poll::Pending }
            }));
            until(|| shared.lock().unwrap().1.is_some()).await;
            {
                let mut shared = shared.lock().unwrap();
                shared.0 = true;
                // With a poll inside of it, this would never return: the lock is not free, so the poll wakes again.
                shared.1.take().expect("seen above").wake();
            }
            child.value().await;
        })
        .await;
    });
}

/// Wakers are called and dropped long after their child has ended.
pub fn a_waker_that_outlives_its_child<A: Adapter>() {
    on::<A>(async |exec| {
        let kept = Arc::new(Mutex::new(Vec::<Waker>::new()));
        scope(&exec, async |s| {
            for _ in 0..10 {
                let kept = kept.clone();
                s.spawn(poll_fn(move |cx| {
                    kept.lock().unwrap().push(cx.waker().clone());
                    Poll::Ready(())
                }));
            }
        })
        .await;
        let wakers = std::mem::take(&mut *kept.lock().unwrap());
        wakers.iter().for_each(Waker::wake_by_ref);
        thread::spawn(move || wakers.into_iter().for_each(Waker::wake)).join().unwrap();
        // And the executor goes on.
        scope(&exec, async |s| s.spawn(yield_now()).value().await).await;
    });
}
