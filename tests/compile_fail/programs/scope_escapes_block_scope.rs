use anyscope::{block_scope, smol::Smol};

fn main() {
    let mut escaped = None;
    block_scope(&Smol, async |s| escaped = Some(s));
}
