//! Futures of one type.

use super::{
    few::One,
    group::{Clear, Group, Running},
    rule::Rule,
    shape::{AnOption, Array, Shape},
    slot::Slot,
};
#[cfg(feature = "alloc")]
use super::{
    many::Boxed,
    shape::{ABox, AVec},
};
use crate::unwind::Payload;
#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};
use core::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Where futures of one type lie, and what is kept of them.
#[allow(unnameable_types, reason = "sealed")]
pub trait Store<R>: Clear {
    type Kept;
    type Decided;

    /// Polls the members until all are done, or one of them decides: that, and its place.
    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<(usize, Self::Decided)>>;

    /// Takes what is kept of all members, in their order.
    fn take<C: Shape>(self: Pin<&mut Self>, shape: &mut C) -> C::Of<Self::Kept>;
}

pin_project! {
    /// Futures of one type, and the shape of their group.
    #[derive(Debug)]
    pub struct Uniform<B, C> {
        #[pin]
        store: B,
        shape: C,
    }
}

impl<B, C> Uniform<B, C> {
    #[inline]
    pub(super) fn new(store: B, shape: C) -> Self {
        Uniform { store, shape }
    }
}

impl<R, B: Store<R>, C: Shape> Running<R> for Uniform<B, C> {
    type Kept = C::Of<B::Kept>;
    type Decided = B::Decided;
    type Key = C::Key;
    type Named = C::Named<B::Decided>;
    type Won = C::Won<Self::Named>;

    #[inline(always)]
    fn poll_members(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Kept, (usize, Self::Decided)>> {
        let mut this = self.project();
        match this.store.as_mut().poll_members(cx) {
            Poll::Ready(ControlFlow::Continue(())) => Poll::Ready(Ok(this.store.take(this.shape))),
            Poll::Ready(ControlFlow::Break(decided)) => Poll::Ready(Err(decided)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn key(self: Pin<&mut Self>, place: usize) -> C::Key {
        self.project().shape.key(place)
    }

    fn named(key: C::Key, decided: B::Decided) -> Self::Named {
        C::named(key, decided)
    }

    fn won(named: Option<Self::Named>) -> Self::Won {
        C::won(named)
    }
}

impl<B: Clear, C> Clear for Uniform<B, C> {
    const ON_HEAP: bool = B::ON_HEAP;

    #[inline(always)]
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>) {
        self.project().store.clear(first);
    }
}

impl<F: Future, R: Rule<F::Output>, const N: usize> Group<R> for [F; N] {
    type Running = Uniform<[Slot<F, R::Kept>; N], Array<N>>;

    #[inline]
    fn start(self) -> Self::Running {
        Uniform::new(self.map(|future| Slot::Running { future }), Array)
    }
}

impl<F: Future, R: Rule<F::Output>> Group<R> for Option<F> {
    type Running = Uniform<One<F, R::Kept>, AnOption>;

    #[inline]
    fn start(self) -> Self::Running {
        Uniform::new(One::new(self), AnOption)
    }
}

#[cfg(feature = "alloc")]
impl<F: Future, R: Rule<F::Output>> Group<R> for Vec<F> {
    type Running = Uniform<Boxed<F, R::Kept>, AVec>;

    #[inline]
    fn start(self) -> Self::Running {
        Uniform::new(Boxed::new::<R>(self), AVec)
    }
}

#[cfg(feature = "alloc")]
impl<F: Future, R: Rule<F::Output>> Group<R> for Box<[F]> {
    type Running = Uniform<Boxed<F, R::Kept>, ABox>;

    #[inline]
    fn start(self) -> Self::Running {
        Uniform::new(Boxed::new::<R>(self.into_vec()), ABox)
    }
}

/// The futures that an iterator makes with [`map`](Iterator::map).
#[cfg(feature = "alloc")]
impl<I, F, T, R> Group<R> for core::iter::Map<I, F>
where
    I: Iterator,
    F: FnMut(I::Item) -> T,
    T: Future,
    R: Rule<T::Output>,
{
    type Running = Uniform<Boxed<T, R::Kept>, AVec>;

    #[inline]
    fn start(self) -> Self::Running {
        Group::<R>::start(self.collect::<Vec<_>>())
    }
}
