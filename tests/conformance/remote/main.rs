//! Work over several processes, on the engine in memory.

mod cluster;
mod jobs;
mod work;
