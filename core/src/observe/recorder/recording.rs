//! What was taken out of a recorder.

use super::{chrome, svg};
use crate::observers::{Outcome, Who};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::{fmt, panic::Location, time::Duration};

/// Events of all threads, by time. Prints itself as text, one event a line.
///
/// It comes from a [`Recorder`](super::Recorder), from a simulation, or from anywhere: [`Recording::new`].
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
///
/// let recorder = Recorder::new();
/// let tree = Tree::builder().observer(recorder.clone()).build();
/// smol::block_on(tree.watch(concurrent(async |s| {
///     s.spawn_named("feed", async {});
/// })));
///
/// let recording = recorder.recording();
/// assert_eq!((recording.threads().len(), recording.lost()), (1, 0));
/// assert!(recording.lives().iter().any(|life| life.name.as_deref() == Some("feed")));
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    lives: Vec<Life>,
    threads: Vec<String>,
    events: Vec<Event>,
    lost: u64,
}

/// A scope or child of a [`Recording`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Which one.
    pub who: Who,
    /// What it is in.
    pub parent: Option<Who>,
    /// The name of a child, if it has one; the path of the body of a scope. Of a long one, the first 119 bytes.
    pub name: Option<String>,
    /// Where a child was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
}

/// An event of a [`Recording`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When: since the recorder was built.
    pub at: Duration,
    /// On which thread, by its place in [`Recording::threads`].
    pub thread: usize,
    /// Whom it is about.
    pub who: Who,
    /// What has happened.
    pub what: What,
}

/// What has happened.
///
/// # Examples
///
/// ```
/// use anyscope::observe::recorder::{Recording, What};
///
/// /// How many attempts have failed, of all retries together.
/// fn failed_attempts(recording: &Recording) -> usize {
///     recording.events().iter().filter(|event| matches!(event.what, What::Retry { .. })).count()
/// }
///
/// assert_eq!(failed_attempts(&Recording::new(vec![], vec![], vec![])), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// It began: a child was spawned, a scope was polled for the first time.
    Begins,
    /// A poll began.
    PollBegins,
    /// A poll ended, and it has to wait: for this, as far as it said so.
    Parks {
        /// In words.
        waits_for: Option<String>,
    },
    /// A poll ended, and it is over.
    PollEnds,
    /// It was woken, by what ran on that thread if that is known.
    Wakes {
        /// By whom.
        by: Option<Who>,
    },
    /// A scope was asked to end.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// A child has panicked.
    Panicked {
        /// With this message.
        message: String,
    },
    /// An attempt has failed, and there will be another one.
    Retry {
        /// How many attempts there were.
        attempts: usize,
        /// How long it waits before the next.
        delay: Duration,
    },
    /// A circuit breaker has changed its state.
    Breaker {
        /// What it is now.
        state: String,
    },
    /// A limit that changes has changed.
    Limit {
        /// What it was.
        before: usize,
        /// What it is now.
        now: usize,
    },
    /// Something else, in words.
    Note(String),
    /// It ended.
    Ends(Outcome),
}

impl Recording {
    /// Returns a recording of these events, in the order of their times; events of the same time stay in the order in
    /// which they are here. Nothing else is asked of them: what does not fit together is shown as well as possible.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::{Who, recorder::{Event, Life, Recording, What}};
    /// use std::time::Duration;
    ///
    /// let who = Who::Scope(1);
    /// let life = Life { who, parent: None, name: Some("nightly".into()), spawned_at: None };
    /// let event = |at, what| Event { at: Duration::from_millis(at), thread: 0, who, what };
    /// let events = vec![event(5, What::PollEnds), event(2, What::PollBegins)];
    /// let recording = Recording::new(vec![life], vec!["main".into()], events);
    /// assert_eq!(
    ///     recording.to_string(),
    ///     "2ms main: `nightly` is polled\n5ms main: `nightly` is over\n",
    /// );
    /// ```
    pub fn new(lives: Vec<Life>, threads: Vec<String>, mut events: Vec<Event>) -> Self {
        events.sort_by_key(|event| event.at);
        Recording { lives, threads, events, lost: 0 }
    }

    /// Returns the events, by time.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::{Recorder, What}, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |s| s.cancel("enough"))));
    /// let recording = recorder.recording();
    /// let is_cancel = |what: &What| matches!(what, What::Cancelled { reason } if reason.contains("enough"));
    /// assert!(recording.events().iter().any(|event| is_cancel(&event.what)));
    /// ```
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the scopes and children whose names are known, in the order in which they began.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |s| {
    ///     s.spawn_named("reader", async {});
    ///     s.spawn_named("writer", async {});
    /// })));
    /// let recording = recorder.recording();
    /// let names: Vec<_> = recording.lives()[1..].iter().map(|life| life.name.as_deref()).collect();
    /// assert_eq!(names, [Some("reader"), Some("writer")]); // after their scope
    /// ```
    pub fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// Returns the names of the threads, or what they are called here.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// let work = tree.watch(concurrent(async |_| {}));
    /// let named = std::thread::Builder::new().name("worker 1".into());
    /// named.spawn(|| smol::block_on(work)).unwrap().join().unwrap();
    /// assert_eq!(recorder.recording().threads(), ["worker 1"]);
    /// ```
    pub fn threads(&self) -> &[String] {
        &self.threads
    }

    /// Returns how many events there were that are not here: all before the first of their thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::recorder::Recording;
    ///
    /// /// The first line of a report.
    /// fn head(recording: &Recording) -> String {
    ///     match recording.lost() {
    ///         0 => "all that has happened".into(),
    ///         lost => format!("the end of it: {lost} events are lost"),
    ///     }
    /// }
    ///
    /// assert_eq!(head(&Recording::new(vec![], vec![], vec![])), "all that has happened");
    /// ```
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns this as Chrome's trace events, in JSON: for [Perfetto](https://ui.perfetto.dev), or `chrome://tracing`.
    ///
    /// Polls are slices on the tracks of their threads, what they wait for is in their arguments. Scopes and children are
    /// asynchronous slices. Wakes are arrows, from where they were to the poll that they led to. What happens besides is an instant.
    ///
    /// In a recording in virtual time no poll takes any. There, each event is a nanosecond after the one before, at least.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |s| {
    ///     s.spawn_named("feed", async {});
    /// })));
    /// let json = recorder.recording().to_chrome_trace();
    /// assert!(json.contains("feed"));
    /// std::fs::write(std::env::temp_dir().join("trace.json"), json).unwrap(); // open it in Perfetto
    /// ```
    pub fn to_chrome_trace(&self) -> String {
        chrome::trace(self)
    }

    /// Returns this as a picture: a row for each scope and child, in the order in which they began, with its polls; arrows for
    /// wakes. It is one SVG, with nothing from outside.
    ///
    /// It has 300 rows at most, and says how many are missing. In virtual time, where no poll takes any, the axis is stretched
    /// where much happens.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
    ///
    /// let recorder = Recorder::new();
    /// let tree = Tree::builder().observer(recorder.clone()).build();
    /// smol::block_on(tree.watch(concurrent(async |s| _ = s.spawn_named("<feed>", async {}).await)));
    /// let picture = recorder.recording().to_svg();
    /// assert!(picture.starts_with("<svg ") && picture.contains("&lt;feed&gt;"));
    /// ```
    pub fn to_svg(&self) -> String {
        svg::picture(self)
    }

    pub(super) fn with_lost(self, lost: u64) -> Self {
        Recording { lost, ..self }
    }

    /// Returns the name of a thread.
    pub(super) fn thread(&self, thread: usize) -> String {
        self.threads.get(thread).cloned().unwrap_or_else(|| format!("thread {}", thread + 1))
    }

    /// Returns who is known by which number.
    pub(super) fn names(&self) -> Names<'_> {
        Names { lives: self.lives.iter().map(|life| (life.who, life)).collect() }
    }
}

/// Who is known by which number.
pub(super) struct Names<'a> {
    lives: BTreeMap<Who, &'a Life>,
}

impl Names<'_> {
    /// Returns a name: the one that it was given, else where it was spawned, else its number.
    pub(super) fn of(&self, who: Who) -> String {
        match self.lives.get(&who) {
            Some(Life { name: Some(name), .. }) => format!("`{name}`"),
            Some(Life { spawned_at: Some(at), .. }) => {
                let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
                format!("{file}:{}", at.line())
            }
            _ => format!("{who}"),
        }
    }

    pub(super) fn parent(&self, who: Who) -> Option<Who> {
        self.lives.get(&who)?.parent
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lost > 0 {
            writeln!(f, "({} events before these are lost)", self.lost)?;
        }
        let names = self.names();
        for Event { at, thread, who, what } in &self.events {
            write!(f, "{at:?} {}: {} ", self.thread(*thread), names.of(*who))?;
            match what {
                What::Wakes { by: Some(by) } => writeln!(f, "is woken by {}", names.of(*by))?,
                _ => writeln!(f, "{what}")?,
            }
        }
        Ok(())
    }
}

impl What {
    /// Returns whether it is the begin or end of a poll, a life or a wake, and shown with the other end.
    pub(super) fn is_shown_by_intervals(&self) -> bool {
        use What::{Begins, Ends, Parks, PollBegins, PollEnds, Wakes};
        matches!(self, Begins | PollBegins | Parks { .. } | PollEnds | Wakes { .. } | Ends(_))
    }

    /// Returns what kind it is of, in a word.
    pub(super) fn category(&self) -> &'static str {
        match self {
            What::Begins | What::Ends(_) => "life",
            What::PollBegins | What::Parks { .. } | What::PollEnds => "poll",
            What::Wakes { .. } => "wake",
            What::Cancelled { .. } => "cancel",
            What::Panicked { .. } => "panic",
            What::Retry { .. } => "retry",
            What::Breaker { .. } => "breaker",
            What::Limit { .. } => "limit",
            What::Note(_) => "note",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Begins => f.write_str("begins"),
            What::PollBegins => f.write_str("is polled"),
            What::Parks { waits_for: None } => f.write_str("waits"),
            What::Parks { waits_for: Some(what) } => write!(f, "waits for {what}"),
            What::PollEnds => f.write_str("is over"),
            What::Wakes { by: None } => f.write_str("is woken"),
            What::Wakes { by: Some(by) } => write!(f, "is woken by {by}"),
            What::Cancelled { reason } => write!(f, "is cancelled: {reason}"),
            What::Panicked { message } => write!(f, "has panicked: {message}"),
            What::Retry { attempts, delay } => {
                write!(f, "has failed in attempt {attempts}, the next is in {delay:?}")
            }
            What::Breaker { state } => write!(f, "has a circuit breaker that is {state} now"),
            What::Limit { before, now } => write!(f, "has a limit that is {now} now, was {before}"),
            What::Note(note) => f.write_str(note),
            What::Ends(outcome) => write!(f, "has ended: {outcome}"),
        }
    }
}
