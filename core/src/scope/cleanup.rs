//! Finalizers: the futures that run at the end of a scope, when its body and its children are gone.
//!
//! | the scope | its finalizers are |
//! |---|---|
//! | is awaited to its end | polled by the task that awaits the scope |
//! | is an [`OwnedScope`](super::OwnedScope) and is closed | passed to its executor, and waited for |
//! | is dropped earlier, and the finalizers own what they use | passed to its executor, after the last child |
//! | is dropped earlier, and the finalizers may borrow | dropped, and reported as an event |

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
    time::Timer,
    unwind, waits,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use pin_project_lite::pin_project;

/// The finalizers of a scope that is ending, run in reverse order.
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
            // Relaxed: counted by the thread that runs them or passes them on, before any can end.
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

/// Drops them in the order in which they would have run.
impl Drop for CleanUp {
    fn drop(&mut self) {
        self.drop_all();
    }
}

impl<P: Policy, K> Owner<P, K> {
    /// Runs the finalizers, including those that are added meanwhile.
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
    /// Returns whether there are finalizers that have not ended.
    pub(super) fn has_finalizers(&self) -> bool {
        // Acquire: everything that the ended ones did happens before the end of the scope.
        self.deferred.pending.load(Ordering::Acquire) > 0
    }

    /// Passes the finalizers to the executor, unless earlier ones still run there: then they follow
    /// when those have ended. Requires that no child is left.
    ///
    /// Listen for a [change](Self::changed) before this call: it fires when those that run have
    /// ended, and when a finalizer was added that this call has not found.
    pub(super) fn hand_over_in_turn(&self) {
        // Without this, a call in vain would fire the change, which would wake the caller too.
        if self.deferred.finalizers.is_empty() {
            return;
        }
        let under_way = &self.deferred.under_way;
        // Acquire: the finalizers that ran before happen before those that run next. We count
        // ourselves as one that runs, so that only one of several closing threads passes them on.
        if under_way.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            self.hand_over(CleanUp::default());
            self.finalizer_is_gone();
        }
    }

    /// Counts one finalizer out of those that run. The last one wakes the tasks that wait for the
    /// end, which then find the finalizers that were deferred meanwhile.
    fn finalizer_is_gone(&self) {
        if self.deferred.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell_of_change();
        }
    }

    /// Passes the finalizers to the executor, or drops them if there is none. Requires
    /// [`may_hand_over`](Self::may_hand_over).
    pub(super) fn hand_over(&self, mut cleanup: CleanUp) {
        // Pairs with the fence in `after_defer`: either we find the finalizer that was added, or
        // `after_defer` sees the end.
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
    /// Returns whether [`hand_over`](Self::hand_over) may be called. Finalizers with a runner must
    /// wait until no child is left. Finalizers without a runner may borrow, and must be gone before
    /// the last child has left, because nothing waits for them after that.
    pub(super) fn may_hand_over(&self) -> bool {
        self.deferred.runner.get().is_none() || self.close_all()
    }

    /// Called after a finalizer was added. Passes it on if the scope has ended, because nothing
    /// else looks for finalizers then. If the scope is about to end, tells the waiters for the end:
    /// they may have found the finalizer counted, and not added yet.
    pub(super) fn after_defer(&self) {
        // Pairs with the fence in `hand_over`, and with that in `listen`.
        fence(Ordering::SeqCst);
        if !self.is_ended() {
            if self.has(SWEPT) {
                self.tell_of_change();
            }
        } else if self.may_hand_over() {
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
    /// A future that user code deferred.
    pub struct Finalizer<F, P: Policy, K> {
        #[pin]
        future: F,
        // Last field: the scope learns of the end only after the future was dropped.
        report: Report<P, K>,
    }
}

struct Report<P: Policy, K> {
    shared: Arc<Shared<P, K>>,
    deferred_at: &'static Location<'static>,
    over: bool,
}

/// Creates a finalizer of `shared`, and the other arguments of
/// [`keep`](crate::child::deferred::keep).
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
        let poll = || current::marked(mark, || this.future.poll(cx));
        // Not left to what is around the poll: that may be an executor which was handed this.
        match unwind::catch(|| shared.in_context(poll)) {
            Ok(Poll::Pending) => {
                let deferred_at = this.report.deferred_at;
                let words = format_args!("the finalizer deferred at {deferred_at}");
                waits::waits_for(waits::Wait::What(waits::What::Finalizer), words);
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

pin_project! {
    /// Ready when the time of all finalizers is over, which begins with the first poll.
    ///
    /// See [`ScopeHandle::cleanup_budget`](crate::ScopeHandle::cleanup_budget).
    pub struct Budget<T: Timer> {
        #[pin]
        sleep: Option<T::Sleep>,
        timer: T,
        budget: Duration,
    }
}

impl<T: Timer> Budget<T> {
    pub(super) fn new(timer: T, budget: Duration) -> Self {
        Budget { sleep: None, timer, budget }
    }
}

impl<T: Timer> Future for Budget<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.sleep.is_none() {
            this.sleep.set(Some(this.timer.sleep(*this.budget)));
        }
        this.sleep.as_pin_mut().expect("set above").poll(cx)
    }
}

pin_project! {
    /// Calls the release of a resource with it, and is the future that it returns.
    ///
    /// See [`ScopeHandle::acquire`](crate::ScopeHandle::acquire).
    pub struct Release<R, C, F> {
        // The one until the first poll, the other from then on.
        call: Option<(C, alloc::sync::Arc<R>)>,
        #[pin]
        future: Option<F>,
    }
}

impl<R, C, F> Release<R, C, F> {
    pub(super) fn new(resource: alloc::sync::Arc<R>, release: C) -> Self {
        Release { call: Some((release, resource)), future: None }
    }
}

impl<R, C, F> Future for Release<R, C, F>
where
    C: FnOnce(alloc::sync::Arc<R>) -> F,
    F: Future,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some((release, resource)) = this.call.take() {
            this.future.set(Some(release(resource)));
        }
        let future = this.future.as_mut().as_pin_mut();
        let output = ready!(future.expect("a finalizer that is done is not polled").poll(cx));
        this.future.set(None);
        Poll::Ready(output)
    }
}
