//! How far an operation has come.

use crate::time::{Clock, Instant};
use core::{fmt, time::Duration};

/// How far an operation has come: a flow, see [`Flow::progress`](crate::flow::Flow::progress), or a
/// wait, see [`Wait::progress`](crate::future::Wait::progress).
///
/// # Examples
///
/// ```
/// use anyscope::{flow, smol::Smol};
///
/// # smol::block_on(async {
/// let mut last = None;
/// flow::iter(["1", "two", "3"])
///     .map(str::parse::<u32>)
///     .try_progress(&Smol, |progress| last = Some(progress))
///     .for_each(async |_| ())
///     .await;
/// let last = last.unwrap();
/// assert_eq!((last.done, last.failed, last.total), (3, 1, Some(3)));
/// assert_eq!(last.to_string(), "3 of 3, 1 failed");
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many items have come, those that failed among them.
    pub done: usize,
    /// How many of them were errors.
    pub failed: usize,
    /// How many items there are in all, as soon as it is known exactly.
    pub total: Option<usize>,
    /// The time since the operation was first polled.
    pub elapsed: Duration,
}

/// "3 of 10, 1 failed".
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.done)?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        match self.failed {
            0 => Ok(()),
            failed => write!(f, ", {failed} failed"),
        }
    }
}

/// Who is told of an operation's progress, and how far it has come.
pub(crate) struct Teller<C, O> {
    clock: C,
    observer: O,
    started: Option<Instant>,
    done: usize,
    failed: usize,
    // Not asked for again once it is known: the answer may come from far, and for each item.
    total: Option<usize>,
}

impl<C: Clock, O: FnMut(Progress)> Teller<C, O> {
    pub(crate) fn new(clock: C, observer: O) -> Self {
        Teller { clock, observer, started: None, done: 0, failed: 0, total: None }
    }

    /// Tells of the start, if that has not been told. `left` is how many items are to come, if that
    /// is known.
    pub(crate) fn start(&mut self, left: impl FnOnce() -> Option<usize>) {
        if self.started.is_none() {
            self.started = Some(self.clock.now());
            self.total = left();
            (self.observer)(Progress { total: self.total, ..Progress::default() });
        }
    }

    /// Tells of an item. `left` is how many are to come after it, if that is known.
    pub(crate) fn item(&mut self, is_error: bool, left: impl FnOnce() -> Option<usize>) {
        self.done += 1;
        self.failed += usize::from(is_error);
        if self.total.is_none() {
            self.total = left().and_then(|left| self.done.checked_add(left));
        }
        self.tell();
    }

    /// Tells of an item of so many. There may be more by the next one.
    pub(crate) fn item_of(&mut self, is_error: bool, total: usize) {
        self.done += 1;
        self.failed += usize::from(is_error);
        self.total = Some(total);
        self.tell();
    }

    fn tell(&mut self) {
        let now = self.clock.now();
        (self.observer)(Progress {
            done: self.done,
            failed: self.failed,
            total: self.total,
            elapsed: self.started.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)),
        });
    }
}

impl<C, O> Teller<C, O> {
    /// How many are done, and how many of them have failed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.done, self.failed)
    }
}
