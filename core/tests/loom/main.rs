//! Models of what users can do with children and scopes from several threads, checked by loom:
//! `ci/loom.sh`. Those of private types are beside them, in `models.rs`.
//!
//! Each model says in which way of getting the code wrong it fails; each of these was tried.

#![cfg(anyscope_loom)]

mod child;
mod cleanup;
mod flow;
mod latent;
mod registry;
mod scope;
mod token;
