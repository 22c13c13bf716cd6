//! Operations against sequential models, with inputs that nobody thought of.

mod flow;
mod merge;
