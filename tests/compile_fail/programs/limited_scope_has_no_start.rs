use anyscope::{scope_limited, smol::Smol};

fn main() {
    scope_limited(&Smol, 2, async |s| {
        s.start(async |ready| ready.signal(1));
    });
}
