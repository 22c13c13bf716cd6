//! Makes one run, and says how it failed.

use super::{Explorer, quiet::quietly};
use crate::{
    choice::Choices,
    failure::Failure,
    handle::SimHandle,
    sim::{Ran, Sim},
    trace::Recorder,
};
use std::{
    any::Any,
    fmt,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

impl Explorer {
    /// Makes one run without calling the panic hook; or two, and compares them.
    pub(super) fn attempt<F, Fut>(
        &self,
        choices: &Choices,
        twice: bool,
        keep: bool,
        test: &F,
    ) -> Result<Ran, Trouble>
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let once = |keep| {
            let ((result, ran), panic) = quietly(|| self.once(choices.clone(), keep, test));
            (result.map_err(|trouble| trouble.saying(panic)), ran)
        };
        let (result, first) = once(keep);
        result?;
        if twice {
            let (result, second) = once(keep);
            if result.is_err() || first.trace.digest() != second.trace.digest() {
                // Both again, with all their steps, if those were not kept.
                let [first, second] =
                    if keep { [first, second] } else { [(); 2].map(|()| once(true).1) };
                return Err(Trouble::not_deterministic(&first.trace, &second.trace));
            }
        }
        Ok(first)
    }

    pub(super) fn once<F, Fut>(
        &self,
        choices: Choices,
        keep: bool,
        test: &F,
    ) -> (Result<(), Trouble>, Ran)
    where
        F: Fn(SimHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let sim =
            Sim::builder().rules(self.rules.clone()).choices(choices).keep_trace(keep).build();
        let handle = sim.handle();
        match catch_unwind(AssertUnwindSafe(|| sim.run_traced(test))) {
            Ok((result, ran)) => (result.map_err(Trouble::Failure), ran),
            Err(payload) => (Err(Trouble::Panic(payload, None)), Ran::of(&handle)),
        }
    }
}

/// How a run failed.
pub(super) enum Trouble {
    Failure(Failure),
    /// The payload, and the message that the panic hook would have printed.
    Panic(Box<dyn Any + Send>, Option<String>),
}

impl Trouble {
    /// Describes the first difference of two runs that should have been the same.
    pub(super) fn not_deterministic(first: &Recorder, second: &Recorder) -> Self {
        let step = first.first_difference(second);
        Trouble::Failure(Failure::NotDeterministic {
            step,
            first: first.show_step(step),
            second: second.show_step(step),
        })
    }

    pub(super) fn saying(self, panic: Option<String>) -> Self {
        match self {
            Trouble::Panic(payload, _) => Trouble::Panic(payload, panic),
            failure => failure,
        }
    }

    /// Returns whether it may be worth while to look for a shorter run that fails in the same way.
    pub(super) fn can_be_shrunk(&self) -> bool {
        match self {
            Trouble::Failure(failure) => {
                matches!(failure, Failure::Deadlock { .. } | Failure::Leak { .. })
            }
            Trouble::Panic(..) => true,
        }
    }

    /// Returns whether both are failures of the same kind, or panics at the same place.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Trouble::Failure(one), Trouble::Failure(other)) => {
                mem::discriminant(one) == mem::discriminant(other)
            }
            // The first line of what the hook would have printed says where.
            (Trouble::Panic(_, one), Trouble::Panic(_, other)) => {
                let place = |said: &Option<String>| said.as_ref()?.lines().next().map(String::from);
                place(one) == place(other)
            }
            _ => false,
        }
    }

    #[track_caller]
    pub(super) fn report(self, repeat: &str) -> ! {
        match self {
            Trouble::Failure(failure) => panic!("{failure}\nrepeat with: {repeat}"),
            Trouble::Panic(payload, _) => {
                eprintln!("repeat with: {repeat}");
                resume_unwind(payload)
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Failure(failure) => failure.fmt(f),
            Trouble::Panic(_, said) => f.write_str(said.as_deref().unwrap_or("a panic")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{choice::Pct, state::Faults};
    use anyscope_core::{SpawnBlocking, Timer, scope};
    use std::time::Duration;

    /// Does all that a run decides about.
    async fn busy(sim: SimHandle) {
        scope(&sim, async |s| {
            for n in 0..4 {
                let sim = sim.clone();
                s.spawn(async move {
                    scope(&sim, async |s| {
                        for _ in 0..n {
                            let nap = Duration::from_nanos(sim.choose(5) as u64);
                            s.spawn(sim.sleep(nap));
                            sim.yield_now().await;
                        }
                    })
                    .await;
                });
            }
            sim.spawn_blocking(Box::new(|| ()));
            for _ in 0..300 {
                sim.yield_now().await;
            }
        })
        .await;
    }

    /// Given the decisions of a run with every kind of fault, when they are made again, then it is
    /// the same run, whatever made them first.
    #[test]
    fn v12_decisions_repeat_a_run() {
        let oversleep = Duration::from_nanos(7);
        let all = Faults { spurious_polls: 5, late_wakes: 5, drops: 50, oversleep };
        for (seed, faults) in (0..40).flat_map(|seed| [(seed, all), (seed, Faults::default())]) {
            let explorer = Explorer::new(1).faults(faults);
            for choices in [Choices::random(seed), Choices::Pct(Pct::new(seed, 4, 400))] {
                let (result, first) = explorer.once(choices, true, &busy);
                let text = first.decisions.to_string();
                let again = text.parse::<crate::decision::Decisions>().unwrap();
                let choices = Choices::Guided(again.guide());
                let (same, second) = explorer.once(choices, true, &busy);
                let step = first.trace.first_difference(&second.trace);
                assert_eq!(first.trace.digest(), second.trace.digest(), "seed {seed}, step {step}");
                assert_eq!(first.decisions, second.decisions);
                assert_eq!(first.length, second.length);
                assert_eq!(result.is_ok(), same.is_ok());
            }
        }
    }
}
