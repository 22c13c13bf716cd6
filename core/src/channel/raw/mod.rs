//! The protocol of a handoff: the only files of this room with `unsafe`.
//!
//! | file | contents |
//! |---|---|
//! | [`line`] | one word that says who waits for whom, and what is done by whoever is at work on the queue |
//! | [`look`] | the line as the consumer sees it |
//! | [`node`] | a waiting sender, and which side may touch what of it |
//! | [`slot`] | the consumer's place for one item, and who may touch it |
//! | [`producer`], [`consumer`] | the two ends, with a safe interface |
//! | [`waiting`] | a list of nodes |
//! | [`pool`] | nodes that are not in use |

mod consumer;
mod line;
mod look;
mod node;
mod pool;
mod producer;
mod slot;
mod waiting;

pub(super) use consumer::Consumer;
pub(super) use line::Line;
pub(super) use pool::Pool;
pub(super) use producer::{Begun, Claim, Ended, OwnedClaim, Ticket};
