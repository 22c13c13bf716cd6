//! Jobs over real servers, which tests start, kill and start again.

#![cfg(unix)]

mod between;
mod cluster;
mod contract;
mod fleet;
mod leases;
mod lost;
mod partitions;
mod processes;
mod proxy;
mod refuse;
mod secure;
mod streams;
mod support;
