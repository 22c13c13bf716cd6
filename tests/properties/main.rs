//! Operations against sequential models, with inputs that nobody thought of.

mod budget;
mod channel;
mod flow;
mod merge;
mod semaphore;
mod rate;
mod wait;
mod workers;
