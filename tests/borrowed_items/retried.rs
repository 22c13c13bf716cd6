//! Work that is tried again, asked for twice, or asked for by several.

use crate::support::{NoTime, Owned, check, spawned};
use anyscope::{
    flow,
    resilience::{Attempts, SingleFlight, hedge, retry, with_fallback},
};
use std::time::Duration;

const DELAYS: [Duration; 2] = [Duration::ZERO; 2];

#[test]
fn retry_of_work() {
    spawned(|Owned { names, prefix }| async move {
        let prefix = &prefix;
        let results: Vec<Result<usize, Attempts<String>>> = flow::iter(names.iter())
            .map_concurrent(2, |name| {
                retry(NoTime, DELAYS, async move || check(name).await)
                    .when(move |error, _| error.starts_with(name) && prefix.len() > 1)
            })
            .collect()
            .await;
        assert_eq!(results[1].as_ref().unwrap_err().made, 3);
        let long = flow::iter(names.iter()).map_concurrent(2, async |name| {
            retry(NoTime, DELAYS, || check(name))
                .until(|length| *length > prefix.len())
                .on_retry(|_, failure, _| assert!(!failure.to_string().contains(prefix.as_str())))
                .await
        });
        assert_eq!(long.count().await, 3);
    });
}

#[test]
fn hedge_of_work() {
    spawned(|Owned { names, prefix }| async move {
        let prefix = &prefix;
        let results: Vec<_> = flow::iter(names.iter())
            .map_concurrent(2, |name| {
                hedge(NoTime, Duration::from_secs(1), move || async move {
                    check(name).await.map(|length| (prefix, name, length))
                })
            })
            .collect()
            .await;
        assert_eq!(results.len(), 3);
    });
}

#[test]
fn fallback_of_work() {
    spawned(|Owned { names, prefix }| async move {
        let prefix = &prefix;
        let results: Vec<_> = flow::iter(names.iter())
            .map_concurrent(2, |name| {
                with_fallback(check(name), async |error: String| error.len() + prefix.len())
            })
            .collect()
            .await;
        assert_eq!(results.len(), 3);
    });
}

#[test]
fn one_call_for_all() {
    spawned(|Owned { names, prefix }| async move {
        let flights = SingleFlight::new();
        let (flights, prefix) = (&flights, &prefix);
        let results: Vec<_> = flow::iter(names.iter())
            .map_concurrent(2, |name| {
                flights.run(name.as_str(), async move || {
                    check(name).await.map(|length| (prefix.as_str(), length))
                })
            })
            .collect()
            .await;
        assert_eq!(results.len(), 3);
    });
}
