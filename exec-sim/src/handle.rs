//! The handle of a simulation, for a test and its tasks.

use crate::{
    decision::Kind,
    recording,
    state::{Shared, TimerKey, Work},
    trace::Step,
    wait,
};
use anyscope_core::{
    Child, Clock, Instant, Spawn, SpawnBlocking, Timer,
    observe::{recorder::Recording, waits_for},
};
use std::{
    fmt,
    future::{Future, poll_fn},
    num::NonZeroUsize,
    panic::Location,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A handle of a simulation: its executor, timer and clock, and operations that only a simulation
/// has.
///
/// Cheap to clone. After the run, new children are dropped and the clock stands still.
///
/// # Examples
///
/// ```
/// use anyscope::{Clock, Timer, scope, sim::Sim};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let run = Sim::new(7).run(async |sim| {
///     let begin = sim.now();
///     scope(&sim, async |s| {
///         s.spawn(sim.sleep(hour));
///         s.spawn(sim.sleep(2 * hour));
///     })
///     .await;
///     sim.now().saturating_duration_since(begin)
/// });
/// assert_eq!(run.unwrap(), 2 * hour);
/// ```
#[derive(Clone)]
pub struct SimHandle {
    pub(crate) shared: Arc<Shared>,
}

impl SimHandle {
    /// Waits until no other task can run. The clock does not jump before that.
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

    /// Yields once, so that other tasks may run first. The order of the run decides which ones do.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, sim::explore};
    /// use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
    ///
    /// // Two who add: what was read may be old when it is written. In which orders?
    /// let (lost, kept) = (AtomicU32::new(0), AtomicU32::new(0));
    /// explore(100, async |sim| {
    ///     let sum = Arc::new(AtomicU32::new(0));
    ///     scope(&sim, async |s| {
    ///         for _ in 0..2 {
    ///             let (sim, sum) = (sim.clone(), sum.clone());
    ///             s.spawn(async move {
    ///                 let read = sum.load(Relaxed);
    ///                 sim.yield_now().await;
    ///                 sum.store(read + 1, Relaxed);
    ///             });
    ///         }
    ///     })
    ///     .await;
    ///     if sum.load(Relaxed) == 2 { &kept } else { &lost }.fetch_add(1, Relaxed);
    /// });
    /// assert!(lost.load(Relaxed) > 0 && kept.load(Relaxed) > 0);
    /// ```
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

    /// Returns the steps so far, to be printed, drawn, or opened in Perfetto. Without
    /// [`Builder::record`](crate::Builder::record) there are none. May be called during the run, and after it.
    ///
    /// Its tasks are children of a scope 0; each is in the task that has spawned it. The test itself is that scope.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::Sim};
    /// use std::time::Duration;
    ///
    /// let sim = Sim::builder().record(true).build();
    /// let handle = sim.handle();
    /// sim.run(async |sim| {
    ///     scope(&sim, async |s| {
    ///         s.spawn_named("sleeper", sim.sleep(Duration::from_secs(1)));
    ///     })
    ///     .await;
    /// })
    /// .unwrap();
    /// let recording = handle.recording();
    /// assert!(recording.to_string().contains("1s simulation: `sleeper` has ended: returned"));
    /// assert!(recording.to_svg().contains("sleeper")); // write it to a file, and look at it
    /// ```
    pub fn recording(&self) -> Recording {
        // Out of the lock: it takes as long as the run has steps.
        let trace = self.shared.lock().trace.clone();
        recording::of(&trace)
    }

    /// Returns one of `0..options`: a random one in [`explore`](crate::explore), each in turn in
    /// [`exhaust`](crate::exhaust).
    ///
    /// For everything that may differ besides the order of tasks: how long a message takes, which
    /// request comes first.
    ///
    /// # Panics
    ///
    /// Panics if `options` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::exhaust;
    /// use std::sync::Mutex;
    ///
    /// let seen = Mutex::new(Vec::new());
    /// let all = exhaust(10, async |sim| {
    ///     seen.lock().unwrap().push(sim.choose(3));
    /// });
    /// assert_eq!(all.schedules, 3);
    /// let mut seen = seen.into_inner().unwrap();
    /// seen.dedup(); // one run in 64 is made twice
    /// assert_eq!(seen, [0, 1, 2]);
    /// ```
    pub fn choose(&self, options: usize) -> usize {
        assert!(options > 0, "there is nothing to choose from");
        let mut state = self.shared.lock();
        let chosen = state.choose(Kind::Choose, options);
        state.trace.add(Step::Choose { options, chosen });
        chosen
    }

    /// Waits for no time, a quarter, a half, three quarters or all of `most`, as
    /// [chosen](Self::choose).
    ///
    /// In the loop of a consumer, it simulates a slow consumer; before a reply, a slow network.
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

    /// Runs `future`, and may drop it at one of the points where it waits, as
    /// [chosen](Self::choose). Returns `None` if it was dropped.
    ///
    /// So [`exhaust`](crate::exhaust) cancels at every such point, and [`explore`](crate::explore)
    /// at some. Check after this what must hold wherever the future is dropped.
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

    /// Runs `future`, and names what it waits for in the report of a deadlock.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use std::future::pending;
    ///
    /// let hang = Sim::new(7).run(async |sim| {
    ///     sim.label(format_args!("reply {}", 3), pending::<()>()).await;
    /// });
    /// assert!(hang.unwrap_err().to_string().contains("waits for reply 3"));
    /// ```
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

    /// Returns how many sleeps exist that have not ended. To check that a future that is done or
    /// dropped has left none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         let sleep = sim.sleep(Duration::from_secs(1));
    ///         assert_eq!(sim.timers(), 1);
    ///         drop(sleep);
    ///         assert_eq!(sim.timers(), 0);
    ///     })
    ///     .unwrap();
    /// ```
    pub fn timers(&self) -> usize {
        self.shared.lock().timers()
    }

    /// Returns how much virtual time has passed since the run began.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, sim::Sim};
    /// use std::time::Duration;
    ///
    /// const HOUR: Duration = Duration::from_secs(3600);
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         assert_eq!(sim.elapsed(), Duration::ZERO);
    ///         sim.sleep(HOUR).await; // takes no real time
    ///         assert_eq!(sim.elapsed(), HOUR);
    ///     })
    ///     .unwrap();
    /// ```
    pub fn elapsed(&self) -> Duration {
        self.now().since_epoch()
    }
}

impl Spawn for SimHandle {
    fn spawn(&self, child: Child) {
        self.shared.add(Work::Child(child));
    }

    /// Returns the number that was set for the simulation, so that a seed means the same on every
    /// machine; see [`Builder::parallelism`](crate::Builder::parallelism).
    fn parallelism(&self) -> NonZeroUsize {
        self.shared.rules.parallelism
    }
}

/// A job runs as one step, on the thread of the simulation.
impl SpawnBlocking for SimHandle {
    #[track_caller]
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.shared.add(Work::Job(job, Location::caller()));
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
        // Cloned and dropped outside of the lock.
        let waker = cx.waker().clone();
        let old = self.shared.lock().wait_for(self.timer, waker);
        drop(old);
        waits_for("a time");
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
