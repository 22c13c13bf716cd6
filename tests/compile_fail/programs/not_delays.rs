use anyscope::{Restart, resilience::retry, smol::Smol};
use std::time::Duration;

fn main() {
    let work = async || Ok::<u8, u8>(1);
    let _ = retry(&Smol, 3, work);
    let _ = retry(&Smol, Duration::from_secs(1), work);
    let _ = Restart::on_failure(Smol).backoff(Duration::from_secs(1));
}
