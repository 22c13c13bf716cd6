//! Deadlines of scopes, and the handle that moves them.

use crate::{
    cancel::{CancelToken, Shown},
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

/// A handle that moves a deadline of a scope; see [`Scope::deadline`](super::Scope::deadline).
///
/// Dropping the handle leaves the deadline as it is.
///
/// # Examples
///
/// ```
/// use anyscope::{Clock, concurrent, sim::Sim, time::Instant};
/// use std::{future::pending, time::Duration};
///
/// Sim::new(7)
///     .run(async |sim| {
///         let minute = Duration::from_secs(60);
///         concurrent(async |s| {
///             let deadline = s.deadline(&sim, sim.now().saturating_add(minute));
///             // There is news: it is worth waiting for longer.
///             deadline.move_to(sim.now().saturating_add(2 * minute));
///             s.spawn(pending::<()>()).await.unwrap_err()
///         })
///         .await;
///         assert_eq!(sim.elapsed(), 2 * minute);
///     })
///     .unwrap();
/// ```
pub struct DeadlineHandle {
    moves: Arc<Moves>,
}

struct Moves {
    /// The new deadline, if the watch has not taken it yet. Not a queue: if the scope is gone, a
    /// queue would never be read and would grow.
    to: AtomicBox<Instant>,
    /// How many handles can move the deadline.
    movers: AtomicUsize,
    moved: LazyEvent,
    /// For code inside that plans.
    shown: Shown,
}

impl DeadlineHandle {
    /// Creates a deadline of the scope with this token, and the future that is ready when it has passed.
    pub(super) fn new<T: Timer + Clock>(
        timer: T,
        at: Instant,
        scope: &CancelToken,
    ) -> (Self, Watch<T>) {
        let moves = Arc::new(Moves {
            to: AtomicBox::new(),
            movers: AtomicUsize::new(1),
            moved: LazyEvent::new(),
            shown: scope.show_deadline(at),
        });
        let deadline = DeadlineHandle { moves: moves.clone() };
        (deadline, Watch { sleep: None, timer, at, moves, listener: None })
    }

    /// Moves the deadline to `at`, earlier or later; [`Instant::NEVER`] removes it.
    ///
    /// The last call counts. Once the deadline has passed, moving it has no effect: the scope stays
    /// cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, Timer, sim::Sim, try_scope};
    /// use std::time::Duration;
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let upload = try_scope(&sim, async |s| {
    ///         let deadline = s.deadline(&sim, sim.now().saturating_add(2 * SECOND));
    ///         for _ in 0..3 {
    ///             sim.sleep(SECOND).await; // .. a part of the upload ..
    ///             deadline.move_to(sim.now().saturating_add(2 * SECOND)); // it makes progress
    ///         }
    ///         Ok::<_, String>("uploaded")
    ///     });
    ///     assert_eq!(upload.await.unwrap(), "uploaded");
    ///     assert_eq!(sim.elapsed(), 3 * SECOND);
    /// })
    /// .unwrap();
    /// ```
    pub fn move_to(&self, at: Instant) {
        self.moves.shown.move_to(at);
        self.moves.to.put(Box::new(at));
        self.moves.moved.notify(usize::MAX);
    }
}

impl Clone for DeadlineHandle {
    fn clone(&self) -> Self {
        // Relaxed: a new handle is made from one that exists.
        self.moves.movers.fetch_add(1, Ordering::Relaxed);
        DeadlineHandle { moves: self.moves.clone() }
    }
}

impl Drop for DeadlineHandle {
    fn drop(&mut self) {
        // Release: a thread that sees that no handle is left sees their last move.
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
    /// Ready with true when the deadline has passed, or with false when it never will.
    ///
    /// See [`ScopeHandle::deadline`](crate::ScopeHandle::deadline).
    pub struct Watch<T: Timer> {
        // None if there is no time to wait for, or the time is not known yet.
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
            // Listens before it reads, so that no move is missed.
            let listener = this.listener.get_or_insert_with(|| this.moves.moved.listen());
            if Pin::new(listener).poll(cx).is_ready() {
                *this.listener = None;
                continue;
            }
            // Read before `to`. Acquire: if no handle is left, we see their last move.
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
            waits::waits_for(
                waits::Wait::What(waits::What::Deadline),
                format_args!("the deadline of a scope, {:?}", this.at),
            );
            return Poll::Pending;
        }
    }
}
