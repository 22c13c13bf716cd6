//! What bars draw (Q).

mod bad_input;
mod ends;
mod lines;
mod uses;

use anyscope::progress::{Bars, Screen};
use indicatif::{InMemoryTerm, TermLike};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// A terminal of so many rows and columns, and its bars.
fn terminal(rows: u16, columns: u16) -> (InMemoryTerm, Bars) {
    let terminal = InMemoryTerm::new(rows, columns);
    (terminal.clone(), Bars::on(Virtual(terminal)))
}

struct Virtual(InMemoryTerm);

impl Screen for Virtual {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }
}

/// What was written, by whomever.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
