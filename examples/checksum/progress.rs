//! What has been done so far, and the bar that shows it.

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// Counts, and shows the counts if stderr is a terminal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
}

/// The final counts.
pub(crate) struct Totals {
    /// Those of files that were not finished, too.
    pub(crate) bytes: u64,
    /// How many files were being hashed at the same time, at most.
    pub(crate) peak: usize,
}

impl Progress {
    /// With a spinner, until the total is known.
    pub(crate) fn new(executor: &'static str) -> Self {
        let progress = Self::with_bar(ProgressBar::no_length());
        if progress.is_shown() {
            progress.style(
                "{spinner} {prefix:7} {files} files, {decimal_bytes}, {decimal_bytes_per_sec}",
            );
            progress.bar.set_prefix(executor);
            progress.bar.enable_steady_tick(Duration::from_millis(100));
        }
        progress
    }

    /// Counts only.
    pub(crate) fn hidden() -> Self {
        Self::with_bar(ProgressBar::hidden())
    }

    fn with_bar(bar: ProgressBar) -> Self {
        Progress { bar, counts: Arc::default() }
    }

    pub(crate) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Turns the spinner into a bar.
    pub(crate) fn set_total(&self, files: u64, bytes: u64) {
        self.bar.set_message(Cow::from(files.to_string()));
        self.bar.set_length(bytes);
        self.style(
            "{prefix:7} [{wide_bar}] {files}/{msg} files, {decimal_bytes}/{decimal_total_bytes}, \
             {decimal_bytes_per_sec}, {eta} left",
        );
    }

    /// Counts one more in flight, until the guard is dropped.
    pub(crate) fn in_flight(&self) -> InFlight<'_> {
        let now = self.counts.in_flight.fetch_add(1, Relaxed) + 1;
        self.counts.peak.fetch_max(now, Relaxed);
        InFlight(&self.counts.in_flight)
    }

    pub(crate) fn file_done(&self) {
        self.counts.files.fetch_add(1, Relaxed);
    }

    pub(crate) fn bytes_done(&self, bytes: usize) {
        self.counts.bytes.fetch_add(bytes as u64, Relaxed);
        self.bar.inc(bytes as u64);
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) -> Totals {
        self.bar.finish_and_clear();
        Totals { bytes: self.counts.bytes.load(Relaxed), peak: self.counts.peak.load(Relaxed) }
    }

    fn style(&self, template: &str) {
        let counts = self.counts.clone();
        let files = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            // The bar is drawn without it if this fails.
            let _ = write!(out, "{}", counts.files.load(Relaxed));
        };
        let style = ProgressStyle::with_template(template).expect("a valid template");
        self.bar.set_style(style.with_key("files", files).progress_chars("=> "));
    }
}

/// One that is in flight.
pub(crate) struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
