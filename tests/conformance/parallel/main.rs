//! Bounded operations in parallel: behaviours on all kinds of executors, and what hostile
//! executors, sources and work do to them.

mod behaviour;
mod fallible;
mod few;
mod hostile;
mod panics;
mod stuck;
