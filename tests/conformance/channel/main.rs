//! Channels between tasks.

mod cancelled;
mod ends;
mod generate;
mod handoff;
mod permits;
mod queues;
