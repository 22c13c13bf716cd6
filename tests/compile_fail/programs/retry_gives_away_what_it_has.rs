use anyscope::{exponential, resilience::retry, smol::Smol};
use std::time::Duration;

async fn fetch(url: String) -> Result<String, String> {
    Ok(url)
}

fn main() {
    let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
    let url = String::from("a");
    let _ = retry(&Smol, exponential(first, most), move || fetch(url));
}
