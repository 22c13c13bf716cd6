use anyscope::{block_scope, smol::Smol};

fn main() {
    block_scope(&Smol, async |s| {
        let local = 22;
        s.spawn(async { local }).await.unwrap();
    })
}
