//! Goes through all choices, one run after the other.

use crate::trace::Digest;

/// A walk through the tree of all choices, depth first.
///
/// The technique is that of "exhaustigen" (A. Kladov, "Generate All the Things", 2021): a run
/// replays the choices of the previous run up to the last one that has an option left, and takes
/// the next option there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    made: Vec<Choice>,
    next: usize,
    /// A replayed choice had other options, or came at another point, than the first time.
    strayed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    chosen: usize,
    options: usize,
    /// The digest of the run before this choice.
    before: Digest,
}

impl Script {
    pub(super) fn choose(&mut self, options: usize, before: Digest) -> usize {
        if self.next == self.made.len() {
            self.made.push(Choice { chosen: 0, options, before });
        }
        let choice = self.made[self.next];
        self.next += 1;
        self.strayed |= choice.options != options || choice.before != before;
        if self.strayed { 0 } else { choice.chosen }
    }

    /// Returns whether the run did not ask for the choices that the script has. Then the same
    /// choices led to another run, so the test is not deterministic.
    pub(crate) fn has_strayed(&self) -> bool {
        self.strayed || self.next < self.made.len()
    }

    /// Returns the script of the next run, or `None` if this was the last. Requires that the run
    /// has not strayed.
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

    /// Another number of options, another run before the choice, or no such choice.
    #[test]
    fn a_script_notices_another_run() {
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
}
