//! Whatever is not determined is chosen here: which task goes next, whether a fault happens.

use crate::trace::Digest;
use fastrand::Rng;

/// How a run chooses.
#[derive(Clone, Debug)]
pub(crate) enum Choices {
    /// The first, always: tasks in the order in which they became ready.
    First,
    /// By a generator with a seed. Every choice is possible, and none is likelier.
    Random(Rng),
    /// As a script says, and the first from its end on.
    Script(Script),
}

impl Choices {
    pub(crate) fn random(seed: u64) -> Self {
        Choices::Random(Rng::with_seed(seed))
    }

    /// One of `0..options`, after a run that was `before`. `options` is not zero.
    pub(crate) fn choose(&mut self, options: usize, before: Digest) -> usize {
        match self {
            _ if options == 1 => 0,
            Choices::First => 0,
            // Not `rng.usize`, which draws other numbers where pointers have 32 bits.
            Choices::Random(rng) => {
                let chosen = rng.u64(..options as u64);
                usize::try_from(chosen).expect("less than `options`")
            }
            Choices::Script(script) => script.choose(options, before),
        }
    }

    /// Whether something happens that happens once in `times`. Never, unless choices are random.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        match self {
            Choices::Random(rng) => times != 0 && rng.u32(..times) == 0,
            _ => false,
        }
    }
}

/// A walk through the tree of all choices, depth first.
///
/// The technique is that of "exhaustigen" (A. Kladov, "Generate All the Things", 2021): a run
/// replays the choices of the one before but for the last that has an option left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    made: Vec<Choice>,
    next: usize,
    /// A replayed choice was another question than the first time.
    strayed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    chosen: usize,
    options: usize,
    /// What the run had done by then.
    before: Digest,
}

impl Script {
    fn choose(&mut self, options: usize, before: Digest) -> usize {
        if self.next == self.made.len() {
            self.made.push(Choice { chosen: 0, options, before });
        }
        let choice = self.made[self.next];
        self.next += 1;
        self.strayed |= choice.options != options || choice.before != before;
        if self.strayed { 0 } else { choice.chosen }
    }

    /// Whether the run did not ask the questions that the script has the answers to: the same
    /// answers led somewhere else, so the test is not deterministic.
    pub(crate) fn has_strayed(&self) -> bool {
        self.strayed || self.next < self.made.len()
    }

    /// The script of the next run, unless this one, which has not strayed, was the last.
    pub(crate) fn advance(mut self) -> Option<Self> {
        while let Some(last) = self.made.pop() {
            if last.chosen + 1 < last.options {
                self.made.push(Choice { chosen: last.chosen + 1, ..last });
                self.next = 0;
                return Some(self);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Recorder, Step};

    fn start() -> Digest {
        Recorder::new(false).digest()
    }

    #[test]
    fn scripts_visit_every_leaf_once() {
        let mut leaves = Vec::new();
        let mut script = Some(Script::default());
        while let Some(mut now) = script {
            let first = now.choose(3, start());
            let second = if first == 1 { now.choose(2, start()) } else { 9 };
            leaves.push((first, second));
            assert!(!now.has_strayed());
            script = now.advance();
        }
        assert_eq!(leaves, [(0, 9), (1, 0), (1, 1), (2, 9)]);
    }

    /// Another number of options, another way there, or no such question.
    #[test]
    fn a_script_notices_that_it_is_in_another_play() {
        let second = || {
            let mut script = Script::default();
            let _ = (script.choose(2, start()), script.choose(2, start()));
            script.advance().unwrap()
        };
        let mut elsewhere = Recorder::new(false);
        elsewhere.add(Step::Choose { options: 2, chosen: 0 });
        for questions in [
            &[(2, start()), (3, start())][..],
            &[(2, start()), (2, elsewhere.digest())],
            &[(2, start())],
        ] {
            let mut script = second();
            for &(options, before) in questions {
                script.choose(options, before);
            }
            assert!(script.has_strayed(), "{questions:?}");
        }
        let mut script = second();
        assert_eq!((script.choose(2, start()), script.choose(2, start())), (0, 1));
        assert!(!script.has_strayed());
    }

    /// The numbers are those of every machine.
    #[test]
    fn a_seed_says_it_all() {
        let draw = |seed| {
            let mut choices = Choices::random(seed);
            (0..20).map(|_| choices.choose(100, start())).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1)[..8], [65, 53, 23, 77, 0, 78, 76, 84]);
    }
}
