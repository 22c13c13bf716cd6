//! The smallest jobs.

use anyscope_remote::{Job, Json};

/// Returns the text.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Echo(pub String);

impl Job for Echo {
    const NAME: &'static str = "echo";
    type Output = String;
    type Error = String;
    type Codec = Json;
}

/// Returns twice the number.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Double(pub u32);

impl Job for Double {
    const NAME: &'static str = "double";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}
