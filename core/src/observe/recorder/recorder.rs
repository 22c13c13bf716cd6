//! The observer.

use super::{
    lives::Lives,
    recording::{Event, Life, Recording, What},
    text::Short,
    tracks::{Track, Tracks},
    words::{self, Text, Told, nanos_of},
};
use crate::{
    observers::{Begin, Happening, Observer, Outcome, PollEnd, Subject, Who},
    time::Clock,
};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec::Vec};
use core::{fmt, num::NonZeroUsize, time::Duration};
use std::time::Instant;

/// Keeps the last events of each thread. Cheap to clone; clones are the same recorder. See the [module](super).
///
/// It records the trees that it is given to, as one of their [observers](super::super::tree::Builder::observer); several, if
/// you like. What it has stays when they are gone.
///
/// # Cost
///
/// Memory: 56 bytes for each event that is kept, for each thread that polls, and a third more for texts; some 150 bytes for each
/// name. When the recorder is gone, a thread gives its part back at its end, or at its first event with another recorder.
///
/// Time: a read of the clock and some stores for each event, two events for each poll. There is no allocation but for
/// the first event of a thread, and no lock but there and at the begin of a child, whose name is put into a table.
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    tracks: Tracks,
    lives: Lives,
    time: Time,
}

enum Time {
    Since(Instant),
    Of(Box<dyn Fn() -> Duration + Send + Sync>),
}

impl Recorder {
    /// Returns a recorder that keeps the last 4096 events of each thread, by the clock of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |_| {})));
    /// assert!(!recorder.recording().events().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder: how many events and names are kept, another clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::recorder::Recorder;
    /// use std::num::NonZeroUsize;
    ///
    /// let events = NonZeroUsize::new(100_000).unwrap();
    /// let recorder = Recorder::builder().events(events).build();
    /// assert!(recorder.recording().events().is_empty());
    /// ```
    pub fn builder() -> Builder {
        Builder { events: EVENTS, names: NAMES, time: Time::Since(Instant::now()) }
    }

    /// Returns a copy of what is there now. Nobody is stopped for it, and all goes on being recorded.
    ///
    /// Of each thread it has the last events, without a gap up to some moment of this call. The moments of two threads may
    /// differ, so a poll may be missing that woke another one. May be called on any thread, inside a poll too.
    ///
    /// # Cost
    ///
    /// That of a copy, and of sorting it, on this thread.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn recording(&self) -> Recording {
        let (tracks, mut lost) = self.inner.tracks.all();
        let (mut threads, mut events) = (Vec::new(), Vec::new());
        for (thread, track) in tracks.iter().enumerate() {
            let last = track.events.last();
            lost += last.lost;
            threads.push(track.thread.clone());
            events.extend(last.values.into_iter().filter_map(words::from_words).map(
                |(who, nanos, told)| Event {
                    at: Duration::from_nanos(nanos),
                    thread,
                    who,
                    what: what(told, track),
                },
            ));
        }
        Recording::new(self.inner.lives.all(), threads, events).with_lost(lost)
    }

    // What is told is known where it is called, and so is most of what becomes of it.
    #[inline(always)]
    fn add(&self, who: Who, told: Told) {
        // The clock may be code of a user: it is read before anything else is touched.
        let nanos = self.nanos();
        self.inner.tracks.add(who, nanos, told);
    }

    #[inline]
    fn nanos(&self) -> u64 {
        nanos_of(match &self.inner.time {
            Time::Since(start) => start.elapsed(),
            Time::Of(age) => age(),
        })
    }
}

/// How many events each thread keeps, unless set.
const EVENTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// How many names are kept, unless set.
const NAMES: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// How many events or names may be kept at most.
const MOST: usize = 1 << 24;

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Recorder {
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let life = Life {
            who: begin.who,
            parent: begin.parent.map(|parent| parent.who),
            name: begin.name.map(|name| Short::of(&name).as_str().into()),
            spawned_at: begin.spawned_at,
        };
        self.add(begin.who, Told::Begins);
        self.inner.lives.begins(life)
    }

    fn poll_begins(&self, subject: Subject) {
        self.add(subject.who, Told::PollBegins);
    }

    fn poll_ends(&self, subject: Subject, end: PollEnd) {
        self.add(subject.who, Told::PollEnds(end));
    }

    fn wakes(&self, subject: Subject, by: Option<Subject>) {
        self.add(subject.who, Told::Wakes(by.map(|by| by.who)));
    }

    fn happens(&self, Subject { who, .. }: Subject, what: Happening<'_>) {
        let with_text = |text: &dyn fmt::Display, told: fn(Text) -> Told| {
            let (text, nanos) = (Short::of(text), self.nanos());
            self.inner.tracks.add_with_text(who, nanos, &text, told);
        };
        match what {
            Happening::Cancelled { reason } => with_text(reason, Told::Cancelled),
            Happening::Panicked { panic } => with_text(panic, Told::Panicked),
            Happening::Breaker { state } => with_text(state, Told::Breaker),
            Happening::Retry { attempts, delay } => {
                self.add(who, Told::Retry { attempts: attempts as u64, delay });
            }
            Happening::Limit { before, now } => {
                self.add(who, Told::Limit { before: before as u64, now: now as u64 });
            }
        }
    }

    fn ends(&self, subject: Subject, outcome: Outcome) {
        self.add(subject.who, Told::Ends(outcome));
        self.inner.lives.ends(subject.mark);
    }

    fn wants_wakes(&self) -> bool {
        true
    }
}

/// Returns what an event says, with its text.
fn what(told: Told, track: &Track) -> What {
    // Nothing is lost below: each was a `usize`.
    match told {
        Told::Begins => What::Begins,
        Told::PollBegins => What::PollBegins,
        Told::PollEnds(PollEnd::Ready) => What::PollEnds,
        Told::PollEnds(PollEnd::Pending(parked)) => {
            What::Parks { waits_for: parked.map(|parked| parked.to_string()) }
        }
        Told::Wakes(by) => What::Wakes { by },
        Told::Cancelled(text) => What::Cancelled { reason: track.text(text) },
        Told::Panicked(text) => What::Panicked { message: track.text(text) },
        Told::Breaker(text) => What::Breaker { state: track.text(text) },
        Told::Retry { attempts, delay } => What::Retry { attempts: attempts as usize, delay },
        Told::Limit { before, now } => What::Limit { before: before as usize, now: now as usize },
        Told::Ends(outcome) => What::Ends(outcome),
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.inner.tracks.threads();
        f.debug_struct("Recorder").field("threads", &threads).finish_non_exhaustive()
    }
}

/// Makes a [`Recorder`].
///
/// See [`Recorder::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    events: NonZeroUsize,
    names: NonZeroUsize,
    time: Time,
}

impl Builder {
    /// Keeps at least so many events of each thread: the next power of two, and no more than 2²⁴. The oldest are lost first, and
    /// [counted](Recording::lost). 4096 unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    /// use std::num::NonZeroUsize;
    ///
    /// let recorder = Recorder::builder().events(NonZeroUsize::new(16).unwrap()).build();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |s| (0..100).for_each(|_| drop(s.spawn(async {}))))));
    /// let recording = recorder.recording();
    /// assert!(recording.events().len() <= 16 && recording.lost() > 0);
    /// ```
    pub fn events(self, events: NonZeroUsize) -> Self {
        Builder { events, ..self }
    }

    /// Keeps the names of at most so many scopes and children, and no more than 2²⁴. Those that have ended make room for
    /// others; while none has, who begins has no name. 8192 unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::recorder::Recorder;
    /// use std::num::NonZeroUsize;
    ///
    /// // For a server with 100 000 connections, each with a name.
    /// let recorder = Recorder::builder().names(NonZeroUsize::new(1 << 17).unwrap()).build();
    /// assert!(recorder.recording().lives().is_empty());
    /// ```
    pub fn names(self, names: NonZeroUsize) -> Self {
        Builder { names, ..self }
    }

    /// Takes the time from this clock: that of a simulation, for example. A clock that panics switches the recorder off, as
    /// any observer that panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, concurrent, observe::{recorder::Recorder, tree::Tree}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(|sim| async move {
    ///     let recorder = Recorder::builder().clock(sim.clone()).build();
    ///     let tree = Tree::builder().observer(recorder.clone()).build();
    ///     tree.watch(concurrent(async |_| sim.sleep(Duration::from_secs(60)).await)).await;
    ///     assert_eq!(recorder.recording().events().last().unwrap().at.as_secs(), 60);
    /// }).unwrap();
    /// ```
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        let start = clock.now();
        let age = move || clock.now().saturating_duration_since(start);
        Builder { time: Time::Of(Box::new(age)), ..self }
    }

    /// Returns the recorder. It records nothing until it is given to a tree.
    ///
    /// # Examples
    ///
    /// See [`Recorder::builder`].
    pub fn build(self) -> Recorder {
        let Builder { events, names, time } = self;
        let (events, names) = (events.get().min(MOST), names.get().min(MOST));
        let (tracks, lives) = (Tracks::new(events), Lives::new(names));
        Recorder { inner: Arc::new(Inner { tracks, lives, time }) }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Builder { events, names, .. } = self;
        f.debug_struct("Builder")
            .field("events", events)
            .field("names", names)
            .finish_non_exhaustive()
    }
}
