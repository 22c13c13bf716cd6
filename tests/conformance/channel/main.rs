//! Channels between tasks.

mod cancelled;
mod ends;
mod handoff;
mod permits;
mod queues;
