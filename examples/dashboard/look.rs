//! The tree, whenever somebody asks for it.

use anyscope::{observe::tree::Tree, progress::Bars};
use std::io;

/// Prints the tree above the bars at each SIGQUIT (Ctrl-\) or SIGUSR1.
///
/// Not when a line is read from stdin: the terminal shows that line, and moves the bars.
#[cfg(unix)]
pub(crate) fn on_signal(tree: &Tree, bars: &Bars) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGQUIT, SIGUSR1},
        iterator::Signals,
    };
    use std::thread;

    let mut signals = Signals::new([SIGQUIT, SIGUSR1])?;
    let (tree, bars) = (tree.clone(), bars.clone());
    thread::Builder::new().name("look".into()).spawn(move || {
        for _ in signals.forever() {
            // Who has closed the terminal does not want to see it.
            let _ = bars.println(tree.snapshot().to_string());
        }
    })?;
    Ok(())
}

/// Does nothing: not on this system.
#[cfg(not(unix))]
pub(crate) fn on_signal(_: &Tree, _: &Bars) -> io::Result<()> {
    Ok(())
}
