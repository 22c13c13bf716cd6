//! The states of a breaker, and what leads from one to the next.
//!
//! | state | lets through | leads to |
//! |---|---|---|
//! | closed | every call | open, when too many in the window failed or were slow |
//! | open | none | half-open, at the first call after its time |
//! | half-open | so many probes | closed or open, when they have ended |
//! | forced open | none | closed, by a reset |
//!
//! The words and rules are those of Resilience4j. Two rules are ours: a probe that is cancelled frees its place, and the
//! outcome of a call that was let through in an earlier state does not count.

use super::{
    Rejected,
    window::{Call, Counts, Span, Window},
};
use crate::time::Instant;
use core::{fmt, time::Duration};

/// In which state a breaker is.
///
/// See [`CircuitBreaker::state`](super::CircuitBreaker::state).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls are made, and counted.
    Closed,
    /// No call is made.
    Open,
    /// Some calls are made, to find out whether they succeed again.
    HalfOpen,
    /// No call is made until it is [reset](super::CircuitBreaker::reset).
    ForcedOpen,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
            BreakerState::ForcedOpen => "forced open",
        })
    }
}

/// A change of the state; see [`Builder::on_change`](super::Builder::on_change).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
    /// How many calls it was judged by.
    pub calls: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many of them were slow.
    pub slow: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slow {
    pub(super) after: Duration,
    pub(super) rate: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) failure_rate: u8,
    pub(super) slow: Option<Slow>,
    pub(super) span: Span,
    pub(super) minimum: usize,
    pub(super) open_for: Duration,
    pub(super) probes: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            failure_rate: 50,
            slow: None,
            span: Span::Calls(100),
            minimum: 10,
            open_for: Duration::from_secs(60),
            probes: 1,
        }
    }
}

impl Rules {
    fn is_too_bad(&self, counts: Counts) -> bool {
        let reaches = |bad: usize, rate: u8| {
            // In u128, as no number of calls overflows it.
            counts.calls > 0 && bad as u128 * 100 >= u128::from(rate) * counts.calls as u128
        };
        reaches(counts.failed, self.failure_rate)
            || self.slow.is_some_and(|slow| reaches(counts.slow, slow.rate))
    }
}

/// Nothing in here runs user code.
#[derive(Debug)]
pub(super) struct Machine {
    rules: Rules,
    state: State,
    /// How often the state has changed. A call knows in which it was let through.
    era: u64,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { under_way: usize, ended: Counts },
    ForcedOpen,
}

impl State {
    fn kind(&self) -> BreakerState {
        match self {
            State::Closed(_) => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::ForcedOpen => BreakerState::ForcedOpen,
        }
    }
}

/// What a step led to.
pub(super) struct Stepped<R> {
    pub(super) result: R,
    pub(super) transition: Option<Transition>,
    /// Those who wait may look again.
    pub(super) freed: bool,
}

impl Machine {
    pub(super) fn new(rules: Rules) -> Self {
        Machine { rules, state: State::Closed(Window::new(rules.span)), era: 0 }
    }

    pub(super) fn state(&self) -> BreakerState {
        self.state.kind()
    }

    /// Whether its window is empty too.
    pub(super) fn is_idle(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed(window) => window.counts(now).failed == 0,
            _ => false,
        }
    }

    /// Whether it has to be told when a call began.
    pub(super) fn needs_start(&self) -> bool {
        self.rules.slow.is_some()
    }

    /// Whether it has to be told the time when a call ends that has not failed. Among the last calls, a success opens it only if there are
    /// enough to judge by with this one.
    pub(super) fn needs_end(&self) -> bool {
        let may_open = match &self.state {
            State::Closed(Window::Calls { counts, .. }) => counts.calls < self.rules.minimum,
            _ => true,
        };
        may_open || self.needs_start()
    }

    /// Lets a call through, and returns the era.
    pub(super) fn enter(&mut self, now: impl Fn() -> Instant) -> Stepped<Result<u64, Rejected>> {
        let mut transition = None;
        if let State::Open { until } = self.state {
            if now() < until {
                return self.rejected(Some(until));
            }
            let half_open = State::HalfOpen { under_way: 0, ended: Counts::default() };
            transition = Some(self.change(half_open, Counts::default()));
        }
        match &mut self.state {
            State::Closed(_) => {}
            State::HalfOpen { under_way, ended }
                if *under_way + ended.calls < self.rules.probes =>
            {
                *under_way += 1;
            }
            _ => return self.rejected(None),
        }
        // Whoever waits for the end of the time may look too.
        Stepped { result: Ok(self.era), freed: transition.is_some(), transition }
    }

    fn rejected(&self, until: Option<Instant>) -> Stepped<Result<u64, Rejected>> {
        let result = Err(Rejected { state: self.state(), until });
        Stepped { result, transition: None, freed: false }
    }

    /// A call that was let through has ended.
    pub(super) fn end(
        &mut self,
        era: u64,
        took: Duration,
        failed: bool,
        now: Instant,
    ) -> Stepped<()> {
        let slow = self.rules.slow.is_some_and(|slow| took >= slow.after);
        let call = Call { failed, slow };
        let mut transition = None;
        if era == self.era {
            match &mut self.state {
                State::Closed(window) => {
                    let counts = window.add(call, now);
                    if counts.calls >= self.rules.minimum && self.rules.is_too_bad(counts) {
                        transition = Some(self.open(counts, now));
                    }
                }
                State::HalfOpen { under_way, ended } => {
                    *under_way -= 1;
                    ended.add(call);
                    let counts = *ended;
                    if counts.calls >= self.rules.probes {
                        transition = Some(match self.rules.is_too_bad(counts) {
                            true => self.open(counts, now),
                            false => self.close(counts),
                        });
                    }
                }
                State::Open { .. } | State::ForcedOpen => {}
            }
        }
        Stepped { result: (), freed: transition.is_some(), transition }
    }

    /// A call that was let through was cancelled. Returns whether that frees a place.
    pub(super) fn cancel(&mut self, era: u64) -> bool {
        match &mut self.state {
            State::HalfOpen { under_way, .. } if era == self.era => {
                *under_way -= 1;
                true
            }
            _ => false,
        }
    }

    pub(super) fn force_open(&mut self) -> Option<Transition> {
        (self.state() != BreakerState::ForcedOpen)
            .then(|| self.change(State::ForcedOpen, Counts::default()))
    }

    /// Closes it, with an empty window.
    pub(super) fn reset(&mut self) -> Transition {
        self.close(Counts::default())
    }

    fn open(&mut self, counts: Counts, now: Instant) -> Transition {
        let until = now.saturating_add(self.rules.open_for);
        self.change(State::Open { until }, counts)
    }

    fn close(&mut self, counts: Counts) -> Transition {
        self.change(State::Closed(Window::new(self.rules.span)), counts)
    }

    fn change(&mut self, state: State, counts: Counts) -> Transition {
        let from = self.state();
        self.state = state;
        self.era += 1;
        let Counts { calls, failed, slow } = counts;
        Transition { from, to: self.state(), calls, failed, slow }
    }
}
