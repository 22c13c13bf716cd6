//! The thread that asks for the tree, so that the screen never waits for it.

use crate::{place::Place, tree::Tree};
use std::{
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// What became of a look.
#[derive(Debug)]
pub(crate) enum Update {
    Seen(Tree),
    /// Why it failed. There will be another one.
    Lost(String),
}

/// Begins to look, until nobody listens any more.
pub(crate) fn start(place: Place, every: Duration) -> Receiver<Update> {
    // What the screen has not taken yet holds up the next look.
    let (sender, receiver) = mpsc::sync_channel(0);
    thread::spawn(move || {
        loop {
            let seen = place.get("/tree.json").and_then(|json| Tree::parse(&json));
            let update = seen.map_or_else(Update::Lost, Update::Seen);
            if sender.send(update).is_err() {
                return;
            }
            thread::sleep(every);
        }
    });
    receiver
}
