//! Whatever is not determined is chosen here: which task goes next, whether a fault happens.

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

    /// One of `0..options`. `options` is not zero.
    pub(crate) fn choose(&mut self, options: usize) -> usize {
        match self {
            _ if options == 1 => 0,
            Choices::First => 0,
            Choices::Random(rng) => rng.usize(..options),
            Choices::Script(script) => script.choose(options),
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
    /// What was chosen, out of how many.
    made: Vec<(usize, usize)>,
    next: usize,
}

impl Script {
    fn choose(&mut self, options: usize) -> usize {
        if self.next == self.made.len() {
            self.made.push((0, options));
        }
        let (chosen, of) = self.made[self.next];
        self.next += 1;
        // The same choices lead to the same question, unless the test is not deterministic; that
        // is found out by whoever compares traces.
        if of == options { chosen } else { 0 }
    }

    /// The script of the next run, unless this one was the last.
    pub(crate) fn advance(mut self) -> Option<Self> {
        self.made.truncate(self.next);
        while let Some((chosen, of)) = self.made.pop() {
            if chosen + 1 < of {
                self.made.push((chosen + 1, of));
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

    #[test]
    fn scripts_visit_every_leaf_once() {
        let mut leaves = Vec::new();
        let mut script = Some(Script::default());
        while let Some(mut now) = script {
            let first = now.choose(3);
            let second = if first == 1 { now.choose(2) } else { 9 };
            leaves.push((first, second));
            script = now.advance();
        }
        assert_eq!(leaves, [(0, 9), (1, 0), (1, 1), (2, 9)]);
    }

    #[test]
    fn a_seed_says_it_all() {
        let draw = |seed| {
            let mut choices = Choices::random(seed);
            (0..20).map(|_| choices.choose(100)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
