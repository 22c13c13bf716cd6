//! Deadlines of scopes, which can be moved.

use crate::{
    observe,
    set::stack::Stack,
    sync::{Arc, EventListener, LazyEvent},
    time::{Clock, Instant, Timer},
};
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
#[derive(Clone)]
pub struct MovableDeadline {
    moves: Arc<Moves>,
}

/// Where a deadline was moved to, and has not been looked at yet.
struct Moves {
    to: Stack<Instant>,
    moved: LazyEvent,
}

impl MovableDeadline {
    /// A deadline, and the future that is ready when it has passed.
    pub(super) fn new<T: Timer + Clock>(timer: T, at: Instant) -> (Self, Watch<T>) {
        let moves = Arc::new(Moves { to: Stack::new(), moved: LazyEvent::new() });
        let deadline = MovableDeadline { moves: moves.clone() };
        (deadline, Watch { sleep: None, timer, at, moves, listener: None })
    }

    /// Makes this the moment, earlier or later: [`Instant::NEVER`] for no deadline.
    ///
    /// The last call counts. A deadline that has passed stays so, and the scope cancelled.
    pub fn move_to(&self, at: Instant) {
        self.moves.to.push(at);
        self.moves.moved.notify(usize::MAX);
    }
}

impl fmt::Debug for MovableDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MovableDeadline(..)")
    }
}

pin_project! {
    /// Ready when a deadline has passed.
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
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            // First listen, then look, so that no move is missed.
            let listener = this.listener.get_or_insert_with(|| this.moves.moved.listen());
            if Pin::new(listener).poll(cx).is_ready() {
                *this.listener = None;
                continue;
            }
            if let Some(at) = this.moves.to.take().into_iter().last() {
                *this.at = at;
                this.sleep.set(None);
            }
            if *this.at == Instant::NEVER {
                this.sleep.set(None);
            } else if this.sleep.is_none() {
                let left = this.at.saturating_duration_since(this.timer.now());
                if left.is_zero() {
                    return Poll::Ready(());
                }
                this.sleep.set(Some(this.timer.sleep(left)));
            }
            if this.sleep.as_mut().as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_ready()) {
                return Poll::Ready(());
            }
            observe::waits_for(format_args!("the deadline of a scope, {:?}", this.at));
            return Poll::Pending;
        }
    }
}
