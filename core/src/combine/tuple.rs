//! Tuples: futures of different types, as lists of a first one and a rest.

use super::{
    group::{Clear, Group, Running},
    maybe::Maybe,
    rule::{Rule, Waits},
    slot::Slot,
};
use crate::unwind::Payload;
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// A member of a tuple: a future, or a [`Maybe`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a future, so it cannot be a member of a group",
    label = "has a member that is not a future"
)]
#[allow(unnameable_types, reason = "sealed")]
pub trait Member<R> {
    type Output;
    type Future: Future<Output = Self::Output>;
    type Kept;
    type Decided;
    /// What it is in the values of the tuple.
    type Value;
    /// Whether the tuple waits for it.
    const REQUIRED: bool;

    fn into_future(self) -> Self::Future;

    fn judge(output: Self::Output) -> ControlFlow<Self::Decided, Self::Kept>;

    fn value(kept: Option<Self::Kept>) -> Self::Value;
}

impl<F: Future, R: Rule<F::Output>> Member<R> for F {
    type Output = F::Output;
    type Future = F;
    type Kept = R::Kept;
    type Decided = R::Decided;
    type Value = R::Kept;
    const REQUIRED: bool = true;

    fn into_future(self) -> F {
        self
    }

    #[inline(always)]
    fn judge(output: F::Output) -> ControlFlow<R::Decided, R::Kept> {
        R::judge(output)
    }

    #[inline(always)]
    fn value(kept: Option<R::Kept>) -> R::Kept {
        kept.expect("all are done")
    }
}

impl<F: Future, R: Rule<F::Output> + Waits> Member<R> for Maybe<F> {
    type Output = F::Output;
    type Future = F;
    type Kept = R::Kept;
    type Decided = R::Decided;
    type Value = Option<R::Kept>;
    const REQUIRED: bool = false;

    fn into_future(self) -> F {
        self.0
    }

    #[inline(always)]
    fn judge(output: F::Output) -> ControlFlow<R::Decided, R::Kept> {
        R::judge(output)
    }

    #[inline(always)]
    fn value(kept: Option<R::Kept>) -> Option<R::Kept> {
        kept
    }
}

pin_project! {
    /// The members `M` of a tuple from one on.
    pub struct Cons<F, K, M, L> {
        #[pin]
        slot: Slot<F, K>,
        #[pin]
        rest: L,
        member: PhantomData<M>,
    }
}

impl<F, K, M, L> Cons<F, K, M, L> {
    #[inline]
    fn new(future: F, rest: L) -> Self {
        Cons { slot: Slot::Running { future }, rest, member: PhantomData }
    }
}

/// After the last member.
#[derive(Debug)]
pub struct Nil;

/// The members of a tuple, of which `D` decides.
#[allow(unnameable_types, reason = "sealed")]
pub trait List<R, D>: Clear {
    /// Their values, as nested pairs.
    type Values;

    /// Polls all: whether the required ones are done, or what decides and where. The first one is
    /// at `place`.
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        place: usize,
    ) -> ControlFlow<(usize, D), bool>;

    /// Takes the values, and drops those who are not done.
    fn take(self: Pin<&mut Self>) -> Self::Values;
}

impl<R, D> List<R, D> for Nil {
    type Values = ();

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>, _: usize) -> ControlFlow<(usize, D), bool> {
        ControlFlow::Continue(true)
    }

    #[inline(always)]
    fn take(self: Pin<&mut Self>) {}
}

impl<R, D, M: Member<R, Decided = D>, L: List<R, D>> List<R, D> for Cons<M::Future, M::Kept, M, L> {
    type Values = (M::Value, L::Values);

    #[inline(always)]
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        place: usize,
    ) -> ControlFlow<(usize, D), bool> {
        let this = self.project();
        let done = match this.slot.poll(cx, M::judge) {
            ControlFlow::Continue(done) => done || !M::REQUIRED,
            ControlFlow::Break(decided) => return ControlFlow::Break((place, decided)),
        };
        let rest = this.rest.poll(cx, place + 1)?;
        ControlFlow::Continue(done & rest)
    }

    #[inline(always)]
    fn take(self: Pin<&mut Self>) -> Self::Values {
        let this = self.project();
        (M::value(this.slot.take()), this.rest.take())
    }
}

impl Clear for Nil {
    fn clear(self: Pin<&mut Self>, _: &mut Option<Payload>) {}
}

impl<F, K, M, L: Clear> Clear for Cons<F, K, M, L> {
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        let this = self.project();
        this.slot.clear(first);
        this.rest.clear(first);
    }
}

pin_project! {
    /// The members of a tuple, of which `D` decides.
    pub struct Tuple<L, D> {
        #[pin]
        list: L,
        decided: PhantomData<D>,
    }
}

impl<R, D, L: List<R, D, Values: Flatten>> Running<R> for Tuple<L, D> {
    type Kept = <L::Values as Flatten>::Flat;
    type Decided = D;
    type Key = usize;
    type Named = D;
    type Won = D;

    #[inline(always)]
    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Kept, (usize, D)>> {
        let mut list = self.project().list;
        match list.as_mut().poll(cx, 0) {
            ControlFlow::Continue(true) => Poll::Ready(Ok(list.take().flatten())),
            ControlFlow::Continue(false) => Poll::Pending,
            ControlFlow::Break(decided) => Poll::Ready(Err(decided)),
        }
    }

    fn key(self: Pin<&mut Self>, place: usize) -> usize {
        place
    }

    fn named(_: usize, decided: D) -> D {
        decided
    }

    fn won(decided: Option<D>) -> D {
        decided.expect("a tuple has members")
    }
}

impl<L: Clear, D> Clear for Tuple<L, D> {
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        self.project().list.clear(first);
    }
}

impl<L, D> fmt::Debug for Tuple<L, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(..)")
    }
}

/// Nested pairs, of which a tuple can be made.
#[allow(unnameable_types, reason = "sealed")]
pub trait Flatten {
    type Flat;

    fn flatten(self) -> Self::Flat;
}

/// Nested pairs: as a type, a pattern or a value.
macro_rules! pairs {
    () => { () };
    ($first:ident $($rest:ident)*) => { ($first, pairs!($($rest)*)) };
}

/// The type of a list of members.
macro_rules! list_type {
    () => { Nil };
    ($M:ident $($rest:ident)*) => {
        Cons<<$M as Member<R>>::Future, <$M as Member<R>>::Kept, $M, list_type!($($rest)*)>
    };
}

/// A list of members.
macro_rules! list {
    () => { Nil };
    ($member:ident $($rest:ident)*) => { Cons::new($member.into_future(), list!($($rest)*)) };
}

macro_rules! tuples {
    ($($($M:ident $member:ident),+;)+) => {$(
        impl<R, D, $($M: Member<R, Decided = D>),+> Group<R> for ($($M,)+) {
            type Running = Tuple<list_type!($($M)+), D>;

            #[inline]
            fn start(self) -> Self::Running {
                let ($($member,)+) = self;
                Tuple { list: list!($($member)+), decided: PhantomData }
            }
        }

        impl<$($M),+> Flatten for pairs!($($M)+) {
            type Flat = ($($M,)+);

            #[inline(always)]
            fn flatten(self) -> Self::Flat {
                let pairs!($($member)+) = self;
                ($($member,)+)
            }
        }
    )+};
}

tuples! {
    A a;
    A a, B b;
    A a, B b, C c;
    A a, B b, C c, E e;
    A a, B b, C c, E e, F f;
    A a, B b, C c, E e, F f, G g;
    A a, B b, C c, E e, F f, G g, H h;
    A a, B b, C c, E e, F f, G g, H h, I i;
    A a, B b, C c, E e, F f, G g, H h, I i, J j;
    A a, B b, C c, E e, F f, G g, H h, I i, J j, K k;
    A a, B b, C c, E e, F f, G g, H h, I i, J j, K k, L l;
    A a, B b, C c, E e, F f, G g, H h, I i, J j, K k, L l, M m;
}
