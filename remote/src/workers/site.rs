//! What all parts of a worker share.

use super::{
    event::{Served, WorkerEvent},
    held::AllHeld,
};
use crate::{
    engine::{AnyEngine, EngineError, Queue, WorkerName},
    time::Time,
};
use anyscope_core::{CancelToken, Grace, Instant, Limit};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(super) type Observer = Arc<dyn Fn(&WorkerEvent<'_>) + Send + Sync>;

/// Returns how long to wait after so many attempts, or none if there is no other.
pub(super) type Delays = Arc<dyn Fn(u32) -> Option<Duration> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) engine: AnyEngine,
    pub(super) queue: Queue,
    pub(super) everywhere: Limit,
    pub(super) lease: Duration,
    pub(super) grace: Grace,
    pub(super) attempts: u32,
    pub(super) delays: Delays,
    pub(super) name: WorkerName,
    pub(super) observer: Option<Observer>,
}

pub(super) struct Site {
    pub(super) settings: Settings,
    pub(super) time: Time,
    pub(super) held: AllHeld,
    pub(super) counts: Counts,
    /// Cancelled when the worker is to end.
    pub(super) stop: CancelToken,
    /// Why it ends, if it is the engine's fault.
    pub(super) fatal: Mutex<Option<EngineError>>,
}

impl Site {
    /// Until when a lease is believed in that was asked for, or extended, at this moment. A part of it is left as a margin, so that
    /// a handler is gone when the engine gives its job to another worker, and not at the same moment.
    pub(super) fn until(&self, asked: Instant) -> Instant {
        let lease = self.settings.lease;
        asked.saturating_add(lease - lease / 16)
    }

    pub(super) fn tell(&self, event: WorkerEvent<'_>) {
        if let Some(observer) = &self.settings.observer {
            observer(&event);
        }
    }
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) begun: AtomicU64,
    pub(super) settled: AtomicU64,
    pub(super) given_back: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl Counts {
    pub(super) fn served(&self) -> Served {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Served {
            begun: get(&self.begun),
            settled: get(&self.settled),
            given_back: get(&self.given_back),
            lost: get(&self.lost),
        }
    }
}

pub(super) fn count(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
