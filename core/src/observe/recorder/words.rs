//! Events as they are kept: six words each.
//!
//! ```text
//! word 0, bits  0..8    which kind of event
//!               8       it is about a child; 9: a daemon
//!              10..16   what a kind needs besides
//!              16..64   the number of the child
//! word 1                when, in nanoseconds
//! word 2                the number of the scope
//! words 3, 4, 5         what a kind needs besides
//! ```

use crate::{
    observers::{Outcome, Parked, PollEnd, Who},
    waits,
};
use core::time::Duration;

pub(super) const WORDS: usize = 6;

/// What is kept of what an observer is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    Begins,
    PollBegins,
    PollEnds(PollEnd),
    Wakes(Option<Who>),
    Cancelled(Text),
    Panicked(Text),
    Retry { attempts: u64, delay: Duration },
    Breaker(Text),
    Limit { before: u64, now: u64 },
    Ends(Outcome),
}

/// The number of a text on the same thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Text(pub(super) u64);

const CHILD: u64 = 1;
const DAEMON: u64 = 2;

/// Returns an event as words.
#[inline(always)]
pub(super) fn to_words(who: Who, nanos: u64, told: Told) -> [u64; WORDS] {
    let (kind, more, [a, b, c]) = match told {
        Told::Begins => (0, 0, [0, 0, 0]),
        Told::PollBegins => (1, 0, [0, 0, 0]),
        Told::PollEnds(PollEnd::Ready) => (2, 0, [0, 0, 0]),
        Told::PollEnds(PollEnd::Pending(None)) => (3, 0, [0, 0, 0]),
        Told::PollEnds(PollEnd::Pending(Some(Parked(wait)))) => {
            let [kind, a, b, c, is_live] = waits::to_words(wait);
            (4, kind | is_live << 5, [a, b, c])
        }
        Told::Wakes(None) => (5, 0, [0, 0, 0]),
        Told::Wakes(Some(by)) => {
            let (number, flags) = number(by);
            (6, flags, [by.scope(), number, 0])
        }
        Told::Cancelled(Text(text)) => (7, 0, [text, 0, 0]),
        Told::Panicked(Text(text)) => (8, 0, [text, 0, 0]),
        Told::Breaker(Text(text)) => (9, 0, [text, 0, 0]),
        Told::Retry { attempts, delay } => (10, 0, [attempts, nanos_of(delay), 0]),
        Told::Limit { before, now } => (11, 0, [before, now, 0]),
        Told::Ends(outcome) => (12, outcome as u64, [0, 0, 0]),
    };
    let (number, flags) = number(who);
    [kind | flags << 8 | more << 10 | number << 16, nanos, who.scope(), a, b, c]
}

/// Returns the event that is these words: who, when, what.
pub(super) fn from_words(words: [u64; WORDS]) -> Option<(Who, u64, Told)> {
    let [head, nanos, scope, a, b, c] = words;
    let more = head >> 10 & 0x3f;
    let told = match head & 0xff {
        0 => Told::Begins,
        1 => Told::PollBegins,
        2 => Told::PollEnds(PollEnd::Ready),
        3 => Told::PollEnds(PollEnd::Pending(None)),
        4 => {
            let wait = waits::from_words([more & 0x1f, a, b, c, more >> 5]);
            Told::PollEnds(PollEnd::Pending(wait.map(Parked)))
        }
        5 => Told::Wakes(None),
        6 => Told::Wakes(Some(who(a, b, more))),
        7 => Told::Cancelled(Text(a)),
        8 => Told::Panicked(Text(a)),
        9 => Told::Breaker(Text(a)),
        10 => Told::Retry { attempts: a, delay: Duration::from_nanos(b) },
        11 => Told::Limit { before: a, now: b },
        12 => Told::Ends(*Outcome::ALL.get(more as usize)?),
        _ => return None,
    };
    Some((who(scope, head >> 16, head >> 8 & (CHILD | DAEMON)), nanos, told))
}

/// Returns so much time in nanoseconds.
#[inline]
pub(super) fn nanos_of(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

#[inline]
fn number(who: Who) -> (u64, u64) {
    match who {
        Who::Scope(_) => (0, 0),
        Who::Child { number, is_daemon, .. } => {
            (number as u64, if is_daemon { CHILD | DAEMON } else { CHILD })
        }
    }
}

fn who(scope: u64, number: u64, flags: u64) -> Who {
    if flags & CHILD == 0 {
        return Who::Scope(scope);
    }
    // Nothing is lost: it was a `usize`.
    Who::Child { scope, number: number as usize, is_daemon: flags & DAEMON != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waits::{Wait, What};

    #[test]
    fn words_say_what_was_told() {
        let child = |is_daemon| Who::Child { scope: u64::MAX, number: 1 << 40, is_daemon };
        let whos = [Who::Scope(u64::MAX), child(false), child(true)];
        let permits = |is_live| Wait::Permits { of: 5, count: usize::MAX, limit: 7, is_live };
        let waits = [Wait::Child(1), Wait::Inside(0), Wait::Room(9), Wait::Label(3)];
        let whats = What::ALL.iter().map(|what| Wait::What(*what));
        let flow = |asks| Wait::Flow { in_flight: 1, limit: usize::MAX, undelivered: 2, asks };
        let more = [permits(false), permits(true), flow(false), flow(true), Wait::AnyOf(3)];
        let waits = waits.into_iter().chain(more);
        let pending = waits.chain(whats).map(|wait| PollEnd::Pending(Some(Parked(wait))));
        let ends = pending.chain([PollEnd::Ready, PollEnd::Pending(None)]).map(Told::PollEnds);
        let rest = [
            Told::Begins,
            Told::PollBegins,
            Told::Wakes(None),
            Told::Cancelled(Text(1)),
            Told::Panicked(Text(2)),
            Told::Breaker(Text(3)),
            Told::Retry { attempts: u64::MAX, delay: Duration::from_nanos(5) },
            Told::Limit { before: 4, now: 0 },
        ];
        let outcomes = Outcome::ALL.iter().map(|outcome| Told::Ends(*outcome));
        let wakes = whos.map(|who| Told::Wakes(Some(who)));
        for told in ends.chain(rest).chain(outcomes).chain(wakes) {
            for who in whos {
                assert_eq!(from_words(to_words(who, 42, told)), Some((who, 42, told)));
            }
        }
    }
}
