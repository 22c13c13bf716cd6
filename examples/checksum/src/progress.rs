//! What has been done so far, and the line that shows it.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// Counts, and shows the counts if stderr is a terminal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Progress {
    executor: &'static str,
    is_shown: bool,
    start: Instant,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
    /// Nothing until the total is known.
    all_files: AtomicU64,
    all_bytes: AtomicU64,
}

/// The final counts.
pub(crate) struct Totals {
    /// Those of files that were not finished, too.
    pub(crate) bytes: u64,
    /// How many files were being hashed at the same time, at most.
    pub(crate) peak: usize,
}

impl Progress {
    /// Shown on a terminal.
    pub(crate) fn new(executor: &'static str) -> Self {
        let is_shown = io::stderr().is_terminal();
        Progress { executor, is_shown, start: Instant::now(), counts: Arc::default() }
    }

    /// Counts only.
    pub(crate) fn hidden() -> Self {
        Progress { is_shown: false, ..Progress::new("") }
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// From now on it is known how much there is to do.
    pub(crate) fn set_total(&self, files: u64, bytes: u64) {
        self.counts.all_files.store(files, Relaxed);
        self.counts.all_bytes.store(bytes, Relaxed);
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
    }

    /// Writes the line again.
    pub(crate) fn draw(&self) {
        let Counts { files, bytes, all_files, all_bytes, .. } = &*self.counts;
        let [files, bytes, all_files, all_bytes] =
            [files, bytes, all_files, all_bytes].map(|count| count.load(Relaxed));
        let (mb, all_mb) = (bytes as f64 / 1e6, all_bytes as f64 / 1e6);
        let rate = mb / self.start.elapsed().as_secs_f64();
        let name = self.executor;
        let line = if all_files == 0 {
            format!("{name:7} {files} files, {mb:.0} MB, {rate:.0} MB/s")
        } else {
            let left = (all_mb - mb).max(0.0) / rate;
            format!(
                "{name:7} {files}/{all_files} files, {mb:.0}/{all_mb:.0} MB, {rate:.0} MB/s, {left:.0} s left"
            )
        };
        // Nobody misses it if this fails.
        let _ = write!(io::stderr(), "{CLEAR}{line}");
    }

    /// Takes the line away.
    pub(crate) fn finish(self) -> Totals {
        if self.is_shown {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
        Totals { bytes: self.counts.bytes.load(Relaxed), peak: self.counts.peak.load(Relaxed) }
    }
}

/// Empties the line of the terminal.
const CLEAR: &str = "\r\x1b[2K";

/// One that is in flight.
pub(crate) struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
