//! Work over several processes, on the engine in memory.

mod again;
mod clocks;
mod cluster;
mod faults;
mod jobs;
mod lost;
mod refuse;
mod seen;
mod sparing;
mod work;
