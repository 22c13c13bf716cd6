//! A thread that runs tasks.

use super::{
    local::Local,
    queues::{Name, Queues},
    sleepers::Sleeper,
};
use async_task::Runnable;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// After so many polls, it is the turn of those that these could hold up for ever.
const ROUND: usize = 61;

/// After so many rounds, it is the turn of those that wait for another thread. That may be inside of
/// a long poll.
const ROUNDS: usize = 16;

/// How often a thread that has found no work lets other threads run and looks again before it sleeps.
/// Some microseconds in all, as waking it costs more. It does not spin: where the machine is busy, it
/// would spin on the processor that the next work is to come from.
const LOOKS: usize = 4;

/// This thread while it runs the tasks of a pool.
pub(crate) struct Driver<'a> {
    queues: &'a Queues,
    local: Rc<Local>,
    name: Name,
    sleeper: Arc<Sleeper>,
    /// Whether the latest work of others that it found was that of another driver.
    has_stolen: Cell<bool>,
    /// The driver of another pool that this thread is as well.
    around: Option<Here>,
}

/// What is known of the innermost driver that a thread is.
struct Here {
    key: usize,
    name: Name,
    local: Rc<Local>,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// Pushes `task` with `push` if this thread runs tasks of the pool `key`. Returns whether its queues
/// were empty.
pub(super) fn push_here(
    key: usize,
    task: Runnable,
    push: fn(&Local, Runnable),
) -> Result<bool, Runnable> {
    let mut task = Some(task);
    // Where the thread is ending, it runs none.
    let was_empty = HERE.try_with(|here| {
        let here = here.borrow();
        let Here { local, .. } = here.as_ref().filter(|here| here.key == key)?;
        let was_empty = local.is_empty();
        push(local, task.take()?);
        Some(was_empty)
    });
    match task {
        Some(task) => Err(task),
        None => Ok(was_empty == Ok(Some(true))),
    }
}

/// Returns the name of the driver that this thread is.
pub(super) fn name() -> Option<Name> {
    HERE.try_with(|here| here.borrow().as_ref().map(|here| here.name)).ok().flatten()
}

impl<'a> Driver<'a> {
    pub(crate) fn new(queues: &'a Queues) -> Self {
        let local = Rc::new(Local::new());
        let name = queues.add(&local);
        let here = Here { key: queues.key(), name, local: local.clone() };
        // Where the thread is ending, all that it pushes comes from outside.
        let around = HERE.try_with(|around| around.replace(Some(here))).ok().flatten();
        Driver {
            queues,
            local,
            name,
            sleeper: Sleeper::current(),
            has_stolen: Cell::new(false),
            around,
        }
    }

    /// Runs tasks until `stopped`, which a thread that sleeps sees after [`Queues::wake_all`].
    pub(crate) fn run_until(&self, stopped: &AtomicBool) {
        self.run(stopped, || Poll::Ready(()));
    }

    /// Runs tasks until `future` is ready.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let woken =
            Arc::new(Woken { is_due: AtomicBool::new(true), sleeper: self.sleeper.clone() });
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        self.run(&woken.is_due, || {
            // Not a store: what was done before the wake is seen.
            woken.is_due.swap(false, Ordering::Acquire);
            future.as_mut().poll(&mut cx)
        })
    }

    /// Runs tasks, and calls `check` whenever it `is_due`, until that is ready.
    fn run<T>(&self, is_due: &AtomicBool, mut check: impl FnMut() -> Poll<T>) -> T {
        let mut rounds = 0_usize;
        loop {
            if is_due.load(Ordering::Acquire) {
                self.let_others_see();
                if let Poll::Ready(output) = check() {
                    return output;
                }
                self.settle();
            }
            if !self.round(is_due) {
                continue;
            }
            rounds = rounds.wrapping_add(1);
            self.poll_aside(self.queues.take_from_outside());
            self.poll_aside(self.local.oldest());
            if rounds % ROUNDS == 0 {
                self.poll_aside(self.queues.steal_oldest(self.name));
            }
        }
    }

    fn poll_aside(&self, task: Option<Runnable>) {
        if let Some(task) = task {
            self.let_others_see();
            self.poll(task);
        }
    }

    /// Polls tasks for a round. Returns whether it came to its end: otherwise nothing waits, and it
    /// `is_due`.
    fn round(&self, is_due: &AtomicBool) -> bool {
        (0..ROUND).all(|_| {
            let task = self.local.next().or_else(|| self.search(is_due));
            task.map(|task| self.poll(task)).is_some()
        })
    }

    fn poll(&self, task: Runnable) {
        task.run();
        self.settle();
    }

    fn settle(&self) {
        if self.local.settle() {
            self.queues.sleepers.wake_one();
        }
    }

    /// To be called where a task that has woken itself is not polled at once, see
    /// [`Queues::push_woken`], and where tasks were moved.
    fn let_others_see(&self) {
        if !self.local.is_empty() {
            self.queues.sleepers.wake_one();
        }
    }

    /// Waits for what others have, and returns it. Returns `None` if there is nothing and it `is_due`.
    fn search(&self, is_due: &AtomicBool) -> Option<Runnable> {
        let Queues { sleepers, .. } = self.queues;
        let is_due = || is_due.load(Ordering::Acquire);
        if is_due() {
            let found = self.find();
            // Who looked meanwhile has not seen what was moved.
            self.let_others_see();
            return found;
        }
        sleepers.begin_search();
        let found = loop {
            let found = self.find();
            if found.is_some() || is_due() {
                break found;
            }
            if !self.look_again(is_due) {
                sleepers.sleep(&self.sleeper, is_due, || self.queues.is_work());
            }
        };
        // Who pushes from outside has no thread that runs what comes next. One more thread is there for
        // that before it is known to be needed.
        let is_from_outside = found.is_some() && !self.has_stolen.get();
        sleepers.end_search(|| is_from_outside || self.queues.is_work());
        found
    }

    fn find(&self) -> Option<Runnable> {
        let outside = self.queues.take_some_from_outside(&self.local);
        if outside.is_some() {
            self.has_stolen.set(false);
            return outside;
        }
        let stolen = self.queues.steal(self.name, &self.local);
        if stolen.is_some() {
            self.has_stolen.set(true);
        }
        stolen
    }

    /// Looks for work some times more if that may come soon, from a thread that has had some. Returns
    /// whether there is something to do.
    fn look_again(&self, is_due: impl Fn() -> bool) -> bool {
        // One that looks is enough.
        self.has_stolen.get()
            && self.queues.sleepers.one_searches()
            && (0..LOOKS).any(|_| {
                thread::yield_now();
                is_due() || self.queues.is_work()
            })
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let around = self.around.take();
        let here = HERE.try_with(|here| here.replace(around));
        drop(here);
        self.queues.remove(self.name, &self.local);
    }
}

/// The waker of a future that a thread blocks on.
struct Woken {
    is_due: AtomicBool,
    sleeper: Arc<Sleeper>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_due.swap(true, Ordering::AcqRel) {
            self.sleeper.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_task::{Task, WithInfo};
    use futures_lite::future::yield_now;

    /// Spawns as a child does.
    fn spawn(queues: &Arc<Queues>, future: impl Future<Output = ()> + Send + 'static) -> Task<()> {
        let theirs = queues.clone();
        let woken = move |task, info| theirs.push_woken(task, info);
        let (runnable, task) = async_task::spawn(future, WithInfo(woken));
        queues.push_spawned(runnable);
        task
    }

    /// Given a task that wakes itself, when there is nothing else to do, then no thread is woken for
    /// it; when there is, then one is.
    #[test]
    fn who_wakes_itself_wakes_nobody_in_vain() {
        let queues = Arc::new(Queues::new());
        let sleeper = Sleeper::current();
        let theirs = queues.clone();
        Driver::new(&queues).block_on(spawn(&queues, async move {
            theirs.sleepers.lie_down(&sleeper);
            for _ in 0..3 * ROUND {
                yield_now().await;
            }
            assert!(sleeper.sleeps());
            let other = spawn(&theirs, async {});
            assert!(!sleeper.sleeps());
            theirs.sleepers.lie_down_again(&sleeper);
            yield_now().await;
            assert!(!sleeper.sleeps());
            other.await;
        }));
    }
}
