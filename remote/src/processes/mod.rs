//! A pool of processes: work that may crash, hang or leak, on this machine, without an engine.
//!
//! | file | what |
//! |---|---|
//! | `pool` | what callers have |
//! | `call` | one call, and what becomes of it when it is dropped |
//! | `place` | a thread of the pool, which has at most one process |
//! | `process` | one process: its start, its end, what it prints |
//! | `child` | the other side |
//! | `frame` | what is said between both |
//! | `error` | why there is no value |

mod call;
mod child;
mod error;
mod frame;
mod place;
mod pool;
mod process;

pub use call::ProcessCall;
pub use child::Child;
pub use error::ProcessError;
pub use pool::{Builder, ProcessPool};
