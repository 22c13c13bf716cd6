//! The state of one run: tasks, timers, the clock.

mod pick;
mod waker;

use crate::{
    choice::Choices,
    decision::{Course, Key, Kind},
    failure::{Failure, Parked, What},
    trace::{Fault, Recorder, Step, TaskId},
};
use anyscope_core::{Child, Instant};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    thread::{self, ThreadId},
    time::Duration,
};
use waker::TaskWaker;

/// The faults that a simulation injects. Each number `n` means once in `n` times on average, at
/// random; zero means never.
///
/// Faults happen only in runs with a random order, so not in [`exhaust`](crate::exhaust).
///
/// # Examples
///
/// ```
/// use anyscope::sim::{Explorer, Faults};
///
/// let faults = Faults { spurious_polls: 10, late_wakes: 10, ..Faults::default() };
/// Explorer::new(100).faults(faults).run(async |sim| {
///     anyscope::scope(&sim, async |s| s.spawn(async { 1 }).await).await.unwrap();
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A task is polled although it was not woken: once in so many polls.
    pub spurious_polls: u32,
    /// A wake takes effect only after other tasks have run: once in so many wakes.
    pub late_wakes: u32,
    /// The executor drops a child instead of polling it: once in so many polls.
    pub drops: u32,
    /// The clock jumps past the next timer, as when a machine sleeps: by up to this.
    pub oversleep: Duration,
}

/// What does not change during a run.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) faults: Faults,
    /// How many polls may be made while the clock stands still.
    pub(crate) max_polls: u64,
    /// How often the clock may jump.
    pub(crate) max_jumps: u64,
    /// Whether other threads may wake tasks.
    pub(crate) foreign_threads: bool,
    /// What the executor claims. With the number of the machine, a seed would mean another run on
    /// another machine.
    pub(crate) parallelism: NonZeroUsize,
}

/// The number of threads that a simulation claims to have, unless set.
const PARALLELISM: NonZeroUsize = NonZeroUsize::new(4).unwrap();

impl Default for Rules {
    fn default() -> Self {
        Rules {
            faults: Faults::default(),
            max_polls: 1_000_000,
            max_jumps: 10_000_000,
            foreign_threads: false,
            parallelism: PARALLELISM,
        }
    }
}

/// Shared by the owner, the handles and the wakers of a run.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Notified when a task becomes ready, for a run that waits for other threads.
    woken: Condvar,
    /// How many wakers of tasks there are, counting clones of one as one.
    wakers: AtomicUsize,
    pub(crate) rules: Rules,
}

/// The future of the test.
pub(crate) const MAIN: usize = 0;
/// Its number; it is the first task.
const TEST: TaskId = TaskId(0);

pub(crate) struct State {
    pub(crate) now: Instant,
    /// How often the clock has jumped.
    jumps: u64,
    pub(crate) choices: Choices,
    pub(crate) trace: Recorder,
    pub(crate) course: Course,
    tasks: Vec<Task>,
    free: Vec<usize>,
    spawned: u64,
    ready: VecDeque<usize>,
    /// How often a task has become ready.
    made_ready: u64,
    /// Woken, but the wake takes effect later.
    late: Vec<usize>,
    timers: BTreeMap<TimerKey, Option<Waker>>,
    timers_made: u64,
    /// The wakers to fire when no task can run.
    idle: Vec<Waker>,
    /// The slot of the task that was polled last.
    polled: usize,
    /// How many polls were made since the clock last jumped.
    polls: u64,
    /// The thread that runs this.
    driver: Option<ThreadId>,
    foreign: Option<ThreadId>,
    /// Nothing will run any more.
    over: bool,
}

/// When a timer is due, and which one it is among those that are due then.
pub(crate) type TimerKey = (Instant, u64);

struct Task {
    id: TaskId,
    key: Key,
    work: Work,
    /// On `ready` or `late`, or about to be polled.
    queued: bool,
    /// Which of all that became ready it was when it did.
    ready_since: u64,
    polls: u32,
    /// How many tasks it has spawned.
    spawned: u32,
    waker: Option<Waker>,
}

/// What a poll of a task does.
pub(crate) enum Work {
    /// Nothing: the slot is free.
    None,
    /// The work is not here: this is the future of the test, or a task that is being polled.
    Elsewhere,
    Child(Child),
    /// A blocking closure, and where it was spawned.
    Job(Box<dyn FnOnce() + Send>, &'static Location<'static>),
}

impl Work {
    /// Describes the task for reports. Returns `None` for a free slot.
    fn describe(&self, task: TaskId) -> Option<Parked> {
        let (what, name, spawned_at) = match self {
            Work::None => return None,
            Work::Elsewhere if task == TEST => (What::Test, None, None),
            // A job that panics, as a child that does so does not end the run.
            Work::Elsewhere => (What::Job, None, None),
            Work::Job(_, spawned_at) => (What::Job, None, Some(*spawned_at)),
            Work::Child(child) => (What::Child, child.name().map(String::from), child.spawned_at()),
        };
        Some(Parked::new(task, what, name, spawned_at))
    }
}

/// What comes next.
pub(crate) enum Next {
    Poll(usize, Work, Waker),
    Drop(Work),
    Failed(Failure),
}

impl Shared {
    pub(crate) fn new(choices: Choices, rules: Rules, keep_trace: bool) -> Arc<Self> {
        let state = State {
            now: Instant::from_epoch(Duration::ZERO),
            jumps: 0,
            choices,
            trace: Recorder::new(keep_trace),
            course: Course::new(keep_trace),
            tasks: Vec::new(),
            free: Vec::new(),
            spawned: 0,
            ready: VecDeque::new(),
            made_ready: 0,
            late: Vec::new(),
            timers: BTreeMap::new(),
            timers_made: 0,
            idle: Vec::new(),
            polled: MAIN,
            polls: 0,
            driver: None,
            foreign: None,
            over: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            woken: Condvar::new(),
            wakers: AtomicUsize::new(0),
            rules,
        });
        shared.add(Work::Elsewhere);
        shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task, ready to be polled. Drops it if the run is over.
    pub(crate) fn add(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        if state.over {
            drop(state);
            return drop(work);
        }
        let slot = state.free.pop().unwrap_or_else(|| {
            let slot = state.tasks.len();
            state.tasks.push(Task::none());
            slot
        });
        let (id, key) = (TaskId(state.spawned), state.next_key());
        state.spawned += 1;
        state.trace.add_task(|| work.describe(id));
        self.wakers.fetch_add(1, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(TaskWaker { shared: self.clone(), slot, id }));
        let waker = Some(waker);
        state.tasks[slot] = Task { id, key, work, queued: true, waker, ..Task::none() };
        state.make_ready(slot);
        state.trace.add(Step::Spawn(id));
        drop(state);
        self.woken.notify_one();
    }

    /// Puts back work that was taken for a poll and is not ready.
    pub(crate) fn put_back(&self, slot: usize, work: Work) {
        self.lock().tasks[slot].work = work;
    }

    /// Ends a task.
    pub(crate) fn end(&self, slot: usize) {
        let mut state = self.lock();
        let id = state.tasks[slot].id;
        state.trace.add(Step::End(id));
        let waker = state.vacate(slot);
        drop(state);
        drop(waker);
    }

    /// Chooses what to do next, jumping to the next timer if nothing is ready.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(thread) = state.foreign.filter(|_| !self.rules.foreign_threads) {
                return Next::Failed(Failure::ForeignWake { thread });
            }
            let wake = if let Some(next) = state.pick(&self.rules) {
                return next;
            } else if !state.late.is_empty() {
                state.end_late();
                continue;
            } else if !state.idle.is_empty() {
                mem::take(&mut state.idle)
            } else if let Some(due) = state.next_timer() {
                state.jumps += 1;
                if state.jumps > self.rules.max_jumps {
                    let (at, jumps, tasks) = (state.now, self.rules.max_jumps, state.parked());
                    return Next::Failed(Failure::Endless { at, jumps, tasks });
                }
                state.jump(due, &self.rules)
            } else if self.rules.foreign_threads {
                state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            } else {
                return Next::Failed(Failure::Deadlock { at: state.now, tasks: state.parked() });
            };
            drop(state);
            wake_all(wake);
            state = self.lock();
        }
    }

    /// Chooses what to do next, if something is ready now.
    pub(crate) fn next_ready(&self) -> Option<Next> {
        let mut state = self.lock();
        if state.ready.is_empty() {
            state.end_late();
        }
        state.pick(&self.rules)
    }

    /// Ends the run: drops all tasks, and all wakers of timers and idle waits.
    pub(crate) fn end_all(&self) {
        let mut state = self.lock();
        state.over = true;
        let tasks = mem::take(&mut state.tasks);
        let timers = mem::take(&mut state.timers);
        let idle = mem::take(&mut state.idle);
        state.free.clear();
        state.ready.clear();
        state.late.clear();
        // Outside of the lock, because destructors may spawn, wake, and end sleeps.
        drop(state);
        drop((tasks, timers, idle));
    }

    /// Returns how many tasks have wakers that are still held.
    pub(crate) fn wakers(&self) -> usize {
        self.wakers.load(Ordering::Relaxed)
    }
}

/// Fires all wakers, even if one panics. Then resumes the first panic, unless this thread unwinds
/// already.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    let panics = wakers
        .into_iter()
        .filter_map(|waker| catch_unwind(AssertUnwindSafe(|| waker.wake())).err());
    // Collected, so that all are fired before the first panic is resumed.
    match panics.collect::<Vec<_>>().into_iter().next() {
        Some(first) if !thread::panicking() => resume_unwind(first),
        _ => {}
    }
}

impl Task {
    fn none() -> Self {
        Task {
            id: TEST,
            key: Key::TEST,
            work: Work::None,
            queued: false,
            ready_since: 0,
            polls: 0,
            spawned: 0,
            waker: None,
        }
    }
}

impl State {
    /// Makes this thread the one that runs the tasks, and queues the future of the test.
    pub(crate) fn start(&mut self) {
        self.driver = Some(thread::current().id());
        if !mem::replace(&mut self.tasks[MAIN].queued, true) {
            self.make_ready(MAIN);
        }
    }

    /// Returns the key of a task that is being spawned.
    fn next_key(&mut self) -> Key {
        // The first task is the test itself.
        if self.spawned == 0 {
            return Key::TEST;
        }
        let spawner = &mut self.tasks[self.polled];
        spawner.spawned += 1;
        spawner.key.of_spawned(spawner.spawned)
    }

    fn make_ready(&mut self, slot: usize) {
        self.made_ready += 1;
        self.tasks[slot].ready_since = self.made_ready;
        self.ready.push_back(slot);
    }

    /// Makes all wakes take effect that were held back.
    fn end_late(&mut self) {
        mem::take(&mut self.late).into_iter().for_each(|slot| self.make_ready(slot));
    }

    pub(crate) fn new_timer(&mut self, after: Duration) -> TimerKey {
        let due = self.now.saturating_add(after);
        self.timers_made += 1;
        self.trace.add(Step::Sleep(due));
        if due > self.now && due != Instant::NEVER {
            self.timers.insert((due, self.timers_made), None);
        }
        (due, self.timers_made)
    }

    /// Stores a waker for a timer. Returns the waker to drop, outside of the lock.
    pub(crate) fn wait_for(&mut self, timer: TimerKey, waker: Waker) -> Option<Waker> {
        match self.timers.get_mut(&timer) {
            Some(slot) => slot.replace(waker),
            // The timer will never be due.
            None => Some(waker),
        }
    }

    pub(crate) fn forget_timer(&mut self, timer: TimerKey) -> Option<Waker> {
        self.timers.remove(&timer).flatten()
    }

    pub(crate) fn wait_until_idle(&mut self, waker: Waker) {
        self.idle.push(waker);
    }

    /// Returns how many tasks exist besides the test itself.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.iter().skip(1).filter(|task| !matches!(task.work, Work::None)).count()
    }

    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Takes a task that is not queued, for an extra poll.
    pub(crate) fn take(&mut self, id: TaskId) -> Option<(usize, Work, Waker)> {
        let slot = self.tasks.iter().position(|task| task.id == id && task.waker.is_some())?;
        let task = &mut self.tasks[slot];
        let work = mem::replace(&mut task.work, Work::Elsewhere);
        Some((slot, work, task.waker.clone()?))
    }

    /// Removes all tasks from the ready queue. Returns whether there were any.
    pub(crate) fn forget_ready(&mut self) -> bool {
        let ready = mem::take(&mut self.ready);
        ready.iter().for_each(|slot| self.tasks[*slot].queued = false);
        !ready.is_empty()
    }

    /// Describes all tasks.
    pub(crate) fn parked(&self) -> Vec<Parked> {
        self.tasks.iter().filter_map(|task| task.work.describe(task.id)).collect()
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((due, _), _)| *due)
    }

    /// Moves the clock, and takes the wakers of all timers that are due: by time, and of those due
    /// at the same time, in the order in which the sleeps began.
    fn jump(&mut self, due: Instant, rules: &Rules) -> Vec<Waker> {
        self.now = due;
        let most = u64::try_from(rules.faults.oversleep.as_nanos()).unwrap_or(u64::MAX);
        if most > 0 {
            let limit = usize::try_from(most).unwrap_or(usize::MAX);
            let extra = self.choose(Kind::Oversleep, limit) as u64;
            self.now = self.now.saturating_add(Duration::from_nanos(extra));
            self.trace.add(Step::Fault(Fault::Overslept(self.now)));
        }
        self.polls = 0;
        self.trace.add(Step::Jump(self.now));
        let mut due = Vec::new();
        while let Some(first) = self.timers.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            due.extend(first.remove());
        }
        due
    }

    /// Frees the slot of a task. Returns a waker, to be dropped outside of the lock.
    fn vacate(&mut self, slot: usize) -> Option<Waker> {
        let task = &mut self.tasks[slot];
        task.work = Work::None;
        if mem::take(&mut task.queued) {
            self.ready.retain(|ready| *ready != slot);
            self.late.retain(|late| *late != slot);
        }
        if slot != MAIN {
            self.free.push(slot);
        }
        self.tasks[slot].waker.take()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Sim")
            .field("now", &state.now.since_epoch())
            .field("tasks", &state.tasks())
            .field("ready", &state.ready.len())
            .field("timers", &state.timers())
            .finish_non_exhaustive()
    }
}
