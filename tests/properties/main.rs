//! Operations against sequential models, with inputs that nobody thought of.

mod breaker;
mod budget;
mod channel;
mod flow;
mod groups;
mod limits;
mod merge;
mod rate;
mod resources;
mod semaphore;
mod wait;
mod workers;
