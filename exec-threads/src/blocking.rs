//! Threads for closures that block: as many as there are closures, up to a limit. A thread that has
//! nothing to do for a while ends.
//!
//! All pools share these threads, as they only wait most of the time.

use std::{
    collections::VecDeque,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The limit, unless `BLOCKING_MAX_THREADS` sets another, which smol reads as well.
const MOST_THREADS: usize = 500;
/// How long a thread waits for another closure.
const IDLE: Duration = Duration::from_millis(500);

/// Queues `job`. Drops it if the operating system cannot start any thread.
pub(crate) fn run(job: Job) {
    let mut state = lock();
    state.queue.push_back(job);
    if state.queue.len() <= state.idle || state.threads >= most_threads() {
        drop(state);
        CHANGED.notify_one();
        return;
    }
    state.threads += 1;
    state.idle += 1;
    drop(state);
    if thread::Builder::new().name("anyscope-blocking".into()).spawn(work).is_err() {
        let mut state = lock();
        state.threads -= 1;
        state.idle -= 1;
        // The threads that exist take it in turn.
        let refused = if state.threads == 0 { state.queue.pop_back() } else { None };
        drop(state);
        drop(refused);
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// How many of the threads have nothing to do, or have just been started.
    idle: usize,
}

static STATE: Mutex<State> = Mutex::new(State { queue: VecDeque::new(), threads: 0, idle: 0 });
static CHANGED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn most_threads() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let told = env::var("BLOCKING_MAX_THREADS").ok().and_then(|told| told.parse().ok());
        told.unwrap_or(MOST_THREADS).max(1)
    })
}

/// Runs a thread: one closure after another, until there was none for a while.
fn work() {
    let mut state = lock();
    loop {
        if let Some(job) = state.queue.pop_front() {
            state.idle -= 1;
            drop(state);
            // The closure of a child catches its own panic. The panic of another closure is reported
            // by the panic hook, and dropping its payload may panic as well.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(catch_unwind(AssertUnwindSafe(job)))));
            state = lock();
            state.idle += 1;
            continue;
        }
        let (woken, waited) =
            CHANGED.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        if waited.timed_out() && state.queue.is_empty() {
            state.threads -= 1;
            state.idle -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier, mpsc};

    /// Given closures that wait for each other, then all run at the same time; one that panics ends
    /// no thread, and later closures run too.
    #[test]
    fn closures_that_wait_for_each_other_all_run() {
        let (barrier, (sender, receiver)) = (Arc::new(Barrier::new(20)), mpsc::channel());
        for _ in 0..2 {
            for n in 0..20 {
                let (barrier, sender) = (barrier.clone(), sender.clone());
                run(Box::new(move || std::panic::resume_unwind(Box::new(n))));
                run(Box::new(move || {
                    barrier.wait();
                    sender.send(n).unwrap();
                }));
            }
            let mut ran: Vec<_> = receiver.iter().take(20).collect();
            ran.sort_unstable();
            assert!(ran.into_iter().eq(0..20));
        }
    }
}
