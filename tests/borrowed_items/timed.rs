//! Operations that know the time.

use crate::support::{NoTime, Owned, check, greet, spawned};
use anyscope::{Instant, Limit, flow, smol::Smol};
use std::{num::NonZeroUsize, time::Duration};

const TWO: Limit = Limit::new(2);
const LONG: Duration = Duration::from_secs(3600);
const PAIR: NonZeroUsize = NonZeroUsize::new(2).unwrap();

#[test]
fn timeout_each() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map(|name| (prefix, name))
            .timeout_each(Smol, LONG)
            .map_ok(|(prefix, name)| greet(prefix, name))
            .filter_ok()
            .buffered(TWO)
            .timeout_each(Smol, LONG)
            .count()
            .await;
        assert_eq!(count, 3);
    });
}

#[test]
fn deadline() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (prefix, name))
            .deadline(Smol, Instant::from_epoch(Duration::MAX))
            .count()
            .await;
        assert_eq!(count, 3);
    });
}

#[test]
fn delay_each() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (prefix, name))
            .delay_each(NoTime, LONG, TWO)
            .map_concurrent(TWO, async |(prefix, name)| greet(prefix, name).await)
            .delay_each(NoTime, Duration::ZERO, TWO)
            .count();
        drop(count);
    });
}

#[test]
fn take_until() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let stop = flow::iter(names.iter()).fold(0, async |sum, name| {
            drop(greet(prefix, name).await);
            sum + name.len()
        });
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (prefix, name))
            .take_until(stop)
            .count()
            .await;
        assert!(count <= 3);
    });
}

#[test]
fn chunks_timeout() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (prefix, name))
            .chunks_timeout(Smol, PAIR, LONG)
            .count()
            .await;
        assert_eq!(count, 2);
    });
}

#[test]
fn throttle() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (prefix, name))
            .throttle(NoTime, LONG)
            .map_concurrent(TWO, |(prefix, name)| async move { greet(prefix, name).await })
            .throttle(NoTime, LONG)
            .count()
            .await;
        assert_eq!(count, 3);
    });
}

#[test]
fn latest() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let made = || flow::iter(names.iter()).map_concurrent(TWO, async |name| (prefix, name));
        made().throttle_latest(NoTime, LONG).count().await;
        made().sample(NoTime, LONG).count().await;
        made().debounce(NoTime, LONG).count().await;
    });
}

#[test]
fn latest_results() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let made = || {
            flow::iter(names.iter())
                .map_concurrent(TWO, async |name| check(name).await.map_err(|_| name))
        };
        made().try_throttle_latest(NoTime, LONG).count().await;
        made().try_sample(NoTime, LONG).count().await;
        made().try_debounce(NoTime, LONG).count().await;
    });
}
