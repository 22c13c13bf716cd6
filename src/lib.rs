#![cfg_attr(
    all(feature = "smol", feature = "tokio", feature = "threads", feature = "sim"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "smol", feature = "tokio", feature = "threads", feature = "sim")),
    doc = "Structured concurrency on any executor. The front page comes with all adapters."
)]
#![no_std]

#[cfg(feature = "futures")]
extern crate alloc;
#[cfg(any(feature = "hyper", feature = "futures"))]
pub mod compat;

pub use anyscope_core::*;

#[cfg(feature = "sim")]
#[doc(inline)]
pub use anyscope_sim as sim;
#[cfg(feature = "smol")]
#[doc(inline)]
pub use anyscope_smol as smol;
#[cfg(feature = "threads")]
#[doc(inline)]
pub use anyscope_threads as threads;
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use anyscope_tokio as tokio;
