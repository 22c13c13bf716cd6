//! The metrics of children, by name.

use crate::observe::Outcome;
use ::metrics::{
    Counter, Gauge, Histogram, Recorder, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram, with_local_recorder,
};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    sync::Arc,
};
use core::sync::atomic::{AtomicBool, Ordering};
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

const QUEUED: &str = "anyscope_children_queued";
const IN_FLIGHT: &str = "anyscope_children_in_flight";
const FIRST_POLL: &str = "anyscope_child_first_poll_seconds";
const DURATION: &str = "anyscope_child_duration_seconds";
const ENDED: &str = "anyscope_children_ended_total";

/// What children without a name are called.
const UNNAMED: &str = "unnamed";
/// What those are called that come when there are enough names.
const OTHER: &str = "other";

/// The metrics of children, by name.
pub(super) struct ByName {
    /// That of the program, if none.
    pub(super) recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    /// How many names may have metrics of their own.
    pub(super) limit: usize,
    /// The two above are always in it. A name whose metrics are being registered has its place already. The recorder is
    /// never called under the lock.
    known: RwLock<HashMap<String, Option<Arc<Named>>>>,
    is_described: AtomicBool,
}

/// The metrics of children of one name.
pub(super) struct Named {
    pub(super) queued: Gauge,
    pub(super) in_flight: Gauge,
    pub(super) first_poll: Histogram,
    pub(super) duration: Histogram,
    returned: Counter,
    failed: Counter,
    panicked: Counter,
    cancelled: Counter,
}

impl ByName {
    pub(super) fn new() -> Self {
        ByName {
            recorder: None,
            limit: 100,
            known: RwLock::new([UNNAMED, OTHER].map(|name| (name.to_owned(), None)).into()),
            is_described: AtomicBool::new(false),
        }
    }

    /// Returns the metrics of children with this name.
    pub(super) fn of(&self, name: Option<&str>) -> Arc<Named> {
        let name = self.allowed(name.unwrap_or(UNNAMED));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.flatten().unwrap_or_else(|| {
            // Of two threads that do so, both have the same metrics.
            let named = Arc::new(self.register(name));
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let before = known.insert(name.to_owned(), Some(named.clone()));
            drop(known);
            drop(before);
            named
        })
    }

    /// Returns the name under which one with this name is counted.
    fn allowed<'a>(&self, name: &'a str) -> &'a str {
        let is_full = |known: &HashMap<_, _>| known.len() - 2 >= self.limit;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.contains_key(name) {
                return name;
            }
            if is_full(&known) {
                return OTHER;
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(name) {
            if is_full(&known) {
                return OTHER;
            }
            known.insert(name.to_owned(), None);
        }
        name
    }

    fn register(&self, name: &str) -> Named {
        let register = || {
            if !self.is_described.swap(true, Ordering::Relaxed) {
                describe();
            }
            let name = name.to_string();
            let ended = |outcome: Outcome| counter!(ENDED, "name" => name.clone(), "outcome" => outcome.to_string());
            Named {
                queued: gauge!(QUEUED, "name" => name.clone()),
                in_flight: gauge!(IN_FLIGHT, "name" => name.clone()),
                first_poll: histogram!(FIRST_POLL, "name" => name.clone()),
                duration: histogram!(DURATION, "name" => name.clone()),
                returned: ended(Outcome::Returned),
                failed: ended(Outcome::Failed),
                panicked: ended(Outcome::Panicked),
                cancelled: ended(Outcome::Cancelled),
            }
        };
        match &self.recorder {
            Some(recorder) => with_local_recorder(&**recorder, register),
            None => register(),
        }
    }
}

impl Named {
    /// Returns how many have ended in this way.
    pub(super) fn ended(&self, outcome: Outcome) -> &Counter {
        match outcome {
            Outcome::Failed => &self.failed,
            Outcome::Panicked => &self.panicked,
            Outcome::Cancelled => &self.cancelled,
            _ => &self.returned,
        }
    }
}

fn describe() {
    describe_gauge!(QUEUED, "Children that were spawned, and not polled yet");
    describe_gauge!(IN_FLIGHT, "Children that were polled, and have not ended");
    describe_histogram!(FIRST_POLL, Unit::Seconds, "From the spawn to the first poll");
    describe_histogram!(DURATION, Unit::Seconds, "From the spawn to the end");
    describe_counter!(ENDED, "Children that have ended, by outcome");
}
