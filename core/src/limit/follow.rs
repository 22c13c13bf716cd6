//! Whoever has to look again when its limit changes.

use super::LiveLimit;
use crate::{
    sync::{EventListener, on_call::OnCall},
    unwind,
};
use alloc::{
    sync::{Arc, Weak},
    task::Wake,
};
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

/// What has room, of which it tells those who wait.
pub(crate) trait Follow: Send + Sync + 'static {
    /// Returns its limit, if that changes, and the place that it has for the listener.
    fn live(&self) -> Option<(&LiveLimit, &Follows)>;

    /// Gives what is free to those who wait, or tells them of it.
    fn look(&self);
}

/// Waits for the next change of a live limit. Each change calls for a look at it.
pub(crate) struct Follows(OnCall<Option<EventListener>>);

impl Follows {
    pub(crate) fn new() -> Self {
        Follows(OnCall::new(None))
    }
}

/// Makes `this` look at each change of its limit, as long as it lives.
pub(crate) fn follow<T: Follow>(this: &Arc<T>) {
    listen(&**this, &Waker::from(Arc::new(Follower(Arc::downgrade(this)))));
}

/// Waits for the next change of the limit, and looks now.
fn listen<T: Follow>(this: &T, waker: &Waker) {
    let Some((limit, follows)) = this.live() else { return };
    let cx = &mut Context::from_waker(waker);
    let mut panic = None;
    follows.0.call();
    follows.0.run(|listener| {
        let mut waits = false;
        while !waits {
            // It may wake others who listen.
            unwind::keep_first(&mut panic, || {
                waits =
                    Pin::new(listener.get_or_insert_with(|| limit.listen())).poll(cx).is_pending();
            });
            if !waits {
                *listener = None;
            }
        }
    });
    unwind::keep_first(&mut panic, || this.look());
    unwind::resume_unless_panicking(panic);
}

/// Woken by each change of a live limit.
struct Follower<T>(Weak<T>);

impl<T: Follow> Wake for Follower<T> {
    fn wake(self: Arc<Self>) {
        let Some(this) = self.0.upgrade() else { return };
        let mut panic = None;
        unwind::keep_first(&mut panic, || listen(&*this, &Waker::from(self)));
        // It may be the last.
        unwind::discard(this);
        unwind::resume_unless_panicking(panic);
    }
}
