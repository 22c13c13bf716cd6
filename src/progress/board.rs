//! Who draws, and when.
//!
//! Nothing of the user's is called under a lock: neither a screen nor a clock. Whoever draws takes the
//! screen, and is written down as `drawer` meanwhile.

use super::{
    frame::{Block, Frame, Terminal},
    pace::{Pace, WallClock},
    screen::Screen,
    text,
};
use crate::Clock;
use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};
use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, ThreadId},
};

/// What draws the bars of a terminal.
pub(super) struct Board {
    state: Mutex<State>,
    /// Told when a drawing is over.
    is_over: Condvar,
    has_screen: AtomicBool,
}

struct State {
    block: Block,
    output: Output,
    drawer: Option<ThreadId>,
    pace: Pace,
    /// How many want to have the terminal to themselves.
    suspended: usize,
}

pub(super) enum Output {
    Screen(Box<dyn Screen + Send>),
    /// No bars, only what is printed.
    Plain(Box<dyn Write + Send>),
    /// It is in use, or it has panicked.
    Gone,
}

/// Whether a change has to be seen at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Now,
    /// If it is time, and nobody else is drawing. Otherwise the next drawing will show it.
    Paced,
}

impl Board {
    pub(super) fn new(output: Output) -> Self {
        let has_screen = matches!(output, Output::Screen(_)).into();
        let pace = Pace::new(Arc::new(WallClock), Duration::ZERO);
        let block = Block::default();
        let state = State { block, output, drawer: None, pace, suspended: 0 };
        Board { state: Mutex::new(state), is_over: Condvar::new(), has_screen }
    }

    pub(super) fn set_pace(&self, clock: Arc<dyn Clock + Send + Sync>, every: Duration) {
        let before = mem::replace(&mut self.lock().pace, Pace::new(clock, every));
        drop(before);
    }

    /// Whether nothing is ever drawn.
    pub(super) fn is_hidden(&self) -> bool {
        !self.has_screen.load(Relaxed)
    }

    /// Changes which bars there are.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Block) -> R) -> R {
        change(&mut self.lock().block)
    }

    pub(super) fn println(&self, text: &str) -> io::Result<()> {
        let lines = text::lines(text).collect();
        self.change(|block| block.print(lines));
        self.draw(When::Now)
    }

    /// Takes the bars away until the guard is dropped.
    pub(super) fn suspend(&self) -> Suspended<'_> {
        self.lock().suspended += 1;
        // Made first, as it takes back what was done.
        let suspended = Suspended(self);
        let _ = self.draw(When::Now);
        suspended
    }

    /// Draws what there is. What is printed by a screen that is drawing waits for the next time.
    pub(super) fn draw(&self, when: When) -> io::Result<()> {
        if when == When::Paced && !self.is_time() {
            return Ok(());
        }
        let me = thread::current().id();
        let mut state = self.lock();
        loop {
            match state.drawer {
                None => break,
                Some(drawer) if drawer == me || when == When::Paced => return Ok(()),
                Some(_) => {
                    state = self.is_over.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        state.drawer = Some(me);
        let mut output = mem::replace(&mut state.output, Output::Gone);
        drop(state);

        let mut drawn = Ok(());
        let result = catch_unwind(AssertUnwindSafe(|| drawn = self.draw_on(&mut output)));
        if let Err(payload) = result {
            self.has_screen.store(false, Relaxed);
            drawn = Err(gone());
            // The hook has reported it. It may be that what it has panics, too.
            let broken = mem::replace(&mut output, Output::Gone);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken))).map_err(mem::forget);
            mem::forget(payload);
        }
        let mut state = self.lock();
        state.output = output;
        state.drawer = None;
        drop(state);
        self.is_over.notify_all();
        drawn
    }

    fn draw_on(&self, output: &mut Output) -> io::Result<()> {
        match output {
            Output::Screen(screen) => {
                let terminal = Terminal {
                    columns: screen.width(),
                    rows: screen.height(),
                    has_colors: screen.has_colors(),
                };
                let frame = self.frame(|block| block.draw(terminal), Block::clear);
                frame.map_or(Ok(()), |frame| {
                    screen.write(&frame.text)?;
                    self.change(|block| block.is_drawn(&frame));
                    Ok(())
                })
            }
            Output::Plain(out) => {
                let frame = self.frame(Block::plain, |_| None);
                frame.map_or(Ok(()), |frame| {
                    out.write_all(frame.text.as_bytes())?;
                    out.flush()
                })
            }
            Output::Gone => {
                self.change(|block| drop(block.plain()));
                Err(gone())
            }
        }
    }

    fn frame(
        &self,
        draw: impl FnOnce(&mut Block) -> Option<Frame>,
        clear: impl FnOnce(&mut Block) -> Option<Frame>,
    ) -> Option<Frame> {
        let mut state = self.lock();
        if state.suspended == 0 { draw(&mut state.block) } else { clear(&mut state.block) }
    }

    fn is_time(&self) -> bool {
        let clock = self.lock().pace.clock.clone();
        let now = clock.now();
        self.lock().pace.allows(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> io::Error {
    io::Error::other("the screen has panicked")
}

/// The bars are away as long as there is one of these.
pub(super) struct Suspended<'a>(&'a Board);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.lock().suspended -= 1;
        let _ = self.0.draw(When::Now);
    }
}
