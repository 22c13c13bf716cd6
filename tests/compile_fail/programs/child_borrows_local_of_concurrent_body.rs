use anyscope::concurrent;

pub async fn f() {
    concurrent(async |s| {
        let local = 22;
        s.spawn(async { local }).await.unwrap();
    })
    .await
}

fn main() {}
