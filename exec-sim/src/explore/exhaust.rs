//! Runs the same test in every order.

use super::{CHECK_EVERY, Explorer, attempt::Trouble, repeat, report::Found};
use crate::{
    choice::{Choices, Script},
    handle::SimHandle,
    trace::Recorder,
};
use std::future::Future;

/// The result of [`exhaust`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many schedules were run.
    pub schedules: u64,
    /// Whether these were all the schedules that the test has.
    pub complete: bool,
}

/// Runs `test` in *every* order, one after the other, or in the first `most` orders.
///
/// For small tests: the number of orders grows with the factorial of the number of tasks that can
/// run at the same time. All combinations of orders and [choices](SimHandle::choose) are run.
///
/// Each run repeats the choices of the previous run up to some point, and must be the same up to
/// there. One run in 64 is made twice. So a test that is not deterministic is
/// [reported](crate::Failure::NotDeterministic) instead of being called complete.
///
/// A run that fails is shrunk and reported as those of an [`Explorer`]. With `ANYSCOPE_SIM_REPLAY`, as
/// the report sets it, only that run is made; it is called complete, so that a test that asks for that
/// passes if the run does.
///
/// # Panics
///
/// Panics with the first [`Failure`](crate::Failure), or the first panic of the test.
///
/// # Examples
///
/// ```
/// use anyscope::{scope, sim::exhaust};
///
/// let all = exhaust(1000, async |sim| {
///     scope(&sim, async |s| {
///         s.spawn(async {});
///         s.spawn(async {});
///     })
///     .await;
/// });
/// assert!(all.complete && all.schedules >= 2);
/// ```
#[track_caller]
pub fn exhaust<F, Fut>(most: u64, test: F) -> Exhausted
where
    F: Fn(SimHandle) -> Fut,
    Fut: Future<Output = ()>,
{
    let explorer = Explorer::new(most);
    if let Some(decisions) = repeat::replay() {
        explorer.replay_shrunk(&decisions, &test);
        return Exhausted { schedules: 1, complete: true };
    }
    let mut script = Script::default();
    let mut last: Option<Recorder> = None;
    for schedules in 1..=most {
        let choices = Choices::Script(script);
        let twice = (schedules - 1) % CHECK_EVERY == 0;
        let ran = match explorer.attempt(&choices, twice, true, &test) {
            Ok(ran) => ran,
            Err(trouble) => explorer.report(trouble, choices, Found::Nth(schedules), &test),
        };
        let Choices::Script(done) = ran.choices else { unreachable!("a run keeps its choices") };
        if let Some(last) = last.filter(|_| done.has_strayed()) {
            Trouble::not_deterministic(&last, &ran.trace).report(&Found::Nth(schedules).repeat());
        }
        last = Some(ran.trace);
        match done.advance() {
            Some(next) => script = next,
            None => return Exhausted { schedules, complete: true },
        }
    }
    Exhausted { schedules: most, complete: false }
}
