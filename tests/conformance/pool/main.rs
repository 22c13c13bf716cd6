//! Pools of workers and of resources.
