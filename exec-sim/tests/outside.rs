//! What a simulation cannot repeat, and therefore says: looks at the clock of the machine, other
//! threads, timers of other runtimes (V18).

use anyscope_core::{Clock, Instant, Timer, deadline, scope};
use anyscope_sim::{Failure, Sim, SimHandle, explore};
use std::{
    cell::RefCell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Barrier, Mutex},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, SystemTime},
};

const SECOND: Duration = Duration::from_secs(1);

/// Of an exploration that must fail.
fn verdict<F, Fut>(test: F) -> String
where
    F: Fn(SimHandle) -> Fut + Sync,
    Fut: Future<Output = ()>,
{
    let failed = catch_unwind(AssertUnwindSafe(|| explore(1000, test)));
    *failed.expect_err("it is found out").downcast::<String>().expect("a verdict")
}

/// Given a test that does one thing or another by the clock of the machine, then exploration says
/// so: two runs of a seed are not the same.
#[test]
fn v18_looking_at_the_clock_of_the_machine_is_found_out() {
    let message = verdict(async |sim| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        // A different one each time, as the clock never shows the same twice.
        sim.sleep(Duration::from_nanos(now.as_nanos() as u64)).await;
    });
    assert!(message.contains("not deterministic"), "{message}");
    assert!(message.contains("does it look at the clock of the machine"), "{message}");
    assert!(message.contains("repeat with: ANYSCOPE_SIM_SEED="), "{message}");
}

/// Given a test that waits for a timer of the machine, then that is no wait that a simulation can
/// end: it is called a deadlock, at once, and not waited for.
#[test]
fn v18_waiting_for_a_timer_of_the_machine_is_found_out() {
    let together = Arc::new(Barrier::new(2));
    let hang = Sim::new(1).run(async |sim| {
        let (fired, together) = (Arc::new(Mutex::new(false)), together.clone());
        let mut timer = None;
        sim.label(
            "a timer of the machine",
            poll_fn(|cx| {
                if *fired.lock().unwrap() {
                    return Poll::Ready(());
                }
                let (waker, fired, together) =
                    (cx.waker().clone(), fired.clone(), together.clone());
                timer.get_or_insert_with(|| {
                    thread::spawn(move || {
                        together.wait();
                        *fired.lock().unwrap() = true;
                        waker.wake();
                    })
                });
                Poll::Pending
            }),
        )
        .await;
    });
    // Only now does it fire.
    together.wait();
    let failure = hang.unwrap_err();
    assert!(matches!(failure, Failure::Deadlock { .. }));
    assert!(failure.to_string().contains("which waits for a timer of the machine"), "{failure}");
}

/// Given a test that starts a thread which wakes a task, then exploration says so.
#[test]
fn v18_a_thread_that_wakes_a_task_is_found_out() {
    let message = verdict(async |_| {
        let mut started = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut started, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        })
        .await;
    });
    assert!(message.contains("woke a task from outside of the simulation"), "{message}");
    assert!(message.contains("`foreign_threads`"), "{message}");
}

/// A thread that does not touch the simulation's tasks may do what it likes.
#[test]
fn v18_a_thread_that_wakes_nobody_is_no_trouble() {
    explore(100, async |sim| {
        let sum = thread::spawn(|| (1..=10).sum::<u32>()).join().unwrap();
        sim.sleep(sum * SECOND).await;
        assert_eq!(sim.elapsed(), 55 * SECOND);
    });
}

/// Given a deadline in the past, or none at all, then it is met as on every clock.
#[test]
fn v18_strange_moments_are_fine() {
    explore(50, async |sim| {
        sim.sleep(SECOND).await;
        let past = Instant::from_epoch(Duration::ZERO);
        assert!(deadline(&sim, past, pending::<()>()).await.is_err());
        assert_eq!((sim.elapsed(), sim.timers()), (SECOND, 0));
        scope(&sim, async |s| {
            s.deadline(&sim, past);
            s.deadline(&sim, Instant::NEVER);
            s.deadline(&sim, sim.now());
            assert!(s.spawn(pending::<()>()).await.unwrap_err().is_cancelled());
            assert!(s.has_elapsed());
        })
        .await;
        assert_eq!((sim.elapsed(), sim.timers()), (SECOND, 0));
        assert!(sim.now() < Instant::NEVER);
    });
}

/// Given a labelled future that is polled in a destructor of a thread-local, after whatever the
/// simulation has there is gone, then it waits as ever. (A panic would end the process.)
#[test]
fn a_label_may_be_polled_when_its_thread_ends() {
    struct Waits(SimHandle);

    impl Drop for Waits {
        fn drop(&mut self) {
            let mut wait = pin!(self.0.label("the end", pending::<()>()));
            assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }

    thread_local!(static FIRST: RefCell<Option<Waits>> = const { RefCell::new(None) });

    let ended = thread::spawn(|| {
        let handle = Sim::new(1).handle();
        FIRST.set(Some(Waits(handle.clone())));
        drop(Waits(handle));
    });
    ended.join().unwrap();
}
