//! How much may run at once, and how often.

mod adaptive;
mod backlog;
mod hand;
mod keyed_rate;
mod limits;
mod partitioned;
mod rate;
mod semaphore;
