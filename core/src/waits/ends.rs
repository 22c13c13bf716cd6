//! Who is at which end of a channel: whoever waits at one end depends on whoever is at the other.
//!
//! Only of channels that were made by code that is watched. An end is where it was used, if that was always the same
//! place; of one that was used at two it is not known. What is on its way is counted too: who was given an item, or
//! whose item was taken, still looks as if it waited until it is polled.

use super::{
    Wait, What,
    watcher::{self, Place},
};
use crate::sync::lock::Lock;
use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{
    mem,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::OnceLock;

static CHANNELS: OnceLock<Lock<BTreeMap<usize, Weak<Channel>>>> = OnceLock::new();

fn all() -> &'static Lock<BTreeMap<usize, Weak<Channel>>> {
    CHANNELS.get_or_init(|| Lock::new(BTreeMap::new()))
}

/// The ends of one channel; nothing if nobody watched when it was made.
#[derive(Default)]
pub(crate) struct Ends(Option<Arc<Channel>>);

/// A sender among those of its channel.
#[derive(Debug, Default)]
pub(crate) struct SenderKey(usize);

struct Channel {
    /// Its number in the list of the process.
    number: usize,
    known: Lock<Known>,
}

struct Known {
    receiver: At,
    senders: BTreeMap<usize, At>,
    last_key: usize,
    is_closed: bool,
    /// How often the receiver was given what it had asked for, or was told to ask again,
    given: usize,
    /// and how often when it was polled last.
    seen: usize,
    /// Whether somebody has the right to give it something, and has not.
    is_claimed: bool,
    /// How many that waited were served,
    served: usize,
    /// and how many have learned of it.
    learned: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    Unused,
    Place(Place),
    Unknown,
}

impl At {
    fn used(&mut self, here: Option<Place>) {
        *self = match here {
            Some(here) if *self == At::Unused || *self == At::Place(here) => At::Place(here),
            _ => At::Unknown,
        };
    }

    fn place(self) -> Option<Place> {
        if let At::Place(place) = self { Some(place) } else { None }
    }
}

impl Ends {
    /// Of a channel that is made by the running code.
    #[inline]
    pub(crate) fn new() -> Self {
        if watcher::is_watched() { Ends(Some(Channel::new())) } else { Ends(None) }
    }

    /// There is one more sender.
    #[inline]
    pub(crate) fn add_sender(&self) -> SenderKey {
        let mut key = 0;
        self.with(|known| {
            known.last_key += 1;
            key = known.last_key;
            known.senders.insert(key, At::Unused);
        });
        SenderKey(key)
    }

    /// A sender is gone.
    #[inline]
    pub(crate) fn remove_sender(&self, sender: &SenderKey) {
        self.with(|known| _ = known.senders.remove(&sender.0));
    }

    /// The running code uses a sender.
    #[inline]
    pub(crate) fn sender_used(&self, sender: &SenderKey) {
        self.with(|known| known.sender_used(sender));
    }

    /// The running code uses the receiver, which knows what it was given.
    #[inline]
    pub(crate) fn receiver_used(&self) {
        self.with(|known| {
            known.receiver.used(watcher::place());
            known.seen = known.given;
        });
    }

    /// Somebody keeps the right to give the receiver what it has asked for.
    #[inline]
    pub(crate) fn claimed(&self) {
        self.with(|known| known.is_claimed = true);
    }

    /// That right is used, or given up.
    #[inline]
    pub(crate) fn claim_ended(&self) {
        self.with(|known| {
            known.is_claimed = false;
            known.given += 1;
        });
    }

    /// The running code has used a sender, and the receiver was given something that it may wait for.
    #[inline]
    pub(crate) fn sender_gave(&self, sender: &SenderKey) {
        self.with(|known| {
            known.sender_used(sender);
            known.given += 1;
        });
    }

    /// The receiver serves a sender that waits.
    #[inline]
    pub(crate) fn serves(&self) {
        self.with(|known| known.served += 1);
    }

    /// A sender that waited knows that it was served.
    #[inline]
    pub(crate) fn learns(&self) {
        self.with(|known| known.learned += 1);
    }

    /// Nobody waits for ever from now on.
    #[inline]
    pub(crate) fn closes(&self) {
        self.with(|known| known.is_closed = true);
    }

    /// Returns a wait for the receiver.
    pub(crate) fn receiver(&self, what: What) -> Wait {
        self.wait(what, true)
    }

    /// Returns a wait for any sender.
    pub(crate) fn senders(&self, what: What) -> Wait {
        self.wait(what, false)
    }

    fn wait(&self, what: What, is_receiver: bool) -> Wait {
        match &self.0 {
            Some(channel) => Wait::End { what, of: channel.number, is_receiver },
            None => Wait::What(what),
        }
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut Known)) {
        if let Some(channel) = &self.0 {
            channel.with(f);
        }
    }
}

impl Known {
    fn sender_used(&mut self, sender: &SenderKey) {
        if let Some(at) = self.senders.get_mut(&sender.0) {
            at.used(watcher::place());
        }
    }
}

impl Channel {
    #[cold]
    #[inline(never)]
    fn new() -> Arc<Self> {
        static NUMBERS: AtomicUsize = AtomicUsize::new(1);
        let known = Known {
            receiver: At::Unused,
            senders: BTreeMap::new(),
            last_key: 0,
            is_closed: false,
            given: 0,
            seen: 0,
            is_claimed: false,
            served: 0,
            learned: 0,
        };
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let channel = Arc::new(Channel { number, known: Lock::new(known) });
        all().with(|channels| channels.insert(number, Arc::downgrade(&channel)));
        channel
    }

    #[cold]
    #[inline(never)]
    fn with(&self, f: impl FnOnce(&mut Known)) {
        self.known.with(f);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _gone = all().with(|channels| channels.remove(&self.number));
    }
}

/// Returns who is at that end of the channel of this number. None if that is not known, or if whoever waits for it may have
/// been served.
pub(crate) fn places(of: usize, is_receiver: bool) -> Option<Vec<Place>> {
    let channel = all().with(|channels| channels.get(&of).and_then(Weak::upgrade))?;
    let places = channel.known.with(|known| {
        if known.is_closed {
            return None;
        }
        if is_receiver {
            let is_settled = known.served == known.learned;
            return known.receiver.place().filter(|_| is_settled).map(|place| [place].into());
        }
        let is_settled = !known.is_claimed && known.given == known.seen;
        let places = || known.senders.values().map(|at| at.place()).collect();
        is_settled.then(places).flatten()
    });
    // It may be the last one: its drop takes the lock of the list, not that of the channel.
    mem::drop(channel);
    places
}
