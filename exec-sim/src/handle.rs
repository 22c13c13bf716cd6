//! What a test and its tasks have of the simulation.

use crate::{
    state::{Shared, TimerKey, Work},
    trace::Step,
    wait,
};
use anyscope_core::{Child, Clock, Instant, Spawn, SpawnBlocking, Timer};
use std::{
    fmt,
    future::{Future, poll_fn},
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A handle to a simulation: executor, timer and clock, and what only a simulation can do.
///
/// Cheap to clone. After the run, children are refused and clocks stand still.
#[derive(Clone)]
pub struct SimHandle {
    pub(crate) shared: Arc<Shared>,
}

impl SimHandle {
    /// Waits until no other task can run, before the clock jumps.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::Sim};
    /// use std::{sync::{Arc, Mutex}, time::Duration};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let log = Arc::new(Mutex::new(Vec::new()));
    ///     scope(&sim, async |s| {
    ///         for n in 0..3 {
    ///             let (log, sim) = (log.clone(), sim.clone());
    ///             s.spawn(async move {
    ///                 log.lock().unwrap().push(n);
    ///                 sim.sleep(Duration::from_secs(1)).await;
    ///             });
    ///         }
    ///         sim.idle().await;
    ///         assert_eq!(log.lock().unwrap().len(), 3); // all have begun, and sleep
    ///     })
    ///     .await;
    /// })
    /// .unwrap();
    /// ```
    pub async fn idle(&self) {
        let mut waits = false;
        poll_fn(|cx| {
            if waits {
                return Poll::Ready(());
            }
            waits = true;
            let waker = cx.waker().clone();
            self.shared.lock().wait_until_idle(waker);
            Poll::Pending
        })
        .await;
    }

    /// Lets the other tasks run, as far as the order of this run has it.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// One of `0..options`: at random in [`explore`](crate::explore), each in turn in
    /// [`exhaust`](crate::exhaust).
    ///
    /// For whatever else of a test is open: how long a message takes, which request comes first.
    ///
    /// # Panics
    ///
    /// When `options` is zero.
    pub fn choose(&self, options: usize) -> usize {
        assert!(options > 0, "there is nothing to choose from");
        let mut state = self.shared.lock();
        let chosen = state.choose(options);
        state.trace.add(Step::Choose { options, chosen });
        chosen
    }

    /// Waits for some part of `most`, or not at all: a [choice](Self::choose) of five.
    ///
    /// Put into the loop of a consumer, it makes a slow one; before a reply, a slow network.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::exhaust;
    /// use std::time::Duration;
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// let all = exhaust(10, async |sim| {
    ///     sim.dawdle(4 * SECOND).await;
    ///     assert_eq!(sim.elapsed().subsec_nanos(), 0);
    /// });
    /// assert_eq!(all.schedules, 5);
    /// ```
    pub async fn dawdle(&self, most: Duration) {
        match u32::try_from(self.choose(5)).expect("at most five") {
            0 => {}
            4 => self.sleep(most).await,
            quarters => self.sleep(most / 4 * quarters).await,
        }
    }

    /// Runs `future`, and drops it at one of the points where it waits; which one is a
    /// [choice](Self::choose). Nothing if it was dropped.
    ///
    /// So [`exhaust`](crate::exhaust) cancels at every point, and [`explore`](crate::explore) at
    /// some. What must hold wherever a future is dropped is checked after this.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::exhaust;
    /// use std::sync::Mutex;
    ///
    /// let stored = |sim: anyscope::sim::SimHandle| async move {
    ///     let log = Mutex::new(Vec::new());
    ///     let done = sim
    ///         .cancel_somewhere(async {
    ///             log.lock().unwrap().push("begin");
    ///             sim.yield_now().await;
    ///             log.lock().unwrap().push("end");
    ///         })
    ///         .await;
    ///     let log = log.into_inner().unwrap();
    ///     assert_eq!(log, if done.is_some() { &["begin", "end"][..] } else { &["begin"] });
    /// };
    /// assert_eq!(exhaust(10, stored).schedules, 2);
    /// ```
    pub async fn cancel_somewhere<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = Some(Box::pin(future));
        poll_fn(|cx| {
            let Some(running) = &mut future else { return Poll::Ready(None) };
            match running.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if self.choose(2) == 1 => {
                    future = None;
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Says what `future` waits for, for the report of a deadlock.
    pub async fn label<F: Future>(&self, what: impl fmt::Display, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let poll = future.as_mut().poll(cx);
            if poll.is_pending() {
                wait::tell(format_args!("{what}"));
            }
            poll
        })
        .await
    }

    /// How many sleeps there are that have not ended: to see that what is done has left none.
    pub fn timers(&self) -> usize {
        self.shared.lock().timers()
    }

    /// How much time has passed since the run began.
    pub fn elapsed(&self) -> Duration {
        self.now().since_epoch()
    }
}

impl Spawn for SimHandle {
    fn spawn(&self, child: Child) {
        self.shared.add(Work::Child(child));
    }

    /// A number of the rules, so that a seed means the same on every machine; see
    /// [`Builder::parallelism`](crate::Builder::parallelism).
    fn parallelism(&self) -> NonZeroUsize {
        self.shared.rules.parallelism
    }
}

/// A job runs in one step, on the thread of the simulation.
impl SpawnBlocking for SimHandle {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.shared.add(Work::Job(job));
    }
}

impl Clock for SimHandle {
    fn now(&self) -> Instant {
        self.shared.lock().now
    }
}

impl Timer for SimHandle {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        let timer = self.shared.lock().new_timer(duration);
        Sleep { shared: self.shared.clone(), timer }
    }
}

impl fmt::Debug for SimHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

/// Future of [`Timer::sleep`] in a simulation.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    shared: Arc<Shared>,
    timer: TimerKey,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.lock().now >= self.timer.0 {
            return Poll::Ready(());
        }
        // Cloned and dropped without the lock.
        let waker = cx.waker().clone();
        let old = self.shared.lock().wait_for(self.timer, waker);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.shared.lock().forget_timer(self.timer);
        drop(waker);
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("until", &self.timer.0).finish()
    }
}
