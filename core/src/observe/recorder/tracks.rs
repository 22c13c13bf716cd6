//! What is kept for each thread.
//!
//! Each thread finds its track in a thread-local, by the number of the recorder, and is the only one that writes to it. The
//! recorder has a list of them, for readers; a lock is taken only for a thread's first event.

use super::{
    text::{self, Short},
    words::{self, Text, Told},
};
use crate::{
    observers::Who,
    sync::{
        lock::Lock,
        ring::{Reader, Writer, ring},
    },
};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

/// How many tracks there may be before those of threads that are gone make room.
const KEPT: usize = 64;

/// One text for so many events.
const EVENTS_PER_TEXT: usize = 8;

/// The tracks of a recorder.
pub(super) struct Tracks {
    /// Of the recorder: unique in the process.
    number: u64,
    /// How many events each keeps.
    events: usize,
    list: Lock<List>,
    /// How many events of threads that are gone, or whose thread-locals were, are lost.
    lost: AtomicU64,
}

struct List {
    tracks: Vec<Arc<Track>>,
    /// How many threads there ever were.
    threads: usize,
}

/// The last events of one thread.
pub(super) struct Track {
    pub(super) thread: String,
    pub(super) events: Reader<{ words::WORDS }>,
    texts: Reader<{ text::WORDS }>,
}

/// The track of this thread, which writes to it.
struct Own {
    /// The number of the recorder.
    of: u64,
    track: Arc<Track>,
    events: Writer<{ words::WORDS }>,
    texts: Writer<{ text::WORDS }>,
}

std::thread_local! {
    static OWN: RefCell<Vec<Own>> = const { RefCell::new(Vec::new()) };
}

impl Tracks {
    pub(super) fn new(events: usize) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Tracks {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            events,
            list: Lock::new(List { tracks: Vec::new(), threads: 0 }),
            lost: AtomicU64::new(0),
        }
    }

    /// Adds an event of this thread.
    #[inline(always)]
    pub(super) fn add(&self, who: Who, nanos: u64, told: Told) {
        self.on_own(|own| _ = own.events.push(words::to_words(who, nanos, told)));
    }

    /// Adds an event of this thread that has a text.
    pub(super) fn add_with_text(
        &self,
        who: Who,
        nanos: u64,
        text: &Short,
        told: impl FnOnce(Text) -> Told,
    ) {
        self.on_own(|own| {
            let text = Text(own.texts.push(text.to_words()));
            own.events.push(words::to_words(who, nanos, told(text)));
        });
    }

    /// Returns all tracks, and how many events were lost with those that are not there any more.
    pub(super) fn all(&self) -> (Vec<Arc<Track>>, u64) {
        let tracks = self.list.with(|list| list.tracks.clone());
        (tracks, self.lost.load(Ordering::Relaxed))
    }

    pub(super) fn threads(&self) -> usize {
        self.list.with(|list| list.tracks.len())
    }

    /// Calls `f` with the track of this thread. `f` runs no code of users.
    #[inline]
    fn on_own(&self, f: impl FnOnce(&mut Own)) {
        // Fails in the destructors of other thread-locals.
        let found = OWN.try_with(|own| {
            let Ok(mut own) = own.try_borrow_mut() else { return false };
            match own.iter().position(|own| own.of == self.number) {
                Some(at) => f(&mut own[at]),
                None => f(self.begin(&mut own)),
            }
            true
        });
        if found != Ok(true) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes a track for this thread.
    #[cold]
    fn begin<'a>(&self, own: &'a mut Vec<Own>) -> &'a mut Own {
        // Those of recorders that are gone.
        own.retain(|own| Arc::strong_count(&own.track) > 1);
        let number = self.list.with(|list| {
            list.threads += 1;
            list.threads
        });
        let thread = match std::thread::current().name() {
            Some(name) => Short::of(&name).as_str().into(),
            None => format!("thread {number}"),
        };
        let (events, all_events) = ring(self.events);
        let (texts, all_texts) = ring(self.events / EVENTS_PER_TEXT);
        let track = Arc::new(Track { thread, events: all_events, texts: all_texts });
        let _gone = self.list.with(|list| {
            let is_gone = |track: &Arc<Track>| Arc::strong_count(track) == 1;
            let gone = match list.tracks.iter().position(is_gone) {
                Some(at) if list.tracks.len() >= KEPT => Some(list.tracks.remove(at)),
                _ => None,
            };
            list.tracks.push(track.clone());
            gone.inspect(|gone| _ = self.lost.fetch_add(gone.events.pushed(), Ordering::Relaxed))
        });
        own.push(Own { of: self.number, track, events, texts });
        own.last_mut().expect("just pushed")
    }
}

impl Track {
    /// Returns this text, if it is there still.
    pub(super) fn text(&self, Text(number): Text) -> String {
        self.texts.get(number).map_or_else(|| "(forgotten)".into(), Short::from_words)
    }
}
