//! A finalizer of `scope` may outlive it, on the executor.

use anyscope::{scope, smol::Smol};

fn main() {
    let text = String::from("gone");
    drop(scope(&Smol, async |s| {
        s.defer(async { drop(text.len()) });
    }));
}
