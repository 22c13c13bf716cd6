//! A channel between tasks: [`handoff`].
//!
//! | file | contents |
//! |---|---|
//! | [`handoff`](mod@handoff) | making one |
//! | [`sender`], [`sending`] | the sending half, its futures and permits |
//! | [`receiver`] | the receiving half |
//! | [`error`] | what sends and receives fail with |
//! | [`raw`] | the protocol |

mod error;
mod handoff;
#[cfg(all(test, anyscope_loom))]
mod models;
mod raw;
pub(crate) mod receiver;
mod sender;
pub(crate) mod sending;

pub use error::{SendError, TryRecvError, TrySendError};
pub use handoff::handoff;
pub use receiver::Receiver;
pub use sender::Sender;
pub use sending::Permit;
