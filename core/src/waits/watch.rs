//! What is kept of a child or a body that is watched.
//!
//! One thread writes, the one that polls; any thread reads at any time, and never waits for the other. A reader
//! that meets a write tries again, and after some tries does without the waits.

use super::{Wait, What};
use crate::sync::{AtomicUsize, Ordering, seq_cell::SeqCell};
use alloc::vec::Vec;
use core::{hint, time::Duration};

/// How many waits of one poll are kept. Of more it is known how many there were.
const KEPT: usize = 3;

/// In the count of waits: the poll is not over, so more may come.
const OPEN: usize = 1 << (usize::BITS - 1);

/// In the count of waits: one has a waker of its own, as in a group. Of a group, only those that were woken are polled, so
/// there may be waits that this poll has not said.
const GROUPED: usize = OPEN >> 1;

const COUNT: usize = GROUPED - 1;

/// How often a reader tries to read what is being written.
const TRIES: usize = if cfg!(anyscope_loom) { 2 } else { 1000 };

/// The polls of a child or a body, and what it waits for.
#[derive(Debug)]
pub(crate) struct Watch {
    polls: AtomicUsize,
    /// How many times the last poll has said that it waits, and [`OPEN`] and [`GROUPED`].
    waits: AtomicUsize,
    kept: [SeqCell<5>; KEPT],
    /// When it had to wait for the first time, in milliseconds since the tree began, and one; zero if it never had to.
    parked_at: AtomicUsize,
    /// The time in polls, in microseconds.
    busy: AtomicUsize,
}

/// What a [`Watch`] said at some moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) polls: usize,
    pub(crate) waits: Vec<Wait>,
    /// How many waits there were besides.
    pub(crate) more: usize,
    /// Whether there may be waits that are not known: of a poll that is not over, or of others of a group.
    pub(crate) is_partial: bool,
    pub(crate) parked_at: Option<Duration>,
    pub(crate) busy: Duration,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Watch {
            polls: AtomicUsize::new(0),
            waits: AtomicUsize::new(0),
            kept: core::array::from_fn(|_| SeqCell::new()),
            parked_at: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
        }
    }

    /// A poll begins. Only the thread that polls calls this and the others that write.
    #[inline]
    pub(crate) fn begin_poll(&self) {
        self.waits.store(OPEN, Ordering::Relaxed);
        let polls = self.polls.load(Ordering::Relaxed);
        // Release: who sees this poll does not see the waits of the one before.
        self.polls.store(polls.wrapping_add(1), Ordering::Release);
    }

    /// The poll is over, and has to wait.
    #[inline]
    pub(crate) fn end_poll(&self) {
        // Release: who sees it sees all waits of the poll.
        self.waits.store(self.waits.load(Ordering::Relaxed) & !OPEN, Ordering::Release);
    }

    /// The poll under way has to wait: for this, among others if it is `grouped`.
    #[inline]
    pub(crate) fn note(&self, wait: Wait, grouped: bool) {
        let waits = self.waits.load(Ordering::Relaxed);
        let count = waits & COUNT;
        if let Some(kept) = self.kept.get(count) {
            kept.write(to_words(wait));
        }
        let flags = waits & !COUNT | if grouped { GROUPED } else { 0 };
        // Release: who sees it sees the wait, and the begin of the poll that it belongs to.
        self.waits.store((count + 1).min(COUNT) | flags, Ordering::Release);
    }

    /// Returns what the last poll has said first that it waits for. For the thread that polls.
    pub(crate) fn first_wait(&self) -> Option<Wait> {
        let is_any = self.waits.load(Ordering::Relaxed) & COUNT > 0;
        self.kept.first().filter(|_| is_any)?.read().and_then(from_words)
    }

    /// Returns whether it has had to wait before.
    #[inline]
    pub(crate) fn has_parked(&self) -> bool {
        self.parked_at.load(Ordering::Relaxed) != 0
    }

    /// It has to wait for the first time, so long after the tree began.
    pub(crate) fn parks(&self, after: Duration) {
        let millis = usize::try_from(after.as_millis()).unwrap_or(usize::MAX);
        self.parked_at.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// A poll took so long.
    pub(crate) fn took(&self, time: Duration) {
        let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
        let busy = self.busy.load(Ordering::Relaxed).saturating_add(micros);
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// Returns how many polls there were, for whoever looks twice.
    pub(crate) fn polls(&self) -> usize {
        self.polls.load(Ordering::Acquire)
    }

    /// Returns what there is to know. For any thread.
    pub(crate) fn facts(&self) -> Facts {
        for _ in 0..TRIES {
            let polls = self.polls.load(Ordering::Acquire);
            let word = self.waits.load(Ordering::Acquire);
            let (count, is_partial) = (word & COUNT, word & !COUNT != 0);
            let waits: Option<Vec<_>> =
                self.kept.iter().take(count).map(|kept| kept.read().and_then(from_words)).collect();
            // A wait of a later poll has shown us that poll's begin.
            match waits {
                Some(waits) if self.polls.load(Ordering::Acquire) == polls => {
                    let more = count.saturating_sub(KEPT);
                    return Facts { waits, more, is_partial, ..self.rest(polls) };
                }
                _ => hint::spin_loop(),
            }
        }
        self.rest(self.polls())
    }

    /// Returns what does not depend on the poll.
    fn rest(&self, polls: usize) -> Facts {
        let parked_at = self.parked_at.load(Ordering::Relaxed).checked_sub(1);
        Facts {
            polls,
            parked_at: parked_at.map(|millis| Duration::from_millis(millis as u64)),
            busy: Duration::from_micros(self.busy.load(Ordering::Relaxed) as u64),
            ..Facts::default()
        }
    }
}

/// Returns a wait as words, of which the first says which kind it is, in a byte.
pub(crate) fn to_words(wait: Wait) -> [u64; 5] {
    let (kind, words) = match wait {
        Wait::Child(at) => (0, [at, 0, 0, 0]),
        Wait::Scope(at) => (1, [at, 0, 0, 0]),
        Wait::Room(at) => (2, [at, 0, 0, 0]),
        Wait::Permits { of, count, limit, is_live } => (3, [of, count, limit, is_live.into()]),
        Wait::What(what) => (4, [what as usize, 0, 0, 0]),
        Wait::Label(number) => (5, [number, 0, 0, 0]),
        Wait::Inside(at) => (6, [at, 0, 0, 0]),
        Wait::AnyOf(count) => (7, [count, 0, 0, 0]),
        Wait::Flow { in_flight, limit, undelivered, asks } => {
            (8 + u64::from(asks), [in_flight, limit, undelivered, 0])
        }
        Wait::End { what, of, is_receiver } => (10, [what as usize, of, is_receiver.into(), 0]),
        Wait::Detailed { label, detail } => (11, [label, detail, 0, 0]),
    };
    // Nothing is lost: a `usize` has 64 bits at most.
    let [a, b, c, d] = words.map(|word| word as u64);
    [kind, a, b, c, d]
}

/// Returns the wait that is these words.
pub(crate) fn from_words([kind, words @ ..]: [u64; 5]) -> Option<Wait> {
    // Nothing is lost: each was a `usize`.
    let [a, b, c, d] = words.map(|word| word as usize);
    Some(match kind {
        0 => Wait::Child(a),
        1 => Wait::Scope(a),
        2 => Wait::Room(a),
        3 => Wait::Permits { of: a, count: b, limit: c, is_live: d != 0 },
        4 => Wait::What(*What::ALL.get(a)?),
        5 => Wait::Label(a),
        6 => Wait::Inside(a),
        7 => Wait::AnyOf(a),
        8 | 9 => Wait::Flow { in_flight: a, limit: b, undelivered: c, asks: kind == 9 },
        10 => Wait::End { what: *What::ALL.get(a)?, of: b, is_receiver: c != 0 },
        11 => Wait::Detailed { label: a, detail: b },
        _ => return None,
    })
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_the_wait_said() {
        let permits = Wait::Permits { of: 1, count: 2, limit: 3, is_live: true };
        let named = [Wait::Child(1), Wait::Scope(2), Wait::Room(3), Wait::Inside(5)];
        let flow = |asks| Wait::Flow { in_flight: 1, limit: 2, undelivered: 3, asks };
        let ends = Wait::End { what: What::QueueItem, of: 7, is_receiver: true };
        let detailed = Wait::Detailed { label: 8, detail: 9 };
        let rest =
            [permits, ends, detailed, Wait::Label(4), Wait::AnyOf(5), flow(true), flow(false)];
        let waits = named.into_iter().chain(rest);
        let all = What::ALL.iter().map(|what| Wait::What(*what)).chain(waits);
        all.for_each(|wait| assert_eq!(from_words(to_words(wait)), Some(wait)));
    }

    #[test]
    fn the_waits_of_the_last_poll_are_kept() {
        let watch = Watch::new();
        assert_eq!(watch.facts(), Facts::default());
        watch.begin_poll();
        (0..5).for_each(|n| watch.note(Wait::Child(n), false));
        let facts = watch.facts();
        assert_eq!(facts.waits, [Wait::Child(0), Wait::Child(1), Wait::Child(2)]);
        assert_eq!((facts.polls, facts.more, facts.is_partial), (1, 2, true));
        watch.end_poll();
        assert!(!watch.facts().is_partial);
        watch.begin_poll();
        watch.note(Wait::Room(9), true);
        watch.end_poll();
        watch.parks(Duration::from_millis(7));
        watch.took(Duration::from_micros(3));
        let facts = watch.facts();
        assert_eq!((facts.polls, &*facts.waits, facts.more), (2, &[Wait::Room(9)][..], 0));
        assert!(facts.is_partial);
        assert_eq!(facts.parked_at, Some(Duration::from_millis(7)));
        assert_eq!(facts.busy, Duration::from_micros(3));
    }
}
