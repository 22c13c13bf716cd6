use anyscope::scope;

pub async fn f() {
    scope(&42, async |s| {
        s.spawn(async {});
    })
    .await
}

fn main() {}
