//! Pools by key: a limit for each, and one for all.

use super::manager::{Act, Desk};
use anyscope::{
    Executor, Grace,
    pool::{
        KeyedResourcePool,
        resources::{GetError, Guard, TryGetError},
    },
};
use std::cmp::Ordering;
use support::{SECOND, Signal, behaviour, blow_up, panic_in, panic_of, poll_once, until};

fn pools<E: Executor>(
    desk: &Desk,
    (each, all): (usize, usize),
    ex: &E,
) -> KeyedResourcePool<u32, Desk> {
    let desk = desk.clone();
    KeyedResourcePool::new(ex, all, move |_| desk.builder(each))
}

behaviour! {
    /// Given a limit for each key and one for all, then neither is exceeded, and resources are those of
    /// their key.
    keys_have_a_limit_each_and_one_in_all |ex| {
        let desk = Desk::new();
        let pools = pools(&desk, (2, 3), &ex);
        let (a, b) = (pools.get(&1).await.unwrap(), pools.get(&1).await.unwrap());
        assert_eq!(pools.try_get(&1).await.err(), Some(TryGetError::Full));
        let c = pools.get(&2).await.unwrap();
        assert_eq!(pools.try_get(&2).await.err(), Some(TryGetError::Full));
        assert_eq!(pools.try_get(&3).await.err(), Some(TryGetError::Full));
        assert_eq!(pools.status(&2).unwrap().created, 1, "none is made without a place in all");
        drop(a);
        let d = pools.get(&2).await.unwrap();
        assert_eq!((b.id, c.id, d.id), (1, 2, 3));
        drop((b, c, d));
        assert_eq!(pools.get(&1).await.unwrap().id, 1);
        assert!(pools.close(Grace::Forever).await.is_clean());
        assert_eq!(desk.count("destroyed"), 4);
    }

    /// Given callers that wait for a place in all, then they are served in order, whatever their key.
    places_in_all_are_first_come_first_served |ex| {
        let desk = Desk::new();
        let pools = pools(&desk, (1, 1), &ex);
        let mut held = pools.get(&0).await.unwrap();
        let keys = [3, 1, 2];
        let mut waits: Vec<_> = keys.iter().map(|key| Box::pin(pools.get(key))).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        while !waits.is_empty() {
            drop(held);
            for later in waits.iter_mut().skip(1) {
                assert!(poll_once(later.as_mut()).is_pending());
            }
            held = waits.remove(0).await.unwrap();
        }
        Guard::discard(held);
        drop(pools.get(&0).await.unwrap());
        assert!(pools.close(Grace::Forever).await.is_clean());
    }

    /// Given a get that is dropped while it waits for a place of its key, for one in all, or while it
    /// creates, then all places are free.
    a_get_by_key_that_is_dropped_frees_its_places |ex| {
        let desk = Desk::new();
        let pools = pools(&desk, (1, 2), &ex);
        let (a, b) = (pools.get(&1).await.unwrap(), pools.get(&2).await.unwrap());
        let mut of_key = Box::pin(pools.get(&1));
        let mut in_all = Box::pin(pools.get(&3));
        assert!(poll_once(of_key.as_mut()).is_pending());
        assert!(poll_once(in_all.as_mut()).is_pending());
        drop((of_key, in_all));
        drop((a, b));
        desk.on_create(Act::Wait(Signal::new()));
        let mut creating = Box::pin(pools.get(&3));
        assert!(poll_once(creating.as_mut()).is_pending());
        drop(creating);
        let all = (pools.try_get(&3).await.unwrap(), pools.try_get(&1).await.unwrap());
        let thing = Guard::take(all.0);
        drop(pools.try_get(&2).await.unwrap());
        drop((all.1, thing));
        assert!(pools.close(Grace::Forever).await.is_clean());
    }

    /// Given many keys, each used once, then those that have nothing are forgotten, and the others not.
    keys_that_have_nothing_are_forgotten |ex| {
        let desk = Desk::new();
        let pools = pools(&desk, (1, 1), &ex);
        drop(pools.get(&1_000_000).await.unwrap());
        let mut peak = 0;
        for key in 0..60 {
            Guard::discard(pools.get(&key).await.unwrap());
            until(|| desk.count("destroyed") == key as usize + 1).await;
            until(|| pools.status(&key).unwrap().destroying == 0).await;
            peak = peak.max(pools.keys());
        }
        assert!(peak <= 17, "{peak}");
        assert_eq!(pools.get(&1_000_000).await.unwrap().id, 0);
        assert!(pools.close(Grace::Forever).await.is_clean());
        assert_eq!(desk.count("destroyed"), 61);
    }

    /// Given pools by key that are closed, then all keys are, who waits is told so, and what is lent is
    /// waited for until the grace ends.
    a_close_is_one_of_all_keys with virtual_time |ex| {
        let desk = Desk::new();
        let pools = pools(&desk, (1, 2), &ex);
        let (a, b) = (pools.get(&1).await.unwrap(), pools.get(&2).await.unwrap());
        let mut of_key = Box::pin(pools.get(&1));
        let mut in_all = Box::pin(pools.get(&3));
        assert!(poll_once(of_key.as_mut()).is_pending());
        assert!(poll_once(in_all.as_mut()).is_pending());
        let report = pools.close(Grace::For(SECOND)).await;
        assert_eq!((report.lent, report.creating, report.destroying), (2, 0, 0));
        assert_eq!(of_key.await.err(), Some(GetError::Closed));
        assert_eq!(in_all.await.err(), Some(GetError::Closed));
        assert_eq!(pools.get(&1).await.err(), Some(GetError::Closed));
        assert_eq!(pools.try_get(&9).await.err(), Some(TryGetError::Closed));
        drop((a, b));
        assert!(pools.close(Grace::Forever).await.is_clean());
        assert_eq!(desk.count("destroyed"), 2);
    }

    /// Given keys whose comparison panics or comes back, then that is a panic of the call, and the pools go
    /// on.
    keys_may_be_hostile |ex| {
        let desk = Desk::new();
        let theirs = desk.clone();
        let pools = KeyedResourcePool::new(&ex, 3, move |_: &Key| theirs.builder(1));
        drop(pools.get(&Key::Good(1)).await.unwrap());
        assert_eq!(panic_of(pools.get(&Key::Bad)).await, "key");
        assert!(panic_in(|| pools.status(&Key::Bad)).contains("key"));
        let inward = Key::Inward(pools.clone());
        let message = panic_in(|| pools.status(&inward));
        assert!(message.contains("a comparison of two keys used the pools"), "{message}");
        drop(inward);
        drop(pools.get(&Key::Good(1)).await.unwrap());
        assert_eq!((pools.keys(), desk.count("create")), (1, 1));
        assert!(pools.close(Grace::Forever).await.is_clean());
    }
}

#[derive(Clone)]
enum Key {
    Good(u32),
    /// Panics when it is compared.
    Bad,
    /// Asks the pools when it is compared.
    Inward(KeyedResourcePool<Key, Desk>),
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Good(a), Key::Good(b)) => a.cmp(b),
            (Key::Inward(pools), _) | (_, Key::Inward(pools)) => pools.keys().cmp(&0),
            _ => blow_up("key"),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}
