//! Pools of workers.

mod ends;
mod fails;
mod given_up;
mod inline;
mod jobs;
mod keeps;
mod limited;
mod shares;
