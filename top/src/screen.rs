//! The terminal: another screen while we run, and what it was when we end, however that is.

use ratatui::{
    DefaultTerminal, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};
use std::{
    io, panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Runs `show` on a screen of its own. The terminal is what it was when this returns; when it panics, before the words of the panic.
pub(crate) fn with<T>(show: impl FnOnce(&mut DefaultTerminal) -> io::Result<T>) -> io::Result<T> {
    let taken = Taken::default();
    let (hook, here) = (panic::take_hook(), thread::current().id());
    panic::set_hook(Box::new({
        let taken = taken.clone();
        move |panic| {
            if thread::current().id() == here {
                taken.give_back();
            }
            hook(panic);
        }
    }));
    // It is given back also if the rest of this fails.
    taken.0.store(true, Ordering::Relaxed);
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    show(&mut terminal)
}

/// Whether the terminal is not what it was.
#[derive(Clone, Default)]
struct Taken(Arc<AtomicBool>);

impl Taken {
    /// Only once: a second time would move the cursor to where it was before what was printed since.
    fn give_back(&self) {
        if self.0.swap(false, Ordering::Relaxed) {
            // There is nothing to be done about a terminal that has gone.
            let _ = disable_raw_mode();
            let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_back();
    }
}
