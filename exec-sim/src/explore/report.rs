//! Reports a run that failed, and repeats one.

use super::{
    Explorer, LAST_STEPS,
    attempt::Trouble,
    quiet::quietly,
    repeat,
    shrink::{Failed, shrink},
};
use crate::{choice::Choices, decision::Decisions, failure::Failure, handle::SimHandle};
use std::{fmt, future::Future};

/// Which run failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Seed(u64),
    /// The one of this number, of those that [`exhaust`](super::exhaust) makes.
    Nth(u64),
}

impl Found {
    /// Returns how to repeat the run as it was found.
    pub(super) fn repeat(self) -> String {
        match self {
            Found::Seed(seed) => repeat::command(repeat::SEED, seed),
            Found::Nth(_) => format!("{self} of `exhaust`"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Seed(seed) => write!(f, "seed {seed}"),
            Found::Nth(nth) => write!(f, "schedule {nth}"),
        }
    }
}

impl Explorer {
    /// Shrinks a run that failed, repeats it with the panic hook, and panics.
    #[track_caller]
    pub(super) fn report<F, Fut>(
        &self,
        trouble: Trouble,
        choices: Choices,
        found: Found,
        test: &F,
    ) -> !
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        if let Trouble::Failure(Failure::NotDeterministic { .. }) = trouble {
            trouble.report(&found.repeat());
        }
        if let Some(shrunk) = self.shrink(&trouble, &choices, found, test) {
            let choices = Choices::Guided(shrunk.decisions.guide());
            let (result, ran) = self.once(choices, true, test);
            eprint!("{}{}", shrunk.what, ran.trace.show_last(LAST_STEPS));
            let Err(again) = result else { not_deterministic(&trouble, &shrunk.repeat) };
            again.report(&shrunk.repeat)
        }
        match self.once(choices, false, test).0 {
            Err(again) => again.report(&found.repeat()),
            Ok(()) => not_deterministic(&trouble, &found.repeat()),
        }
    }

    /// Returns a run that fails as this one does, with as few switches as possible. `None` if
    /// this run cannot be shrunk.
    fn shrink<F, Fut>(
        &self,
        trouble: &Trouble,
        choices: &Choices,
        found: Found,
        test: &F,
    ) -> Option<Shrunk>
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        if self.max_shrink_runs == 0 || !trouble.can_be_shrunk() {
            return None;
        }
        let fails = |explorer: &Explorer, choices| {
            let ((result, ran), said) = quietly(|| explorer.once(choices, true, test));
            let alike = result.is_err_and(|other| other.saying(said).is_like(trouble));
            alike.then_some(ran)
        };
        let ran = fails(self, choices.clone())?;
        let (before, steps) = (ran.length.switches, ran.trace.steps().len() as u64);
        // A run that goes on for much longer is of no use.
        let mut limited = self.clone();
        let limit =
            |most: &mut u64| *most = steps.saturating_mul(2).saturating_add(1000).min(*most);
        limit(&mut limited.rules.max_polls);
        limit(&mut limited.rules.max_jumps);
        let run = |decisions: &Decisions| {
            let ran = fails(&limited, Choices::Guided(decisions.guide()))?;
            Some(Failed { decisions: ran.decisions, length: ran.length })
        };
        // Checks as well that the decisions alone make it fail.
        let same = run(&ran.decisions)?;
        let (best, runs) = shrink(same, self.max_shrink_runs, run);
        let after = best.length.switches;
        Some(Shrunk {
            what: format!(
                "switches between tasks: {after}; with {found}: {before}; runs to find this \
                 order: {runs}\n"
            ),
            repeat: repeat::of_decisions(&best.decisions).unwrap_or_else(|| found.repeat()),
            decisions: best.decisions,
        })
    }

    #[track_caller]
    pub(super) fn replay<F, Fut>(&self, choices: Choices, what: &str, repeat: &str, test: &F)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (result, ran) = self.once(choices, true, test);
        eprint!("{what}: {}", ran.trace.show_last(LAST_STEPS));
        if let Err(trouble) = result {
            trouble.report(repeat);
        }
    }

    /// Repeats the run that a report has shown.
    #[track_caller]
    pub(super) fn replay_shrunk<F, Fut>(&self, decisions: &Decisions, test: &F)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let repeat = repeat::command(repeat::REPLAY, decisions);
        self.replay(Choices::Guided(decisions.guide()), "replay", &repeat, test);
    }
}

/// A run as it is reported.
struct Shrunk {
    decisions: Decisions,
    what: String,
    repeat: String,
}

#[track_caller]
fn not_deterministic(trouble: &Trouble, repeat: &str) -> ! {
    panic!(
        "the test is not deterministic: a run failed, and when it was repeated it did not; does it \
         look at the clock of the machine, at random numbers, or at addresses?\nwhat it said when \
         it failed: {trouble}\nrepeat with: {repeat}"
    )
}
