//! Waiting for a rate limit, and what one gets.

use super::{InvalidAmount, bucket::Mark, limit::Rated};
use crate::{
    limit::line::{Book, Line, Waiting},
    sync::Arc,
    time::{Clock, Timer},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

pin_project! {
    /// Future of [`RateLimit::acquire`](super::RateLimit::acquire).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireRate<T>
    where
        T: Timer,
        T: Clock,
    {
        #[pin]
        waiting: Waiting<Rated, T>,
    }
}

impl<T: Timer + Clock> AcquireRate<T> {
    pub(super) fn new(waiting: Waiting<Rated, T>) -> Self {
        AcquireRate { waiting }
    }
}

impl<T: Timer + Clock> Future for AcquireRate<T> {
    type Output = RateGrant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RateGrant> {
        let mut waiting = self.project().waiting;
        let served = waiting.as_mut().poll_served(cx);
        served.map(|(amount, mark)| RateGrant::new(waiting.line().clone(), amount, mark))
    }
}

pin_project! {
    /// Future of [`RateLimit::acquire_many`](super::RateLimit::acquire_many).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireRateMany<T>
    where
        T: Timer,
        T: Clock,
    {
        invalid: Option<InvalidAmount>,
        #[pin]
        acquire: Option<AcquireRate<T>>,
    }
}

impl<T: Timer + Clock> AcquireRateMany<T> {
    pub(super) fn new(waiting: Result<Waiting<Rated, T>, InvalidAmount>) -> Self {
        match waiting {
            Ok(waiting) => {
                AcquireRateMany { invalid: None, acquire: Some(AcquireRate::new(waiting)) }
            }
            Err(invalid) => AcquireRateMany { invalid: Some(invalid), acquire: None },
        }
    }
}

impl<T: Timer + Clock> Future for AcquireRateMany<T> {
    type Output = Result<RateGrant, InvalidAmount>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match (this.acquire.as_pin_mut(), *this.invalid) {
            (Some(acquire), _) => acquire.poll(cx).map(Ok),
            (None, Some(invalid)) => Poll::Ready(Err(invalid)),
            (None, None) => unreachable!("one of them is there from the start"),
        }
    }
}

/// What a [`RateLimit`](super::RateLimit) has granted. Dropping it gives nothing back: it was used.
///
/// See [`refund`](Self::refund) and [`settle`](Self::settle).
pub struct RateGrant {
    line: Arc<Line<Rated>>,
    amount: u32,
    mark: Mark,
}

impl RateGrant {
    pub(super) fn new(line: Arc<Line<Rated>>, amount: u32, mark: Mark) -> Self {
        RateGrant { line, amount, mark }
    }

    /// Returns how much was granted.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{Rate, RateLimit}, smol::Smol};
    ///
    /// let bytes = RateLimit::new(Rate::per_second(1000));
    /// assert_eq!(bytes.try_acquire_many(&Smol, 400).unwrap().amount(), 400);
    /// ```
    pub fn amount(&self) -> u32 {
        self.amount
    }

    /// Gives back what was not used, for those who wait: at most what was granted.
    ///
    /// What time has made up for meanwhile is not given back once more, so that the rate is
    /// kept. A steady rate makes up for the oldest grants first. So on a limit that is always used up,
    /// a grant can be given back for as long as it takes to fill the burst, and in a window until
    /// the window is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Rate, RateLimit};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let tokens = RateLimit::new(Rate::per_second(100));
    ///     let grant = tokens.acquire_many(&sim, 100).await.unwrap();
    ///     grant.refund(&sim, 60); // the answer was short
    ///     tokens.try_acquire_many(&sim, 60).unwrap();
    ///     assert!(tokens.try_acquire(&sim).is_err());
    /// })
    /// .unwrap();
    /// ```
    pub fn refund(self, clock: impl Clock, unused: u32) {
        let (now, unused) = (clock.now(), unused.min(self.amount));
        self.line.change(Some(now), |book, counts| book.give_back(counts, &unused, self.mark, now));
    }

    /// Says how much was used in the end. What is left is [given back](Self::refund), and what was used
    /// beyond is owed: those who come later wait for it, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Rate, RateLimit};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let tokens = RateLimit::new(Rate::per_second(100));
    ///     let grant = tokens.acquire_many(&sim, 10).await.unwrap();
    ///     grant.settle(&sim, 110); // 10 too many
    ///     tokens.acquire(&sim).await;
    ///     assert_eq!(sim.elapsed().as_millis(), 110);
    /// })
    /// .unwrap();
    /// ```
    pub fn settle(self, clock: impl Clock, used: u32) {
        match used.checked_sub(self.amount) {
            None => {
                let unused = self.amount - used;
                self.refund(clock, unused);
            }
            Some(0) => {}
            Some(owed) => {
                let now = clock.now();
                self.line.change(Some(now), |book, ()| book.charge(now, owed));
            }
        }
    }
}

impl fmt::Debug for RateGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateGrant").field(&self.amount).finish()
    }
}
