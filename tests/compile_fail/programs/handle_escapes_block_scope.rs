use anyscope::{block_scope, smol::Smol};

fn main() {
    let data = vec![1];
    let _handle = block_scope(&Smol, async |s| s.spawn(async { data.len() }));
}
