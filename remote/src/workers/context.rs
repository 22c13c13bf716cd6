//! What a handler knows of its job.

use super::held::Run;
use crate::{
    Headers,
    engine::{JobId, WorkerName},
};
use anyscope_core::{CancelToken, Instant};
use std::{fmt, sync::Arc};

/// Why a handler is asked to end.
///
/// See [`JobContext::ended`](crate::JobContext::ended).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Whoever called has cancelled the job.
    Cancelled,
    /// The caller was not heard of any more.
    CallerGone,
    /// The time of the job is over.
    DeadlinePassed,
    /// The lease ran out before it could be extended: another worker may have the job.
    LeaseLost,
    /// The worker ends. The job is given back unless the handler returns a value.
    ShuttingDown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Ended::Cancelled => "its caller has cancelled it",
            Ended::CallerGone => "its caller is gone",
            Ended::DeadlinePassed => "its time is over",
            Ended::LeaseLost => "its lease is lost",
            Ended::ShuttingDown => "its worker is shutting down",
        })
    }
}

/// What a handler knows of its job.
///
/// See [`token`](Self::token), [`epoch`](Self::epoch) and [`id`](Self::id).
#[derive(Clone)]
pub struct JobContext {
    pub(super) run: Arc<Run>,
    pub(super) token: CancelToken,
    pub(super) stop: CancelToken,
    pub(super) deadline: Option<Instant>,
    pub(super) worker: WorkerName,
}

impl JobContext {
    /// Returns the id of the job: the same in each attempt. With it, writes can be made such that a second one changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::JobContext;
    /// use std::{collections::HashMap, sync::Mutex};
    ///
    /// static BALANCES: Mutex<Option<HashMap<String, i64>>> = Mutex::new(None);
    ///
    /// /// A booking that comes twice is made once.
    /// async fn book(amount: i64, cx: JobContext) -> Result<(), String> {
    ///     let mut bookings = BALANCES.lock().unwrap();
    ///     bookings.get_or_insert_default().insert(cx.id().to_string(), amount);
    ///     Ok(())
    /// }
    /// ```
    pub fn id(&self) -> &JobId {
        &self.run.leased.envelope.id
    }

    /// Returns a number that is greater in each lease of the job. A store that refuses writes with a smaller one than it has seen
    /// refuses those of a worker that has lost the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::JobContext;
    /// use std::sync::Mutex;
    ///
    /// /// The last write, and the epoch of who has made it.
    /// static STORE: Mutex<(u64, String)> = Mutex::new((0, String::new()));
    ///
    /// async fn write(text: String, cx: JobContext) -> Result<(), String> {
    ///     let mut store = STORE.lock().unwrap();
    ///     if cx.epoch() < store.0 {
    ///         return Err("another worker has the job by now".into());
    ///     }
    ///     *store = (cx.epoch(), text);
    ///     Ok(())
    /// }
    /// ```
    pub fn epoch(&self) -> u64 {
        self.run.leased.epoch
    }

    /// Returns which attempt this is: 1 for the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{Memory, Remote, Workers};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// let engine = Memory::new(&Smol);
    /// scope(&Smol, async |s| {
    ///     let workers = Workers::new(&engine, "squares").attempts(2, [Duration::ZERO]);
    ///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(n), cx| match cx.attempt() {
    ///         1 => Err("not the first time".to_owned()),
    ///         _ => Ok(n * n),
    ///     }));
    ///     assert_eq!(Remote::<Square>::new(&engine, &Smol, "squares").call(Square(7)).await.unwrap(), 49);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn attempt(&self) -> u32 {
        self.run.leased.attempt
    }

    /// Returns what is cancelled when the handler is asked to end: by [`checkpoint()`](anyscope_core::checkpoint) it is noticed as well.
    /// When the [grace](crate::Workers::grace) is over, the handler is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::JobContext;
    ///
    /// /// A handler that computes looks at it now and then.
    /// async fn sum(numbers: Vec<u64>, cx: JobContext) -> Result<u64, String> {
    ///     let mut sum = 0;
    ///     for some in numbers.chunks(1000) {
    ///         cx.token().checkpoint().map_err(|cancelled| cancelled.to_string())?;
    ///         sum += some.iter().sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// }
    /// ```
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Returns why the handler is asked to end, if it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{Ended, JobContext};
    ///
    /// /// What a handler does that is asked to end.
    /// async fn clean_up(cx: &JobContext) {
    ///     match cx.ended() {
    ///         Some(Ended::LeaseLost) => {} // another worker has the job: touch nothing
    ///         Some(why) => println!("undoing what was begun, as {why}"),
    ///         None => {}
    ///     }
    /// }
    /// ```
    pub fn ended(&self) -> Option<Ended> {
        self.run.why().or_else(|| self.stop.is_cancelled().then_some(Ended::ShuttingDown))
    }

    /// Returns until when there is time, by the timer of the worker, if the job has a [limit](crate::Request::within). It is the scope's
    /// deadline as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{Memory, Remote, Workers};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// let engine = Memory::new(&Smol);
    /// scope(&Smol, async |s| {
    ///     s.spawn_daemon(Workers::new(&engine, "squares").serve(&Smol, &Smol, async |Square(n), cx| {
    ///         assert!(cx.deadline().is_some());
    ///         Ok(n * n)
    ///     }));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     let call = squares.request(Square(7)).within(Duration::from_secs(60)).call();
    ///     assert_eq!(call.await.unwrap(), 49);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns what came with the job.
    ///
    /// # Examples
    ///
    /// See [`Request::header`](crate::Request::header).
    pub fn headers(&self) -> &Headers {
        &self.run.leased.envelope.headers
    }

    /// Returns the name of the worker.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{Memory, Remote, Workers};
    ///
    /// # smol::block_on(async {
    /// # use anyscope_remote::{Job, Json};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Square(u64);
    /// # impl Job for Square {
    /// #     const NAME: &'static str = "square";
    /// #     type Output = u64;
    /// #     type Error = String;
    /// #     type Codec = Json;
    /// # }
    /// // `Square` is the job of the example at `Remote`.
    /// let engine = Memory::new(&Smol);
    /// scope(&Smol, async |s| {
    ///     let workers = Workers::new(&engine, "squares").name("gpu-3");
    ///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(n), cx| {
    ///         assert_eq!(cx.worker().as_str(), "gpu-3");
    ///         Ok(n * n)
    ///     }));
    ///     assert_eq!(Remote::<Square>::new(&engine, &Smol, "squares").call(Square(7)).await.unwrap(), 49);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn worker(&self) -> &WorkerName {
        &self.worker
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", self.id())
            .field("attempt", &self.attempt())
            .field("epoch", &self.epoch())
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}
