//! The decisions of a run, named so that they can be made again in a run that is a bit different.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    str::FromStr,
};

/// Identifies a task by who spawned it, and as which of its tasks. So it is the same task if tasks
/// run in another order. (A [`TaskId`](crate::TaskId) may be another task then.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Key(u32);

impl Key {
    /// The future of the test.
    pub(crate) const TEST: Self = Key(0);

    /// Returns the key of the `nth` task, from 1, that this one spawns.
    ///
    /// Two tasks may have the same key, if rarely. Then a decision may be about the other one, in
    /// the first run as in all that repeat it.
    pub(crate) fn of_spawned(self, nth: u32) -> Self {
        if self == Self::TEST {
            return Key(nth);
        }
        let mixed = (u64::from(self.0) << 32 | u64::from(nth)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Key((mixed >> 33) as u32 | 1 << 31)
    }

    pub(crate) fn number(self) -> u64 {
        self.0.into()
    }
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Which task is polled next: the value is its key. Unless decided, the one that was polled
    /// last if it is ready, and otherwise the one that is ready for the longest time.
    Switch,
    /// A choice of the test.
    Choose,
    /// A spurious poll: the value is the key of the task.
    SpuriousPoll,
    /// A wake is held back.
    LateWake,
    /// A wake that was held back takes effect.
    Return,
    /// A child is dropped instead of being polled.
    Drop,
    /// How much further than the next timer the clock jumps.
    Oversleep,
}

/// All kinds, with the letters that they have in texts.
const KINDS: [(Kind, char); 7] = [
    (Kind::Switch, 's'),
    (Kind::Choose, 'c'),
    (Kind::SpuriousPoll, 'p'),
    (Kind::LateWake, 'l'),
    (Kind::Return, 'r'),
    (Kind::Drop, 'd'),
    (Kind::Oversleep, 'o'),
];

/// A point in a run at which something is decided: in or after the poll of a task.
///
/// It says nothing about what other tasks have done before. So it is the same point if less happens
/// before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Point {
    task: Key,
    /// How often the task has been polled.
    poll: u32,
    kind: Kind,
    /// How many decisions of this kind were made since that poll began.
    nth: u32,
}

/// Where a run is, and what was decided on the way.
#[derive(Debug)]
pub(crate) struct Course {
    /// The task that was polled last.
    task: Key,
    poll: u32,
    /// For each kind, how many decisions were made since that poll began.
    made: [u32; KINDS.len()],
    /// How often this task has been polled since another one was.
    stays: u32,
    length: Length,
    kept: Option<Vec<(Point, u64)>>,
}

/// How long a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Length {
    /// How often another task is polled than before.
    pub(crate) switches: u64,
    pub(crate) polls: u64,
}

/// A task that yields without end gives way to others after this many polls, unless decided
/// otherwise.
const STAYS: u32 = 100;

impl Course {
    pub(crate) fn new(keep: bool) -> Self {
        Course {
            task: Key::TEST,
            poll: 0,
            made: [0; KINDS.len()],
            stays: 0,
            length: Length::default(),
            kept: keep.then(Vec::new),
        }
    }

    /// Notes that a task is being polled, for the time that `poll` says.
    pub(crate) fn polled(&mut self, task: Key, poll: u32) {
        let stays = task == self.task;
        self.stays = if stays { self.stays + 1 } else { 0 };
        self.length.switches += u64::from(!stays);
        self.length.polls += 1;
        (self.task, self.poll, self.made) = (task, poll, [0; KINDS.len()]);
    }

    /// Returns the point at which the next decision of this kind is made.
    pub(crate) fn point(&mut self, kind: Kind) -> Point {
        let made = &mut self.made[kind as usize];
        *made += 1;
        Point { task: self.task, poll: self.poll, kind, nth: *made - 1 }
    }

    /// Keeps a decision, if decisions are kept.
    pub(crate) fn add(&mut self, point: Point, decision: u64) {
        if let Some(kept) = &mut self.kept {
            kept.push((point, decision));
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Returns the task that was polled last.
    pub(crate) fn task(&self) -> Key {
        self.task
    }

    /// Returns whether the task that was polled last is polled again, if it is ready.
    pub(crate) fn may_stay(&self) -> bool {
        self.stays < STAYS
    }

    pub(crate) fn length(&self) -> Length {
        self.length
    }

    pub(crate) fn decisions(&self) -> Decisions {
        Decisions(self.kept.clone().unwrap_or_default())
    }
}

/// What was decided in a run, in the order of the run, and what is decided in one that repeats it.
/// All else is as it is unless decided otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decisions(Vec<(Point, u64)>);

impl Decisions {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns all but those from the one of this number on, as many as `count`.
    pub(crate) fn without(&self, first: usize, count: usize) -> Self {
        let rest = self.0.iter().skip(first + count);
        Decisions(self.0.iter().take(first).chain(rest).copied().collect())
    }

    pub(crate) fn guide(&self) -> Guide {
        Guide(self.0.iter().copied().collect())
    }
}

/// Decisions, found by their point.
#[derive(Clone, Debug)]
pub(crate) struct Guide(HashMap<Point, u64>);

impl Guide {
    pub(crate) fn at(&self, point: Point) -> Option<u64> {
        self.0.get(&point).copied()
    }
}

/// The text of no decisions.
const NONE: &str = "default";

impl Display for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        for (at, (Point { task, poll, kind, nth }, value)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let letter = KINDS[*kind as usize].1;
            write!(f, "{comma}{}.{poll}{letter}", task.0)?;
            if *nth > 0 {
                write!(f, "{nth}.")?;
            }
            write!(f, "{value}")?;
        }
        Ok(())
    }
}

/// A text that is no schedule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSchedule;

impl FromStr for Decisions {
    type Err = NoSchedule;

    fn from_str(text: &str) -> Result<Self, NoSchedule> {
        if text == NONE {
            return Ok(Decisions::default());
        }
        let all: Option<Vec<_>> = text.split(',').map(parse).collect();
        all.map(Decisions).ok_or(NoSchedule)
    }
}

fn parse(text: &str) -> Option<(Point, u64)> {
    let &(kind, letter) = KINDS.iter().find(|(_, letter)| text.contains(*letter))?;
    let (point, decision) = text.split_once(letter)?;
    let (task, poll) = point.split_once('.')?;
    let (nth, value) = decision.split_once('.').unwrap_or(("0", decision));
    let task = Key(task.parse().ok()?);
    let point = Point { task, poll: poll.parse().ok()?, kind, nth: nth.parse().ok()? };
    Some((point, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds of decisions, of a task that was polled three times.
    fn some() -> Decisions {
        let mut course = Course::new(true);
        course.polled(Key::TEST.of_spawned(2), 3);
        for (kind, _) in KINDS {
            for value in [5, 0, u64::MAX] {
                let point = course.point(kind);
                course.add(point, value);
            }
        }
        course.decisions()
    }

    #[test]
    fn kinds_are_in_the_order_of_their_letters() {
        assert!(KINDS.iter().enumerate().all(|(at, (kind, _))| *kind as usize == at));
    }

    #[test]
    fn decisions_are_read_as_they_are_written() {
        let text = some().to_string();
        assert!(text.starts_with("2.3s5,2.3s1.0,2.3s2.18446744073709551615,2.3c5,"), "{text}");
        assert_eq!(text.parse(), Ok(some()));
        assert_eq!(Decisions::default().to_string().parse(), Ok(Decisions::default()));
        for nonsense in ["", "1", "1.2", "1.2s", "1.2x3", "1s3", "1.2s3,", "1.2s3.4.5", "-1.2s3"] {
            assert_eq!(nonsense.parse::<Decisions>(), Err(NoSchedule), "{nonsense}");
        }
    }

    #[test]
    fn some_are_left_out() {
        let all = some();
        assert_eq!(all.without(0, all.len()), Decisions::default());
        assert_eq!(all.without(0, 0), all);
        assert_eq!(all.without(1, 2).to_string().find("2.3c5"), Some("2.3s5,".len()));
    }

    #[test]
    fn keys_are_those_of_the_family() {
        let first = Key::TEST.of_spawned(1);
        assert_eq!(first.of_spawned(1), first.of_spawned(1));
        let others = [Key::TEST, first, first.of_spawned(2), Key::TEST.of_spawned(2).of_spawned(1)];
        assert!(!others.contains(&first.of_spawned(1)));
    }
}
