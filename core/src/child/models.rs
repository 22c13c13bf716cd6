//! Models of the gate by itself; see [`crate::model`]. Children as a whole are modelled from
//! outside, in `tests/loom`.

use super::gate::{Gate, Refusal};
use crate::model::{Census, Flag, Thread, block_on, check, spawn};
use loom::sync::Arc;

/// The gate of a scope, as its children see it: they hold no count of it.
#[derive(Clone, Copy)]
struct Inside(*const Gate);

impl Inside {
    fn enter(gate: &Arc<Gate>) -> Self {
        gate.enter().expect("not closed");
        Inside(Arc::as_ptr(gate))
    }

    /// What `parent::leave` does: the last one says so in `empty`.
    fn leave(self, always: bool, empty: &Flag) {
        // SAFETY: inside, so whoever owns the gate has not closed it and keeps it.
        let left = unsafe { &*self.0 }.leave(always, || unsafe {
            Arc::increment_strong_count(self.0);
            Arc::from_raw(self.0)
        });
        if let Some((gate, last)) = left {
            if last {
                empty.set();
            }
            drop(gate);
        }
    }
}

/// Waits until nobody is inside, and frees the gate.
fn close(gate: Arc<Gate>, empty: Flag) {
    if !gate.close() {
        gate.watch();
        while !gate.close() {
            block_on(empty.clone());
        }
    }
}

/// The last two leave while the owner waits for that, and then frees the gate: it is told, and
/// nobody looks at the gate any more.
#[test]
fn leave_or_leave_or_close() {
    check("gate: leave or leave or close", || {
        let gate = Arc::new(Gate::new());
        let (census, empty) = (Census::default(), Flag::default());
        let leaving = [(); 2].map(|()| Inside::enter(&gate)).map(|inside| {
            let (empty, probe) = (empty.clone(), census.probe());
            spawn(move || {
                drop(probe);
                inside.leave(false, &empty);
            })
        });
        close(gate, empty);
        assert_eq!(census.alive(), 0);
        leaving.into_iter().for_each(Thread::join);
    });
}

/// The same when somebody wants to know of all who leave.
#[test]
fn leave_always_or_close() {
    check("gate: leave always or close", || {
        let gate = Arc::new(Gate::new());
        let empty = Flag::default();
        let leaving = [(); 2].map(|()| Inside::enter(&gate)).map(|inside| {
            let empty = empty.clone();
            spawn(move || inside.leave(true, &empty))
        });
        close(gate, empty);
        leaving.into_iter().for_each(Thread::join);
    });
}

/// Somebody enters from outside while the owner closes: that one is refused or waited for.
#[test]
fn enter_or_close() {
    check("gate: enter or close", || {
        let gate = Arc::new(Gate::new());
        let (census, empty) = (Census::default(), Flag::default());
        let (theirs, signal, probe) = (gate.clone(), empty.clone(), census.probe());
        let first = Inside::enter(&gate);
        let entering = spawn(move || match theirs.enter() {
            Ok(_) => {
                let inside = Inside(Arc::as_ptr(&theirs));
                drop(probe);
                inside.leave(false, &signal);
                true
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Closed);
                false
            }
        });
        first.leave(false, &empty);
        close(gate, empty);
        let gone = census.alive() == 0;
        assert!(gone || !entering.join(), "closed with somebody inside");
    });
}

/// Two want the one place there is: they never have it at the same time.
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
        if gate.enter_below(1).is_ok() {
            place.touch();
            gate.leave(false, || ());
        }
        entering.into_iter().for_each(Thread::join);
        assert_eq!(gate.count(), 0);
    });
}
