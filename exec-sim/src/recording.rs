//! The steps of a run as a recording.

use crate::{
    failure::Parked,
    trace::{Fault, Recorder, Step, TaskId},
};
use anyscope_core::observe::{
    Outcome, Who,
    recorder::{Event, Life, Recording, What},
};
use std::time::Duration;

/// Returns the steps as they would have been recorded, had somebody watched: in virtual time, on one thread.
pub(crate) fn of(trace: &Recorder) -> Recording {
    let mut steps = Steps::default();
    trace.steps().iter().for_each(|step| steps.add(*step, trace));
    Recording::new(steps.lives, vec!["simulation".into()], steps.events)
}

#[derive(Default)]
struct Steps {
    now: Duration,
    lives: Vec<Life>,
    events: Vec<Event>,
    /// The task that is polled.
    polled: Option<TaskId>,
    /// The end of the last sleep that began in this poll.
    sleeps_until: Option<Duration>,
}

impl Steps {
    fn add(&mut self, step: Step, trace: &Recorder) {
        match step {
            Step::Spawn(task) => {
                self.lives.push(self.life(task, trace.task(task)));
                self.tell(task, What::Begins);
            }
            Step::Poll(task) => {
                self.end_poll();
                self.polled = Some(task);
                self.tell(task, What::PollBegins);
            }
            Step::Wake(task) => {
                let by = self.polled.map(who);
                self.tell(task, What::Wakes { by });
            }
            Step::End(task) if self.polled == Some(task) => {
                self.polled = None;
                self.tell(task, What::PollEnds);
                self.tell(task, What::Ends(Outcome::Returned));
            }
            Step::End(task) => self.tell(task, What::Ends(Outcome::Cancelled)),
            Step::Sleep(until) => self.sleeps_until = Some(until.since_epoch()),
            Step::Jump(to) => {
                self.end_poll();
                self.now = to.since_epoch();
            }
            Step::Choose { options, chosen } => {
                self.note(self.polled, format!("chooses {chosen} of {options}"));
            }
            Step::Fault(Fault::SpuriousPoll(task)) => {
                self.end_poll();
                self.note(Some(task), "fault: is polled without a wake".into());
            }
            Step::Fault(Fault::LateWake(task)) => {
                self.note(Some(task), "fault: the wake is late".into());
            }
            Step::Fault(Fault::Drop(task)) => {
                self.end_poll();
                self.note(Some(task), "fault: is dropped".into());
            }
            Step::Fault(Fault::Overslept(to)) => {
                self.end_poll();
                self.note(None, format!("fault: overslept until {:?}", to.since_epoch()));
            }
        }
    }

    fn end_poll(&mut self) {
        let until = self.sleeps_until.take();
        if let Some(task) = self.polled.take() {
            let waits_for = until.map(|until| format!("a time: {until:?}"));
            self.tell(task, What::Parks { waits_for });
        }
    }

    fn note(&mut self, task: Option<TaskId>, note: String) {
        self.tell(task.unwrap_or(TEST), What::Note(note));
    }

    fn tell(&mut self, task: TaskId, what: What) {
        self.events.push(Event { at: self.now, thread: 0, who: who(task), what });
    }

    fn life(&self, task: TaskId, described: Option<&Parked>) -> Life {
        let parent = self.polled.unwrap_or(TEST);
        Life {
            who: who(task),
            // Who has spawned it: which scope it is in is not known here.
            parent: (task != TEST).then(|| who(parent)),
            name: described.and_then(Parked::name_or_kind),
            spawned_at: described.and_then(|described| described.spawned_at),
        }
    }
}

const TEST: TaskId = TaskId(0);

/// The tasks of a run are the children of a scope that no tree has.
fn who(TaskId(task): TaskId) -> Who {
    match usize::try_from(task) {
        Ok(0) | Err(_) => Who::Scope(0),
        Ok(number) => Who::Child { scope: 0, number, is_daemon: false },
    }
}
