//! Pools of workers and of resources.

mod resources;
mod workers;
