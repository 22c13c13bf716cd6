//! Draws a progress bar on the terminal, for long explorations.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The bar is first drawn after this time.
const AFTER: Duration = Duration::from_secs(1);
/// The bar is drawn at most this often.
const EVERY: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;

/// Counts the runs that are done, and draws the bar.
pub(crate) struct Progress {
    name: String,
    all: u64,
    done: AtomicU64,
    start: Instant,
    /// When the bar is drawn next. `None` if stderr is not a terminal.
    next: Option<Mutex<Duration>>,
}

impl Progress {
    pub(crate) fn new(all: u64) -> Self {
        Progress {
            name: thread::current().name().unwrap_or("exploring").to_string(),
            all,
            done: AtomicU64::new(0),
            start: Instant::now(),
            next: stderr().is_terminal().then(|| Mutex::new(AFTER)),
        }
    }

    /// Counts one more run, and draws the bar if it is time.
    pub(crate) fn add(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // If the lock is taken, another thread is drawing a bar that is as new.
        let Some(Ok(mut next)) = self.next.as_ref().map(Mutex::try_lock) else { return };
        let elapsed = self.start.elapsed();
        if elapsed >= *next {
            *next = elapsed + EVERY;
            // Not by `eprint`, whose output the test harness would capture. A bar that cannot be
            // drawn is left out.
            let _ = write!(stderr(), "\r{}\x1b[K", line(&self.name, done, self.all, elapsed));
        }
    }
}

/// Clears the line.
impl Drop for Progress {
    fn drop(&mut self) {
        let next = self.next.as_ref().and_then(|next| next.try_lock().ok());
        if next.is_some_and(|next| *next > AFTER) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// Returns the text of the bar.
fn line(name: &str, done: u64, all: u64, elapsed: Duration) -> String {
    let part = done as f64 / all.max(1) as f64;
    let full = ((part * WIDTH as f64) as u64).min(WIDTH);
    let bar: String = (0..WIDTH).map(|at| if at < full { '=' } else { ' ' }).collect();
    let rate = done as f64 / elapsed.as_secs_f64();
    let left = all.saturating_sub(done) as f64 / rate;
    format!("{name} [{bar}] {done}/{all} schedules, {rate:.0}/s, {left:.0} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        assert_eq!(
            line("race", 100, 300, Duration::from_secs(2)),
            "race [==========                    ] 100/300 schedules, 50/s, 4 s left"
        );
        // More than there are, as when the remaining runs are skipped.
        assert!(line("race", 5, 3, Duration::from_secs(2)).contains("] 5/3 schedules"));
    }
}
