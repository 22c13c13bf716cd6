//! Models of the gate by itself; see [`crate::model`]. Children as a whole are modelled from
//! outside, in `tests/loom`.

use super::gate::{Gate, Refusal};
use crate::model::{Census, Flag, Thread, block_on, check, spawn};
use alloc::boxed::Box;
use core::{
    mem,
    ops::Deref,
    sync::atomic::Ordering::{AcqRel, Relaxed},
};
use loom::sync::{Arc, atomic::AtomicUsize};

/// A scope that has a gate and nothing else: counted, as scopes are. Not by loom's `Arc`, as that
/// does not try to come too late for a count.
struct Scope(*mut Shared);

struct Shared {
    gate: Gate,
    count: AtomicUsize,
}

impl Scope {
    fn new() -> Self {
        let shared = Shared { gate: Gate::new(), count: AtomicUsize::new(1) };
        Scope(Box::into_raw(Box::new(shared)))
    }
}

impl Deref for Scope {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        // SAFETY: this is one of those who are counted.
        unsafe { &*self.0 }
    }
}

impl Clone for Scope {
    fn clone(&self) -> Self {
        self.count.fetch_add(1, Relaxed);
        Scope(self.0)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.count.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: that was the last.
            drop(unsafe { Box::from_raw(self.0) });
        }
    }
}

/// A child, which is not counted.
struct Inside(*mut Shared);

impl Inside {
    fn enter(scope: &Scope) -> Result<Self, Refusal> {
        scope.gate.enter().map(|_| Inside(scope.0))
    }

    /// What `parent::leave` does: the last one says so in `empty`.
    fn leave(self, always: bool, empty: &Flag) {
        let hold = || {
            // SAFETY: inside until this returns, so the scope is there.
            unsafe { &*self.0 }.count.fetch_add(1, Relaxed);
            Scope(self.0)
        };
        // SAFETY: as above.
        if let Some((_scope, true)) = unsafe { &*self.0 }.gate.leave(always, hold) {
            empty.set();
        }
    }
}

/// Waits until nobody is inside, and lets go of the scope.
fn close(scope: Scope, empty: Flag) {
    if !scope.gate.close() {
        scope.gate.watch();
        while !scope.gate.close() {
            block_on(empty.clone());
        }
    }
}

/// The last two leave while the owner waits for that, and then frees the scope: it is told, and
/// nobody looks at the scope any more.
#[test]
fn leave_or_leave_or_close() {
    check("gate: leave or leave or close", || {
        let scope = Scope::new();
        let (census, empty) = (Census::default(), Flag::default());
        let leaving = [(); 2].map(|()| Inside::enter(&scope).unwrap()).map(|inside| {
            let (empty, probe) = (empty.clone(), census.probe());
            spawn(move || {
                drop(probe);
                inside.leave(false, &empty);
            })
        });
        close(scope, empty);
        assert_eq!(census.alive(), 0);
        leaving.into_iter().for_each(Thread::join);
    });
}

/// The same when somebody wants to know of all who leave.
#[test]
fn leave_always_or_close() {
    check("gate: leave always or close", || {
        let (scope, empty) = (Scope::new(), Flag::default());
        let leaving = [(); 2].map(|()| Inside::enter(&scope).unwrap()).map(|inside| {
            let empty = empty.clone();
            spawn(move || inside.leave(true, &empty))
        });
        close(scope, empty);
        leaving.into_iter().for_each(Thread::join);
    });
}

/// Somebody enters from outside, twice, while the last one leaves and the owner closes: that one
/// is refused or waited for.
#[test]
fn enter_or_leave_or_close() {
    check("gate: enter or leave or close", || {
        let scope = Scope::new();
        let (census, empty) = (Census::default(), Flag::default());
        let inside = Inside::enter(&scope).unwrap();
        let (theirs, signal, probes) =
            (scope.clone(), empty.clone(), [(); 2].map(|()| census.probe()));
        let entering = spawn(move || {
            for probe in probes {
                match Inside::enter(&theirs) {
                    Ok(inside) => {
                        drop(probe);
                        inside.leave(false, &signal);
                    }
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::Closed);
                        mem::forget(probe);
                    }
                }
            }
        });
        let signal = empty.clone();
        let leaving = spawn(move || inside.leave(false, &signal));
        close(scope, empty);
        let inside = census.alive();
        entering.join();
        assert_eq!(census.alive(), inside, "nobody came or left after the end");
        leaving.join();
    });
}

/// Three want the one place there is: they never have it at the same time.
#[test]
fn enter_below_or_enter_below() {
    check("gate: enter below or enter below", || {
        let gate = Arc::new(Gate::new());
        let census = Census::default();
        let place = alloc::rc::Rc::new(census.probe());
        let entering = [(); 2].map(|()| {
            let (gate, place) = (gate.clone(), place.clone());
            spawn(move || {
                if gate.enter_below(1).is_ok() {
                    place.touch();
                    gate.leave(false, || ());
                }
            })
        });
        assert!(gate.count() <= 1);
        if gate.enter_below(1).is_ok() {
            place.touch();
            gate.leave(false, || ());
        }
        entering.into_iter().for_each(Thread::join);
        assert_eq!(gate.count(), 0);
    });
}
