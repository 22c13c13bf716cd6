//! The last calls, counted.

use crate::time::Instant;
use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

/// Which calls count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// So many.
    Calls(usize),
    /// Those that ended not longer ago.
    Time(Duration),
}

/// Into how many parts a span of time is divided. The oldest part is forgotten as a whole.
const PARTS: u64 = 10;

/// What became of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: usize,
    pub(super) failed: usize,
    pub(super) slow: usize,
}

impl Counts {
    fn of(call: Call) -> Self {
        Counts { calls: 1, failed: call.failed.into(), slow: call.slow.into() }
    }

    pub(super) fn add(&mut self, call: Call) {
        *self = self.plus(Counts::of(call));
    }

    fn plus(self, other: Counts) -> Counts {
        Counts {
            calls: self.calls + other.calls,
            failed: self.failed + other.failed,
            slow: self.slow + other.slow,
        }
    }

    fn minus(self, other: Counts) -> Counts {
        Counts {
            calls: self.calls - other.calls,
            failed: self.failed - other.failed,
            slow: self.slow - other.slow,
        }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// The calls of a span; memory is that of the calls, or of its ten parts.
#[derive(Debug)]
pub(super) enum Window {
    Calls { last: VecDeque<Call>, most: usize, counts: Counts },
    Time { parts: Vec<Part>, width: u64 },
}

/// A part of a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// How many widths after the epoch it begins.
    at: u64,
    counts: Counts,
}

impl Window {
    pub(super) fn new(span: Span) -> Self {
        match span {
            Span::Calls(most) => {
                Window::Calls { last: VecDeque::new(), most, counts: Counts::default() }
            }
            Span::Time(span) => {
                let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
                Window::Time { parts: Vec::new(), width: (nanos / PARTS).max(1) }
            }
        }
    }

    /// Adds a call that ended at `now`, and returns the counts with it.
    pub(super) fn add(&mut self, call: Call, now: Instant) -> Counts {
        match self {
            Window::Calls { last, most, counts } => {
                if last.len() == *most {
                    *counts = last.pop_front().map_or(*counts, |old| counts.minus(Counts::of(old)));
                }
                last.push_back(call);
                counts.add(call);
            }
            Window::Time { parts, width } => {
                let at = part_of(now, *width);
                Self::forget(parts, at);
                match parts.iter_mut().find(|part| part.at == at) {
                    Some(part) => part.counts.add(call),
                    None => parts.push(Part { at, counts: Counts::of(call) }),
                }
            }
        }
        self.counts(now)
    }

    pub(super) fn counts(&mut self, now: Instant) -> Counts {
        match self {
            Window::Calls { counts, .. } => *counts,
            Window::Time { parts, width } => {
                Self::forget(parts, part_of(now, *width));
                parts.iter().fold(Counts::default(), |sum, part| sum.plus(part.counts))
            }
        }
    }

    /// Forgets the parts that are no more in the span that ends with `at`.
    fn forget(parts: &mut Vec<Part>, at: u64) {
        parts.retain(|part| part.at + PARTS > at);
    }
}

fn part_of(now: Instant, width: u64) -> u64 {
    u64::try_from(now.since_epoch().as_nanos()).unwrap_or(u64::MAX) / width
}
