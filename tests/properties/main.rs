//! Operations against sequential models, with inputs that nobody thought of.

mod channel;
mod flow;
mod merge;
mod wait;
