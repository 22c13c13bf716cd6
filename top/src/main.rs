//! The live tree of a program, in the terminal.
//!
//! The program serves it with `anyscope_serve`. This asks for it once a second, and shows it; it sends nothing but that request.
//!
//! | file | what |
//! |---|---|
//! | `args` | what the user asks for |
//! | `place` | where the program is, and how it is asked |
//! | `watch` | the thread that asks |
//! | `tree` | what comes, as rows; members that are not known are kept |
//! | `view` | what the user looks at: order, filter, selection |
//! | `keys` | which key does what |
//! | `draw` | how it looks; knows no terminal |
//! | `text` | names that are harmless |
//! | `screen` | the terminal, and its end |

mod args;
mod draw;
mod keys;
mod place;
mod screen;
mod text;
mod tree;
mod view;
mod watch;

#[cfg(test)]
mod tests;

use clap::Parser;
use ratatui::crossterm::event;
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

/// How soon what has come is shown, at most.
const FRAME: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let args = args::Args::parse();
    let result = if args.once {
        once(&args)
    } else if io::stdout().is_terminal() {
        live(&args)
    } else {
        Err("this is no terminal: with --once the tree is printed as text".into())
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anyscope-top: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the tree as text.
fn once(args: &args::Args) -> Result<(), String> {
    let text = args.place.get("/tree.txt").map_err(|error| format!("{}: {error}", args.place))?;
    let written = io::stdout().write_all(text::lines(&text).as_bytes());
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| error.to_string()),
    }
}

/// Shows the tree until the user has seen enough.
fn live(args: &args::Args) -> Result<(), String> {
    let updates = watch::start(args.place.clone(), args.every());
    let mut view = view::View::new(args.place.to_string());
    let shown = screen::with(|terminal| {
        loop {
            terminal.draw(|frame| draw::draw(frame, &mut view))?;
            while !event::poll(FRAME)? {
                if let Ok(update) = updates.try_recv() {
                    view.update(update);
                    break;
                }
            }
            // All that were pressed meanwhile.
            while event::poll(Duration::ZERO)? {
                if keys::press(&mut view, &event::read()?) {
                    return Ok(());
                }
            }
        }
    });
    shown.map_err(|error| format!("the terminal fails: {error}"))
}
