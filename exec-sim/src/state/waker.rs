//! Wakers of tasks.

use super::{Shared, Work};
use crate::{
    decision::Kind,
    trace::{Fault, Step, TaskId},
};
use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    task::Wake,
    thread,
};

/// The waker of a task.
pub(super) struct TaskWaker {
    pub(super) shared: Arc<Shared>,
    pub(super) slot: usize,
    pub(super) id: TaskId,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.shared.lock();
        let this_thread = thread::current().id();
        if state.driver.is_some_and(|driver| driver != this_thread) {
            state.foreign = Some(this_thread);
        }
        let faults = self.shared.rules.faults;
        let Some(task) = state.tasks.get_mut(self.slot) else { return };
        // Another task may have this slot by now.
        if task.id != self.id
            || matches!(task.work, Work::None)
            || mem::replace(&mut task.queued, true)
        {
            return;
        }
        state.trace.add(Step::Wake(self.id));
        if state.once_in(Kind::LateWake, faults.late_wakes) {
            state.trace.add(Step::Fault(Fault::LateWake(self.id)));
            state.late.push(self.slot);
        } else {
            state.make_ready(self.slot);
        }
        drop(state);
        self.shared.woken.notify_one();
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        self.shared.wakers.fetch_sub(1, Ordering::Relaxed);
    }
}
