//! The future of one who waits.

use super::{book::Book, line::Line};
use crate::{
    sync::{Arc, atomic_waker::AtomicWaker},
    time::{
        Clock, Instant, Timer,
        alarm::{Alarm, time_left},
    },
    unwind,
    waits::waits_for_what,
};
use core::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

pin_project! {
    /// Waits until it is served. Only one who is in front has a timer; whoever gets there is woken to
    /// set its own.
    pub(in crate::limit) struct Waiting<B, T>
    where
        B: Book,
        T: Timer,
        T: Clock,
    {
        line: Arc<Line<B>>,
        stage: Stage<B::Ask>,
        #[pin]
        alarm: Alarm<T>,
        // What the alarm is set for.
        alarm_at: Instant,
    }

    impl<B, T> PinnedDrop for Waiting<B, T>
    where
        B: Book,
        T: Timer,
        T: Clock,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Stage::InLine(number, _) = *this.stage {
                let timer = this.alarm.as_ref().get_ref().timer();
                // None for a clock that panics.
                let mut now = None;
                unwind::contain(|| now = Some(timer.now()));
                this.line.leave(number, now);
            }
        }
    }
}

enum Stage<A> {
    New(A),
    InLine(u64, Arc<AtomicWaker>),
    Over,
}

impl<A> Stage<A> {
    fn take_ask(&mut self) -> Option<A> {
        match mem::replace(self, Stage::Over) {
            Stage::New(ask) => Some(ask),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl<B: Book, T: Timer + Clock> Waiting<B, T> {
    /// Waits for its turn, and for as much as it asks for. It must be possible to be served.
    pub(in crate::limit) fn new(line: Arc<Line<B>>, timer: T, ask: B::Ask) -> Self {
        Waiting { line, stage: Stage::New(ask), alarm: Alarm::new(timer), alarm_at: Instant::NEVER }
    }

    pub(in crate::limit) fn line(&self) -> &Arc<Line<B>> {
        &self.line
    }

    /// Ready with what was asked for, and what was got.
    pub(in crate::limit) fn poll_served(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<(B::Ask, B::Got)> {
        if let Some(served) = self.as_mut().enter(cx) {
            return Poll::Ready(served);
        }
        let mut this = self.project();
        let Stage::InLine(number, waker) = &*this.stage else {
            panic!("polled again after it was ready");
        };
        // Before the look: who is served after it finds the waker.
        waker.register(cx.waker());
        loop {
            let at = match this.line.look(*number) {
                Ok(served) => {
                    *this.stage = Stage::Over;
                    unwind::contain(|| this.alarm.as_mut().stop());
                    return Poll::Ready(served);
                }
                Err(at) => at,
            };
            if mem::replace(this.alarm_at, at) != at {
                this.alarm.as_mut().stop();
            }
            if !this.alarm.as_mut().poll(cx, |timer| time_left(at, || timer.now())) {
                waits_for_what(this.line.book.what());
                return Poll::Pending;
            }
            this.alarm.as_mut().stop();
            *this.alarm_at = Instant::NEVER;
            // The timer is believed, if the clock is a little behind it.
            let now = this.alarm.as_ref().get_ref().timer().now().max(at);
            this.line.tick(*number, now);
        }
    }

    /// Serves it at once if that is possible without overtaking others. Else puts it into line.
    fn enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<(B::Ask, B::Got)> {
        let this = self.project();
        let now = this.alarm.as_ref().get_ref().timer().now();
        let waker = match &*this.stage {
            Stage::New(ask) => match this.line.take_now(ask, now) {
                Ok(got) => return this.stage.take_ask().map(|ask| (ask, got)),
                Err(_) => Arc::new(AtomicWaker::new()),
            },
            _ => return None,
        };
        waker.register(cx.waker());
        if let Some(ask) = this.stage.take_ask() {
            let (number, wakers) = this.line.enter(ask, waker.clone(), now);
            *this.stage = Stage::InLine(number, waker);
            wakers.fire_and_resume();
        }
        None
    }
}

impl<B: Book, T: Timer + Clock> fmt::Debug for Waiting<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::New(_) => "new",
            Stage::InLine(..) => "in line",
            Stage::Over => "over",
        })
    }
}
