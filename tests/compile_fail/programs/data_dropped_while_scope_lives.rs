use anyscope::concurrent;

pub async fn f() {
    let data = vec![1];
    let scope = concurrent(async |s| {
        s.spawn(async { data.len() });
    });
    drop(data);
    scope.await
}

fn main() {}
