//! Pools of workers and of resources.

mod workers;
