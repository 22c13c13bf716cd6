//! Sets of a fixed capacity.

#![cfg(not(anyscope_loom))]

mod child;
mod children;
mod panics;
mod wakers;
