//! Workers: a scope whose children are handlers.
//!
//! | file | what |
//! |---|---|
//! | `builder` | what users set |
//! | `serve` | the scope: asks for as many jobs as it has places |
//! | `run` | one job: what keeps it from being begun, and its handler |
//! | `finish` | what becomes of it when the handler has ended |
//! | `held` | the leases that are held, and whose time is over |
//! | `keep` | extends them; hears of cancels |
//! | `context` | what a handler knows of its job |
//! | `site` | what all of these share |
//! | `event` | what workers tell of themselves |

mod builder;
mod context;
mod event;
mod finish;
mod held;
mod keep;
mod run;
mod serve;
mod site;

pub use builder::Workers;
pub use context::{Ended, JobContext};
pub use event::{Served, WorkerEvent};
