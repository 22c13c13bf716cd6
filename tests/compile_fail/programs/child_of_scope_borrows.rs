use anyscope::{scope, smol::Smol};

pub async fn f() {
    let data = vec![1];
    let borrowed = &data;
    scope(&Smol, async |s| {
        s.spawn(async move { borrowed.len() }).await.unwrap();
    })
    .await
}

fn main() {}
