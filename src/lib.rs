// Always the front page; as tests, its examples take all adapters.
#![doc = include_str!("book/links.md")]
#![cfg_attr(
    any(
        not(doctest),
        all(feature = "smol", feature = "tokio", feature = "threads", feature = "sim")
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The book leads to items that are not there without it.
#![cfg_attr(not(feature = "std"), allow(rustdoc::broken_intra_doc_links))]
#![no_std]

#[cfg(any(
    feature = "futures",
    feature = "metrics",
    feature = "progress",
    feature = "shutdown",
    feature = "tracing"
))]
extern crate alloc;
#[cfg(any(
    feature = "deadpool",
    feature = "metrics",
    feature = "progress",
    feature = "shutdown",
    feature = "tracing"
))]
extern crate std;

#[cfg(any(feature = "deadpool", feature = "hyper", feature = "futures"))]
pub mod compat;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod marks;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod prelude;
#[cfg(feature = "progress")]
pub mod progress;
#[cfg(feature = "shutdown")]
pub mod shutdown;
#[cfg(feature = "tracing")]
pub mod tracing;

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

#[cfg(doc)]
pub mod book;

/// The code of a page that is for readers of the repository.
#[cfg(all(
    doctest,
    feature = "progress",
    feature = "rate",
    feature = "smol",
    feature = "tokio",
    feature = "threads",
    feature = "sim"
))]
#[doc = include_str!("../docs/from-the-seeds.md")]
struct FromTheSeeds;
