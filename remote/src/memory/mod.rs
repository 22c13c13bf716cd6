//! An engine in the memory of this process: a local pool; and in tests, a whole cluster in virtual time.
//!
//! | file | what |
//! |---|---|
//! | `handle` | what users have |
//! | `engine` | the adapter |
//! | `line` | a queue: what waits, is leased, has ended |
//! | `claim` | which jobs are leased next |
//! | `event` | waits for what happens behind the lock |
//! | `link` | the way between a client and the engine, and what may happen on it |

mod claim;
mod engine;
mod event;
mod handle;
mod line;
mod link;

pub use handle::{Builder, Memory};
pub use link::{Faults, Link};
