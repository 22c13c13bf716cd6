//! By when a scope ends at the latest, for code in it that wants to plan.
//!
//! A view, and nothing more: who watches a deadline cancels its scope, whoever looks here or not. So
//! every access is relaxed, and a target without the atomics, or without `std`, sees no deadline.

pub(crate) use imp::{Deadlines, Shown};

#[cfg(all(feature = "std", not(anyscope_loom), target_has_atomic = "64"))]
mod imp {
    use crate::{
        sync::{
            Arc, AtomicBool, AtomicUsize, Ordering,
            group::{Ends, Group, Member},
        },
        time::Instant,
    };
    use core::{sync::atomic::AtomicU64, time::Duration};

    /// The deadlines of one scope.
    pub(crate) struct Deadlines {
        group: Group<Moment>,
        made: AtomicUsize,
    }

    impl Deadlines {
        pub(crate) fn new() -> Self {
            Deadlines { group: Group::new(), made: AtomicUsize::new(0) }
        }

        /// Shows a deadline, as long as what is returned lives.
        pub(crate) fn show(&self, at: Instant) -> Shown {
            let made = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            // How many are over is not counted: there are few.
            self.group.sweep_if_due(made, || 0);
            let moment = Moment { at: AtomicU64::new(nanos(at)), is_over: AtomicBool::new(false) };
            Shown(self.group.add(moment).0)
        }

        pub(crate) fn earliest(&self) -> Instant {
            let mut earliest = nanos(Instant::NEVER);
            self.group.visit(|moment| {
                if !moment.has_ended() {
                    earliest = earliest.min(moment.at.load(Ordering::Relaxed));
                }
            });
            Instant::from_epoch(Duration::from_nanos(earliest))
        }
    }

    struct Moment {
        at: AtomicU64,
        is_over: AtomicBool,
    }

    impl Ends for Moment {
        fn has_ended(&self) -> bool {
            self.is_over.load(Ordering::Relaxed)
        }
    }

    /// A deadline that others see, until this is dropped.
    pub(crate) struct Shown(Arc<Member<Moment>>);

    impl Shown {
        pub(crate) fn move_to(&self, at: Instant) {
            self.0.at.store(nanos(at), Ordering::Relaxed);
        }
    }

    impl Drop for Shown {
        fn drop(&mut self) {
            self.0.is_over.store(true, Ordering::Relaxed);
        }
    }

    fn nanos(at: Instant) -> u64 {
        // An instant has no more.
        at.since_epoch().as_nanos() as u64
    }
}

#[cfg(not(all(feature = "std", not(anyscope_loom), target_has_atomic = "64")))]
mod imp {
    use crate::time::Instant;

    pub(crate) struct Shown(());

    impl Shown {
        pub(crate) fn move_to(&self, _: Instant) {}
    }

    /// Shows nothing.
    pub(crate) struct Deadlines(());

    impl Deadlines {
        pub(crate) fn new() -> Self {
            Deadlines(())
        }

        pub(crate) fn show(&self, _: Instant) -> Shown {
            Shown(())
        }

        pub(crate) fn earliest(&self) -> Instant {
            Instant::NEVER
        }
    }
}
