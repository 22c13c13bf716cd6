//! Tasks that `tokio-console` knows by the names of their children.
//!
//! Tokio's tasks have names with `--cfg tokio_unstable` only. A child without a name is known by the place where it was
//! spawned: what tokio takes for that is a line of ours.

use anyscope_core::{Child, LocalChild};
use tokio::{
    runtime::Handle,
    task::{JoinHandle, LocalSet},
};

/// Spawns a child; returns nothing if it was refused.
pub(super) fn spawn(handle: &Handle, child: Child) -> Option<JoinHandle<()>> {
    #[cfg(tokio_unstable)]
    {
        let name = name_of(child.name(), child.spawned_at());
        tokio::task::Builder::new().name(&name).spawn_on(child, handle).ok()
    }
    #[cfg(not(tokio_unstable))]
    Some(handle.spawn(child))
}

/// Spawns a child that stays on its thread.
pub(super) fn spawn_local(set: &LocalSet, child: LocalChild) {
    #[cfg(tokio_unstable)]
    {
        let name = name_of(child.name(), child.spawned_at());
        drop(tokio::task::Builder::new().name(&name).spawn_local_on(child, set));
    }
    #[cfg(not(tokio_unstable))]
    drop(set.spawn_local(child));
}

#[cfg(tokio_unstable)]
fn name_of(name: Option<&str>, spawned_at: Option<&std::panic::Location<'_>>) -> String {
    match (name, spawned_at) {
        (Some(name), _) => name.to_owned(),
        (None, Some(place)) => place.to_string(),
        (None, None) => String::new(),
    }
}
