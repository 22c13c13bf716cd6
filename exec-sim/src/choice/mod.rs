//! Makes the choices of a run: which task is polled next, and whether a fault happens.

mod pct;
mod script;

pub(crate) use pct::Pct;
pub(crate) use script::Script;

use crate::{decision::Guide, trace::Digest};
use fastrand::Rng;

/// How a run makes its choices.
#[derive(Clone, Debug)]
pub(crate) enum Choices {
    /// Always the first option: tasks run in the order in which they became ready.
    First,
    /// A random option, from a generator with a seed. All options are equally likely.
    Random(Rng),
    /// The task with the highest priority. What is not about tasks is as with `Random`.
    Pct(Pct),
    /// What a script says, and the first option after its end.
    Script(Script),
    /// What was decided in another run.
    Guided(Guide),
}

impl Choices {
    pub(crate) fn random(seed: u64) -> Self {
        Choices::Random(Rng::with_seed(seed))
    }

    /// Returns one of `0..options`. `before` is the digest of the run so far; `options` is not
    /// zero.
    pub(crate) fn choose(&mut self, options: usize, before: Digest) -> usize {
        match self {
            _ if options == 1 => 0,
            Choices::First | Choices::Guided(_) => 0,
            Choices::Random(rng) | Choices::Pct(Pct { rng, .. }) => below(rng, options),
            Choices::Script(script) => script.choose(options, before),
        }
    }

    /// Returns true once in `times` calls, on average. Always false if `times` is zero or the
    /// choices are not random.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        match self {
            Choices::Random(rng) | Choices::Pct(Pct { rng, .. }) => {
                times != 0 && rng.u32(..times) == 0
            }
            _ => false,
        }
    }
}

/// Returns a random number below `options`.
fn below(rng: &mut Rng, options: usize) -> usize {
    // Not `rng.usize`, which yields other numbers where pointers have 32 bits.
    usize::try_from(rng.u64(..options as u64)).expect("less than `options`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Recorder;

    /// The numbers are the same on every machine.
    #[test]
    fn a_seed_determines_the_choices() {
        let start = Recorder::new(false).digest();
        let draw = |seed| {
            let mut choices = Choices::random(seed);
            (0..20).map(|_| choices.choose(100, start)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1)[..8], [65, 53, 23, 77, 0, 78, 76, 84]);
    }
}
