use anyscope::concurrent;

pub async fn f() {
    let mut n = 0;
    concurrent(async |s| {
        s.spawn(async { n += 1 });
        s.spawn(async { n += 1 });
    })
    .await
}

fn main() {}
