//! Decides what a run does next.

use super::{Next, Rules, State, Work};
use crate::{
    choice::Choices,
    decision::Kind,
    failure::Failure,
    trace::{Fault, Step},
};
use std::mem;

impl State {
    /// Returns one of `0..options`.
    pub(crate) fn choose(&mut self, kind: Kind, options: usize) -> usize {
        let (point, before) = (self.course.point(kind), self.trace.digest());
        let chosen = match &mut self.choices {
            Choices::Guided(guide) => {
                let chosen = guide.at(point).and_then(|chosen| usize::try_from(chosen).ok());
                chosen.filter(|chosen| *chosen < options).unwrap_or(0)
            }
            choices => choices.choose(options, before),
        };
        if chosen != 0 {
            self.course.add(point, chosen as u64);
        }
        chosen
    }

    /// Returns true once in `times` calls, on average.
    pub(super) fn once_in(&mut self, kind: Kind, times: u32) -> bool {
        let point = self.course.point(kind);
        let happens = match &mut self.choices {
            Choices::Guided(guide) => guide.at(point).is_some(),
            choices => choices.once_in(times),
        };
        if happens {
            self.course.add(point, 1);
        }
        happens
    }

    /// Picks one of the tasks that are ready to be polled.
    pub(super) fn pick(&mut self, rules: &Rules) -> Option<Next> {
        if !self.late.is_empty() && self.once_in(Kind::Return, 4) {
            let late = self.late.swap_remove(0);
            self.make_ready(late);
        }
        if self.ready.is_empty() {
            return None;
        }
        self.polls += 1;
        if self.polls > rules.max_polls {
            return Some(Next::Failed(Failure::Livelock {
                at: self.now,
                polls: rules.max_polls,
                tasks: self.parked(),
            }));
        }
        let slot = self.spurious(rules.faults.spurious_polls).unwrap_or_else(|| self.take_ready());
        let drops = self.once_in(Kind::Drop, rules.faults.drops);
        let task = &mut self.tasks[slot];
        task.queued = false;
        let (id, work) = (task.id, mem::replace(&mut task.work, Work::Elsewhere));
        if drops && matches!(work, Work::Child(_)) {
            self.trace.add(Step::Fault(Fault::Drop(id)));
            self.vacate(slot);
            return Some(Next::Drop(work));
        }
        let task = &mut self.tasks[slot];
        task.polls = task.polls.wrapping_add(1);
        let waker = task.waker.clone().expect("a task has a waker until it ends");
        self.course.polled(task.key, task.polls);
        self.polled = slot;
        self.trace.add(Step::Poll(id));
        Some(Next::Poll(slot, work, waker))
    }

    /// Returns a task that is to be polled although it was not woken, if there is to be one.
    fn spurious(&mut self, times: u32) -> Option<usize> {
        let (point, before) = (self.course.point(Kind::SpuriousPoll), self.trace.digest());
        let slot = match &mut self.choices {
            Choices::Guided(guide) => {
                let key = guide.at(point)?;
                self.tasks.iter().position(|task| task.key.number() == key)?
            }
            choices => {
                if !choices.once_in(times) {
                    return None;
                }
                choices.choose(self.tasks.len(), before)
            }
        };
        let task = &self.tasks[slot];
        if task.queued || !matches!(task.work, Work::Child(_)) {
            return None;
        }
        self.trace.add(Step::Fault(Fault::SpuriousPoll(task.id)));
        self.course.add(point, task.key.number());
        Some(slot)
    }

    fn take_ready(&mut self) -> usize {
        let (point, before) = (self.course.point(Kind::Switch), self.trace.digest());
        let at = match &mut self.choices {
            Choices::First => 0,
            Choices::Pct(pct) => pct.pick(self.ready.iter().map(|slot| self.tasks[*slot].id)),
            Choices::Guided(guide) => {
                let key = guide.at(point);
                let decided =
                    self.ready.iter().position(|slot| Some(self.tasks[*slot].key.number()) == key);
                decided.unwrap_or_else(|| self.undecided())
            }
            choices => choices.choose(self.ready.len(), before),
        };
        if self.course.is_kept() && at != self.undecided() {
            self.course.add(point, self.tasks[self.ready[at]].key.number());
        }
        let slot = match self.choices {
            Choices::Random(_) | Choices::Script(_) => self.ready.swap_remove_back(at),
            _ => self.ready.remove(at),
        };
        slot.expect("something is ready")
    }

    /// Returns which of the tasks that are ready is next unless decided otherwise.
    fn undecided(&self) -> usize {
        let next = self.ready.iter().enumerate().min_by_key(|(_, slot)| {
            let task = &self.tasks[**slot];
            let stays = task.key == self.course.task();
            // Then the one that is ready for the longest time.
            (stays != self.course.may_stay(), task.ready_since)
        });
        next.expect("something is ready").0
    }
}
