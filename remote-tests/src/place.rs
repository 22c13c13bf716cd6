//! What is different for each engine.

use anyscope_remote::engine::Engine;
use std::{path::Path, time::Duration};

/// How processes reach an engine.
pub trait Place {
    /// The engine.
    type Engine: Engine;

    /// The name of the test that is [`child`](crate::child).
    const CHILD: &'static str;
    /// How long the leases of workers and callers are.
    const LEASE: Duration;
    /// How often a job is begun at most.
    const ATTEMPTS: u32;
    /// Whether the engine may be away while it is looked at.
    const MAY_BE_AWAY: bool;

    /// Returns what another process has to be told, as variables of its environment.
    fn env(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Opens the engine of a site with this folder.
    fn open(&self, folder: &Path) -> Self::Engine;
}
