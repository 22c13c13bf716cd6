//! Bars that show how far a flow has come, on the terminal.
//!
//! [`Flow::progress`](crate::flow::Flow::progress) and
//! [`try_progress`](crate::flow::Flow::try_progress) tell an observer; a [`Bar`] has one that draws:
//!
//! ```text
//! days [==================>           ] 3/5 days, 40s, 27s left
//!   files [==========>                ] 12/31 files, 1 failed, 5s, 8s left
//! ```
//!
//! Nothing is shown, and next to nothing done, where stderr is not a terminal. Terminals are drawn
//! to at most 20 times a second, whatever the number of items. The times shown are those of the
//! flow's clock; only the pace of drawing is real time.
//!
//! ```
//! use anyscope::{flow, progress::Bar, sim::Sim, Timer};
//! use std::time::Duration;
//!
//! let fetch = async |sim: anyscope::sim::SimHandle| {
//!     let bar = Bar::new("fetching").unit("pages");
//!     flow::iter(1..=40)
//!         .map_concurrent(8, async |page| {
//!             sim.sleep(Duration::from_secs(1)).await;
//!             if page % 20 == 0 { Err("not found") } else { Ok(page) }
//!         })
//!         .try_progress(&sim, bar.observer())
//!         .filter_ok()
//!         .count()
//!         .await
//! };
//! assert_eq!(Sim::new(0).run(fetch).unwrap(), 38);
//! ```

use crate::flow::Progress;
use alloc::{borrow::Cow, format, sync::Arc};
use core::{fmt, time::Duration};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bars of a terminal, one below the other. Cheap to clone.
///
/// To have them below bars of your own, or somewhere else than on stderr, make it of an
/// [`indicatif::MultiProgress`].
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
#[derive(Clone, Debug, Default)]
pub struct Bars {
    multi: MultiProgress,
}

impl Bars {
    /// Bars on stderr, if that is a terminal.
    pub fn new() -> Self {
        Bars::default()
    }

    /// A bar below those that there are.
    pub fn bar(&self, description: impl Into<Cow<'static, str>>) -> Bar {
        let bar = self.multi.add(ProgressBar::no_length());
        Bar::with(self.multi.clone(), bar, description.into(), None)
    }
}

impl From<MultiProgress> for Bars {
    fn from(multi: MultiProgress) -> Self {
        Bars { multi }
    }
}

/// A bar for one flow.
///
/// It is shown from the first report of its [`observer`](Bar::observer) on. When the bar and its
/// observers are gone it stays as it is; one that is [nested](Bar::nested) is taken away.
#[derive(Clone, Debug)]
pub struct Bar {
    shown: Arc<Shown>,
}

impl Bar {
    /// The only bar on stderr, if that is a terminal. For several, see [`Bars`].
    pub fn new(description: impl Into<Cow<'static, str>>) -> Self {
        Bars::new().bar(description)
    }

    /// What is counted: "files", say.
    pub fn unit(self, unit: impl Into<Cow<'static, str>>) -> Self {
        lock(&self.shown.state).unit = unit.into();
        self
    }

    /// A bar right below this one, for a part of what this one shows. It goes when it is done.
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
    pub fn nested(&self, description: impl Into<Cow<'static, str>>) -> Bar {
        let outer = &self.shown;
        let bar = outer.multi.insert_after(&outer.bar, ProgressBar::no_length());
        Bar::with(outer.multi.clone(), bar, description.into(), Some(outer.clone()))
    }

    /// What draws, for [`progress`](crate::flow::Flow::progress) and
    /// [`try_progress`](crate::flow::Flow::try_progress).
    pub fn observer(&self) -> impl FnMut(Progress) + Send + use<> {
        let shown = self.shown.clone();
        move |progress| shown.show(progress)
    }

    fn with(
        multi: MultiProgress,
        bar: ProgressBar,
        description: Cow<'static, str>,
        outer: Option<Arc<Shown>>,
    ) -> Bar {
        let depth = outer.as_ref().map_or(0, |outer| outer.depth + 1);
        // Not `set_prefix`, which draws the bar, in a style that is not ours.
        let bar = bar.with_prefix(format!("{:indent$}{description}", "", indent = 2 * depth));
        let (is_hidden, state) = (multi.is_hidden(), Arc::default());
        Bar { shown: Arc::new(Shown { bar, multi, is_hidden, state, depth, _outer: outer }) }
    }
}

/// A bar as long as anybody needs it.
#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    multi: MultiProgress,
    is_hidden: bool,
    state: Arc<Mutex<State>>,
    depth: usize,
    // Not taken away before this one.
    _outer: Option<Arc<Shown>>,
}

#[derive(Debug, Default)]
struct State {
    unit: Cow<'static, str>,
    /// The last report.
    progress: Option<Progress>,
}

impl Shown {
    fn show(&self, progress: Progress) {
        if self.is_hidden {
            return;
        }
        let before = lock(&self.state).progress.replace(progress);
        if before.is_none_or(|before| before.total != progress.total) {
            self.set_total(progress.total);
        }
        self.bar.set_position(progress.done as u64);
        // The ends are shown even if drawing has just been done.
        if progress.done == 0 || progress.total == Some(progress.done) {
            self.bar.tick();
        }
    }

    fn set_total(&self, total: Option<usize>) {
        let template = match total {
            Some(_) => "{prefix} [{bar:30}] {state}",
            None => "{prefix} {state}",
        };
        let state = self.state.clone();
        let text = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            // The bar is drawn without it if this fails.
            let _ = lock(&state).fmt(out);
        };
        let style = ProgressStyle::with_template(template).expect("a valid template");
        self.bar.set_style(style.with_key("state", text).progress_chars("=> "));
        match total {
            Some(total) => self.bar.set_length(total as u64),
            None => self.bar.unset_length(),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.depth == 0 && lock(&self.state).progress.is_some() {
            self.bar.abandon();
        } else {
            self.bar.finish_and_clear();
            // Or else it would be kept as long as there are bars above it.
            self.multi.remove(&self.bar);
        }
    }
}

impl State {
    /// "3/10 files, 1 failed, 2s, 5s left".
    fn fmt(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let Some(progress) = &self.progress else { return Ok(()) };
        write!(out, "{}", progress.done)?;
        if let Some(total) = progress.total {
            write!(out, "/{total}")?;
        }
        if !self.unit.is_empty() {
            write!(out, " {}", self.unit)?;
        }
        if progress.failed > 0 {
            write!(out, ", {} failed", progress.failed)?;
        }
        if progress.elapsed >= Duration::from_secs(1) {
            write!(out, ", {:#}", HumanDuration(progress.elapsed))?;
            if let Some(left) = left(progress) {
                write!(out, ", {:#} left", HumanDuration(left))?;
            }
        }
        Ok(())
    }
}

/// How long it will take if it goes on like this. Nothing when it is done.
fn left(progress: &Progress) -> Option<Duration> {
    let left = progress.total?.checked_sub(progress.done).filter(|&left| left > 0)?;
    let seconds = progress.elapsed.as_secs_f64() / progress.done as f64 * left as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A drawing that has panicked leaves nothing half done.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
