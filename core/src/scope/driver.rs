//! The life of a scope: its body, then its remaining children, then its result.
//!
//! ```text
//! body polled ──value──────────────► children awaited ──► finalizers ──► result
//!      │                                  ▲
//!      └─failure, panic, cancel: dropped ─┘ (and children cancelled)
//!
//! dropped before the result: children are cancelled, then the body is dropped, then finalizers
//! are passed to the executor
//! ```

use super::{
    owner::Owner,
    policy::{Accept, Conclude, Policy},
    shared::Shared,
    tree,
};
use crate::{
    cancel::shields::{self, Shields},
    child::{Panic, parent},
    sync::Arc,
    unwind,
};
use core::{
    any::type_name,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a scope, then its value. Every scope future contains a driver.
    pub(super) struct Driver<Fut, P, K, V = <P as Accept<<Fut as Future>::Output>>::Value>
    where
        Fut: Future,
        P: Conclude<Fut::Output>,
        P: Accept<Fut::Output, Value = V>,
    {
        #[pin]
        body: Option<Fut>,
        // The shields in the body.
        shields: Option<Arc<Shields>>,
        value: Option<V>,
        over: bool,
        begun: Begun,
        // The type that has the executor of its children.
        executor: fn() -> &'static str,
        // Last field: finalizers may run on after the body was dropped.
        owner: Owner<P, K>,
    }

    impl<Fut, P, K, V> PinnedDrop for Driver<Fut, P, K, V>
    where
        Fut: Future,
        P: Conclude<Fut::Output>,
        P: Accept<Fut::Output, Value = V>,
    {
        fn drop(this: Pin<&mut Self>) {
            // Before any field: the children end before the body, because they may use what it
            // made.
            this.project().owner.abandon();
        }
    }
}

impl<Fut, P, K> Driver<Fut, P, K>
where
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    /// Creates the driver of a scope whose children are polled by the executor in the type of this name; by the task of
    /// the scope, if that is empty.
    pub(super) fn new(body: Fut, owner: Owner<P, K>, executor: fn() -> &'static str) -> Self {
        Driver {
            body: Some(body),
            shields: None,
            value: None,
            over: false,
            begun: Begun::No,
            executor,
            owner,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<P, K>> {
        self.owner.shared()
    }

    /// Cancels the children without waiting for them. Returns the first panic so far.
    pub(super) fn abandon(self: Pin<&mut Self>) -> Option<Panic> {
        let owner = self.project().owner;
        owner.abandon();
        owner.take_panic()
    }

    /// Returns whether the body must be dropped, and no shield defers that.
    pub(super) fn must_drop_body(&self) -> bool {
        self.body.is_some() && self.owner.is_stopped() && !shields::is_up(&self.shields)
    }

    /// Returns whether the body has returned or was dropped.
    pub(super) fn body_is_gone(&self) -> bool {
        self.body.is_none()
    }

    /// Polls the body, or drops it if it must not be polled again. Returns whether it is gone.
    pub(super) fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return true };
        if *this.begun == Begun::No {
            // At the first poll: the scopes around this one are those in which it is polled, not
            // those in which it was created.
            this.owner.look_around(type_name::<Fut>, *this.executor);
            *this.begun = if this.owner.is_watched() { Begun::Watched } else { Begun::Plain };
        }
        let is_watched = *this.begun == Begun::Watched;
        let slot = this.shields;
        if !this.owner.is_stopped() || shields::is_up(slot) {
            let owner = &*this.owner;
            let scope = &**owner.shared();
            let waker = cx.waker();
            let poll = || match P::FAIL_FAST {
                true => parent::in_body(scope, slot, || body.poll(cx)),
                false => body.poll(cx),
            };
            let place = tree::in_tree(is_watched, scope);
            match unwind::catch(|| tree::around(&place, waker, poll)) {
                Ok(Poll::Pending) => {
                    let up = slot.as_ref().is_some_and(|all| all.is_up_after(cx.waker()));
                    if up || !owner.is_stopped() {
                        return false;
                    }
                }
                Ok(Poll::Ready(output)) => match P::judge(output) {
                    Ok(value) => {
                        this.owner.decide();
                        *this.value = Some(value);
                    }
                    Err(failure) => this.owner.fail(failure, None),
                },
                Err(payload) => this.owner.panicked(Panic::new(payload)),
            }
        }
        if let Err(payload) = unwind::catch(|| this.body.set(None)) {
            this.owner.panicked(Panic::new(payload));
        }
        true
    }

    /// Waits for the children and the finalizers once the body is gone. Ready with the result.
    pub(super) fn poll_end(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Output, Panic>> {
        let this = self.project();
        let owner = &mut *this.owner;
        let place = tree::in_tree(*this.begun == Begun::Watched, owner.shared());
        ready!(tree::around(&place, cx.waker(), || owner.poll_rest(cx)));
        this.owner.end();
        *this.over = true;
        // In any case, so that no error stays in the shared part, which may outlive us.
        let output = unwind::catch(|| {
            let stopped = this.owner.is_stopped();
            let value = this.value.take();
            let value = if P::FAIL_FAST { value.filter(|_| this.owner.has_value()) } else { value };
            (!stopped || P::FAIL_FAST)
                .then(|| this.owner.policy().conclude(value, this.owner.ended()))
        });
        match (this.owner.take_panic(), output) {
            (None, Ok(Some(output))) => Poll::Ready(Ok(output)),
            (None, Err(payload)) => Poll::Ready(Err(Panic::new(payload))),
            (Some(panic), output) => {
                unwind::discard(output);
                Poll::Ready(Err(panic))
            }
            (None, Ok(None)) => unreachable!("only a panic stops a supervised scope"),
        }
    }

    /// Polls a scope whose children are polled by an executor.
    ///
    /// # Panics
    ///
    /// Panics if polled after it was ready.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Output, Panic>> {
        self.check_not_over();
        if !self.as_mut().poll_body(cx) {
            self.owner.register(cx);
            self.as_mut().project().owner.offer_room(cx);
            // The scope may have been stopped after the poll of the body, before the
            // registration.
            if !self.must_drop_body() {
                self.pends(cx.waker());
                return Poll::Pending;
            }
            let gone = self.as_mut().poll_body(cx);
            debug_assert!(gone, "a stopped body is dropped");
        }
        let polled = self.as_mut().poll_end(cx);
        if polled.is_pending() {
            self.pends(cx.waker());
        }
        polled
    }

    /// Says to whatever is around the scope that it has to wait.
    pub(super) fn pends(&self, waker: &Waker) {
        if self.begun == Begun::Watched {
            self.owner.pends(waker);
        }
    }

    /// Panics if the scope has returned its result.
    pub(super) fn check_not_over(&self) {
        assert!(!self.over, "a scope was polled after it had returned its result");
    }
}

impl<Fut, P, K> fmt::Debug for Driver<Fut, P, K>
where
    Fut: Future,
    P: Conclude<Fut::Output> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeFuture")
            .field("body", &self.body.as_ref().map(|_| format_args!("..")))
            .field("shared", self.shared())
            .finish()
    }
}

impl<P: Policy, K> Owner<P, K> {
    /// Waits for the children, then for the finalizers.
    #[inline]
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_children(|| self.register(cx)).is_pending() {
            self.offer_room(cx);
            return Poll::Pending;
        }
        self.poll_clean_up(cx)
    }
}

/// Whether a scope has been polled, and whether it is in a tree.
#[derive(Clone, Copy, PartialEq)]
enum Begun {
    No,
    Plain,
    Watched,
}

/// Returns the result of a scope, or resumes its panic.
pub(super) fn unwrap<T>(result: Result<T, Panic>) -> T {
    result.unwrap_or_else(|panic| panic.resume())
}
