//! What runs children on the threads of a pool.
//!
//! A thread that runs them is a [`Driver`]: one of the pool's own, or one that is lent inside
//! `block_on`. What a child spawns or wakes goes to the queues of the driver that it runs on. A
//! driver with empty queues takes what came from outside, then half of what another one has, then it
//! sleeps.
//!
//! - [`local`]: the queues of one driver, and whose turn it is;
//! - [`queues`]: those of all drivers, and the one for what comes from outside;
//! - [`sleepers`]: who searches for work and who sleeps, so that no wake is lost and none is in vain;
//! - [`driver`]: rounds of polls;
//! - [`tasks`]: what lives, and is dropped with the pool.

#[cfg(not(anyscope_loom))]
mod driver;
#[cfg(not(anyscope_loom))]
mod local;
#[cfg(not(anyscope_loom))]
mod queues;
mod sleepers;
#[cfg(all(test, anyscope_loom))]
mod sleepers_models;
#[cfg(not(anyscope_loom))]
mod tasks;

#[cfg(not(anyscope_loom))]
pub(crate) use {driver::Driver, tasks::Tasks};
