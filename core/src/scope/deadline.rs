//! Deadlines of scopes, which can be moved.

use crate::{
    sync::{Arc, AtomicUsize, EventListener, LazyEvent, Ordering, atomic_box::AtomicBox},
    time::{Clock, Instant, Timer},
    waits,
};
use alloc::boxed::Box;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// A deadline of a scope, to be moved; see [`Scope::deadline`](super::Scope::deadline).
///
/// Dropping this leaves the deadline as it is.
pub struct DeadlineHandle {
    moves: Arc<Moves>,
}

struct Moves {
    /// Where the deadline was moved to, if that has not been looked at yet. Not a queue: the
    /// scope may be gone, and then it would never be read.
    to: AtomicBox<Instant>,
    /// How many handles can move it.
    movers: AtomicUsize,
    moved: LazyEvent,
}

impl DeadlineHandle {
    /// A deadline, and the future that is ready when it has passed.
    pub(super) fn new<T: Timer + Clock>(timer: T, at: Instant) -> (Self, Watch<T>) {
        let moves = Arc::new(Moves {
            to: AtomicBox::new(),
            movers: AtomicUsize::new(1),
            moved: LazyEvent::new(),
        });
        let deadline = DeadlineHandle { moves: moves.clone() };
        (deadline, Watch { sleep: None, timer, at, moves, listener: None })
    }

    /// Moves the deadline to `at`, earlier or later; [`Instant::NEVER`] removes it.
    ///
    /// The last call counts. Once a deadline has passed, moving it has no effect: the scope stays
    /// cancelled.
    pub fn move_to(&self, at: Instant) {
        self.moves.to.put(Box::new(at));
        self.moves.moved.notify(usize::MAX);
    }
}

impl Clone for DeadlineHandle {
    fn clone(&self) -> Self {
        // Relaxed: a new one is made from one that exists.
        self.moves.movers.fetch_add(1, Ordering::Relaxed);
        DeadlineHandle { moves: self.moves.clone() }
    }
}

impl Drop for DeadlineHandle {
    fn drop(&mut self) {
        // Release: a thread that sees that none is left sees where they have moved it.
        if self.moves.movers.fetch_sub(1, Ordering::Release) == 1 {
            self.moves.moved.notify(usize::MAX);
        }
    }
}

impl fmt::Debug for DeadlineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadlineHandle(..)")
    }
}

pin_project! {
    /// Ready when a deadline has passed, with true, or when it never will, with false.
    pub(super) struct Watch<T: Timer> {
        // None while there is nothing to wait for, or that has to be found out.
        #[pin]
        sleep: Option<T::Sleep>,
        timer: T,
        at: Instant,
        moves: Arc<Moves>,
        listener: Option<EventListener>,
    }
}

impl<T: Timer + Clock> Future for Watch<T> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut this = self.project();
        loop {
            // First listen, then look, so that no move is missed.
            let listener = this.listener.get_or_insert_with(|| this.moves.moved.listen());
            if Pin::new(listener).poll(cx).is_ready() {
                *this.listener = None;
                continue;
            }
            // Before the last look at where it was moved. Acquire: see that.
            let stays = this.moves.movers.load(Ordering::Acquire) == 0;
            if let Some(at) = this.moves.to.take() {
                *this.at = *at;
                this.sleep.set(None);
            }
            if *this.at == Instant::NEVER {
                this.sleep.set(None);
                if stays {
                    return Poll::Ready(false);
                }
            } else if this.sleep.is_none() {
                let left = this.at.saturating_duration_since(this.timer.now());
                if left.is_zero() {
                    return Poll::Ready(true);
                }
                this.sleep.set(Some(this.timer.sleep(left)));
            }
            if this.sleep.as_mut().as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_ready()) {
                return Poll::Ready(true);
            }
            waits::waits_for(format_args!("the deadline of a scope, {:?}", this.at));
            return Poll::Pending;
        }
    }
}
