//! Bars that show how far an operation has come, on the terminal.
//!
//! Flows ([`progress`](crate::flow::Flow::progress), [`try_progress`](crate::flow::Flow::try_progress)) and waits
//! ([`progress`](crate::future::Wait::progress), [`try_progress`](crate::future::Wait::try_progress)) tell an
//! observer; a [`Bar`] has one that draws. For all else there is [`Bar::inc`].
//!
//! ```text
//! days [==================>           ] 3/5 days, 40s, 27s left
//!   files [==========>                   ] 12/31 files, 1 failed, 2.4/s, 5s, 8s left: src/lib.rs
//!   thumbnails [====================>         ] 5.2/7.7 MB, 1.3 MB/s, 4s, 2s left
//! ```
//!
//! Nothing is drawn, and next to nothing done, where stderr is not a terminal; what a bar counts is
//! there all the same, and [`finish`](Bar::finish) returns it as text. Terminals are drawn to at most 20 times a
//! second, but for short bursts, whatever the number of items. The times shown are those of the
//! operation's clock; only the pace of drawing is real time.
//!
//! A bar never leaves a line that is out of date: a nested one is taken away when it goes, and one that is not nested
//! says at last what it has come to, also if that is because of a panic, a cancel, or an early end.
//!
//! | file | what |
//! |---|---|
//! | `bars`, `bar` | what users see |
//! | `line`, `speed`, `text` | what a bar says |
//! | `board`, `frame`, `pace` | who draws, what, and when |
//! | `screen` | where |
//!
//! # Panics and other output
//!
//! What others write to the terminal comes in between the lines of the bars, and so does the Enter key of whoever sits
//! before it. [`Bars::println`] writes above them, and [`Bars::suspend`] takes them away meanwhile. Messages of
//! panics are such output, too:
//!
//! ```
//! use anyscope::progress::Bars;
//! use std::panic;
//!
//! let bars = Bars::new();
//! let (shown, report) = (bars.clone(), panic::take_hook());
//! panic::set_hook(Box::new(move |info| shown.suspend(|| report(info))));
//! ```
//!
//! # Examples
//!
//! ```
//! use anyscope::{flow, progress::Bar, sim::Sim, Timer};
//! use std::time::Duration;
//!
//! let fetch = async |sim: anyscope::sim::SimHandle| {
//!     let bar = Bar::new("fetching").unit("pages");
//!     flow::iter(1..=40)
//!         .map_concurrent(8, async |page| {
//!             sim.sleep(Duration::from_secs(1)).await;
//!             if page % 20 == 0 { Err("not found") } else { Ok(page) }
//!         })
//!         .try_progress(&sim, bar.observer())
//!         .filter_ok()
//!         .count()
//!         .await;
//!     bar.finish()
//! };
//! assert_eq!(Sim::new(0).run(fetch).unwrap(), "fetching 40/40 pages, 2 failed, 5s");
//! ```

mod bar;
mod bars;
mod board;
mod frame;
mod line;
mod pace;
mod screen;
mod speed;
mod text;

pub use bar::Bar;
pub use bars::Bars;
pub use line::Color;
pub use screen::Screen;
