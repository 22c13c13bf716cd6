//! A flight recorder: the last events of each thread, for whoever asks later.
//!
//! A [`Recorder`] is an observer of a [`Tree`](super::tree::Tree). It keeps the last events of each thread that polls: who was
//! polled, woken by whom, what it waited for, how it ended. [`Recorder::recording`] takes them out at any time, from any
//! thread: after a failure, on a signal, for a look at who gets in whose way. A [`Recording`] prints itself as text, is
//! exported for [Perfetto](https://ui.perfetto.dev) ([`Recording::to_chrome_trace`]), or drawn
//! ([`Recording::to_svg`]).
//!
//! ```
//! use anyscope::{concurrent, observe::{recorder::Recorder, tree::Tree}};
//! use smol::future::yield_now;
//!
//! let recorder = Recorder::new();
//! let tree = Tree::builder().observer(recorder.clone()).build();
//! let work = concurrent(async |s| {
//!     s.spawn_named("feed", async {
//!         yield_now().await;
//!     });
//! });
//! smol::block_on(tree.watch(work));
//!
//! let recording = recorder.recording();
//! assert!(recording.to_string().contains("`feed` has ended: returned"));
//! let trace = recording.to_chrome_trace(); // write it to a file, and open that in Perfetto
//! assert!(trace.starts_with("{\"displayTimeUnit\""));
//! ```
//!
//! | file | what |
//! |---|---|
//! | `recorder` | the observer |
//! | `tracks` | what it keeps for each thread |
//! | `words` | events as they are kept |
//! | `lives` | who they are about |
//! | `text` | texts of a bounded length |
//! | `recording` | what was taken out |
//! | `intervals` | polls, lives and wakes, from the events at their ends |
//! | `chrome`, `svg` | how it is shown |

mod chrome;
mod intervals;
mod lives;
// The type `Recorder` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod recorder;
mod recording;
mod svg;
mod text;
mod tracks;
mod words;

pub use recorder::{Builder, Recorder};
pub use recording::{Event, Life, Recording, What};
