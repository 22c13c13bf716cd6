use anyscope::{scope, smol::Smol};
use std::rc::Rc;

fn main() {
    scope(&Smol, async |s| {
        let rc = Rc::new(1);
        s.defer(async move { drop(rc) });
    });
}
