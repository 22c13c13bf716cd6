//! The same with tasks that take jobs from a channel, on tokio, as it is mostly written: to compare with.

use crate::{
    ATTEMPT, DELAY, PRODUCERS, RETRIES,
    jobs::{JobError, Jobs, Outcome},
    pages,
    sums::{Done, Sums},
};
use async_channel::Receiver;
use futures_lite::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc};

/// Runs all jobs with so many tasks. What became of which job goes through a second channel.
pub(crate) fn tokio_workers(jobs: &Jobs, workers: usize) -> Sums {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let jobs = Arc::new(jobs.clone());
        let queue = produce(&jobs, workers);
        let (send, outcomes) = async_channel::bounded(2 * workers);
        for _ in 0..workers {
            let (queue, jobs, send) = (queue.clone(), jobs.clone(), send.clone());
            tokio::spawn(async move {
                while let Ok(job) = queue.recv().await {
                    let outcome = work(&jobs, job).await;
                    if send.send((job, outcome)).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let collect = tokio::spawn(async move {
            let mut sums = Sums::default();
            while let Ok((job, outcome)) = outcomes.recv().await {
                sums.add(job, outcome);
            }
            sums
        });
        collect.await.expect("each job has one outcome")
    })
}

/// The same, but each task only counts what it did.
pub(crate) fn tokio_workers_counted(jobs: &Jobs, workers: usize) -> Sums {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let jobs = Arc::new(jobs.clone());
        let queue = produce(&jobs, workers);
        let workers = (0..workers).map(|_| {
            let (queue, jobs) = (queue.clone(), jobs.clone());
            tokio::spawn(async move {
                let mut counts = [0; Outcome::ALL.len()];
                while let Ok(job) = queue.recv().await {
                    counts[work(&jobs, job).await as usize] += 1;
                }
                counts
            })
        });
        let mut sums = Sums::default();
        for worker in workers.collect::<Vec<_>>() {
            let counts = worker.await.expect("no panic but those of jobs");
            sums.counts.iter_mut().zip(counts).for_each(|(all, its)| *all += its);
        }
        sums.done = Done::from_ranges(Done::default().missing(jobs.count)).expect("one range");
        sums
    })
}

fn produce(jobs: &Jobs, workers: usize) -> Receiver<u64> {
    let (send, queue) = async_channel::bounded(2 * workers);
    for nth in 0..PRODUCERS {
        let send = send.clone();
        let pages = pages(Done::default().missing(jobs.count)).skip(nth).step_by(PRODUCERS);
        tokio::spawn(async move {
            for job in pages.flatten() {
                if send.send(job).await.is_err() {
                    return;
                }
            }
        });
    }
    queue
}

async fn work(jobs: &Jobs, job: u64) -> Outcome {
    AssertUnwindSafe(retry(jobs, job)).catch_unwind().await.unwrap_or(Outcome::Panicked)
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
