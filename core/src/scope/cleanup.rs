//! What runs at the end of a scope, when its body and its children are gone.
//!
//! | the scope | its finalizers are |
//! |---|---|
//! | is awaited to its end | polled by the task that awaits it |
//! | is an owned one, and closed | handed to its executor, and waited for |
//! | is dropped before, and they own what they use | handed to its executor, after the last child |
//! | is dropped before, and they may borrow | dropped, and reported |

use super::{
    flags::*,
    owner::Owner,
    policy::{Accept, Policy},
    shared::Shared,
};
use crate::{
    cancel::current::{self, Mark},
    child::{
        Child, Panic,
        deferred::{Deferred, Entry},
        origin::Origin,
        unscoped,
    },
    observe,
    sync::{Arc, Ordering, fence},
    unwind, waits,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

/// The finalizers of a scope, on the way to its end: the last one first.
#[derive(Default)]
pub(super) struct CleanUp {
    left: Vec<Child>,
    budget: Option<Box<Child>>,
}

impl CleanUp {
    fn take_from(&mut self, deferred: &Deferred) {
        let before = self.left.len();
        deferred.finalizers.take_into(&mut self.left);
        let taken = self.left.len() - before;
        if taken > 0 {
            // Relaxed: counted before any of them can end, and by the thread that hands them on.
            deferred.under_way.fetch_add(taken, Ordering::Relaxed);
        }
        if let Some(last) = deferred.budget.take() {
            self.budget = Some(last);
        }
    }

    fn drop_all(&mut self) {
        while let Some(finalizer) = self.left.pop() {
            unwind::discard(finalizer);
        }
    }
}

impl Future for CleanUp {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(finalizer) = self.left.last_mut() {
            if Pin::new(finalizer).poll(cx).is_ready() {
                self.left.pop();
                continue;
            }
            let budget = self.budget.as_mut();
            if !budget.is_some_and(|budget| Pin::new(budget).poll(cx).is_ready()) {
                return Poll::Pending;
            }
            self.drop_all();
        }
        Poll::Ready(())
    }
}

/// The last ones go first, as they would if they ran.
impl Drop for CleanUp {
    fn drop(&mut self) {
        self.drop_all();
    }
}

impl<P: Policy, K> Owner<P, K> {
    /// Runs the finalizers, those included that are added meanwhile.
    pub(super) fn poll_clean_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (shared, cleanup) = self.parts();
        loop {
            cleanup.take_from(&shared.deferred);
            if cleanup.left.is_empty() {
                return Poll::Ready(());
            }
            ready!(Pin::new(&mut *cleanup).poll(cx));
        }
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// Whether there are finalizers that have not ended.
    pub(super) fn has_finalizers(&self) -> bool {
        // Acquire: what they did happens before the end of the scope.
        self.deferred.pending.load(Ordering::Acquire) > 0
    }

    /// Hands the finalizers to the executor unless some are under way there: then those come after
    /// them. Requires that no child is left.
    pub(super) fn hand_over_in_turn(&self) {
        let under_way = &self.deferred.under_way;
        // Acquire: what ran before happens before what runs next. One for us, so that of several
        // threads that close the scope only one does it.
        if under_way.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            self.hand_over(CleanUp::default());
            self.finalizer_is_gone();
        }
    }

    /// One less is under way. After the last, the waiter for the end looks again, and finds
    /// those that they have deferred.
    fn finalizer_is_gone(&self) {
        if self.deferred.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell_of_change();
        }
    }

    /// Hands the finalizers to the executor, or drops them if there is none. See
    /// [`may_hand_over`](Self::may_hand_over).
    pub(super) fn hand_over(&self, mut cleanup: CleanUp) {
        // Pairs with the fence in `after_defer`: this finds what was added, or that sees the end.
        fence(Ordering::SeqCst);
        cleanup.take_from(&self.deferred);
        if cleanup.left.is_empty() {
            return;
        }
        match self.deferred.runner.get() {
            Some(run) => unwind::contain(|| run(unscoped::orphan(cleanup, Origin::here()))),
            None => drop(cleanup),
        }
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// Whether it is time for it: when no child is left, for those that run. Those without a
    /// runner may borrow, and must be gone before the last child has left: nothing waits longer.
    pub(super) fn may_hand_over(&self) -> bool {
        self.deferred.runner.get().is_none() || self.close_all()
    }

    /// After a finalizer was added: if the scope has ended, nothing else looks any more.
    pub(super) fn after_defer(&self) {
        // Pairs with the fence in `hand_over`.
        fence(Ordering::SeqCst);
        if self.is_ended() && self.may_hand_over() {
            self.hand_over(CleanUp::default());
        }
    }

    fn cleanup_failed(&self, failure: P::Error, deferred_at: &'static Location<'static>) {
        let late = self.is_ended();
        self.emit(|| observe::Event::FinalizerFailed { deferred_at, late });
        if late {
            self.count_late();
            unwind::discard(failure);
        } else {
            self.policy().keep(failure);
            self.flags.fetch_or(STOPPED, Ordering::AcqRel);
        }
    }
}

pin_project! {
    /// A future that a user deferred.
    pub(super) struct Finalizer<F, P: Policy, K> {
        #[pin]
        future: F,
        // Last: the scope is told when the future is gone.
        report: Report<P, K>,
    }
}

struct Report<P: Policy, K> {
    shared: Arc<Shared<P, K>>,
    deferred_at: &'static Location<'static>,
    over: bool,
}

/// A finalizer of `shared`, with what else [`keep`](crate::child::deferred::keep) wants of it.
#[track_caller]
pub(super) fn finalizer<F, P, K>(
    shared: &Arc<Shared<P, K>>,
    future: F,
) -> (Entry, Origin, Finalizer<F, P, K>)
where
    F: Future,
    P: Accept<F::Output>,
{
    let deferred_at = Location::caller();
    shared.deferred.pending.fetch_add(1, Ordering::Relaxed);
    let report = Report { shared: shared.clone(), deferred_at, over: false };
    (Entry::Finalizer, Origin::at(deferred_at), Finalizer { future, report })
}

impl<F, P, K> Future for Finalizer<F, P, K>
where
    F: Future,
    P: Accept<F::Output>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let shared = &this.report.shared;
        let mark = Mark::Finalizer(Arc::as_ptr(shared).addr());
        match unwind::catch(|| current::marked(mark, || this.future.poll(cx))) {
            Ok(Poll::Pending) => {
                let deferred_at = this.report.deferred_at;
                waits::waits_for(format_args!("the finalizer deferred at {deferred_at}"));
                return Poll::Pending;
            }
            Ok(Poll::Ready(output)) => match unwind::catch(|| P::judge(output).map(drop)) {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => shared.cleanup_failed(failure, this.report.deferred_at),
                Err(payload) => shared.panicked(Panic::new(payload)),
            },
            Err(payload) => shared.panicked(Panic::new(payload)),
        }
        this.report.over = true;
        Poll::Ready(())
    }
}

impl<P: Policy, K> Drop for Report<P, K> {
    fn drop(&mut self) {
        if !mem::replace(&mut self.over, true) {
            let deferred_at = self.deferred_at;
            self.shared.emit(|| observe::Event::FinalizerDropped { deferred_at });
        }
        // Release: see `has_finalizers`.
        self.shared.deferred.pending.fetch_sub(1, Ordering::AcqRel);
        self.shared.finalizer_is_gone();
    }
}
