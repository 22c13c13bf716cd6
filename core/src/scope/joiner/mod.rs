//! Joiners: what a scope makes of its children's outcomes, and when it has enough of them.
//!
//! [`scope_with`](crate::scope_with), [`concurrent_with`](crate::concurrent_with) and
//! `block_scope_with` take one. A joiner hears of each child that ends and may end the scope; its result is that of the scope.
//!
//! | joiner | ends early | result |
//! |---|---|---|
//! | [`settle`] | no | the outcomes of all children, in the order of spawning |
//! | [`until`] | when a predicate says so | the same; those that had not ended are cancelled |
//! | [`supervise`] | no | the body's |
//! | [`fail_fast`] | at the first error | all values, in the order of spawning, or the first error |
//! | [`collect_errors`] | no | all values, or all errors, the body's too |
//! | [`first_ok`] | at the first success | it, or all errors |
//! | [`first_completion`] | when a child has ended | its output |
//! | [`quorum`] | at the k-th success | k values, or all errors |
//!
//! A joiner of your own implements [`Joiner`].

mod all;
#[cfg(feature = "std")]
mod block;
mod first;
mod quorum;
mod report;
mod traits;
mod with;

pub use all::{
    AllErrors, CollectErrors, FailFastJoiner, Settle, SuperviseJoiner, Until, collect_errors,
    fail_fast, settle, supervise, until,
};
#[cfg(feature = "std")]
pub use block::block_scope_with;
pub use first::{FirstCompletion, FirstOk, NoneOk, first_completion, first_ok};
pub use quorum::{NoQuorum, Quorum, quorum};
pub use report::Reporting;
pub use traits::Joiner;
pub use with::{
    ConcurrentWithFuture, JoinScope, JoinedFuture, Returns, ScopeWithFuture, concurrent_with,
    scope_with,
};
