//! Work over several processes or machines, as structured as in one: the limits, cancels with grace, deadlines, retries and outcomes of
//! [anyscope](https://crates.io/crates/anyscope), with the work done by workers elsewhere.
//!
//! A [`Remote`] calls [`Job`]s, and [`Workers`] run them. Between them is an *engine*, which exists already: a database, a broker. This crate writes none;
//! it has the semantics, once, above a small trait, [`engine::Engine`]. There are adapters:
//!
//! | engine | crate | for |
//! |---|---|---|
//! | [`Memory`] | this one | one process; tests, in virtual time, with faults |
//! | `Sqlite` | `anyscope-sqlite` | as many processes of one machine as like, without a server |
//! | `Nats` | `anyscope-nats` | many machines, over NATS JetStream |
//!
//! `Remote::call` is a future like any other: flows, retries, breakers and hedges work over machines unchanged. A worker is a scope whose children are
//! handlers. Neither names a runtime.
//!
//! For work on this machine that may crash, hang or leak, and for which nothing need be stored, there is a `ProcessPool` on Unix: it needs no engine.
//!
//! # What is promised
//!
//! | | |
//! |---|---|
//! | started at least once | a job is stored before [`submit`](Remote::submit) returns, and while its outcome is not stored it is leased, or will be |
//! | one outcome | whoever settles first, everybody reads the same |
//! | effect | at least once: a worker that loses its lease may have done its work. [`JobContext::id`] and [`JobContext::epoch`] are what handlers fence their writes with |
//! | bounded | never more leases than [`everywhere`](Workers::everywhere), over all workers; a worker has exactly what it runs |
//! | never lost with a worker | its leases run out, and others run its jobs; after [`attempts`](Workers::attempts) the job is a dead letter, and its caller knows |
//! | cancel | dropping a [`Call`] cancels its job: it is not begun, or its handler is asked to end |
//! | deadline | [`within`](Request::within): before the job is begun, while it runs, and for the jobs that it calls; spans are sent, so clocks may differ |
//! | order | none; jobs with the same [`key`](Request::key) one after the other |
//!
//! [More than one machine](https://github.com/anyscope/anyscope/blob/main/docs/scale-out.md) is the page for users: when to use it, how to test one's jobs, and what else to
//! know.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `json` | `Json`, a codec |
//! | `contract` | `contract`, what each engine has to do, as tests for adapters |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The pages about this crate, as tests.
#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../../docs/scale-out.md")]
mod pages {}

mod call;
mod codec;
#[cfg(feature = "contract")]
#[cfg_attr(docsrs, doc(cfg(feature = "contract")))]
pub mod contract;
pub mod engine;
mod headers;
mod job;
pub mod memory;
mod outcome;
#[cfg(unix)]
pub mod processes;
mod time;
mod wire;
mod words;
mod workers;

pub use call::{Call, CallError, LastAttempt, Remote, Request, Ticket};
#[cfg(feature = "json")]
pub use codec::Json;
pub use codec::{Codec, CodecError};
pub use engine::{EngineError, ErrorKind};
pub use headers::Headers;
pub use job::Job;
pub use memory::Memory;
#[cfg(unix)]
pub use processes::{ProcessError, ProcessPool};
pub use workers::{Ended, JobContext, Served, WorkerEvent, Workers};
