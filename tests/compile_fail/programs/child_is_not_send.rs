use anyscope::{scope, smol::Smol};
use std::rc::Rc;

pub async fn f() {
    let rc = Rc::new(1);
    scope(&Smol, async |s| {
        s.spawn(async move { *rc }).await.unwrap();
    })
    .await
}

fn main() {}
