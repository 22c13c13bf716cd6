//! What a flow comes from.
//!
//! | file | what |
//! |---|---|
//! | [`flow`] | [`Source`] and [`Flow`]; what makes a flow of an iterator or a stream |
//! | [`into_flow`] | what can stand for a flow |
//! | [`poll_source`] | a flow of what can only be asked again and again |
//! | [`reader`] | a source read by an operator with a clock of its own |

mod flow;
pub(super) mod into_flow;
pub mod poll_source;
pub(super) mod reader;

pub use flow::{Flow, FromStream, Iter, Source, iter, source, stream};
pub use into_flow::IntoFlow;
