//! Models of the gate and of shields by themselves; see [`crate::model`]. Children as a whole are
//! modelled from outside, in `tests/loom`.

use super::state::{CancelStep, Keeper, State};
use crate::cancel::{
    CancelledBy,
    shields::{Openings, Shields},
};
use crate::model::{Census, Flag, Thread, block_on, check, spawn};
use crate::sync::gate::{Gate, Refusal};
use alloc::{boxed::Box, task::Wake};
use core::{
    mem,
    ops::Deref,
    sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release},
    task::Waker,
};
use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
};

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

/// A child that is no more than its state, its shields, and something that may be touched behind a
/// shield or at the end.
struct Shielded {
    state: State,
    shields: Shields,
    future: UnsafeCell<usize>,
    ends: AtomicUsize,
}

impl Shielded {
    fn new() -> Self {
        Shielded {
            state: State::new(&[Keeper::Exec], false, 0),
            shields: Shields::new(),
            future: UnsafeCell::new(0),
            ends: AtomicUsize::new(0),
        }
    }

    /// What the poll of a cell does, when the future is pending.
    fn poll(&self, waker: &Waker) {
        let Some(before) = self.state.begin_poll() else { return };
        if before.is_shielded() && before.is_asked_to_end() && !self.shields.is_up() {
            assert!(!self.state.end_poll(false));
            self.end();
        } else {
            self.go_idle(waker);
        }
    }

    /// As if a poll had begun, and had raised a shield.
    fn begin(self) -> Arc<Self> {
        assert!(self.state.begin_poll().is_some());
        self.shields.raise();
        Arc::new(self)
    }

    fn go_idle(&self, waker: &Waker) {
        let shielded = self.shields.is_up_after(waker);
        if !self.state.end_poll(shielded) {
            self.end();
        }
    }

    fn cancel(&self, force: bool) {
        if self.state.cancel(CancelledBy::Handle, force) == CancelStep::Claimed {
            self.end();
        }
    }

    fn end(&self) {
        self.touch();
        self.state.finish();
        self.ends.fetch_add(1, Relaxed);
    }

    fn touch(&self) {
        // SAFETY: loom checks that nobody else does.
        self.future.with_mut(|future| unsafe { *future += 1 });
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: alloc::sync::Arc<Self>) {
        self.0.store(true, Release);
    }
}

/// A shield ends elsewhere, a canceller comes, and the child goes idle: it ends once, not while the
/// shield is up, and if it must be polled for that, it is woken.
#[test]
fn lower_or_cancel_or_idle() {
    check("shield: lower or cancel or idle", || {
        let child = Shielded::new().begin();
        let woken = alloc::sync::Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let theirs = child.clone();
        let lowering = spawn(move || {
            theirs.touch();
            theirs.shields.lower(false).into_iter().for_each(Waker::wake);
        });
        let theirs = child.clone();
        let cancelling = spawn(move || theirs.cancel(false));
        child.go_idle(&waker);
        lowering.join();
        cancelling.join();
        if woken.0.load(Acquire) {
            child.poll(&waker);
        }
        assert_eq!(child.ends.load(Relaxed), 1);
    });
}

/// Two cancellers, one of whom shields do not stop, and the child goes idle behind a shield: it
/// ends once, whatever becomes of the shield.
#[test]
fn cancel_or_force_or_idle() {
    check("shield: cancel or force or idle", || {
        let child = Shielded::new().begin();
        let waker = Waker::from(alloc::sync::Arc::new(Woken::default()));
        let cancelling = [false, true].map(|force| {
            let theirs = child.clone();
            spawn(move || theirs.cancel(force))
        });
        child.go_idle(&waker);
        child.poll(&waker);
        cancelling.into_iter().for_each(Thread::join);
        assert_eq!(child.ends.load(Relaxed), 1);
    });
}

/// Three parts open a shield and close it again while it ends, beside another shield that stays: the
/// child is never without one, and at the end has that one left.
#[test]
fn openings_and_the_end_of_a_shield() {
    check("shield: openings and its end", || {
        struct Both {
            shields: Shields,
            openings: Openings,
        }

        impl Both {
            fn lower(&self) {
                assert!(self.shields.lower(true).is_none());
                assert!(self.shields.is_up(), "the other one stays");
            }

            fn pass(&self) {
                self.openings.open(|| self.lower());
                self.openings.close(|| self.shields.raise(), || self.lower());
            }
        }

        let both = Arc::new(Both { shields: Shields::new(), openings: Openings::new() });
        (both.shields.raise(), both.shields.raise());
        let passing = [(); 2].map(|()| {
            let both = both.clone();
            spawn(move || both.pass())
        });
        both.openings.open(|| both.lower());
        both.pass();
        passing.into_iter().for_each(Thread::join);
        assert!(both.shields.lower(true).is_none());
        assert!(!both.shields.is_up());
    });
}

/// The last opening closes while another one is made, and the child goes idle in between: it is
/// woken if it went idle behind the shield and there is none any more.
#[test]
fn an_opening_wakes_the_child() {
    check("shield: close, open and idle", || {
        let child = Shielded::new().begin();
        let woken = alloc::sync::Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let openings = Arc::new(Openings::new());
        openings.open(|| assert!(child.shields.lower(true).is_none()));
        let (theirs, their_openings) = (child.clone(), openings.clone());
        let lower = |child: &Shielded| child.shields.lower(false).into_iter().for_each(Waker::wake);
        let closing = spawn(move || {
            their_openings.close(|| theirs.shields.raise(), || lower(&theirs));
        });
        child.cancel(false);
        openings.open(|| lower(&child));
        child.go_idle(&waker);
        closing.join();
        if woken.0.load(Acquire) {
            child.poll(&waker);
        }
        assert_eq!(child.ends.load(Relaxed), 1);
    });
}
