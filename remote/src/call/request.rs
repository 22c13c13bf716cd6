//! A job with all that may be said about it.

use super::{
    caller::Caller,
    error::CallError,
    ticket::Ticket,
    wait::{self, left},
};
use crate::{
    Codec, CodecError, Headers, Job,
    engine::{Envelope, JobId},
    headers,
};
use anyscope_core::{Clock, Instant};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A job with all that may be said about it; from [`Remote::request`](crate::Remote::request).
///
/// See [`Remote::request`](crate::Remote::request).
#[must_use = "a request does nothing unless it is called or submitted"]
pub struct Request<J> {
    caller: Arc<Caller>,
    /// Encoded at once, so that the job need not be kept.
    envelope: Result<Envelope, CodecError>,
    within: Option<Duration>,
    job: PhantomData<fn(J) -> J>,
}

impl<J: Job> Request<J> {
    pub(super) fn new(caller: Arc<Caller>, job: &J) -> Self {
        let envelope = J::Codec::encode(job).map(|payload| {
            let mut envelope = Envelope::new(JobId::unique(), J::NAME, J::VERSION, payload);
            envelope.is_new = true;
            envelope.headers = Headers::current();
            envelope
        });
        Request { caller, envelope, within: None, job: PhantomData }
    }

    fn envelope(mut self, set: impl FnOnce(&mut Envelope)) -> Self {
        if let Ok(envelope) = &mut self.envelope {
            set(envelope);
        }
        self
    }

    /// Gives the job so much time, from now on. Then it is cancelled where it runs, and its outcome is
    /// [`DeadlinePassed`](CallError::DeadlinePassed).
    ///
    /// A job that is called by a handler has the time that is left of the handler's own, at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    /// use anyscope_remote::{CallError, Memory, Remote};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     # use anyscope_remote::{Job, Json};
    ///     # #[derive(serde::Serialize, serde::Deserialize)]
    ///     # struct Square(u64);
    ///     # impl Job for Square {
    ///     #     const NAME: &'static str = "square";
    ///     #     type Output = u64;
    ///     #     type Error = String;
    ///     #     type Codec = Json;
    ///     # }
    ///     // `Square` is the job of the example at `Remote`. Nobody serves this queue.
    ///     let squares = Remote::<Square>::new(&Memory::new(&sim), &sim, "squares");
    ///     let late = squares.request(Square(7)).within(Duration::from_secs(60)).call().await;
    ///     assert!(matches!(late, Err(CallError::DeadlinePassed)));
    ///     assert_eq!(sim.elapsed().as_secs(), 60);
    /// }).unwrap();
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Lets jobs with this key run one after the other, in the order in which they were put.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use anyscope_remote::{Memory, Remote, engine::{Engine, Queue}};
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
    /// let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    /// for n in [1, 2, 3] {
    ///     squares.request(Square(n)).key("customer-7").submit().await.unwrap();
    /// }
    /// // One of them can be begun; the others wait for it.
    /// let status = engine.status(&Queue::from("squares")).await.unwrap();
    /// assert_eq!((status.ready, status.delayed), (1, 2));
    /// # });
    /// ```
    pub fn key(self, key: impl Into<String>) -> Self {
        self.envelope(|envelope| envelope.key = Some(key.into()))
    }

    /// Lets it be tried so often, whatever the [workers](crate::Workers::attempts) say.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::Smol};
    /// use anyscope_remote::{CallError, Memory, Remote, Workers};
    /// use std::num::NonZeroU32;
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
    ///     let workers = Workers::new(&engine, "squares"); // five, if one does not say it
    ///     s.spawn_daemon(workers.serve(&Smol, &Smol, async |Square(_), _| Err("no ink".to_owned())));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     let once = squares.request(Square(7)).attempts(NonZeroU32::MIN).call().await;
    ///     assert!(matches!(once, Err(CallError::Dead { attempts: 1, .. })));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn attempts(self, attempts: NonZeroU32) -> Self {
        self.envelope(|envelope| envelope.attempts = Some(attempts))
    }

    /// Sends a header with it, beside those [around this code](Headers::current).
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
    ///     s.spawn_daemon(Workers::new(&engine, "squares").serve(&Smol, &Smol, async |Square(n), cx| {
    ///         assert_eq!(cx.headers().get("tenant"), Some("acme"));
    ///         Ok(n * n)
    ///     }));
    ///     let squares = Remote::<Square>::new(&engine, &Smol, "squares");
    ///     assert_eq!(squares.request(Square(7)).header("tenant", "acme").call().await.unwrap(), 49);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.envelope(|envelope| {
            envelope.headers = std::mem::take(&mut envelope.headers).with(name, value);
        })
    }

    /// Puts the job and waits for its outcome; see [`Remote::call`](crate::Remote::call).
    ///
    /// # Examples
    ///
    /// See [`Remote::request`](crate::Remote::request).
    pub fn call(self) -> Call<J> {
        let at = self.at();
        let Request { caller, envelope, .. } = self;
        Call {
            future: Box::pin(async move {
                let outcome = wait::call(caller, envelope?, at).await?;
                wait::decode::<J>(outcome)
            }),
        }
    }

    /// Puts the job, which then outlives its caller; see [`Remote::submit`](crate::Remote::submit).
    ///
    /// # Errors
    ///
    /// As [`Remote::submit`](crate::Remote::submit).
    ///
    /// # Examples
    ///
    /// See [`key`](Self::key).
    pub async fn submit(self) -> Result<Ticket, CallError<J::Error>> {
        let at = self.at();
        let mut envelope = self.envelope?;
        envelope.budget = left(&self.caller, at);
        let ticket = Ticket::new(self.caller.queue.clone(), envelope.id.clone());
        self.caller.put(envelope).await?;
        Ok(ticket)
    }

    /// Puts the job under an id of one's own, as [`submit`](Self::submit) does; see [`Remote::submit_as`](crate::Remote::submit_as).
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// See [`Remote::submit_as`](crate::Remote::submit_as).
    pub async fn submit_as(self, id: JobId) -> Result<Ticket, CallError<J::Error>> {
        self.envelope(|envelope| (envelope.id, envelope.is_new) = (id, false)).submit().await
    }

    /// Until when there is time.
    fn at(&self) -> Instant {
        let own = match self.within {
            Some(within) => self.caller.time.now().saturating_add(within),
            None => Instant::NEVER,
        };
        headers::until().map_or(own, |around| around.min(own))
    }
}

impl<J> fmt::Debug for Request<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}

type Outcome<J> = Result<<J as Job>::Output, CallError<<J as Job>::Error>>;

/// Future of [`Remote::call`](crate::Remote::call).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Call<J: Job> {
    future: Pin<Box<dyn Future<Output = Outcome<J>> + Send>>,
}

impl<J: Job> Future for Call<J> {
    type Output = Outcome<J>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<J: Job> fmt::Debug for Call<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", J::NAME)
    }
}
