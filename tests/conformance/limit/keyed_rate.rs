//! Rate limits of keys.

use crate::hand::Hand;
use anyscope::{
    limit::{KeyedRateLimit, Rate},
    scope,
};
use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Stopwatch, behaviour, poll_once};

/// Given a key whose hash and comparison use the limit of keys, then nothing blocks; and keys with one
/// hash are kept apart.
#[test]
fn keys_are_hashed_and_compared_outside_of_locks() {
    #[derive(Clone)]
    struct Key(u32, Option<(KeyedRateLimit<Key>, Hand)>);
    impl Key {
        fn look(&self) {
            if let Some((limits, hand)) = &self.1 {
                limits.len();
                let _ = limits.try_acquire(hand, &Key(self.0 + 100, None));
            }
        }
    }
    impl Hash for Key {
        fn hash<H: Hasher>(&self, _: &mut H) {
            self.look();
        }
    }
    impl PartialEq for Key {
        fn eq(&self, other: &Key) -> bool {
            self.look();
            self.0 == other.0
        }
    }
    impl Eq for Key {}
    impl Drop for Key {
        fn drop(&mut self) {
            self.look();
        }
    }
    let hand = Hand::default();
    let limits = KeyedRateLimit::new(Rate::per_second(1));
    for n in 0..10 {
        let key = Key(n, Some((limits.clone(), hand.clone())));
        limits.try_acquire(&hand, &key).unwrap();
        assert!(limits.try_acquire(&hand, &key).is_err());
    }
    assert_eq!(limits.len(), 20);
    hand.set(10_000);
    limits.forget_idle(&hand);
    // Dropping a key asks for its neighbour once more.
    limits.forget_idle(&hand);
}

/// Given more and more keys, then those that are as new are forgotten, and those that are in use are not.
#[test]
fn idle_keys_are_forgotten() {
    let hand = Hand::default();
    let limits = KeyedRateLimit::new(Rate::per_second(10).burst(1));
    let mut peak = 0;
    let kept = limits.limit(&hand, &u64::MAX);
    for n in 0..10_000 {
        hand.set(n);
        limits.try_acquire(&hand, &n).unwrap();
        peak = peak.max(limits.len());
    }
    assert!(peak < 300, "{peak}");
    // One that waits or was granted is not forgotten, however late it is.
    let (mut waits, grant) = (Box::pin(limits.acquire(&hand, &1)), limits.try_acquire(&hand, &2));
    assert!(poll_once(waits.as_mut()).is_ready());
    kept.try_acquire(&hand).unwrap();
    hand.set(1_000_000);
    limits.forget_idle(&hand);
    assert_eq!(limits.len(), 3);
    drop((waits, grant, kept));
    limits.forget_idle(&hand);
    assert_eq!((limits.len(), limits.is_empty()), (0, true));
}

behaviour! {
    /// Given many tasks that ask for the same new keys at once, then there is one limit for each.
    one_limit_for_each_key |ex| {
        let limits = KeyedRateLimit::new(Rate::new(1, 1000 * support::HOUR).burst(5));
        let granted = Arc::new(AtomicUsize::new(0));
        scope(&ex, async |s| {
            for _ in 0..20 {
                let (limits, ex, granted) = (limits.clone(), ex.clone(), granted.clone());
                s.spawn(async move {
                    for key in 0..100_u32 {
                        if limits.try_acquire(&ex, &key).is_ok() {
                            granted.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        })
        .await;
        assert_eq!((granted.load(SeqCst), limits.len()), (500, 100));
    }

    /// Given a limit for each key, then one key does not wait for another.
    keys_do_not_wait_for_each_other with virtual_time |ex| {
        let limits = KeyedRateLimit::new(Rate::per_second(1).burst(1));
        let watch = Stopwatch::start(ex.clone());
        let mut times = Vec::new();
        for key in ["a", "b", "a", "b", "c"] {
            limits.acquire(&ex, &key).await;
            times.push(watch.elapsed().as_secs());
        }
        assert_eq!(times, [0, 0, 1, 1, 1]);
        assert!(limits.acquire_many(&ex, &"a", 2).await.is_err());
    }
}
