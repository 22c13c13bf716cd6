use anyscope::concurrent;

pub async fn f() {
    let mut handle = None;
    {
        let data = vec![1];
        concurrent(async |s| handle = Some(s.spawn(async { data.len() }))).await;
    }
    drop(handle);
}

fn main() {}
