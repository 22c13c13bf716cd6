//! Signals of the operating system.

use super::Shutdown;
use std::io;

/// Returns a [`Shutdown`] that begins at the first SIGINT (Ctrl-C) or SIGTERM.
///
/// Call it once, at the start of the program, and pass clones on. A second call returns another one, which
/// hears of the same signals; then the third signal ends the process all the same.
///
/// Signals are received by a thread of their own, which calls no runtime, and lives as long as the process. From
/// here on a signal does what the [module](super) says and nothing else, also after the last phase has ended.
///
/// # Errors
///
/// Those of the operating system, when it refuses the handlers or the thread. On systems other than Unix:
/// [`Unsupported`](io::ErrorKind::Unsupported); there, call [`Shutdown::signal`] from whatever tells of the end.
///
/// # Examples
///
/// See the [module](super).
#[cfg(unix)]
pub fn signals() -> io::Result<Shutdown> {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
        low_level,
    };
    use std::thread;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let shutdown = Shutdown::new();
    let ends = shutdown.clone();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let name = if signal == SIGINT { "SIGINT (Ctrl-C)" } else { "SIGTERM" };
            if ends.signal(name) > 2 {
                // Nothing is left to be tried if this fails.
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(shutdown)
}

/// Returns an error: not on this system.
#[cfg(not(unix))]
pub fn signals() -> io::Result<Shutdown> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "signals are received on Unix only; call `Shutdown::signal` yourself",
    ))
}
