//! A finalizer runs when the body is gone.

use anyscope::{block_scope, smol::Smol};

fn main() {
    block_scope(&Smol, async |s| {
        let text = String::from("gone");
        s.defer(async { drop(text.len()) });
    });
}
