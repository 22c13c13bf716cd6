use anyscope::{scope, smol::Smol};

pub async fn f() {
    let data = vec![1];
    scope(&Smol, async |s| {
        s.spawn(async { data.len() }).await.unwrap();
    })
    .await
}

fn main() {}
