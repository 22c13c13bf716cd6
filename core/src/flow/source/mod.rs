//! Sources: where the items of a flow come from.
//!
//! | file | what |
//! |---|---|
//! | [`flow`] | [`Source`] and [`Flow`]; flows of an iterator or a stream |
//! | [`as_completed`] | a flow of what ends in a set or map of futures |
//! | [`generate`](mod@generate) | a flow made by an async block |
//! | [`into_flow`] | what can be passed as a flow |
//! | [`poll_source`] | a flow of what can only be polled again and again |
//! | [`receiver`] | the receiver of a handoff |
//! | [`reader`] | a source that is read by an operator with a timer |

mod as_completed;
mod flow;
mod generate;
pub(super) mod into_flow;
pub mod poll_source;
pub(super) mod reader;
mod receiver;

pub use as_completed::AsCompleted;
pub use flow::{Flow, FromStream, Iter, Source, iter, source, stream};
pub use generate::{Generate, TryGenerate, generate, try_generate};
pub use into_flow::IntoFlow;
