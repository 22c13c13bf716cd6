//! A bar.

use super::{
    Bars, Color,
    board::{Board, When},
    frame::lock,
    line::{Line, Unit},
};
use crate::{Clock, Instant, flow::Progress};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
};
use core::{fmt, time::Duration};
use std::{
    io,
    sync::{Mutex, MutexGuard, OnceLock},
};

/// A bar for one operation, or several. Cheap to clone.
///
/// | to | call |
/// |---|---|
/// | say how it looks | [`unit`](Bar::unit), [`bytes`](Bar::bytes), [`rate`](Bar::rate), [`color`](Bar::color), [`width`](Bar::width) |
/// | have it follow a flow or a wait | [`observer`](Bar::observer) |
/// | have it follow anything else | [`inc`](Bar::inc), [`set_total`](Bar::set_total), [`clock`](Bar::clock) |
/// | say what is going on | [`set_message`](Bar::set_message), [`println`](Bar::println) |
/// | show a part of the work | [`nested`](Bar::nested) |
/// | end it | [`finish`](Bar::finish), [`finish_with_message`](Bar::finish_with_message), [`finish_and_clear`](Bar::finish_and_clear) |
///
/// It is shown from the first report of its [`observer`](Bar::observer) on, the first count, or the first message. When the
/// bar, its clones and observers are gone it stays as it is; one that is [nested](Bar::nested) is taken away.
///
/// A line has room for the terminal's width: the gauge is made smaller first, and then what is at the end is left out. Control
/// characters in texts are replaced, line ends by spaces, and of a text 1000 characters are kept.
///
/// # Cost
///
/// For each report, count or message the lock of the bar; where bars are shown, also that of the terminal, twice, and a look at a clock.
/// Whoever draws writes to the terminal, in the task that reports.
///
/// # Examples
///
/// The workers of a pool, each with a bar of its own, which lives in the worker's state:
///
/// ```
/// use anyscope::{pool::{Pool, worker}, progress::Bar, smol::Smol};
///
/// # smol::block_on(async {
/// let all = Bar::new("resizing").unit("images").rate();
/// let workers = all.clone();
/// let pool = Pool::builder(&Smol)
///     .workers(2)
///     .start(move |index| {
///         let bar = workers.nested(format!("worker {index}"));
///         async {
///             worker(bar, async |bar: &mut Bar, image: &'static str| {
///                 bar.set_message(image);
///                 bar.inc(1);
///                 image.len()
///             })
///         }
///     })
///     .unwrap();
/// let images = ["cat.png", "dog.png", "owl.png"];
/// pool.map(images).try_progress(&Smol, all.observer()).count().await;
/// assert!(all.finish().starts_with("resizing 3/3 images"));
/// # });
/// ```
#[derive(Clone)]
pub struct Bar {
    shown: Arc<Shown>,
}

impl Bar {
    /// Returns the only bar on stderr, if that is a terminal. For several, see [`Bars`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying");
    /// bar.set_total(3);
    /// bar.inc(2);
    /// assert_eq!(bar.to_string(), "copying 2/3");
    /// ```
    pub fn new(description: impl AsRef<str>) -> Self {
        Bars::new().bar(description)
    }

    pub(super) fn below(board: Arc<Board>, description: &str, outer: Option<Arc<Shown>>) -> Self {
        let depth = outer.as_ref().map_or(0, |outer| outer.line().depth + 1);
        let line = Arc::new(Mutex::new(Line::new(description, depth)));
        let below = outer.as_ref().map(|outer| &outer.line);
        board.change(|block| block.add(line.clone(), below));
        Bar { shown: Arc::new(Shown { line, board, clock: OnceLock::new(), outer }) }
    }

    /// Sets what is counted: "files", say.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying").unit("files");
    /// bar.set_total(3);
    /// bar.inc(2);
    /// assert_eq!(bar.to_string(), "copying 2/3 files");
    /// ```
    pub fn unit(self, unit: impl AsRef<str>) -> Self {
        // Not in the same statement, where the lock is held.
        let unit = unit.as_ref();
        self.shown.line().set_unit(unit);
        self
    }

    /// Says that bytes are counted: they are shown as kB, MB, and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("hashing").bytes();
    /// bar.set_total(7_700_000);
    /// bar.inc(5_200_000);
    /// assert_eq!(bar.finish(), "hashing 5.2 MB/7.7 MB");
    /// ```
    pub fn bytes(self) -> Self {
        self.shown.line().unit = Unit::Bytes;
        self
    }

    /// Has it show how much is done in a second: of late, so that what is older than 15 seconds counts for
    /// a tenth.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, progress::Bar, sim::Sim};
    /// use std::time::Duration;
    ///
    /// let line = Sim::new(1).run(async |sim| {
    ///     let bar = Bar::new("copying").unit("files").rate().clock(sim.clone());
    ///     sim.sleep(Duration::from_secs(10)).await;
    ///     bar.inc(20);
    ///     bar.finish()
    /// });
    /// assert_eq!(line.unwrap(), "copying 20 files, 2.0/s, 10s");
    /// ```
    pub fn rate(self) -> Self {
        self.shown.line().has_rate = true;
        self
    }

    /// Sets the colour of its gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::{Bar, Color};
    ///
    /// let bar = Bar::new("copying").color(Color::Green);
    /// bar.inc(1);
    /// assert_eq!(bar.finish(), "copying 1"); // what it says has no gauge
    /// ```
    pub fn color(self, color: Color) -> Self {
        self.shown.line().color = Some(color);
        self
    }

    /// Sets how many columns its gauge has: 30, unless this is called. With 0 there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let narrow = Bar::new("copying").width(10);
    /// let text_only = Bar::new("copying").width(0);
    /// assert_eq!(narrow.finish(), text_only.finish());
    /// ```
    pub fn width(self, columns: u16) -> Self {
        self.shown.line().width = columns.into();
        self
    }

    /// Has the time told by `clock`, from now on: for a bar that is [counted](Self::inc) by hand.
    /// What reports to an observer tells the time itself. Of two calls, the first counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, progress::Bar, sim::Sim};
    /// use std::time::Duration;
    ///
    /// let downloads = Sim::new(1).run(async |sim| {
    ///     let bar = Bar::new("downloads").clock(sim.clone()).rate();
    ///     for _ in 0..4 {
    ///         sim.sleep(Duration::from_secs(2)).await;
    ///         bar.inc(1);
    ///     }
    ///     bar.finish()
    /// });
    /// assert_eq!(downloads.unwrap(), "downloads 4, 0.50/s, 8s");
    /// ```
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        let since = clock.now();
        let _ = self.shown.clock.set((Box::new(clock), since));
        self
    }

    /// Returns a bar for a part of what this one shows, right below it and the parts that there are. It goes when
    /// it is done.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, flow::NoClock, progress::Bar};
    ///
    /// # smol::block_on(async {
    /// let days = Bar::new("days");
    /// let files = flow::iter(1..=5)
    ///     .map_concurrent(2, async |day| {
    ///         let files = days.nested("files").unit("files");
    ///         flow::iter(0..day).progress(NoClock, files.observer()).count().await
    ///     })
    ///     .progress(NoClock, days.observer())
    ///     .fold(0, async |sum, files| sum + files)
    ///     .await;
    /// assert_eq!(files, 15);
    /// # });
    /// ```
    pub fn nested(&self, description: impl AsRef<str>) -> Bar {
        let outer = self.shown.clone();
        Bar::below(outer.board.clone(), description.as_ref(), Some(outer))
    }

    /// Returns what draws, for the `progress` and `try_progress` of flows and waits.
    ///
    /// Several observers of a bar, at once or one after the other, show their sums. The total is known when all of them
    /// know theirs.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, flow::NoClock, progress::Bar};
    ///
    /// # smol::block_on(async {
    /// let bar = Bar::new("sending").unit("mails");
    /// let send = async |user: &'static str| user.len(); // .. to everybody ..
    /// flow::iter(["ann", "bob"]).map_concurrent(2, send).progress(NoClock, bar.observer()).count().await;
    /// assert_eq!(bar.finish(), "sending 2/2 mails");
    /// # });
    /// ```
    pub fn observer(&self) -> impl FnMut(Progress) + Send + use<> {
        let (shown, mut before) = (self.shown.clone(), None::<Progress>);
        move |progress| {
            shown.change(|line| line.report(before.as_ref(), &progress));
            before = Some(progress);
        }
    }

    /// Counts so many more that are done, beside what observers count. With 0, a bar that has a [`clock`](Self::clock)
    /// shows how much time has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("lines");
    /// for line in ["a", "b", "c"] {
    ///     // .. whatever is no flow ..
    ///     bar.inc(line.len());
    /// }
    /// assert_eq!(bar.finish(), "lines 3");
    /// ```
    pub fn inc(&self, done: usize) {
        let elapsed = self.shown.elapsed();
        self.shown.change(|line| line.count(done, 0, elapsed));
    }

    /// Counts so many more that have failed, which are done, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("lines");
    /// bar.set_total(10);
    /// bar.inc(8);
    /// bar.inc_failed(2);
    /// assert_eq!(bar.finish(), "lines 10/10, 2 failed");
    /// ```
    pub fn inc_failed(&self, failed: usize) {
        let elapsed = self.shown.elapsed();
        self.shown.change(|line| line.count(failed, failed, elapsed));
    }

    /// Sets how many there are in all, whatever observers say.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("pages");
    /// bar.inc(1);
    /// assert_eq!(bar.to_string(), "pages 1");
    /// bar.set_total(20); // it is known now
    /// assert_eq!(bar.to_string(), "pages 1/20");
    /// ```
    pub fn set_total(&self, total: usize) {
        self.shown.change(|line| line.set_total(total));
    }

    /// Sets what stands at the end of the line; nothing, if it is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying");
    /// bar.inc(1);
    /// bar.set_message("src/lib.rs");
    /// assert_eq!(bar.to_string(), "copying 1: src/lib.rs");
    /// ```
    pub fn set_message(&self, message: impl fmt::Display) {
        // Before anything is locked, as this is code of users.
        let message = &message.to_string();
        self.shown.change(|line| line.set_message(message));
    }

    /// Writes text above the bars; see [`Bars::println`].
    ///
    /// # Errors
    ///
    /// Those of [`Bars::println`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying");
    /// bar.inc(1);
    /// bar.println("src/main.rs is a link, and left out")?; // above the bar
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn println(&self, text: impl fmt::Display) -> io::Result<()> {
        self.shown.board.println(&text.to_string())
    }

    /// Calls `f` while no bar is on the terminal; see [`Bars::suspend`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying");
    /// bar.inc(1);
    /// let answer = bar.suspend(|| {
    ///     // .. ask, and read a line from stdin ..
    ///     eprintln!("overwrite?");
    ///     "no"
    /// });
    /// assert_eq!(answer, "no");
    /// ```
    pub fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        let _suspended = self.shown.board.suspend();
        f()
    }

    /// Ends the bar as it is, and returns what it says, without a gauge. It stays on the terminal, unless
    /// it is nested, and nothing changes it any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying").unit("files");
    /// bar.inc(7);
    /// let summary = bar.finish();
    /// bar.inc(1); // nothing changes it any more
    /// assert_eq!((summary.as_str(), bar.to_string()), ("copying 7 files", summary.clone()));
    /// ```
    pub fn finish(&self) -> String {
        self.shown.end(Stays::IfOuter);
        self.to_string()
    }

    /// As [`finish`](Self::finish), with a last message.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying").unit("files");
    /// bar.inc(7);
    /// assert_eq!(bar.finish_with_message("all of them"), "copying 7 files: all of them");
    /// ```
    pub fn finish_with_message(&self, message: impl fmt::Display) -> String {
        // Before anything is locked, as this is code of users.
        let message = &message.to_string();
        self.shown.line().set_message(message);
        self.finish()
    }

    /// As [`finish`](Self::finish), and takes it away from the terminal.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::progress::Bar;
    ///
    /// let bar = Bar::new("copying").unit("files");
    /// bar.inc(7);
    /// let summary = bar.finish_and_clear(); // for a log, as the terminal does not show it
    /// assert_eq!(summary, "copying 7 files");
    /// ```
    pub fn finish_and_clear(&self) -> String {
        self.shown.end(Stays::No);
        self.to_string()
    }
}

/// What it says, without a gauge.
impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.shown.line().summary();
        f.write_str(&summary)
    }
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bar").field(&self.to_string()).finish()
    }
}

/// A bar as long as anybody needs it.
pub(super) struct Shown {
    line: Arc<Mutex<Line>>,
    board: Arc<Board>,
    /// Who tells the time, and since when.
    clock: OnceLock<(Box<dyn Clock + Send + Sync>, Instant)>,
    /// Not taken away before this one.
    outer: Option<Arc<Shown>>,
}

#[derive(PartialEq)]
enum Stays {
    IfOuter,
    No,
}

impl Shown {
    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    fn elapsed(&self) -> Duration {
        self.clock
            .get()
            .map_or(Duration::ZERO, |(clock, since)| clock.now().saturating_duration_since(*since))
    }

    /// Changes the line, and draws it if that is worth it.
    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.line();
        let was_complete = line.is_complete();
        change(&mut line);
        let is_last = !was_complete && line.is_complete();
        // What comes and goes in between two drawings need not be seen.
        let has_to_be_seen = is_last && (line.is_on_screen || self.outer.is_none());
        let is_visible = line.is_started;
        drop(line);
        if is_visible && !self.board.is_hidden() {
            // What cannot be drawn is left out.
            let _ = self.board.draw(if has_to_be_seen { When::Now } else { When::Paced });
        }
    }

    fn end(&self, stays: Stays) {
        let mut line = self.line();
        if line.is_ended && stays == Stays::IfOuter {
            return;
        }
        line.is_ended = true;
        let (is_on_screen, is_started) = (line.is_on_screen, line.is_started);
        drop(line);
        let is_hidden = self.board.is_hidden();
        let stays = stays == Stays::IfOuter && self.outer.is_none() && is_started && !is_hidden;
        if !stays {
            self.board.change(|block| block.remove(&self.line));
        }
        if !is_hidden && (stays || is_on_screen) {
            let _ = self.board.draw(When::Now);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end(Stays::IfOuter);
    }
}
