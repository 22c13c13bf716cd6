use anyscope::{exponential, resilience::retry, smol::Smol};
use std::{future::Ready, time::Duration};

async fn fetch(url: String) -> Result<String, String> {
    Ok(url)
}

fn main() {
    let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
    // A future can be awaited only once.
    let _ = retry(&Smol, exponential(first, most), fetch("a".into()));
    let ready: Ready<Result<u8, u8>> = std::future::ready(Ok(1));
    let _ = retry(&Smol, exponential(first, most), ready);
}
