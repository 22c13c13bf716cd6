//! Processes that work and call over an engine, to be killed and stopped: what the tests of adapters share.
//!
//! A test of an adapter says in a [`Place`] how processes reach its engine, has a test that is [`child`], and opens a
//! [`Site`].
//!
//! | file | what |
//! |---|---|
//! | `jobs` | the smallest jobs |
//! | `place` | what is different for each engine |
//! | `site` | what the processes of a test share, and have written |
//! | `process` | a process that is killed at the latest at the end |
//! | `work` | the job, and the processes that work and call |
//! | `scenarios` | what has to come of it, whatever the engine |
//! | `figures` | what benchmarks of adapters print |

#![cfg(unix)]

mod figures;
mod jobs;
mod place;
mod process;
pub mod scenarios;
mod site;
mod work;

pub use figures::Figures;
pub use jobs::{Double, Echo};
pub use place::Place;
pub use process::Process;
pub use site::Site;
pub use work::{EVERYWHERE, QUEUE, Task, What, child};
