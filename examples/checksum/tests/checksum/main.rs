//! The example `checksum`, run as a process on trees whose contents are known.

// For names that are not UTF-8, and for `/proc`, which tells what a process is reading.
#![cfg(target_os = "linux")]

#[path = "../../src/digest.rs"]
#[allow(dead_code)]
mod digest;
mod faults;
mod results;
mod support;
