//! A child that is made anew when it has ended.

use super::{
    observed::{ObservesRestarts, Restarted, Unobserved},
    restart::{Restart, Restarts},
};
use crate::{
    cancel::{Asked, asked_to_end},
    time::{Clock, Instant, Timer},
    unwind::{self, Payload},
};
use alloc::collections::VecDeque;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use pin_project_lite::pin_project;

pin_project! {
    /// Future of [`Restart::run`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Restarting<
        T,
        W,
        D,
        F,
        Fut,
        N = Unobserved,
        Sleep = <T as Timer>::Sleep,
        O = <Fut as Future>::Output,
    > {
        // Dropped before the function that made it.
        #[pin]
        child: Option<Fut>,
        #[pin]
        sleep: Option<Sleep>,
        // Ends the sleep when the child is to end.
        asked: Asked,
        // How the child has ended that is to be restarted.
        last: Option<Result<O, Payload>>,
        make: F,
        restart: Restart<T, W, D, N>,
        // How many restarts there were.
        restarts: usize,
        // Those that are left.
        delays: D,
        // The last restarts, as far as they count.
        moments: VecDeque<Instant>,
        is_over: bool,
    }
}

impl<T, W, D, F, Fut, N> Restarting<T, W, D, F, Fut, N>
where
    T: Timer + Clock,
    D: Iterator<Item = Duration> + Clone,
    Fut: Future,
{
    pub(super) fn new(restart: Restart<T, W, D, N>, make: F) -> Self {
        Restarting {
            child: None,
            sleep: None,
            asked: Asked::new(),
            last: None,
            make,
            delays: restart.delays.clone(),
            restart,
            restarts: 0,
            moments: VecDeque::new(),
            is_over: false,
        }
    }

    /// Returns how long to wait before the next restart, if there is one.
    fn next_delay(self: Pin<&mut Self>) -> Option<Duration> {
        let this = self.project();
        if let Some((most, period)) = this.restart.most {
            let now = this.restart.timer.now();
            while let Some(first) = this.moments.front() {
                if now.saturating_duration_since(*first) <= period {
                    break;
                }
                this.moments.pop_front();
            }
            if this.moments.len() >= most {
                return None;
            }
            if this.moments.is_empty() {
                *this.delays = this.restart.delays.clone();
            }
        }
        this.delays.next()
    }

    /// Makes the child, and drops what is known of the one before.
    fn start(mut self: Pin<&mut Self>) -> Result<(), Payload>
    where
        F: FnMut() -> Fut,
    {
        let mut this = self.as_mut().project();
        if let Some(last) = this.last.take() {
            unwind::discard(last);
            if this.restart.most.is_some() {
                this.moments.push_back(this.restart.timer.now());
            }
        }
        let child = unwind::catch(this.make)?;
        this.child.set(Some(child));
        Ok(())
    }

    /// Polls the child, and drops it when it has ended.
    fn poll_child(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Fut::Output, Payload>>
    where
        F: FnMut() -> Fut,
    {
        if self.child.is_none() {
            if let Err(payload) = self.as_mut().start() {
                return Poll::Ready(Err(payload));
            }
        }
        let mut child = self.project().child;
        let polled = unwind::catch(|| child.as_mut().as_pin_mut().expect("just made").poll(cx));
        let ended = match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(payload) => Err(payload),
        };
        // A panic of the destructor counts as a panic of the child.
        match (ended, unwind::catch(|| child.set(None))) {
            (Ok(output), Err(payload)) => {
                unwind::discard(output);
                Poll::Ready(Err(payload))
            }
            (Err(payload), Err(second)) => {
                unwind::discard(second);
                Poll::Ready(Err(payload))
            }
            (ended, Ok(())) => Poll::Ready(ended),
        }
    }
}

impl<T, W, D, F, Fut, N> Future for Restarting<T, W, D, F, Fut, N>
where
    T: Timer + Clock,
    W: Restarts<Fut::Output>,
    D: Iterator<Item = Duration> + Clone,
    N: ObservesRestarts<Fut::Output>,
    F: FnMut() -> Fut,
    Fut: Future,
{
    type Output = Fut::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        assert!(!self.is_over, "polled after it was ready");
        loop {
            let mut this = self.as_mut().project();
            if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
                if this.asked.poll(cx).is_none() {
                    ready!(sleep.poll(cx));
                }
                this.sleep.set(None);
                *this.asked = Asked::new();
            }
            if asked_to_end().is_some() {
                if let Some(last) = this.last.take() {
                    *this.is_over = true;
                    return Poll::Ready(last.unwrap_or_else(|payload| unwind::resume(payload)));
                }
            }
            let ended = ready!(self.as_mut().poll_child(cx));
            let this = self.as_mut().project();
            let restarts = match &ended {
                Ok(output) => this.restart.when.restarts(output),
                Err(_) => true,
            };
            let delay = if restarts { self.as_mut().next_delay() } else { None };
            let mut this = self.as_mut().project();
            let Some(delay) = delay else {
                *this.is_over = true;
                return Poll::Ready(ended.unwrap_or_else(|payload| unwind::resume(payload)));
            };
            *this.restarts += 1;
            // It is over if the observer panics.
            *this.is_over = true;
            this.restart.observer.tell(&Restarted::new(*this.restarts, &ended, delay));
            *this.is_over = false;
            *this.last = Some(ended);
            if delay.is_zero() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.sleep.set(Some(this.restart.timer.sleep(delay)));
        }
    }
}

impl<T, W: fmt::Debug, D, F, Fut, N, Sleep, O> fmt::Debug
    for Restarting<T, W, D, F, Fut, N, Sleep, O>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restarting")
            .field("restart", &self.restart)
            .field("running", &self.child.is_some())
            .finish_non_exhaustive()
    }
}
