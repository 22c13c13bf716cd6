//! Polls, lives and wakes, from the events at their ends.

use super::recording::{Event, Recording, What};
use crate::observers::{Outcome, Who};
use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

/// What a recording says, as intervals. Times are nanoseconds.
pub(super) struct Intervals<'a> {
    /// When each event is shown. Not as it says in virtual time, where many have the same.
    pub(super) moments: Vec<u64>,
    /// Whether no poll took any time.
    pub(super) is_virtual: bool,
    /// In the order in which they ended; those that have not come last.
    pub(super) polls: Vec<Poll<'a>>,
    /// In the order in which they began, as far as that is known.
    pub(super) lives: Vec<Lived>,
    pub(super) wakes: Vec<Wake>,
}

/// A poll.
pub(super) struct Poll<'a> {
    pub(super) who: Who,
    pub(super) thread: usize,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How it ended, if it has.
    pub(super) how: Option<&'a What>,
}

/// The life of a scope or child.
#[derive(Clone, Copy)]
pub(super) struct Lived {
    pub(super) who: Who,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// `None` while it lives.
    pub(super) outcome: Option<Outcome>,
}

/// A wake that has led to a poll.
pub(super) struct Wake {
    pub(super) by: Option<Who>,
    pub(super) thread: usize,
    pub(super) at: u64,
    pub(super) who: Who,
    pub(super) polled_on: usize,
    pub(super) polled_at: u64,
}

impl<'a> Intervals<'a> {
    pub(super) fn of(recording: &'a Recording) -> Self {
        let events = recording.events();
        let is_virtual = is_virtual(events);
        let moments = moments(events, is_virtual);
        Intervals {
            polls: polls(events, &moments),
            lives: lives(recording, &moments),
            wakes: wakes(events, &moments),
            moments,
            is_virtual,
        }
    }

    /// Returns the first and the last moment.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.moments.first().copied().unwrap_or(0), self.moments.last().copied().unwrap_or(0))
    }
}

/// Returns whether no poll took any time.
fn is_virtual(events: &[Event]) -> bool {
    let mut began: BTreeMap<(usize, Who), Duration> = BTreeMap::new();
    events.iter().all(|event| match event.what {
        What::PollBegins => {
            began.insert((event.thread, event.who), event.at);
            true
        }
        What::PollEnds | What::Parks { .. } => {
            began.remove(&(event.thread, event.who)).is_none_or(|began| began == event.at)
        }
        _ => true,
    })
}

fn moments(events: &[Event], is_virtual: bool) -> Vec<u64> {
    let mut last = None;
    let moment = |event: &Event| {
        let at = u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX);
        let moment = match last {
            Some(last) if is_virtual && at <= last => last + 1,
            _ => at,
        };
        // Never the last that there is, so that there is one after it.
        let moment = moment.min(u64::MAX - 1);
        last = Some(moment);
        moment
    };
    events.iter().map(moment).collect()
}

fn polls<'a>(events: &'a [Event], moments: &[u64]) -> Vec<Poll<'a>> {
    let mut polls = Vec::new();
    // Of each thread, when it is first heard of, and the polls that have not ended.
    let mut threads: BTreeMap<usize, (u64, Vec<(Who, u64)>)> = BTreeMap::new();
    for (event, &moment) in events.iter().zip(moments) {
        let Event { thread, who, ref what, .. } = *event;
        let (first, open) = threads.entry(thread).or_insert((moment, Vec::new()));
        let mut end = |who, begin, how| {
            polls.push(Poll { who, thread, begin, end: moment, how });
        };
        match what {
            What::PollBegins => open.push((who, moment)),
            What::PollEnds | What::Parks { .. } => {
                match open.iter().rposition(|(polled, _)| *polled == who) {
                    Some(at) => {
                        // Of what was polled in it, the end is lost.
                        for (inner, begin) in open.drain(at + 1..).rev() {
                            end(inner, begin, None);
                        }
                        let (_, begin) = open.pop().expect("just found");
                        end(who, begin, Some(what));
                    }
                    // The begin is lost.
                    None => end(who, *first, Some(what)),
                }
            }
            _ => {}
        }
    }
    let last = moments.last().copied().unwrap_or(0);
    for (thread, (_, open)) in threads {
        polls.extend(open.into_iter().map(|(who, begin)| Poll {
            who,
            thread,
            begin,
            end: last,
            how: None,
        }));
    }
    polls
}

fn lives(recording: &Recording, moments: &[u64]) -> Vec<Lived> {
    let (first, last) =
        (moments.first().copied().unwrap_or(0), moments.last().copied().unwrap_or(0));
    let mut seen: BTreeMap<Who, (usize, Lived)> = BTreeMap::new();
    for (at, (event, &moment)) in recording.events().iter().zip(moments).enumerate() {
        let who = event.who;
        let known = Lived { who, begin: first, end: last, outcome: None };
        let (_, lived) = seen.entry(who).or_insert((at, known));
        match event.what {
            What::Begins => lived.begin = moment,
            What::Ends(outcome) => (lived.end, lived.outcome) = (moment, Some(outcome)),
            _ => {}
        }
    }
    let mut lives = Vec::new();
    // Those whose begin is known to the recorder come in that order.
    for life in recording.lives() {
        lives.extend(seen.remove(&life.who).map(|(_, lived)| lived));
    }
    let mut rest: Vec<_> = seen.into_values().collect();
    rest.sort_by_key(|(at, _)| *at);
    lives.extend(rest.into_iter().map(|(_, lived)| lived));
    lives
}

fn wakes(events: &[Event], moments: &[u64]) -> Vec<Wake> {
    let mut wakes = Vec::new();
    // From the last back: the next poll of each.
    let mut next: BTreeMap<Who, (usize, u64)> = BTreeMap::new();
    for (event, &at) in events.iter().zip(moments).rev() {
        let Event { thread, who, ref what, .. } = *event;
        match what {
            What::PollBegins => _ = next.insert(who, (thread, at)),
            What::Wakes { by } => {
                if let Some(&(polled_on, polled_at)) = next.get(&who) {
                    wakes.push(Wake { by: *by, thread, at, who, polled_on, polled_at });
                }
            }
            _ => {}
        }
    }
    wakes.reverse();
    wakes
}
