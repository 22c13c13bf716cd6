//! Semaphores, rates and throttles: what is asked for is there, or others have it.

use crate::{
    by_hand::ByHand,
    meter::{counted, counted_in_task},
    own,
    rows::Rows,
};
use anyscope::BlockOn;
use futures_lite::future::{Boxed, yield_now};
use std::sync::Arc;

/// Permits that each of several tasks takes, one after the other.
const EACH: usize = 100;

pub(crate) fn rows(rows: &mut Rows) {
    semaphores(rows);
    rates(rows);
    throttles(rows);
}

fn semaphores(rows: &mut Rows) {
    rows.path("semaphore/alone".into())
        .own(|| {
            let semaphore = anyscope::Semaphore::new(2);
            ByHand.block_on(counted_in_task(1, || own::permit(&semaphore, std::future::ready(()))));
        })
        .peer("tokio", || {
            let semaphore = tokio::sync::Semaphore::new(2);
            ByHand
                .block_on(counted_in_task(1, || tokio_permit(&semaphore, std::future::ready(()))));
        });
    for tasks in [8, 100] {
        rows.path(format!("semaphore/2 permits, tasks that yield/{tasks}"))
            .own(move || {
                let semaphore = Arc::new(anyscope::Semaphore::new(2));
                contended(tasks, || {
                    let semaphore = semaphore.clone();
                    Box::pin(async move {
                        for _ in 0..EACH {
                            own::permit(&semaphore, yield_now()).await;
                        }
                    })
                });
            })
            .peer("tokio", move || {
                let semaphore = Arc::new(tokio::sync::Semaphore::new(2));
                contended(tasks, || {
                    let semaphore = semaphore.clone();
                    Box::pin(async move {
                        for _ in 0..EACH {
                            tokio_permit(&semaphore, yield_now()).await;
                        }
                    })
                });
            });
    }
}

async fn tokio_permit(semaphore: &tokio::sync::Semaphore, meanwhile: impl Future<Output = ()>) {
    let permit = semaphore.acquire().await.unwrap();
    meanwhile.await;
    drop(permit);
}

fn contended(tasks: usize, task: impl Fn() -> Boxed<()>) {
    counted(tasks * EACH, || ByHand.run_all((0..tasks).map(|_| task()).collect()));
}

fn rates(rows: &mut Rows) {
    rows.path("rate/acquire".into()).own(|| {
        let limit = own::rate_limit();
        ByHand.block_on(counted_in_task(1, || own::rate_acquire(&limit)));
    });
    rows.path("rate/try_acquire".into()).own(|| {
        let limit = own::rate_limit();
        counted(1, || own::rate_try_acquire(&limit));
    });
    rows.path("limits/acquire of two".into()).own(|| {
        let limits = own::limits();
        ByHand.block_on(counted_in_task(1, || own::limits_acquire(&limits)));
    });
}

fn throttles(rows: &mut Rows) {
    const ITEMS: usize = 1000;
    rows.path("throttle/gap".into())
        .own(|| ByHand.block_on(counted_in_task(ITEMS, || own::throttle(ITEMS))));
    rows.path("throttle/rate".into())
        .own(|| ByHand.block_on(counted_in_task(ITEMS, || own::throttle_by_rate(ITEMS))));
}
