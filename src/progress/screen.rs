//! Where bars are drawn.

use alloc::boxed::Box;
use console::Term;
use std::{env, io};

/// Where [`Bars`](super::Bars) are drawn: a terminal that understands escape sequences, or what plays one.
///
/// No lock is held while it is called. Calls do not overlap: a thread that has something to draw meanwhile
/// waits, or leaves it to the next. It may use the bars that it draws: what it prints comes with the next drawing.
///
/// What fails is left out, and tried again with the next drawing. A screen that panics is dropped, and
/// nothing is drawn any more.
///
/// # Examples
///
/// One for tests, that keeps what was drawn last:
///
/// ```
/// use anyscope::{flow, flow::NoClock, progress::{Bars, Screen}};
/// use std::{io, sync::{Arc, Mutex}};
///
/// #[derive(Clone, Default)]
/// struct Last(Arc<Mutex<String>>);
///
/// impl Screen for Last {
///     fn width(&self) -> u16 {
///         80
///     }
///
///     fn height(&self) -> u16 {
///         25
///     }
///
///     fn write(&mut self, text: &str) -> io::Result<()> {
///         *self.0.lock().unwrap() = text.to_owned();
///         Ok(())
///     }
/// }
///
/// # smol::block_on(async {
/// let screen = Last::default();
/// let bar = Bars::on(screen.clone()).bar("pages").width(4);
/// flow::iter(0..2).progress(NoClock, bar.observer()).count().await;
/// assert!(screen.0.lock().unwrap().contains("pages [====] 2/2"));
/// # });
/// ```
pub trait Screen {
    /// Returns how many columns it has. Asked before each drawing.
    fn width(&self) -> u16;

    /// Returns how many rows it has. Asked before each drawing.
    fn height(&self) -> u16;

    /// Writes text with escape sequences: all of a drawing.
    ///
    /// # Errors
    ///
    /// Fails if the text was not written, or not all of it.
    fn write(&mut self, text: &str) -> io::Result<()>;

    /// Returns whether it shows colours: yes, unless the implementation says otherwise.
    fn has_colors(&self) -> bool {
        true
    }
}

/// Stderr, if it is a terminal on which one can move.
pub(super) fn stderr() -> Option<Box<dyn Screen + Send>> {
    let term = Term::stderr();
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    (term.is_term() && !is_dumb).then(|| Box::new(Stderr(term)) as _)
}

struct Stderr(Term);

impl Screen for Stderr {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn has_colors(&self) -> bool {
        console::colors_enabled_stderr()
    }
}
