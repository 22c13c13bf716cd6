//! What is around a call: limits of time, retries, tokens.

use super::{Rows, peers::paused};
use crate::{
    by_hand::ByHand,
    meter::{counted, counted_in_task, part_counted},
    own::{self},
    work::{Yields, ready, yields},
};
use anyscope::{
    BlockOn, concurrent, context::Context as Values, resilience::RetryBudget, tokio::TokioHandle,
};
use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Limits that are not reached, of one piece of work after the other.
pub(super) fn timeouts(rows: &mut Rows) {
    for (name, work) in [("ready", ready as fn(usize) -> Yields), ("yields", yields)] {
        let floor = move || ByHand.block_on(counted_in_task(1, || work(1)));
        rows.path(format!("timeout/free timer/{name}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(1, || own::timeout(own::Free, work(1))));
        });
        rows.path(format!("timeout/tokio current-thread/{name}"))
            .floor(floor)
            .own(move || {
                let runtime = paused();
                let tokio = TokioHandle::from(runtime.handle().clone());
                let once = async move {
                    counted_in_task(1, || own::timeout(&tokio, work(1))).await;
                };
                runtime.block_on(runtime.spawn(once)).unwrap();
            })
            .peer("tokio::time::timeout", move || {
                let runtime = paused();
                let once = counted_in_task(1, move || tokio::time::timeout(own::HOUR, work(1)));
                runtime.block_on(runtime.spawn(once)).unwrap();
            });
    }
}

/// Work that is not tried again: by itself, in a child, and with a budget in the context.
pub(super) fn retries(rows: &mut Rows) {
    for (name, work) in [("ready", ready as fn(usize) -> Yields), ("yields", yields)] {
        let floor = move || ByHand.block_on(counted_in_task(1, || work(1)));
        let once = move || counted_in_task(1, move || own::retry(own::Free, move || work(1)));
        rows.path(format!("retry/by itself/{name}")).floor(floor).own(move || {
            ByHand.block_on(once());
        });
        let in_child = move || concurrent(async move |s| s.spawn(once()).await.unwrap());
        rows.path(format!("retry/in a child/{name}")).floor(floor).own(move || {
            ByHand.block_on(in_child());
        });
        rows.path(format!("retry/with a budget around/{name}")).floor(floor).own(move || {
            let budget = RetryBudget::new(10).percent(20);
            assert!(budget.withdraw(&own::Free));
            ByHand.block_on(Values::new().with(budget).around(in_child()));
        });
    }
}

pub(super) fn tokens(rows: &mut Rows) {
    const LOOKS: usize = 1000;
    rows.path("token/is_cancelled".into())
        .floor(|| {
            let flag = Box::new(AtomicBool::new(false));
            counted(LOOKS, || {
                for _ in 0..LOOKS {
                    black_box(black_box(&*flag).load(Relaxed));
                }
            });
        })
        .own(|| {
            let token = own::token();
            counted(LOOKS, || {
                for _ in 0..LOOKS {
                    black_box(own::is_cancelled(black_box(&token)));
                }
            });
        });
    rows.path("token/child, made and dropped".into()).own(|| {
        let token = own::token();
        counted(1, || own::child_token(&token));
    });
    for n in [1, 100, 10_000] {
        rows.path(format!("token/cancel of children/{n}")).own(move || {
            let tree = || {
                let token = own::token();
                let children: Vec<_> = (0..n).map(|_| own::child_token(&token)).collect();
                (token, children)
            };
            part_counted(n, tree, |(token, children)| {
                own::cancel_token(&token);
                (token, children)
            });
        });
    }
}
