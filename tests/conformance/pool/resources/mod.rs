//! Pools of resources: each is made once, lent to one at a time, and ended once, whatever happens.

mod bridge;
mod cancelled;
mod closed;
mod hostile;
mod keyed;
mod lending;
mod manager;
mod timed;
