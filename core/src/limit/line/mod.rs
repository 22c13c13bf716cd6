//! Who waits for what, in which order.
//!
//! | file | contents |
//! |---|---|
//! | [`book`] | what is handed out: the trait of an account |
//! | [`desk`] | the lines in front of it, and who is served; no user code, under a lock |
//! | [`line`] | the lock, and the wakers that are fired after it |
//! | [`waiting`] | the future of one who waits, with the one timer of whoever is in front |

mod book;
mod desk;
#[allow(clippy::module_inception)]
mod line;
#[cfg(all(test, anyscope_loom))]
mod models;
mod waiting;

pub(super) use book::Book;
pub(super) use line::Line;
pub(super) use waiting::Waiting;
