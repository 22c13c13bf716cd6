//! The same with tasks that take jobs from a channel, on tokio, as it is mostly written: to compare with.

use crate::{
    ATTEMPT, DELAY, PRODUCERS, RETRIES,
    jobs::{JobError, Jobs, Outcome},
    sums::{Done, Sums},
};
use futures_lite::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc};

/// Runs all jobs with so many tasks.
pub(crate) fn tokio_workers(jobs: &Jobs, workers: usize) -> Sums {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let jobs = Arc::new(jobs.clone());
        let (send, receive) = async_channel::bounded(2 * workers);
        for nth in 0..PRODUCERS as u64 {
            let (send, count) = (send.clone(), jobs.count);
            tokio::spawn(async move {
                for job in (nth..count).step_by(PRODUCERS) {
                    if send.send(job).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let workers = (0..workers).map(|_| {
            let (receive, jobs) = (receive.clone(), jobs.clone());
            tokio::spawn(async move {
                let mut counts = [0; Outcome::ALL.len()];
                while let Ok(job) = receive.recv().await {
                    let outcome = AssertUnwindSafe(retry(&jobs, job)).catch_unwind().await;
                    counts[outcome.unwrap_or(Outcome::Panicked) as usize] += 1;
                }
                counts
            })
        });
        let mut sums = Sums::default();
        for worker in workers.collect::<Vec<_>>() {
            let counts = worker.await.expect("no panic but those of jobs");
            sums.counts.iter_mut().zip(counts).for_each(|(all, its)| *all += its);
        }
        // Which jobs those were nobody knows.
        sums.done = Done::from_ranges(Done::default().missing(jobs.count)).expect("ranges");
        sums
    })
}

async fn retry(jobs: &Jobs, job: u64) -> Outcome {
    for attempt in 1.. {
        let outcome = match tokio::time::timeout(ATTEMPT, jobs.attempt(job, attempt)).await {
            Ok(Ok(_)) => return Outcome::Done,
            Ok(Err(JobError::Invalid)) => return Outcome::Invalid,
            Ok(Err(JobError::Busy)) => Outcome::Busy,
            Err(_) => Outcome::TimedOut,
        };
        if attempt as usize > RETRIES {
            return outcome;
        }
        tokio::time::sleep(DELAY * attempt).await;
    }
    unreachable!()
}
