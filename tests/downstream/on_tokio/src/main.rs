//! The library on tokio.

use anyscope::tokio::TokioHandle;

#[tokio::main]
async fn main() {
    let exec = TokioHandle::current();
    let words = ["to", "be"].map(String::from).to_vec();
    assert_eq!(library::lengths(&exec, words).await.unwrap(), 4);
    assert!(library::lengths(&exec, vec![String::new()]).await.is_err());
    let worker = library::Worker::start(&exec);
    (0..10).for_each(|_| worker.submit(|| ()));
    assert_eq!(worker.stop().await, 10);
    println!("on tokio: as promised");
}
