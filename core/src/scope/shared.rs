//! What a scope and its children share: counts, children, failures, and waiters.

use super::{
    cleanup::CleanUp,
    flags::*,
    kind::Kind,
    policy::{Accept, Policy},
    request::Request,
    room::Jam,
    tree::Surroundings,
};
use crate::{
    cancel::{CancelledBy, current},
    child::{
        JoinHandle, Panic,
        deferred::{Deferred, Defers},
        origin::{Info, Origin},
        parent::{Door, Gates, Place, Receive},
        raw::Children,
        spawn::Spec,
    },
    limit::{Capacity, Limit, follow::Follows},
    observe,
    sync::{
        Arc, AtomicUsize, EventListener, LazyEvent, Ordering, Wakers, atomic_waker::AtomicWaker,
        gate::Refusal, once_box::OnceBox, stack::Stack,
    },
    unwind, waits,
};
use alloc::boxed::Box;
use core::{
    fmt, ptr,
    task::{Context, Poll},
};

type Observer = Box<dyn Fn(&observe::Event<'_>) + Send + Sync>;

/// The part of a scope that its handles, its future and its children have in common. `K` is the
/// kind of scope, and what that kind needs besides.
pub(crate) struct Shared<P, K> {
    /// What was around this scope when it began. The first field: when it is dropped, the scope leaves its tree.
    pub(super) around: OnceBox<Surroundings>,
    pub(super) gates: Gates,
    pub(super) registry: Children,
    /// See [`flags`](super::flags).
    pub(super) flags: AtomicUsize,
    pub(super) request: Request,
    /// The waker of the task that polls the scope's future.
    pub(super) owner: AtomicWaker,
    /// Fires when one of the gates is empty and has a waiter, and at the end.
    pub(super) changed: LazyEvent,
    panics: Stack<Panic>,
    policy: P,
    /// Failures that came too late to be reported.
    late: AtomicUsize,
    observer: OnceBox<Observer>,
    /// How many children may be in `gates.tasks` at once. Not read by scopes without a limit.
    pub(super) limit: Capacity,
    /// For a limit that changes.
    pub(super) follows: OnceBox<Follows>,
    /// Fires when a child of a limited scope leaves.
    pub(super) freed: LazyEvent,
    /// How many waiters there are for `freed`.
    pub(super) queue: AtomicUsize,
    /// One more than the children that had entered when room was last kept for waiters.
    pub(super) kept_at: AtomicUsize,
    /// Which children of a limited scope wait for room in it.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(super) jam: Jam,
    pub(super) deferred: Deferred,
    pub(super) kind: K,
}

impl<P: Policy, K> Shared<P, K> {
    pub(super) fn new(limit: Capacity, kind: K, flags: usize) -> Self {
        Shared {
            around: OnceBox::new(),
            gates: Gates::new(),
            registry: Children::new(),
            flags: AtomicUsize::new(flags),
            request: Request::new(),
            owner: AtomicWaker::new(),
            changed: LazyEvent::new(),
            panics: Stack::new(),
            policy: P::default(),
            late: AtomicUsize::new(0),
            observer: OnceBox::new(),
            limit,
            follows: OnceBox::new(),
            freed: LazyEvent::new(),
            queue: AtomicUsize::new(0),
            kept_at: AtomicUsize::new(0),
            jam: Jam::new(),
            deferred: Deferred::new(),
            kind,
        }
    }

    /// A place for a child, which is a daemon or not, unless the scope has ended.
    pub(super) fn place(this: &Arc<Self>, daemon: bool) -> Option<Place<'_, Self>> {
        Place::take(this, daemon)
    }

    /// A place under the limit.
    pub(super) fn place_below(this: &Arc<Self>) -> Result<Place<'_, Self>, Refusal> {
        if this.is_closing() {
            return Err(Refusal::Closed);
        }
        let place = Place::take_below(this, this.limit.now())?;
        // Checked again, as the place may have come free because the children were just cancelled.
        if this.is_closing() { Err(Refusal::Closed) } else { Ok(place) }
    }

    /// How many children have not ended, daemons included.
    pub(super) fn live(&self) -> usize {
        self.gates.count()
    }

    /// How many children were ever spawned.
    pub(super) fn spawned(&self) -> usize {
        self.gates.entered()
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit.limit()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.has(ENDED)
    }

    /// Registers the task of `cx` to be woken when something stops the body. Check
    /// [`is_stopped`](Self::is_stopped) after it.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.owner.register(cx.waker());
    }

    /// Wakes the task that polls the scope's future.
    pub(super) fn wake_owner(&self) {
        if let Some(waker) = self.owner.take() {
            unwind::catch(|| waker.wake()).unwrap_or_else(|payload| self.lost(payload));
        }
    }

    /// Keeps a failure of the body, or of a child if `info` is given, and shuts the scope down.
    pub(super) fn fail(&self, failure: P::Error, info: Option<Info<'_>>) {
        let late = self.has(DECIDED | ENDED);
        if let Some(info) = info {
            self.emit(|| observe::Event::Failed { child: info.into(), late });
        }
        if late {
            self.count_late();
            unwind::discard(failure);
        } else {
            self.policy.keep(failure);
            self.stop(STOPPED, CancelledBy::Scope, "its scope has failed");
        }
    }

    /// Keeps a panic of the body, or one that no handle will receive, and shuts the scope down.
    pub(super) fn panicked(&self, panic: Panic) {
        if self.is_ended() {
            self.drop_panic(panic);
        } else {
            self.keep_panic(panic);
        }
    }

    /// How many failures came after the result was decided.
    pub(super) fn late_failures(&self) -> usize {
        self.late.load(Ordering::Relaxed)
    }

    /// The body returned a value. If the scope was cancelled, that decides the result, unless the
    /// cancel was the executor's.
    pub(super) fn decide(&self) {
        if P::FAIL_FAST && self.is_cancelled() && !self.has(REFUSED) {
            self.flags.fetch_or(DECIDED, Ordering::AcqRel);
        }
    }

    /// Whether a value of the body counts. It does not if a child was refused before the value
    /// decided the result.
    pub(super) fn has_value(&self) -> bool {
        !self.has(REFUSED) || self.has(DECIDED)
    }

    /// Installs the observer. False if there is one already.
    pub(super) fn observe(&self, observer: Observer) -> bool {
        self.observer.set(observer).is_ok()
    }

    /// Ready when all children have left; daemons are cancelled when there are no others. Then
    /// no child can enter any more. `wait` sees to it that [`changed`](Self::changed) or a wake of
    /// the owner leads to another call.
    ///
    /// # Panics
    ///
    /// When called from inside a child of this scope, which it would wait for.
    pub(super) fn poll_children(&self, mut wait: impl FnMut()) -> Poll<()> {
        if !self.close(&self.gates.tasks, &mut wait) {
            return Poll::Pending;
        }
        self.stop(0, CancelledBy::Finished, "its scope has ended");
        if !self.close(&self.gates.daemons, &mut wait) {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Panics in a finalizer of this scope, which the scope would wait for.
    pub(super) fn check_not_in_finalizer(&self) {
        if current::inside_finalizer(ptr::from_ref(self).cast()) {
            panic!("a finalizer waits for the end of its own scope, and would wait for ever");
        }
    }

    fn close(&self, gate: &Door, wait: &mut impl FnMut()) -> bool {
        if gate.close() {
            return true;
        }
        if let Some(child) = current::inside_scope(ptr::from_ref(self).cast()) {
            panic!(
                "the child spawned at {child} waits for the end of its own scope, \
                 and would wait for ever"
            );
        }
        wait();
        gate.watch();
        let closed = gate.close();
        if !closed {
            self.waits_for_end();
        }
        closed
    }

    /// Tells that the end of this scope is waited for.
    pub(super) fn waits_for_end(&self) {
        let wait = waits::Wait::Scope(ptr::from_ref(self).addr());
        waits::waits_for(wait, format_args!("the end of a scope, with {} to go", self.live()));
    }

    /// Whether no child is left and none can enter.
    pub(super) fn close_all(&self) -> bool {
        self.gates.tasks.close() && self.gates.daemons.close()
    }

    /// Ends the scope: no child is left.
    pub(super) fn end(&self) {
        self.mark_ended();
        self.leave_tree();
        // What was added at the last moment.
        self.hand_over(CleanUp::default());
    }

    pub(super) fn mark_ended(&self) {
        self.flags.fetch_or(ENDED, Ordering::AcqRel);
        let mut wakers = Wakers::new();
        self.changed.collect(usize::MAX, &mut wakers);
        self.freed.collect(usize::MAX, &mut wakers);
        if let Err(payload) = wakers.fire() {
            // For the owner, which takes the first panic after this.
            self.panics.push(Panic::new(payload));
        }
    }

    /// Wakes those that wait for the end.
    pub(super) fn tell_of_change(&self) {
        let mut wakers = Wakers::new();
        self.changed.collect(usize::MAX, &mut wakers);
        self.fire(wakers);
    }

    /// Counts a failure that came after the result was decided.
    pub(super) fn count_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// The policy, once the scope has ended.
    pub(super) fn policy(&self) -> &P {
        &self.policy
    }

    /// The first panic, once the scope has ended. The others are reported to the observer.
    pub(super) fn take_panic(&self) -> Option<Panic> {
        let mut panics = self.panics.take().into_iter();
        let first = panics.next();
        panics.for_each(|panic| self.drop_panic(panic));
        first
    }

    /// Fires when a gate that has a waiter is empty, and at the end. Check after listening.
    pub(super) fn changed(&self) -> EventListener {
        self.changed.listen()
    }

    /// Fires when a child has left or the scope is closed. Check after listening.
    pub(super) fn freed(&self) -> EventListener {
        self.freed.listen()
    }

    /// How many children that the scope waits for were ever spawned. Wraps around.
    pub(super) fn entered(&self) -> usize {
        self.gates.tasks.entered()
    }

    /// Whether children are refused, whatever room there is.
    pub(crate) fn is_closing(&self) -> bool {
        self.has(CANCELLED) || self.registry.is_closed()
    }
}

/// The part that does not need the policy.
impl<P, K> Shared<P, K> {
    pub(super) fn has(&self, flag: usize) -> bool {
        // Acquire: pairs with `stop`.
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    pub(super) fn emit<'e>(&self, event: impl FnOnce() -> observe::Event<'e>) {
        if let Some(observer) = self.observer.get() {
            if let Err(payload) = unwind::catch(|| observer(&event())) {
                // Not through `panicked`, which may tell the observer.
                self.keep_panic(Panic::new(payload));
            }
        }
    }

    /// Fires the wakers of those that wait for this scope, when every step is done. A panic of
    /// theirs counts as the scope's, like one of a child that no handle receives.
    pub(super) fn fire(&self, wakers: Wakers) {
        wakers.fire().unwrap_or_else(|payload| self.lost(payload));
    }

    #[cold]
    fn lost(&self, payload: unwind::Payload) {
        let panic = Panic::new(payload);
        if self.has(ENDED) { self.drop_panic(panic) } else { self.keep_panic(panic) }
    }

    /// Whether there is a panic for the owner.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(super) fn has_panicked(&self) -> bool {
        !self.panics.is_empty()
    }

    fn keep_panic(&self, panic: Panic) {
        self.panics.push(panic);
        self.stop(STOPPED, CancelledBy::Scope, "its scope has failed");
    }

    pub(super) fn drop_panic(&self, panic: Panic) {
        self.emit(|| observe::Event::PanicDropped { panic: &panic });
        panic.discard();
    }
}

impl<P: Policy, K> Defers for Shared<P, K> {
    fn deferred(&self) -> &Deferred {
        &self.deferred
    }
}

/// Children as users write them.
pub(super) struct Plain;

impl<P: Accept<O>, K, O> Receive<O, Plain> for Shared<P, K> {
    type Value = P::Value;

    fn receive(&self, output: O, info: Info<'_>) -> Option<P::Value> {
        match P::judge(output) {
            Ok(value) => Some(value),
            Err(failure) => {
                self.fail(failure, Some(info));
                None
            }
        }
    }
}

/// Children that run work of several users, none of whom can end them for the others.
pub(super) struct Host;

impl<P: Accept<O>, K, O> Receive<O, Host> for Shared<P, K> {
    const ENDS_ITSELF: bool = false;

    type Value = P::Value;

    fn receive(&self, output: O, info: Info<'_>) -> Option<P::Value> {
        Receive::<O, Plain>::receive(self, output, info)
    }
}

/// The value in the handle of a child of `Shared<P, K>` that returns an `O`.
pub(super) type ValueOf<P, K, O, Via> = <Shared<P, K> as Receive<O, Via>>::Value;

/// The handle of a child that returns an `O`, in a scope of kind `K`.
pub(super) type HandleOf<'a, K, P, O, Via> =
    JoinHandle<'a, ValueOf<P, <K as Kind>::State, O, Via>, <K as Kind>::Mode>;

/// Children that may end without an output, and without a failure of the scope.
pub(super) struct Optional;

impl<P: Accept<O>, K, O> Receive<Option<O>, Optional> for Shared<P, K> {
    type Value = P::Value;

    fn receive(&self, output: Option<O>, info: Info<'_>) -> Option<P::Value> {
        Receive::<O, Plain>::receive(self, output?, info)
    }
}

impl<P, K> Drop for Shared<P, K> {
    fn drop(&mut self) {
        // Before user code, which may look at the tree.
        self.leave_tree();
        // Panics of children whose handles were dropped while the scope ended.
        for panic in self.panics.take() {
            self.drop_panic(panic);
        }
    }
}

impl<P: fmt::Debug, K> fmt::Debug for Shared<P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("policy", &self.policy)
            .field("children", &self.gates.tasks.count())
            .field("daemons", &self.gates.daemons.count())
            .field("ended", &(self.flags.load(Ordering::Relaxed) & ENDED != 0))
            .finish_non_exhaustive()
    }
}

/// What an ordinary child is spawned with.
#[track_caller]
pub(super) fn plain() -> Spec {
    Spec { origin: Origin::here(), daemon: false }
}
