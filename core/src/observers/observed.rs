//! A scope or a child that observers are told of.

use super::{
    Begin, Happening, Observer, Observers, Outcome, Parked, PollEnd, Subject, Who, list::Marks,
};
use crate::sync::{
    lock::Lock,
    nest::{self, Nest, Nested},
};
use alloc::{sync::Arc, task::Wake};
use core::{
    sync::atomic::{AtomicU8, Ordering},
    task::{Context, Waker},
};

/// A scope or a child that observers are told of. It outlives neither by much: whoever polls it holds a count, so that the
/// end of the last poll can be told when it is gone.
pub(crate) struct Observed {
    who: Who,
    marks: Marks,
    observers: Arc<Observers>,
    /// An [`Outcome`] other than `Returned`, once that is known; and [`TOLD`].
    outcome: AtomicU8,
}

/// In the outcome: it ended in a poll, whose end was told.
const TOLD: u8 = 1 << 7;

struct Current;

impl Nested for Current {
    type Value<'a> = &'a Observed;

    fn shorten<'short, 'long: 'short>(value: &'short &'long Observed) -> &'short &'short Observed {
        value
    }
}

std::thread_local! {
    static CURRENT: Nest<Current> = const { Nest::new() };
}

/// Tells the observers of the code that runs here, if there are any.
#[inline]
pub(super) fn happens(what: Happening<'_>) {
    nest::with_innermost(&CURRENT, |current| {
        if let Some(observed) = current {
            observed.happens(what);
        }
    });
}

impl Observed {
    /// Tells that a scope begins, in what runs here.
    pub(crate) fn scope(observers: &Arc<Observers>, begin: Begin<'_>) -> Arc<Self> {
        nest::with_innermost(&CURRENT, |around| Self::begins(observers, begin, around.copied()))
    }

    fn begins(
        observers: &Arc<Observers>,
        begin: Begin<'_>,
        parent: Option<&Observed>,
    ) -> Arc<Self> {
        let parent = parent.filter(|parent| Arc::ptr_eq(&parent.observers, observers));
        let marks = observers.marks(|index, observer| {
            let parent = parent.map(|parent| parent.subject(index));
            observer.begins(&Begin { parent, ..begin })
        });
        Arc::new(Observed {
            who: begin.who,
            marks,
            observers: observers.clone(),
            outcome: AtomicU8::new(0),
        })
    }

    /// Returns whether anybody wants to be told of a child that begins now.
    #[inline(never)]
    pub(crate) fn wants_children(&self) -> bool {
        self.observers.wants_children()
    }

    /// Tells that a child of this scope begins.
    pub(crate) fn child(&self, begin: Begin<'_>) -> Arc<Self> {
        Self::begins(&self.observers, begin, Some(self))
    }

    pub(crate) fn who(&self) -> Who {
        self.who
    }

    /// Calls `poll` as a poll of this. `parked` is called if it has to wait.
    pub(crate) fn poll<R>(
        &self,
        poll: impl FnOnce() -> R,
        is_pending: impl FnOnce(&R) -> bool,
        parked: impl FnOnce() -> Option<Parked>,
    ) -> R {
        self.tell(|observer, subject| observer.poll_begins(subject));
        // Also when the body of a scope unwinds.
        let mut ends = Ends { observed: self, end: PollEnd::Ready };
        let polled = nest::with(&CURRENT, self, poll);
        if is_pending(&polled) {
            ends.end = PollEnd::Pending(parked());
        }
        polled
    }

    pub(crate) fn happens(&self, what: Happening<'_>) {
        self.tell(|observer, subject| observer.happens(subject, what));
    }

    /// Keeps how it ends, until that is told.
    pub(crate) fn set_outcome(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Returned => 0,
            Outcome::Failed => 1,
            Outcome::Panicked => 2,
            Outcome::Cancelled => 3,
        };
        self.outcome.store(outcome, Ordering::Relaxed);
    }

    /// Tells that it has ended, and before that that its poll has, if this is `in_poll`.
    pub(crate) fn ends(&self, in_poll: bool) {
        // Of a child that another thread ends, a poll may still be about to tell its end.
        let told = if in_poll { TOLD } else { 0 };
        let outcome = match self.outcome.fetch_or(told, Ordering::Relaxed) {
            0 => Outcome::Returned,
            1 => Outcome::Failed,
            2 => Outcome::Panicked,
            _ => Outcome::Cancelled,
        };
        if in_poll {
            self.tell(|observer, subject| observer.poll_ends(subject, PollEnd::Ready));
        }
        self.tell(|observer, subject| observer.ends(subject, outcome));
    }

    /// Tells that it is woken, by what runs here.
    fn wakes(&self) {
        nest::with_innermost(&CURRENT, |current| {
            let by = current.filter(|by| Arc::ptr_eq(&by.observers, &self.observers));
            self.observers.tell(self.who, &self.marks, |index, observer, subject| {
                observer.wakes(subject, by.map(|by| by.subject(index)));
            });
        });
    }

    /// Returns this as the observer with this index knows it.
    fn subject(&self, index: usize) -> Subject {
        Subject { who: self.who, mark: self.marks[index] }
    }

    fn tell(&self, mut f: impl FnMut(&dyn Observer, Subject)) {
        self.observers.tell(self.who, &self.marks, |_, observer, subject| f(observer, subject));
    }
}

/// Tells the end of a poll when it is dropped.
struct Ends<'a> {
    observed: &'a Observed,
    end: PollEnd,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if self.observed.outcome.load(Ordering::Relaxed) & TOLD == 0 {
            self.observed.tell(|observer, subject| observer.poll_ends(subject, self.end));
        }
    }
}

/// The waker that stands in for that of a child's task, if observers want to know of wakes.
pub(crate) struct Substitute {
    last: Lock<Option<Arc<Tells>>>,
}

/// Tells that a child is woken, and wakes it.
pub(crate) struct Tells {
    observed: Arc<Observed>,
    inner: Waker,
}

impl Substitute {
    pub(crate) fn new() -> Self {
        Substitute { last: Lock::new(None) }
    }

    /// Returns the last waker, which is not needed any more.
    pub(crate) fn take(&self) -> Option<Arc<Tells>> {
        self.last.with(Option::take)
    }

    /// Calls `poll` with the waker that tells `observed` of wakes, if there is anybody to tell.
    pub(crate) fn stand_in<R>(
        &self,
        observed: &Arc<Observed>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        if !observed.observers.wants_wakes() {
            return poll(cx);
        }
        // The count is cloned inside the lock, which runs nobody's code.
        let known = self.last.with(|last| last.clone());
        let tells = match known.filter(|tells| tells.inner.will_wake(cx.waker())) {
            Some(tells) => tells,
            None => {
                let tells =
                    Arc::new(Tells { observed: observed.clone(), inner: cx.waker().clone() });
                let _before = self.last.with(|last| last.replace(tells.clone()));
                tells
            }
        };
        poll(&mut Context::from_waker(&Waker::from(tells)))
    }
}

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.observed.wakes();
        self.inner.wake_by_ref();
    }
}
