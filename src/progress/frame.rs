//! What is written to the terminal for a drawing.

use super::{line::Line, text};
use alloc::{collections::VecDeque, format, string::String, sync::Arc, vec::Vec};
use core::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bars there are, and what is on the screen. The cursor is on the line below.
#[derive(Default)]
pub(super) struct Block {
    /// In the order in which they are shown: what is nested comes right below what it is nested in.
    lines: VecDeque<Arc<Mutex<Line>>>,
    /// What is to be printed above.
    printed: Vec<String>,
    /// How many lines of bars are on the screen.
    height: usize,
}

/// What a terminal is like.
#[derive(Clone, Copy)]
pub(super) struct Terminal {
    pub(super) columns: u16,
    pub(super) rows: u16,
    pub(super) has_colors: bool,
}

impl Terminal {
    /// How long a line may be: not as long as there are columns, see [`ERASE_RIGHT`].
    fn columns(self) -> usize {
        usize::from(self.columns).saturating_sub(1)
    }

    /// How many bars there may be: one row is for the cursor.
    fn room(self) -> usize {
        usize::from(self.rows).saturating_sub(1)
    }
}

/// What is to be written.
pub(super) struct Frame {
    pub(super) text: String,
    /// How many lines of bars are on the screen then.
    height: usize,
}

impl Block {
    /// Adds a bar at the end, or below another and what that one has below it already.
    pub(super) fn add(&mut self, line: Arc<Mutex<Line>>, below: Option<&Arc<Mutex<Line>>>) {
        let outer = below.and_then(|outer| {
            let at = self.lines.iter().position(|other| Arc::ptr_eq(other, outer))?;
            Some((at, lock(outer).depth))
        });
        let at = outer.map_or(self.lines.len(), |(outer, depth)| {
            let below = self.lines.iter().skip(outer + 1);
            outer + 1 + below.take_while(|line| lock(line).depth > depth).count()
        });
        self.lines.insert(at, line);
    }

    pub(super) fn remove(&mut self, line: &Arc<Mutex<Line>>) {
        self.lines.retain(|other| !Arc::ptr_eq(other, line));
    }

    /// Adds what is to be printed above the bars.
    pub(super) fn print(&mut self, mut lines: Vec<String>) {
        self.printed.append(&mut lines);
    }

    /// What is printed where no bars are.
    pub(super) fn plain(&mut self) -> Option<Frame> {
        let text = self.printed.drain(..).fold(String::new(), |text, line| text + &line + "\n");
        (!text.is_empty()).then_some(Frame { text, height: 0 })
    }

    /// Takes the bars off the screen.
    pub(super) fn clear(&mut self) -> Option<Frame> {
        (self.height > 0).then(|| Frame { text: format!("{}{ERASE_BELOW}", self.up()), height: 0 })
    }

    /// Draws the bars, and what is printed above them.
    pub(super) fn draw(&mut self, terminal: Terminal) -> Option<Frame> {
        let mut above = mem::take(&mut self.printed);
        self.take_ended(terminal, &mut above);
        let bars = self.bars(terminal);
        if above.is_empty() && bars.is_empty() && self.height == 0 {
            return None;
        }
        let mut text = self.up();
        if !above.is_empty() {
            text += ERASE_BELOW;
        }
        for line in above {
            text += &line;
            text += NEXT_LINE;
        }
        for bar in &bars {
            text += bar;
            text += ERASE_RIGHT;
            text += NEXT_LINE;
        }
        text += ERASE_BELOW;
        Some(Frame { text, height: bars.len() })
    }

    /// Takes out what has ended and need not be written again. What has ended stays where it is; and when nothing
    /// above it changes any more, it is as good as printed. So it is, in turn, if there is no room for it.
    fn take_ended(&mut self, terminal: Terminal, above: &mut Vec<String>) {
        let (mut shown, mut is_first) = (self.visible(), true);
        self.lines.retain(|line| {
            let line = lock(line);
            let goes = line.is_ended && (is_first || shown > terminal.room());
            if line.is_started {
                if goes {
                    above.push(line.draw(terminal.columns(), terminal.has_colors));
                    shown -= 1;
                } else {
                    is_first = false;
                }
            }
            !goes
        });
    }

    /// Draws as many bars as there is room for, and says how many more there are.
    fn bars(&self, terminal: Terminal) -> Vec<String> {
        let (shown, room) = (self.visible(), terminal.room());
        let has_room = shown <= room;
        let mut bars = Vec::with_capacity(shown.min(room));
        for line in &self.lines {
            let mut line = lock(line);
            line.is_on_screen = line.is_started && (has_room || bars.len() + 1 < room);
            if line.is_on_screen {
                bars.push(line.draw(terminal.columns(), terminal.has_colors));
            }
        }
        if !has_room && room > 0 {
            let more = format!("… {} more", shown - bars.len());
            bars.push(text::fit(&more, terminal.columns()));
        }
        bars
    }

    /// A frame was written.
    pub(super) fn is_drawn(&mut self, frame: &Frame) {
        self.height = frame.height;
    }

    /// How many bars have something to show.
    fn visible(&self) -> usize {
        self.lines.iter().filter(|line| lock(line).is_started).count()
    }

    /// Moves the cursor to where the first bar is.
    fn up(&self) -> String {
        match self.height {
            0 => String::new(),
            height => format!("\r\x1b[{height}A"),
        }
    }
}

/// Not of a last column that is in use: some terminals erase that with it. So no line is that long.
const ERASE_RIGHT: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";
const NEXT_LINE: &str = "\r\n";

/// Nothing that panics is done under a lock of a bar.
pub(super) fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
