//! Merges of arrays, vectors and iterators: sources of the same type.

use super::{
    IntoMerge, Merge,
    few::{Around, FEW, Few, Sources, poll_slot, progress_slot},
    many::Many,
    sealed::{Inputs, Rules},
    tuple::{add_hints, hint_of},
};
use crate::{
    flow::source::{Source, into_flow::IntoFlow},
    set::pinned::element,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Memory for a few sources of the same type: an array, or a boxed slice.
pub trait Slots<S> {
    /// Returns all slots.
    fn all(&self) -> &[Option<S>];

    /// Returns the slot at this place.
    fn at(self: Pin<&mut Self>, place: usize) -> Pin<&mut Option<S>>;
}

impl<S, const N: usize> Slots<S> for [Option<S>; N] {
    fn all(&self) -> &[Option<S>] {
        self
    }

    #[inline]
    fn at(self: Pin<&mut Self>, place: usize) -> Pin<&mut Option<S>> {
        element(self, place)
    }
}

impl<S> Slots<S> for Pin<Box<[Option<S>]>> {
    fn all(&self) -> &[Option<S>] {
        self
    }

    #[inline]
    fn at(self: Pin<&mut Self>, place: usize) -> Pin<&mut Option<S>> {
        element(self.get_mut().as_mut(), place)
    }
}

pin_project! {
    /// A few sources of the same type.
    pub struct Alike<B, S> {
        #[pin]
        slots: B,
        source: PhantomData<S>,
    }
}

impl<B: Slots<S>, S: Source> Sources for Alike<B, S> {
    type Item = S::Item;

    #[inline]
    fn len(&self) -> usize {
        self.slots.all().len()
    }

    #[inline(always)]
    fn poll_around(self: Pin<&mut Self>, from: usize, cx: &mut Context<'_>) -> Around<S::Item> {
        let mut slots = self.project().slots;
        let all = slots.all().len();
        let mut waits = false;
        let mut place = from;
        for _ in 0..all {
            if place >= all {
                place = 0;
            }
            match poll_slot(slots.as_mut().at(place), cx) {
                Some(Poll::Ready(Some(item))) => return Around::Item(place, item),
                Some(Poll::Ready(None)) => return Around::Ended(place),
                Some(Poll::Pending) => waits = true,
                None => {}
            }
            place += 1;
        }
        if waits { Around::Waits } else { Around::Over }
    }

    fn poll_one(self: Pin<&mut Self>, place: usize, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        poll_slot(self.project().slots.at(place), cx).unwrap_or(Poll::Ready(None))
    }

    fn progress(self: Pin<&mut Self>, place: usize, cx: &mut Context<'_>) -> bool {
        progress_slot(self.project().slots.at(place), cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        let mut slots = self.project().slots;
        for place in 0..slots.all().len() {
            if let Some(source) = slots.as_mut().at(place).as_pin_mut() {
                source.end_at(is_last);
            }
        }
    }

    fn clear(self: Pin<&mut Self>) {
        let mut slots = self.project().slots;
        (0..slots.all().len()).for_each(|place| slots.as_mut().at(place).set(None));
    }

    fn are_over(&self) -> bool {
        self.slots.all().iter().all(Option::is_none)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.all().iter().map(hint_of).fold((0, Some(0)), add_hints)
    }
}

pin_project! {
    /// The sources of a merge of an array, a vector or an iterator.
    ///
    /// See [`merge`](super::merge()).
    pub struct List<B, S: Source> {
        #[pin]
        kind: Kind<B, S>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B, S: Source> {
        Few {
            #[pin]
            few: Few<Alike<B, S>>,
        },
        Many { many: Many<S> },
    }
}

/// The sources of a merge of an array.
///
/// See [`merge`](super::merge()).
pub type Array<S, const N: usize> = List<[Option<S>; N], S>;
/// The sources of a merge of a vector or an iterator.
///
/// See [`merge`](super::merge()).
pub type Boxed<S> = List<Pin<Box<[Option<S>]>>, S>;

impl<B: Slots<S>, S: Source> List<B, S> {
    fn few(slots: B) -> Self {
        List { kind: Kind::Few { few: Few::new(Alike { slots, source: PhantomData }) } }
    }

    fn many(sources: impl ExactSizeIterator<Item = S>) -> Self {
        List { kind: Kind::Many { many: Many::new(sources) } }
    }
}

impl<B: Slots<S>, S: Source> Inputs for List<B, S> {
    type Item = S::Item;

    fn len(&self) -> usize {
        match &self.kind {
            Kind::Few { few } => few.len(),
            Kind::Many { many } => many.len(),
        }
    }

    fn rules(&self) -> &Rules {
        match &self.kind {
            Kind::Few { few } => few.rules(),
            Kind::Many { many } => many.rules(),
        }
    }

    fn rules_mut(&mut self) -> &mut Rules {
        match &mut self.kind {
            Kind::Few { few } => few.rules_mut(),
            Kind::Many { many } => many.rules_mut(),
        }
    }

    #[inline]
    fn poll_item(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match self.project().kind.project() {
            KindProj::Few { few } => few.poll_item(cx),
            KindProj::Many { many } => Pin::new(many).poll_item(cx),
        }
    }

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project().kind.project() {
            KindProj::Few { few } => few.poll_progress(cx),
            KindProj::Many { many } => Pin::new(many).poll_progress(cx),
        }
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        match self.project().kind.project() {
            KindProj::Few { few } => few.end_at(is_last),
            KindProj::Many { many } => Pin::new(many).end_at(is_last),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.kind {
            Kind::Few { few } => few.size_hint(),
            Kind::Many { many } => many.size_hint(),
        }
    }

    fn is_over(&self) -> bool {
        match &self.kind {
            Kind::Few { few } => few.is_over(),
            Kind::Many { many } => many.is_over(),
        }
    }
}

impl<S: IntoFlow, const N: usize> IntoMerge for [S; N] {
    type Item = S::Item;
    type Inputs = Array<S::Source, N>;

    fn into_inputs(self) -> Self::Inputs {
        if N <= FEW {
            return List::few(self.map(|source| Some(source.into_flow().source)));
        }
        let sources = self.into_iter().map(|source| source.into_flow().source);
        List::many(sources)
    }
}

impl<S: IntoFlow> IntoMerge for Vec<S> {
    type Item = S::Item;
    type Inputs = Boxed<S::Source>;

    fn into_inputs(self) -> Self::Inputs {
        let sources = self.into_iter().map(|source| source.into_flow().source);
        if sources.len() <= FEW {
            let slots: Box<[_]> = sources.map(Some).collect();
            return List::few(slots.into());
        }
        List::many(sources)
    }
}

impl<S: Source + Unpin, const N: usize> Merge<Array<S, N>> {
    /// Returns the sources that have not ended, in their order. The items that were taken ahead are
    /// in them: a merge holds none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::{Stream, StreamExt};
    ///
    /// # smol::block_on(async {
    /// let mut merged = flow::merge([flow::iter([1, 2]), flow::iter([10, 20])]).into_stream();
    /// assert_eq!(merged.next().await, Some(1));
    /// let sources = merged.into_parts();
    /// assert_eq!((sources[0].size_hint().0, sources[1].size_hint().0), (1, 2));
    /// # });
    /// ```
    pub fn into_parts(self) -> Vec<S> {
        match self.inputs.kind {
            Kind::Few { few } => few.sources.slots.into_iter().flatten().collect(),
            Kind::Many { many } => many.into_sources(),
        }
    }
}

impl<S: Source + Unpin> Merge<Boxed<S>> {
    /// Returns the sources that have not ended, in their order. The items that were taken ahead are
    /// in them: a merge holds none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter(0..0), flow::iter(0..9)];
    /// let mut merged = flow::merge_all(sources).into_stream();
    /// assert_eq!(merged.next().await, Some(0));
    /// assert_eq!(merged.into_parts().len(), 1); // the other one has ended
    /// # });
    /// ```
    pub fn into_parts(self) -> Vec<S> {
        match self.inputs.kind {
            Kind::Few { few } => {
                Pin::into_inner(few.sources.slots).into_vec().into_iter().flatten().collect()
            }
            Kind::Many { many } => many.into_sources(),
        }
    }
}

impl<B: Slots<S>, S: Source> fmt::Debug for List<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("len", &self.len()).finish_non_exhaustive()
    }
}
