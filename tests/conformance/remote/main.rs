//! Work over several processes, on the engine in memory.

mod clocks;
mod cluster;
mod faults;
mod jobs;
mod refuse;
mod work;
