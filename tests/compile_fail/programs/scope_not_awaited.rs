#![deny(unused_must_use)]

use anyscope::{scope, smol::Smol};

fn main() {
    scope(&Smol, async |_| {});
}
