//! What waits, and who does what.

use crate::engine::QUEUE;
use anyscope_remote::engine::Engine;
use std::error::Error;

pub(crate) async fn print(engine: &impl Engine) -> Result<bool, Box<dyn Error>> {
    let status = engine.status(&QUEUE.into()).await?;
    if !status.running.is_empty() {
        println!("{:<16} {:<12} {:>7} {:>8}", "worker", "job", "attempt", "for");
    }
    for job in &status.running {
        let since = format!("{:.1} s", job.since.as_secs_f32());
        println!("{:<16} {:<12} {:>7} {since:>8}", job.worker, job.name, job.attempt);
    }
    let (wait, running) = (status.ready + status.delayed, status.running.len());
    println!(
        "{wait} wait, {running} running, {} done, {} of them given up",
        status.settled, status.dead
    );
    for letter in engine.dead_letters(&QUEUE.into(), 20).await? {
        println!("given up: {}", letter.envelope.id);
    }
    Ok(true)
}
