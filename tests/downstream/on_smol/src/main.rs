//! The library on smol.

use anyscope::smol::Smol;

fn main() {
    smol::block_on(async {
        let words = ["to", "be"].map(String::from).to_vec();
        assert_eq!(library::lengths(&Smol, words).await.unwrap(), 4);
        assert!(library::lengths(&Smol, vec![String::new()]).await.is_err());
        let worker = library::Worker::start(&Smol);
        (0..10).for_each(|_| worker.submit(|| ()));
        assert_eq!(worker.stop().await, 10);
    });
    println!("on smol: as promised");
}
