//! What a scope and its children share: counts, children, failures, and who waits for what.

use super::{
    cleanup::CleanUp,
    flags::*,
    policy::{Accept, Policy},
    request::Request,
};
use crate::{
    cancel::{
        CancelReason, CancelToken, Cancelled, CancelledBy,
        current::{self, Mark, Stance},
    },
    child::{
        Child, Panic,
        deferred::{Deferred, Defers},
        depth,
        origin::{Info, Origin},
        parent::{Gates, OfKind, Parent, Place, Receive},
        raw::{Children, Sequel},
        spawn::Spec,
    },
    limit::Limit,
    observe,
    sync::{
        Arc, AtomicUsize, EventListener, LazyEvent, Ordering, Wakers,
        atomic_waker::AtomicWaker,
        gate::{Gate, Refusal},
        once_box::OnceBox,
        stack::Stack,
    },
    unwind, waits,
};
use alloc::boxed::Box;
use core::{
    fmt,
    future::Future,
    mem,
    ops::Deref,
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

type Observer = Box<dyn Fn(&observe::Event<'_>) + Send + Sync>;

/// The part of a scope that its handles, its future and its children have in common. `K` is the
/// kind of scope, and what that kind needs besides.
pub(crate) struct Shared<P, K> {
    gates: Gates,
    pub(super) registry: Children,
    /// See [`flags`](super::flags).
    pub(super) flags: AtomicUsize,
    pub(super) request: Request,
    /// Whoever polls the future of the scope.
    pub(super) owner: AtomicWaker,
    /// Fires when one of the gates is empty and somebody waits, and at the end.
    changed: LazyEvent,
    panics: Stack<Panic>,
    policy: P,
    /// Failures that came too late to be reported.
    late: AtomicUsize,
    observer: OnceBox<Observer>,
    /// How many `tasks` there may be. Not looked at by scopes without a limit.
    limit: Limit,
    /// Fires when a child of a limited scope leaves.
    pub(super) freed: LazyEvent,
    /// How many wait for that.
    queue: AtomicUsize,
    /// How many children had entered when room was last kept for those who wait, and one.
    kept_at: AtomicUsize,
    pub(super) deferred: Deferred,
    pub(super) kind: K,
}

/// The owner of a scope: whoever drives it to its end. Dropped before that, it cancels the scope.
///
/// It keeps the shared part until no child is left, or hands it on to those that are.
pub(crate) struct Owner<P: Policy, K> {
    shared: Arc<Shared<P, K>>,
    cleanup: CleanUp,
    unclaimed: Unclaimed,
}

/// Room for which nobody has come yet, as the owner sees it.
#[derive(Default)]
struct Unclaimed {
    /// How many children had entered then.
    entered: usize,
    /// How often it was there in a row.
    looks: u32,
}

/// How often the owner looks before it tells more of those who wait that there is room.
const PATIENCE: u32 = 8;

impl<P: Policy, K> Owner<P, K> {
    /// A new scope, whose children may borrow.
    pub(super) fn new(limit: Limit, kind: K) -> Self {
        Self::with_flags(limit, kind, 0)
    }

    /// A new scope, whose children own what they use, and are spawned only where `P` does.
    pub(super) fn owning(limit: Limit, kind: K) -> Self {
        Self::with_flags(limit, kind, OWNING)
    }

    fn with_flags(limit: Limit, kind: K, flags: usize) -> Self {
        let shared = Arc::new(Shared {
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
            freed: LazyEvent::new(),
            queue: AtomicUsize::new(0),
            kept_at: AtomicUsize::new(0),
            deferred: Deferred::new(),
            kind,
        });
        Owner { shared, cleanup: CleanUp::default(), unclaimed: Unclaimed::default() }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<P, K>> {
        &self.shared
    }

    /// The scope, and its finalizers that are under way.
    pub(super) fn parts(&mut self) -> (&Arc<Shared<P, K>>, &mut CleanUp) {
        (&self.shared, &mut self.cleanup)
    }

    /// Sees to it that no room is kept for one who was told of it and does not come, as his future
    /// was forgotten or is not polled: after a while, more and more of the others are told too. To
    /// be called when whoever is polled by the owner has been polled.
    pub(super) fn offer_room(&mut self, cx: &Context<'_>) {
        let shared = &*self.shared;
        // With one who waits there is nobody to keep it from.
        if shared.queue.load(Ordering::Relaxed) < 2 || shared.is_closing() || !shared.has_room() {
            self.unclaimed.looks = 0;
            return;
        }
        let entered = shared.entered();
        if mem::replace(&mut self.unclaimed.entered, entered) != entered {
            self.unclaimed.looks = 0;
        }
        let looks = self.unclaimed.looks;
        let told = 1 << looks.saturating_sub(PATIENCE).min(usize::BITS - 1);
        let mut wakers = Wakers::new();
        if looks >= PATIENCE {
            shared.freed.collect(told, &mut wakers);
        }
        // When all were told, there is nobody left to look after.
        if told < shared.queue.load(Ordering::Relaxed) {
            self.unclaimed.looks = looks + 1;
            cx.waker().wake_by_ref();
        }
        shared.fire(wakers);
    }

    /// Cancels the scope without waiting for it, unless it has ended. It counts as ended from then
    /// on.
    pub(super) fn abandon(&self) {
        if self.is_ended() {
            return;
        }
        // Who waits for a stop need not be told: it is the owner.
        self.flags.fetch_or(CANCELLED | Shared::<P, K>::whole(), Ordering::AcqRel);
        let may_leave = self.has(OWNING) && self.live() > 0;
        // SAFETY: a scope that is `OWNING` was made by `owning`, whose children own what they use;
        // and there is one, so it was spawned, for which the scope must own what it uses too.
        unsafe { depth::abandon(&self.shared, may_leave) };
        self.mark_ended();
    }
}

impl<P: Policy, K> Deref for Owner<P, K> {
    type Target = Shared<P, K>;

    fn deref(&self) -> &Shared<P, K> {
        &self.shared
    }
}

impl<P: Policy, K> Drop for Owner<P, K> {
    fn drop(&mut self) {
        self.abandon();
        let cleanup = mem::take(&mut self.cleanup);
        if self.may_hand_over() {
            self.hand_over(cleanup);
        }
        if !self.close_all() {
            // Some are being polled. The last of them drops this count.
            mem::forget(self.shared.clone());
            self.flags.fetch_or(ORPHANED, Ordering::AcqRel);
            self.gates.tasks.watch();
            self.gates.daemons.watch();
            self.adopt_orphan();
        }
    }
}

impl<P: Policy, K> Shared<P, K> {
    /// A place for a child that has been told `daemon`, unless the scope has ended.
    pub(super) fn place(this: &Arc<Self>, daemon: bool) -> Option<Place<'_, Self>> {
        Place::take(this, daemon)
    }

    /// A place under the limit.
    pub(super) fn place_below(this: &Arc<Self>) -> Result<Place<'_, Self>, Refusal> {
        if this.is_closing() {
            return Err(Refusal::Closed);
        }
        let place = Place::take_below(this, this.limit.get())?;
        // Again, as the place may be that of a child which has just been cancelled.
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
        self.limit
    }

    pub(super) fn is_ended(&self) -> bool {
        self.has(ENDED)
    }

    /// Makes `cx` learn of what stops the body. Check [`is_stopped`](Self::is_stopped) after it.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.owner.register(cx.waker());
    }

    /// Wakes whoever polls the future of the scope.
    pub(super) fn wake_owner(&self) {
        if let Some(waker) = self.owner.take() {
            unwind::catch(|| waker.wake()).unwrap_or_else(|payload| self.lost(payload));
        }
    }

    /// Keeps a failure of the body, or of a child if `info` is given, and brings the scope down.
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

    /// Keeps a panic of the body, or one that nobody else will receive, and brings the scope down.
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

    /// The body returned a value. If the scope was cancelled, that settles it, unless the cancel was
    /// the executor's.
    pub(super) fn decide(&self) {
        if P::FAIL_FAST && self.is_cancelled() && !self.has(REFUSED) {
            self.flags.fetch_or(DECIDED, Ordering::AcqRel);
        }
    }

    /// Whether a value of the body counts: not if a child was refused before that was decided.
    pub(super) fn has_value(&self) -> bool {
        !self.has(REFUSED) || self.has(DECIDED)
    }

    /// Installs the observer. False if there is one.
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

    fn close(&self, gate: &Gate, wait: &mut impl FnMut()) -> bool {
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
            waits::waits_for(format_args!("the end of a scope, with {} to go", self.live()));
        }
        closed
    }

    /// Whether no child is left, and none can come.
    pub(super) fn close_all(&self) -> bool {
        self.gates.tasks.close() && self.gates.daemons.close()
    }

    /// Drops the count that a gone owner has left, if it has and nobody needs it any more.
    fn adopt_orphan(&self) {
        if self.has(ORPHANED)
            && self.close_all()
            && self.flags.fetch_and(!ORPHANED, Ordering::AcqRel) & ORPHANED != 0
        {
            if self.deferred.runner.get().is_some() {
                self.hand_over(CleanUp::default());
            }
            // SAFETY: the count that `Owner::drop` forgot, dropped once; the caller has another.
            unsafe { Arc::decrement_strong_count(ptr::from_ref(self)) };
        }
    }

    /// All is over, and no child is left.
    pub(super) fn end(&self) {
        self.mark_ended();
        // What was added in the last moment.
        self.hand_over(CleanUp::default());
    }

    fn mark_ended(&self) {
        self.flags.fetch_or(ENDED, Ordering::AcqRel);
        let mut wakers = Wakers::new();
        self.changed.collect(usize::MAX, &mut wakers);
        self.freed.collect(usize::MAX, &mut wakers);
        if let Err(payload) = wakers.fire() {
            // For the owner, who takes the first panic after this.
            self.panics.push(Panic::new(payload));
        }
    }

    /// Lets those know who wait for the end.
    pub(super) fn tell_of_change(&self) {
        let mut wakers = Wakers::new();
        self.changed.collect(usize::MAX, &mut wakers);
        self.fire(wakers);
    }

    /// Counts a failure that came after the result was decided.
    pub(super) fn count_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// The policy, when all is over.
    pub(super) fn policy(&self) -> &P {
        &self.policy
    }

    /// The first panic, when all is over. The observer is told of the others.
    pub(super) fn take_panic(&self) -> Option<Panic> {
        let mut panics = self.panics.take().into_iter();
        let first = panics.next();
        panics.for_each(|panic| self.drop_panic(panic));
        first
    }

    /// Fires when a gate that somebody waits for is empty, and at the end. Check after listening.
    pub(super) fn changed(&self) -> EventListener {
        self.changed.listen()
    }

    /// Fires when a child has left or the scope is closed. Check after listening.
    pub(super) fn freed(&self) -> EventListener {
        self.freed.listen()
    }

    /// How many wait for room.
    pub(super) fn queue(&self) -> &AtomicUsize {
        &self.queue
    }

    /// How many children that the scope waits for were ever spawned. Wraps around.
    pub(super) fn entered(&self) -> usize {
        self.gates.tasks.entered()
    }

    /// Whether room is to be kept for those who wait, rather than given to who cannot: not for the
    /// second time in a row, as then they have not come for it.
    pub(super) fn keeps_room(&self) -> bool {
        if self.queue.load(Ordering::Relaxed) == 0 || self.is_closing() || !self.has_room() {
            return false;
        }
        let mark = self.entered().wrapping_add(1);
        self.kept_at.swap(mark, Ordering::Relaxed) != mark
    }

    /// Sees to it that while there is room, one of those who wait for it has been notified.
    ///
    /// A child that leaves does so; whoever takes a place does so for the next in the queue; and
    /// whoever has begun to listen does so, as the place may have come free before.
    pub(super) fn pass_on(&self) {
        if self.has_room() {
            let mut wakers = Wakers::new();
            self.tell_of_room(&mut wakers);
            self.fire(wakers);
        }
    }

    fn tell_of_room(&self, wakers: &mut Wakers) {
        self.freed.collect(1, wakers);
        if self.queue.load(Ordering::Relaxed) > 1 {
            // See `Owner::offer_room`.
            wakers.add(self.owner.take());
        }
    }

    /// Whether children are refused, whatever room there is.
    pub(crate) fn is_closing(&self) -> bool {
        self.has(CANCELLED) || self.registry.is_closed()
    }

    /// Whether a child could enter, or nobody need wait for that, as none ever will.
    pub(crate) fn has_room(&self) -> bool {
        self.gates.tasks.count() < self.limit.get() || self.is_closing()
    }
}

/// What needs nothing of the policy.
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

    /// Fires wakers of those who wait for this scope, when every step is done. A panic of theirs is
    /// the scope's, as one of a child that nobody else receives.
    pub(super) fn fire(&self, wakers: Wakers) {
        wakers.fire().unwrap_or_else(|payload| self.lost(payload));
    }

    #[cold]
    fn lost(&self, payload: unwind::Payload) {
        let panic = Panic::new(payload);
        if self.has(ENDED) { self.drop_panic(panic) } else { self.keep_panic(panic) }
    }

    fn keep_panic(&self, panic: Panic) {
        self.panics.push(panic);
        self.stop(STOPPED, CancelledBy::Scope, "its scope has failed");
    }

    fn drop_panic(&self, panic: Panic) {
        self.emit(|| observe::Event::PanicDropped { panic: &panic });
        panic.discard();
    }
}

// SAFETY: there is a field `kind: K`.
unsafe impl<P: Policy, K> OfKind<K> for Shared<P, K> {}

// SAFETY: `gates` is that field, private to this file, which only reads and closes it. An `Owner`
// holds a count until they are closed, or leaves one to the last child.
unsafe impl<P: Policy, K> Parent for Shared<P, K> {
    fn gates(&self) -> &Gates {
        &self.gates
    }

    fn registry(&self) -> &Children {
        &self.registry
    }

    fn refuses(&self, origin: &Origin) -> bool {
        self.has(CANCELLED) && !origin.is_own()
    }

    fn watches_leaves(&self) -> bool {
        self.limit != Limit::Unbounded
    }

    fn on_leave(&self, wakers: &mut Wakers) {
        self.tell_of_room(wakers);
    }

    fn on_empty(&self, wakers: &mut Wakers) {
        wakers.add(self.owner.take());
        self.changed.collect(usize::MAX, wakers);
        self.adopt_orphan();
    }

    fn on_panic(&self, panic: Panic, info: Info<'_>) -> Option<Panic> {
        self.emit(|| observe::Event::Panicked { child: info.into(), panic: &panic });
        if !P::FAIL_FAST {
            return Some(panic);
        }
        self.panicked(panic);
        None
    }

    fn on_lost_panic(&self, panic: Panic) {
        self.panicked(panic);
    }

    fn on_second_panic(&self, panic: Panic) {
        self.drop_panic(panic);
    }

    fn on_refused(&self, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
        if P::FAIL_FAST && !self.has(DECIDED) {
            let flags = CANCELLED | REFUSED | STOPPED;
            self.stop(flags, CancelledBy::Scope, "its executor refused a child");
        }
    }

    fn on_closed(&self, info: Info<'_>) {
        self.emit(|| observe::Event::Refused { child: info.into() });
    }

    fn is_failing(&self) -> bool {
        P::FAIL_FAST && self.is_stopped()
    }

    fn abandon_children(&self) {
        let children = self.live();
        let flags = CANCELLED | Self::whole();
        self.stop_by_force(flags, CancelledBy::Scope, "its scope was dropped");
        if children > 0 {
            let running = self.live();
            self.emit(|| observe::Event::Abandoned { children, running });
        }
    }

    fn asks_children(&self) -> Option<Cancelled> {
        self.asks_to_end()
    }

    fn own_token(&self) -> CancelToken {
        self.request_token().clone()
    }

    fn cancel_reason(&self) -> Option<&CancelReason> {
        self.request.reason()
    }

    fn without_value(&self, refused: bool) -> Sequel {
        // A child that was refused during a grace; this scope fails when it is missed.
        let asked = P::FAIL_FAST && refused && self.is_cancelled();
        if self.is_ended() || !self.is_failing() && !asked {
            return Sequel::Panics;
        }
        match current::stance(ptr::from_ref(self).cast()) {
            Stance::Inside => {
                if !self.is_failing() {
                    self.stop(CANCELLED | STOPPED, CancelledBy::Scope, "");
                }
                Sequel::Dropped
            }
            Stance::Unknown if self.is_failing() => {
                let listener = self.changed.listen();
                if self.is_ended() { Sequel::Panics } else { Sequel::Later(listener) }
            }
            Stance::Held | Stance::Outside | Stance::Unknown => Sequel::Panics,
        }
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

/// What the handle gives of a child of `Shared<P, K>` that returns an `O`.
pub(super) type ValueOf<P, K, O, Via> = <Shared<P, K> as Receive<O, Via>>::Value;

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
        // Of children whose handles were dropped while the scope ended.
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

/// A future that runs a closure when polled.
pub(super) struct Blocking<F>(Option<F>);

impl<F> Blocking<F> {
    pub(super) fn new(f: F) -> Self {
        Blocking(Some(f))
    }
}

/// The closure is moved out, never pinned.
impl<F> Unpin for Blocking<F> {}

impl<F: FnOnce() -> O, O> Future for Blocking<F> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        let f = self.0.take().expect("a child that is done is not polled");
        Poll::Ready(current::marked(Mark::Blocked, f))
    }
}

/// What runs a [`Blocking`] child on a thread for it.
pub(super) fn job(mut child: Child) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        // Ready after one poll: the closure runs in it, or the child was cancelled before.
        let poll = Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop()));
        debug_assert!(poll.is_ready());
    })
}

/// What an ordinary child is spawned with.
#[track_caller]
pub(super) fn plain() -> Spec {
    Spec { origin: Origin::here(), daemon: false }
}
