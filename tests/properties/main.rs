//! Operations against sequential models, with inputs that nobody thought of.

mod budget;
mod channel;
mod flow;
mod merge;
mod semaphore;
mod wait;
mod workers;
