//! The job that tests call, and what is counted of it.

use anyscope_remote::{Job, Json};
use serde::{Deserialize, Serialize};

/// A job with a number, whose handler is each test's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Number(pub(crate) u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trouble {
    /// Another attempt may help.
    Passing,
    /// None will.
    Lasting,
}

impl Job for Number {
    const NAME: &'static str = "number";
    type Output = u32;
    type Error = Trouble;
    type Codec = Json;

    fn retry(error: &Trouble) -> bool {
        *error == Trouble::Passing
    }
}
