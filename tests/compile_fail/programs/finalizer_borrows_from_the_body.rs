//! A finalizer runs when the body is gone.

use anyscope::concurrent;

fn main() {
    drop(concurrent(async |s| {
        let text = String::from("gone");
        s.defer(async { drop(text.len()) });
    }));
}
