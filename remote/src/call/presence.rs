//! Tells the engine that a caller is there, while somebody waits in one of its calls.

use super::caller::Caller;
use crate::{
    engine::{CallerId, Engine, EngineError},
    time::Backoff,
};
use anyscope_core::{Clock, Instant, Timer};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(super) struct Presence {
    id: CallerId,
    lease: Duration,
    state: Mutex<State>,
}

struct State {
    /// How many calls wait.
    waiting: usize,
    /// Somebody tells the engine now and then.
    kept: bool,
    /// Until when the engine believes that we are there, at least.
    until: Instant,
}

impl Presence {
    pub(super) fn new(id: CallerId, lease: Duration) -> Self {
        let state = State { waiting: 0, kept: false, until: Instant::from_epoch(Duration::ZERO) };
        Presence { id, lease, state: Mutex::new(state) }
    }

    pub(super) fn id(&self) -> &CallerId {
        &self.id
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// Begins a call. Returns when the engine knows that this caller is there, as a worker would drop its job otherwise.
    pub(super) async fn attend(self: &Arc<Self>) -> Result<Waiting, EngineError> {
        let waiting = Waiting(self.clone());
        let known = {
            let mut state = self.presence.lock();
            state.waiting += 1;
            state.until > self.time.now().saturating_add(self.presence.lease / 3)
        };
        if !known {
            self.attend_again().await?;
        }
        let mut state = self.presence.lock();
        let begin = !state.kept;
        state.kept = true;
        drop(state);
        if begin {
            self.keep();
        }
        Ok(waiting)
    }

    /// Returns when the engine knows that this caller is there, for all that it knew before.
    pub(super) async fn attend_again(&self) -> Result<(), EngineError> {
        self.insist(|| self.attend_once()).await
    }

    /// Tells the engine now and then, until nobody waits.
    fn keep(self: &Arc<Self>) {
        // Weak: it does not keep alive what it is a part of.
        let (caller, pace) = (Arc::downgrade(self), self.presence.lease / 3);
        self.scope.spawn_daemon(async move {
            loop {
                let Some(time) = caller.upgrade().map(|caller| caller.time.clone()) else { return };
                time.sleep(pace).await;
                drop(time);
                let Some(caller) = caller.upgrade() else { return };
                {
                    let mut state = caller.presence.lock();
                    if state.waiting == 0 {
                        state.kept = false;
                        return;
                    }
                }
                let mut backoff = Backoff::new(&caller.time);
                while caller.attend_once().await.is_err() {
                    // When the engine is there again, this is to be known before its time is over.
                    caller.time.sleep(backoff.delay().min(pace)).await;
                }
            }
        });
    }

    async fn attend_once(&self) -> Result<(), EngineError> {
        let asked = self.time.now();
        self.engine.attend(&self.presence.id, self.presence.lease).await?;
        let mut state = self.presence.lock();
        state.until = state.until.max(asked.saturating_add(self.presence.lease));
        Ok(())
    }
}

/// A call that waits.
pub(super) struct Waiting(Arc<Caller>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.presence.lock().waiting -= 1;
    }
}
