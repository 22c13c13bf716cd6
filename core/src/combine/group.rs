//! What can be awaited as one.

use crate::unwind::{self, Payload};
use core::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Several futures that can be awaited as one, by the rule `R`: [`All`](super::All) in
/// [`join`](super::join()), [`AllOk`](super::AllOk) in [`try_join`](super::try_join()),
/// [`First`](super::First) in [`race`](super::race()), [`FirstOk`](super::FirstOk) in
/// [`race_ok`](super::race_ok()).
///
/// Tuples of one to twelve futures, of different types; arrays, `Vec`s, boxed slices, `Option`s,
/// `BTreeMap`s and (with `std`) `HashMap`s of futures of one type; and what
/// [`Iterator::map`] returns, if it yields futures. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group of futures",
    label = "not a group of futures",
    note = "a group is a tuple of one to twelve futures, `(a, b)`; or an array, `Vec`, boxed slice, `Option`, `BTreeMap` or `HashMap` of futures of one type",
    note = "so are the futures of `iterator.map(f)`; those of another iterator are collected first: `.collect::<Vec<_>>()`"
)]
pub trait Group<R>: Sized {
    /// The group, once it has started.
    #[doc(hidden)]
    type Running: Running<R>;

    #[doc(hidden)]
    fn start(self) -> Self::Running;
}

/// A group that has started.
#[allow(unnameable_types, reason = "sealed")]
pub trait Running<R>: Clear {
    /// What is kept, in the shape of the group.
    type Kept;
    /// What decides.
    type Decided;
    /// Whose it is.
    type Key;
    /// What decides, with its key if the group has keys.
    type Named;
    /// What a race yields: what decides, or a `Result` if there may be nobody.
    type Won;

    /// Polls the members until all are done or one of them decides: then also the place of that
    /// one.
    fn poll_members(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<Self, R, usize>>;

    /// The key of what is at this place. The group is over then.
    fn key(self: Pin<&mut Self>, place: usize) -> Self::Key;

    fn named(key: Self::Key, decided: Self::Decided) -> Self::Named;

    fn won(named: Option<Self::Named>) -> Self::Won;
}

/// What is kept of all, or what has decided, and whose it is.
pub(super) type End<B, R, At> = Result<<B as Running<R>>::Kept, (At, <B as Running<R>>::Decided)>;

/// What drops its members when it is told.
#[allow(unnameable_types, reason = "sealed")]
pub trait Clear {
    /// Whether the members are on the heap. Others are dropped where they are: a pointer to them would keep
    /// them from registers.
    const ON_HEAP: bool = false;

    /// Drops all members and all that was kept, also when some destructors panic: the first panic
    /// is kept.
    fn clear(self: Pin<&mut Self>, first: &mut Option<Payload>);
}

pin_project! {
    /// A group, and whether it is over: then nothing is left in it.
    #[derive(Debug)]
    pub struct Started<B>
    where
        B: Clear,
    {
        #[pin]
        running: B,
        over: bool,
    }

    impl<B> PinnedDrop for Started<B>
    where
        B: Clear,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            match *this.over {
                true => {}
                false if B::ON_HEAP => abandon(this.running, this.over),
                false => drop(Clearing { running: this.running, over: this.over }),
            }
        }
    }
}

impl<B: Clear> Started<B> {
    #[inline]
    pub(super) fn new(running: B) -> Self {
        Started { running, over: false }
    }

    /// What is kept when all are done, or what has decided, with its key. Everything else is
    /// dropped.
    #[inline(always)]
    pub(super) fn poll<R>(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<B, R, B::Key>>
    where
        B: Running<R>,
    {
        let mut this = self.project();
        assert!(!*this.over, "polled after it was ready, or after a panic");
        // Also when a member panics.
        let mut clearing = Clearing { running: this.running.as_mut(), over: this.over };
        match clearing.running.as_mut().poll_members(cx) {
            Poll::Pending => {
                mem::forget(clearing);
                Poll::Pending
            }
            Poll::Ready(Ok(kept)) => {
                *clearing.over = true;
                mem::forget(clearing);
                Poll::Ready(Ok(kept))
            }
            Poll::Ready(Err((place, decided))) => {
                drop(clearing);
                Poll::Ready(Err((this.running.key(place), decided)))
            }
        }
    }
}

/// Drops everything in a group that is not over. Out of the way of those that are: then the drop of one on
/// the heap is so short that it is inlined.
#[cold]
#[inline(never)]
fn abandon<B: Clear>(running: Pin<&mut B>, over: &mut bool) {
    drop(Clearing { running, over });
}

/// Drops everything in a group when it is dropped.
struct Clearing<'a, B: Clear> {
    running: Pin<&'a mut B>,
    over: &'a mut bool,
}

impl<B: Clear> Drop for Clearing<'_, B> {
    #[inline]
    fn drop(&mut self) {
        *self.over = true;
        let mut first = None;
        self.running.as_mut().clear(&mut first);
        unwind::resume_unless_panicking(first);
    }
}
