//! A thread waits for a future.

use crate::{
    Adapter,
    tools::{Signal, within, yield_now},
};
use anyscope_core::{BlockOn, scope};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

/// `block_on` returns what the future does.
pub fn block_on_returns_the_output<A: Adapter>() {
    within::<A>(|| {
        let (owner, _handle) = A::start();
        let output = owner.block_on(async {
            yield_now().await;
            String::from("output")
        });
        assert_eq!(output, "output");
    });
}

/// Another thread wakes the future that a thread is blocked on.
pub fn block_on_is_woken_from_elsewhere<A: Adapter>() {
    within::<A>(|| {
        let (owner, _handle) = A::start();
        for _ in 0..100 {
            let signal = Signal::default();
            let sets = signal.clone();
            let thread = thread::spawn(move || sets.set());
            owner.block_on(signal.wait());
            thread.join().unwrap();
        }
    });
}

/// An executor is blocked on again and again.
pub fn block_on_again<A: Adapter>() {
    within::<A>(|| {
        let (owner, handle) = A::start();
        for n in 0..10 {
            let output = owner.block_on(scope(&handle, async |s| {
                s.spawn(async move {
                    yield_now().await;
                    n
                })
                .value()
                .await
            }));
            assert_eq!(output, n);
        }
    });
}

/// Blocking on an executor inside of itself would wait for ever; it panics instead. See [`enter`](anyscope_core::enter).
pub fn block_on_inside_itself_panics<A: Adapter>() {
    within::<A>(|| {
        let (owner, _handle) = A::start();
        let again = AssertUnwindSafe(|| owner.block_on(async { owner.block_on(async {}) }));
        assert!(
            catch_unwind(again).is_err(),
            "`block_on` inside itself waits for ever: begin it with `let _inside = anyscope::enter::block(key, name);`"
        );
        // And it was no harm.
        owner.block_on(yield_now());
    });
}
