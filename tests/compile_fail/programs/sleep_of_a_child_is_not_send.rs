use anyscope::{Timer, scope, smol::Smol};
use std::time::Duration;

pub async fn f(timer: impl Timer + Clone + Send + Sync + 'static) {
    scope(&Smol, async |s| {
        let timer = timer.clone();
        s.spawn(async move { timer.sleep(Duration::from_secs(1)).await });
    })
    .await
}

fn main() {}
