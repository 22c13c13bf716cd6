//! What a bar says.

use super::{
    speed::Speed,
    text::{self, RESET, one_line},
};
use crate::flow::Progress;
use alloc::{format, string::String};
use console::measure_text_width;
use core::{fmt::Write, time::Duration};

/// The colour of a [bar](super::Bar::color): one of those that all terminals have.
///
/// See [`Bar::color`](super::Bar::color).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Color {
    Black,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    White,
}

/// A gauge becomes so short to leave room for a message.
const SHORT: usize = 10;
/// A shorter gauge says nothing.
const NARROW: usize = 4;

/// What is known of a bar, and how it is to be shown.
pub(super) struct Line {
    pub(super) depth: usize,
    description: String,
    message: String,
    pub(super) unit: Unit,
    pub(super) color: Option<Color>,
    pub(super) width: usize,
    pub(super) has_rate: bool,
    /// What its user says, which goes before what is reported.
    total: Option<usize>,
    counts: Counts,
    speed: Speed,
    /// Whether it has something to show.
    pub(super) is_started: bool,
    /// Whether nothing of it changes any more.
    pub(super) is_ended: bool,
    /// Whether it was part of the last drawing.
    pub(super) is_on_screen: bool,
}

pub(super) enum Unit {
    Bytes,
    /// Something of this name, or nothing in particular.
    Of(String),
}

/// Sums over all that reports.
#[derive(Default)]
struct Counts {
    /// Nothing before the first report.
    any: bool,
    done: usize,
    failed: usize,
    total: usize,
    /// How many report, and how many of them know no total.
    reporters: usize,
    without_total: usize,
    elapsed: Duration,
}

impl Line {
    pub(super) fn new(description: &str, depth: usize) -> Self {
        Line {
            depth,
            description: one_line(description),
            message: String::new(),
            unit: Unit::Of(String::new()),
            color: None,
            width: 30,
            has_rate: false,
            total: None,
            counts: Counts::default(),
            speed: Speed::default(),
            is_started: false,
            is_ended: false,
            is_on_screen: false,
        }
    }

    pub(super) fn set_unit(&mut self, unit: &str) {
        self.unit = Unit::Of(one_line(unit));
    }

    pub(super) fn set_total(&mut self, total: usize) {
        if !self.is_ended {
            self.total = Some(total);
        }
    }

    pub(super) fn set_message(&mut self, message: &str) {
        if !self.is_ended {
            self.message = one_line(message);
            self.is_started = true;
        }
    }

    /// Counts what somebody reports, who had reported `before`.
    pub(super) fn report(&mut self, before: Option<&Progress>, now: &Progress) {
        if self.is_ended {
            return;
        }
        let counts = &mut self.counts;
        if let Some(before) = before {
            counts.done = counts.done.saturating_sub(before.done);
            counts.failed = counts.failed.saturating_sub(before.failed);
            match before.total {
                Some(total) => counts.total = counts.total.saturating_sub(total),
                None => counts.without_total -= 1,
            }
        } else {
            counts.reporters += 1;
        }
        match now.total {
            Some(total) => counts.total = counts.total.saturating_add(total),
            None => counts.without_total += 1,
        }
        self.count(now.done, now.failed, now.elapsed);
    }

    /// Counts so much more.
    pub(super) fn count(&mut self, done: usize, failed: usize, elapsed: Duration) {
        if self.is_ended {
            return;
        }
        let counts = &mut self.counts;
        counts.any = true;
        counts.done = counts.done.saturating_add(done);
        counts.failed = counts.failed.saturating_add(failed);
        counts.elapsed = counts.elapsed.max(elapsed);
        self.speed.count(counts.done, counts.elapsed);
        self.is_started = true;
    }

    /// Whether all is done that there is to do.
    pub(super) fn is_complete(&self) -> bool {
        self.total().is_some_and(|total| self.counts.done >= total)
    }

    fn total(&self) -> Option<usize> {
        let Counts { total, reporters, without_total, .. } = self.counts;
        self.total.or((reporters > 0 && without_total == 0).then_some(total))
    }

    /// "fetching 3/10 files, 1 failed, 2s, 5s left: src/lib.rs".
    pub(super) fn summary(&self) -> String {
        let mut parts = String::from(&*self.description);
        join(&mut parts, " ", &self.state());
        join(&mut parts, ": ", &self.message);
        parts
    }

    /// Returns the line as it has room in so many columns.
    pub(super) fn draw(&self, columns: usize, has_colors: bool) -> String {
        let state = self.state();
        let indent = 2 * self.depth;
        let mut line = format!("{:indent$}{}", "", self.description);
        let mut colored = None;
        if let Some(total) = self.total() {
            let taken = measure_text_width(&line) + measure_text_width(&state) + " [] ".len();
            let room = columns.saturating_sub(taken);
            // For the message, which has what is left in the end.
            let wanted = measure_text_width(&self.message) + ": ".len();
            let spare = room.saturating_sub(wanted.min(columns / 4));
            let width = self.width.min(spare.max(room.min(SHORT)));
            if width >= NARROW.min(self.width) && width > 0 {
                let from = line.len() + " [".len();
                join(&mut line, " ", &format!("[{}]", gauge(self.counts.done, total, width)));
                colored =
                    self.color.filter(|_| has_colors).map(|color| (color, from, from + width));
            }
        }
        join(&mut line, " ", &state);
        let left = columns.saturating_sub(measure_text_width(&line) + ": ".len());
        if left > 1 {
            join(&mut line, ": ", &text::fit(&self.message, left));
        }
        let mut line = text::fit(&line, columns);
        if let Some((color, from, to)) = colored {
            if line.is_char_boundary(to) {
                line.insert_str(to, RESET);
                line.insert_str(from, color.sequence());
            }
        }
        line
    }

    /// "3/10 files, 1 failed, 2s, 5s left". Nothing before the first report.
    fn state(&self) -> String {
        let mut out = String::new();
        let Counts { any: true, done, failed, elapsed, .. } = self.counts else { return out };
        // Writing to a string does not fail.
        let _ = match (&self.unit, self.total()) {
            (Unit::Bytes, None) => write!(out, "{}", text::bytes(done as f64)),
            (Unit::Bytes, Some(total)) => {
                write!(out, "{}/{}", text::bytes(done as f64), text::bytes(total as f64))
            }
            (Unit::Of(_), None) => write!(out, "{done}"),
            (Unit::Of(_), Some(total)) => write!(out, "{done}/{total}"),
        };
        if let Unit::Of(unit) = &self.unit {
            join(&mut out, " ", unit);
        }
        if failed > 0 {
            let _ = write!(out, ", {failed} failed");
        }
        let speed = self.speed.per_second();
        if let Some(speed) = speed.filter(|_| self.has_rate) {
            let _ = match self.unit {
                Unit::Bytes => write!(out, ", {}/s", text::bytes(speed)),
                Unit::Of(_) => write!(out, ", {}/s", text::number(speed)),
            };
        }
        if elapsed >= Duration::from_secs(1) {
            let _ = write!(out, ", {}", text::time(elapsed));
            if let Some(left) = self.left(speed) {
                let _ = write!(out, ", {} left", text::time(left));
            }
        }
        out
    }

    /// How long it will take if it goes on like this. Nothing when it is done.
    fn left(&self, speed: Option<f64>) -> Option<Duration> {
        let left = self.total()?.checked_sub(self.counts.done).filter(|&left| left > 0)?;
        Duration::try_from_secs_f64(left as f64 / speed?).ok().filter(|_| !self.is_ended)
    }
}

impl Color {
    fn sequence(self) -> &'static str {
        match self {
            Color::Black => "\x1b[30m",
            Color::Red => "\x1b[31m",
            Color::Green => "\x1b[32m",
            Color::Yellow => "\x1b[33m",
            Color::Blue => "\x1b[34m",
            Color::Magenta => "\x1b[35m",
            Color::Cyan => "\x1b[36m",
            Color::White => "\x1b[37m",
        }
    }
}

/// "=====>    ". Full if there is nothing to do, and if more is done than there was.
fn gauge(done: usize, total: usize, width: usize) -> String {
    let full = match total {
        0 => width,
        // As many columns as fit into what is done.
        _ => ((done as u128 * width as u128) / total as u128).min(width as u128) as usize,
    };
    let tip = if done > 0 && full < width { ">" } else { "" };
    format!("{:width$}", "=".repeat(full) + tip)
}

/// Appends what is not empty, after a separator if something is before it.
fn join(to: &mut String, separator: &str, part: &str) {
    if !part.is_empty() {
        if !to.trim_start().is_empty() {
            to.push_str(separator);
        }
        to.push_str(part);
    }
}
