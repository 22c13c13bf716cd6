//! The bars of a terminal.

use super::{
    Bar, Screen,
    board::{Board, Output},
    pace::WallClock,
    screen::stderr,
};
use crate::Clock;
use alloc::{boxed::Box, string::ToString, sync::Arc};
use core::{fmt, time::Duration};
use std::io::{self, Write};

/// The bars of a terminal, one below the other. Cheap to clone.
///
/// Those of one terminal belong to one `Bars`: two that draw on it draw over each other.
///
/// # Examples
///
/// Two flows at a time, each with a bar:
///
/// ```
/// use anyscope::{flow, flow::NoClock, join, progress::Bars};
///
/// # smol::block_on(async {
/// let bars = Bars::new();
/// let (read, written) = (bars.bar("reading"), bars.bar("writing"));
/// let counts = join((
///     flow::iter(0..30).progress(NoClock, read.observer()).count(),
///     flow::iter(0..20).progress(NoClock, written.observer()).count(),
/// ));
/// assert_eq!(counts.await, (30, 20));
/// # });
/// ```
#[derive(Clone)]
pub struct Bars {
    pub(super) board: Arc<Board>,
}

impl Bars {
    /// Returns bars on stderr, if that is a terminal. If it is not, no bar is shown; what is
    /// [printed](Self::println) goes to stderr all the same.
    ///
    /// They are drawn at most 20 times a second, but for short bursts. A terminal whose `TERM` is `dumb` shows none, and
    /// one for which `NO_COLOR` is set no colours.
    ///
    /// # Examples
    ///
    /// See [`Bars`].
    pub fn new() -> Self {
        match stderr() {
            Some(screen) => {
                let bars = Bars::with(Output::Screen(screen));
                bars.pace(WallClock, Duration::from_millis(50))
            }
            None => Bars::plain(io::stderr()),
        }
    }

    /// Returns bars on a screen, drawn with each change. [`pace`](Self::pace) limits how often.
    ///
    /// # Examples
    ///
    /// See [`Screen`](super::Screen).
    pub fn on(screen: impl Screen + Send + 'static) -> Self {
        Bars::with(Output::Screen(Box::new(screen)))
    }

    /// Returns bars that are not shown. What is [printed](Self::println) goes to `out`; with
    /// [`sink`](std::io::sink) nowhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bars;
    /// use std::io;
    ///
    /// let is_quiet = true;
    /// let bars = if is_quiet { Bars::plain(io::stderr()) } else { Bars::new() };
    /// assert!(bars.is_hidden());
    /// ```
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Bars::with(Output::Plain(Box::new(out)))
    }

    fn with(output: Output) -> Self {
        Bars { board: Arc::new(Board::new(output)) }
    }

    /// Has the bars drawn once in `every` at most, by `clock`, but for short bursts: for all clones of these.
    ///
    /// What has to be seen is drawn at all times: that a bar is complete or goes, and what is printed.
    /// All else is seen with the next drawing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{progress::Bars, smol::Smol};
    /// use std::time::Duration;
    ///
    /// // Over a slow line, twice a second is enough.
    /// let bars = Bars::new().pace(Smol, Duration::from_millis(500));
    /// bars.bar("copying").inc(1);
    /// ```
    pub fn pace(self, clock: impl Clock + Send + Sync + 'static, every: Duration) -> Self {
        self.board.set_pace(Arc::new(clock), every);
        self
    }

    /// Returns a bar below those that there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bars;
    ///
    /// let bars = Bars::new();
    /// let (files, bytes) = (bars.bar("files"), bars.bar("bytes").bytes());
    /// files.inc(1);
    /// bytes.inc(5_200_000);
    /// assert_eq!((files.finish(), bytes.finish()), ("files 1".into(), "bytes 5.2 MB".into()));
    /// ```
    pub fn bar(&self, description: impl AsRef<str>) -> Bar {
        Bar::below(self.board.clone(), description.as_ref(), None)
    }

    /// Writes text above the bars, from any thread or task; where no bar is shown, where the bars
    /// would be. It ends with a new line.
    ///
    /// Control characters in it are replaced, but for line ends, tabs, and the sequences that set colours.
    ///
    /// # Errors
    ///
    /// Fails if the terminal does. What was printed while the bars are
    /// [suspended](Self::suspend) comes after that, and may be lost without an error.
    ///
    /// # Examples
    ///
    /// From children:
    ///
    /// ```
    /// use anyscope::{progress::Bars, scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let bars = Bars::new();
    /// scope(&Smol, async |s| {
    ///     for page in 1..=3 {
    ///         let bars = bars.clone();
    ///         s.spawn(async move { bars.println(format!("page {page} is new")) });
    ///     }
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn println(&self, text: impl fmt::Display) -> io::Result<()> {
        self.board.println(&text.to_string())
    }

    /// Calls `f` while no bar is on the terminal, and draws them again, also if it panics: for what writes
    /// or asks by itself.
    ///
    /// No lock is held meanwhile: others count on, and what they print comes later.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bars;
    ///
    /// let bars = Bars::new();
    /// bars.bar("copying").inc(1);
    /// // A program of its own, which writes to the same terminal.
    /// let status = bars.suspend(|| std::process::Command::new("true").status());
    /// assert!(status?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        let _suspended = self.board.suspend();
        f()
    }

    /// Returns whether no bar is ever shown.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bars;
    /// use std::io;
    ///
    /// let bars = Bars::plain(io::sink());
    /// if bars.is_hidden() {
    ///     // .. log a line now and then instead ..
    /// }
    /// assert!(bars.is_hidden());
    /// ```
    pub fn is_hidden(&self) -> bool {
        self.board.is_hidden()
    }
}

impl Default for Bars {
    fn default() -> Self {
        Bars::new()
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").field("is_hidden", &self.is_hidden()).finish_non_exhaustive()
    }
}
