//! A queue, as one client sees it.
//!
//! | file | what |
//! |---|---|
//! | `streams` | makes its streams and its consumer |
//! | `put` | stores jobs |
//! | `keys` | whose turn it is of a key |
//! | `lease` | leases jobs |
//! | `pull` | asks for messages |
//! | `pullers` | those who ask, between two calls |
//! | `delivery` | a message, and what is answered to it |
//! | `held` | what this client has leased, and until when |
//! | `settle` | outcomes, and what follows from them |
//! | `give_back` | ends leases without an outcome; brings back jobs whose delay is over |
//! | `redrive` | dead letters that are put again |
//! | `sweep` | repairs what crashes leave |
//! | `passed` | what a consumer has passed over |
//! | `watch` | waits for outcomes, and for ends of leases |
//! | `signals` | what is told to workers |
//! | `board` | what workers have, for those who look |

mod board;
mod delivery;
mod give_back;
mod held;
mod keys;
mod lease;
mod passed;
mod pull;
mod pullers;
mod put;
mod redrive;
mod settle;
mod signals;
mod streams;
mod sweep;
mod watch;

pub(crate) use lease::Waiting;
pub(crate) use signals::Signals;

use crate::names::Names;
use anyscope_remote::engine::Queue;
use held::AllHeld;
use pullers::Pullers;
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};
use streams::Known;
use tokio::sync::Notify;

pub(crate) struct Line {
    pub(crate) names: Names,
    held: AllHeld,
    pullers: Pullers,
    /// The streams are there.
    ready: AtomicBool,
    /// The server tells of an outcome when it has stored it. It does not where the stream is from an earlier version.
    tells: AtomicBool,
    /// Only one makes them.
    making: tokio::sync::Mutex<()>,
    consumer: tokio::sync::Mutex<Option<Known>>,
    /// Leases have come or gone.
    changed: Notify,
    /// What this client has written down of its leases names any. Only one writes.
    shows_any: tokio::sync::Mutex<bool>,
    /// What goes on beside the calls.
    background: Mutex<Option<[crate::connection::Stop; 3]>>,
}

impl Line {
    pub(crate) fn new(prefix: &str, queue: &Queue) -> Self {
        Line {
            names: Names::new(prefix, queue),
            held: AllHeld::default(),
            pullers: Pullers::default(),
            ready: AtomicBool::new(false),
            tells: AtomicBool::new(false),
            making: tokio::sync::Mutex::default(),
            consumer: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            shows_any: tokio::sync::Mutex::default(),
            background: Mutex::default(),
        }
    }

    /// Has a look whether all is there, at the next call.
    fn doubt(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }
}

/// Headers of messages.
const ATTEMPTS: &str = "Anyscope-Attempts";
const EPOCH: &str = "Anyscope-Epoch";
const PUT_AT: &str = "Anyscope-Put-At";
const DELAY: &str = "Anyscope-Delay";
/// Which number it had among the jobs that may be leased.
const WAS: &str = "Anyscope-Was";
const DEAD: &str = "Anyscope-Dead";

/// How many bytes the headers of a message may have.
const HEADERS: usize = 1024;
