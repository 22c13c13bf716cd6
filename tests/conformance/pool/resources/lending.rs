//! Who gets which resource, and when.

use super::manager::{Act, Desk, adds_up, until_status};
use anyscope::{
    Grace, Limit, LiveLimit, flow,
    pool::{
        ResourcePool,
        resources::{GetError, Guard, Order, TryGetError},
    },
    scope,
};
use std::{pin::pin, task::Poll, thread};
use support::{Gauge, Signal, behaviour, poll_once, yields};

behaviour! {
    /// Given a pool, then a resource is made when none is idle and not before, and used again.
    a_resource_is_made_when_none_is_idle |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        assert_eq!(pool.status().created, 0);
        let first = pool.get().await.unwrap();
        let second = pool.get().await.unwrap();
        assert_eq!((first.id, second.id), (0, 1));
        drop(first);
        assert_eq!(pool.get().await.unwrap().id, 0);
        drop(second);
        assert_eq!((pool.status().idle, pool.status().created), (2, 2));
        assert_eq!(desk.events(), ["create 0", "create 1", "recycle 0"]);
        assert!(pool.close(Grace::Forever).await.is_clean());
        assert_eq!(desk.ids("destroyed"), desk.ids("drop"));
        adds_up(&pool);
    }

    /// Given a pool of 3 and 10 callers at a time, then 3 have a resource at once, never more, and each
    /// resource has one user.
    three_are_shared_by_ten |ex| {
        let desk = Desk::new();
        let pool = desk.pool(3, &ex);
        let inside = Gauge::new();
        flow::iter(0..60)
            .for_each_concurrent(10, async |n| {
                let _thing = pool.get().await.unwrap();
                let _inside = inside.enter();
                yields(n % 4).await;
            })
            .await;
        assert_eq!((inside.peak(), inside.ever()), (3, 60));
        assert!(pool.status().created <= 3);
        assert!(pool.close(Grace::Forever).await.is_clean());
        adds_up(&pool);
    }

    /// Given the same from children of a scope, on whatever threads, then the same.
    three_are_shared_by_children |ex| {
        let desk = Desk::new();
        let pool = desk.pool(3, &ex);
        let inside = Gauge::new();
        scope(&ex, async |s| {
            for n in 0..40 {
                let (pool, inside) = (pool.clone(), inside.clone());
                s.spawn(async move {
                    let _thing = pool.get().await.unwrap();
                    let _inside = inside.enter();
                    yields(n % 3).await;
                });
            }
        })
        .await;
        assert!(inside.peak() <= 3);
        assert_eq!(inside.ever(), 40);
        assert!(pool.close(Grace::Forever).await.is_clean());
        adds_up(&pool);
    }

    /// Given idle resources, then the one used last is lent first, or the one that has been idle for
    /// the longest.
    the_order_is_chosen |ex| {
        for (order, expected) in [(Order::Lifo, [2, 0, 1]), (Order::Fifo, [1, 0, 2])] {
            let desk = Desk::new();
            let pool = desk.builder(3).order(order).build(&ex);
            let (a, b, c) =
                (pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap());
            drop(b);
            drop(a);
            drop(c);
            let (a, b, c) =
                (pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap());
            assert_eq!([a.id, b.id, c.id], expected);
            drop((a, b, c));
            pool.close(Grace::Forever).await;
        }
    }

    /// Given callers that wait, then they are served in the order in which they came, and no one who
    /// comes later is before them.
    who_waits_is_served_in_order |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let mut held = pool.get().await.unwrap();
        let mut waits: Vec<_> = (0..4).map(|_| Box::pin(pool.get())).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        assert_eq!(pool.status().waiting, 4);
        for turn in 0..4 {
            drop(held);
            let mut barging = Box::pin(pool.get());
            assert!(poll_once(barging.as_mut()).is_pending(), "others were there before");
            assert_eq!(pool.try_get().await.err(), Some(TryGetError::Full));
            drop(barging);
            for later in waits.iter_mut().skip(1) {
                assert!(poll_once(later.as_mut()).is_pending(), "in turn {turn}");
            }
            held = waits.remove(0).await.unwrap();
        }
        drop(held);
        assert_eq!(pool.status().created, 1);
        pool.close(Grace::Forever).await;
    }

    /// Given all resources lent, then `try_get` says so, and gets one otherwise.
    try_get_does_not_wait_for_others |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let held = pool.try_get().await.unwrap();
        assert_eq!(pool.try_get().await.err(), Some(TryGetError::Full));
        drop(held);
        assert_eq!(pool.try_get().await.unwrap().id, 0);
        desk.on_recycle(Act::Fail);
        desk.on_create(Act::Fail);
        assert_eq!(pool.try_get().await.err(), Some(TryGetError::Create("no")));
        pool.close(Grace::Forever).await;
        assert_eq!(pool.try_get().await.err(), Some(TryGetError::Closed));
    }

    /// Given a create that fails, then its caller has the error, and the place goes to the next.
    a_create_that_fails_frees_its_place |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let gate = Signal::new();
        desk.on_create(Act::Wait(gate.clone()));
        desk.on_create(Act::Fail);
        desk.on_create(Act::Fail);
        let mut first = Box::pin(pool.get());
        let mut second = Box::pin(pool.get());
        let mut third = Box::pin(pool.get());
        let mut fourth = Box::pin(pool.get());
        for wait in [&mut first, &mut second, &mut third, &mut fourth] {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        assert_eq!((pool.status().creating, pool.status().waiting), (1, 3));
        gate.fire();
        Guard::discard(first.await.unwrap());
        assert_eq!(second.await.err(), Some(GetError::Create("no")));
        assert_eq!(third.await.err(), Some(GetError::Create("no")));
        assert_eq!(fourth.await.unwrap().id, 1);
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given resources that cannot be used again, then they are destroyed, and the get takes the next
    /// idle one, or makes one.
    what_cannot_be_recycled_is_destroyed |ex| {
        let desk = Desk::new();
        let pool = desk.pool(3, &ex);
        let all = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
        drop(all);
        desk.on_recycle(Act::Fail);
        desk.on_recycle(Act::Fail);
        let third = pool.get().await.unwrap();
        assert_eq!(third.id, 0);
        until_status(&pool, |now| now.destroyed == 2).await;
        drop(third);
        desk.on_recycle(Act::Fail);
        assert_eq!(pool.get().await.unwrap().id, 3);
        until_status(&pool, |now| now.destroyed == 3).await;
        assert_eq!((pool.status().idle, pool.status().created), (1, 4));
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given more idle resources than are to be kept, then what comes back is destroyed.
    no_more_are_idle_than_may_be |ex| {
        let desk = Desk::new();
        let pool = desk.builder(4).max_idle(1).build(&ex);
        let all: Vec<_> = [
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
        ]
        .into();
        drop(all);
        assert_eq!(pool.status().idle, 1);
        until_status(&pool, |now| now.destroyed == 2).await;
        assert_eq!(desk.ids("destroy").len(), 2);
        assert_eq!(pool.get().await.unwrap().id, 0);
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given a pool that keeps nothing idle, then a resource that someone waits for is passed on, and
    /// when that one has left, it is destroyed.
    what_is_waited_for_is_passed_on |ex| {
        let desk = Desk::new();
        let pool = desk.builder(1).max_idle(0).build(&ex);
        let held = pool.get().await.unwrap();
        let mut waits = Box::pin(pool.get());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(held);
        let held = waits.await.unwrap();
        assert_eq!(held.id, 0);
        let mut waits = Box::pin(pool.get());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(held);
        assert_eq!(pool.status().idle, 1);
        drop(waits);
        assert_eq!(pool.status().idle, 0);
        until_status(&pool, |now| now.destroyed == 1).await;
        drop(pool.get().await.unwrap());
        until_status(&pool, |now| now.destroyed == 2).await;
        pool.close(Grace::Forever).await;
    }

    /// Given a resource that is taken out, or cannot be used again, then its place is free at once.
    what_is_taken_or_discarded_frees_its_place |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let thing = Guard::take(pool.get().await.unwrap());
        assert_eq!((thing.id, desk.ids("taken")), (0, vec![0]));
        let stuck = Signal::new();
        desk.on_destroy(Act::Wait(stuck.clone()));
        Guard::discard(pool.get().await.unwrap());
        let third = pool.get().await.unwrap();
        assert_eq!(third.id, 2);
        adds_up(&pool);
        assert_eq!((pool.status().taken, pool.status().destroying), (1, 1));
        stuck.fire();
        drop(third);
        pool.close(Grace::Forever).await;
        assert_eq!(desk.ids("destroyed").len(), 2);
        assert!(!desk.ids("destroyed").contains(&thing.id));
        drop(thing);
        adds_up(&pool);
    }

    /// Given a limit that changes, then who waits is served when it is raised, and when it is lowered,
    /// what comes back is destroyed until it is met.
    the_limit_may_change |ex| {
        let desk = Desk::new();
        let limit = LiveLimit::new(1);
        let pool = ResourcePool::builder(desk.clone()).max(&limit).build(&ex);
        let first = pool.get().await.unwrap();
        let mut second = Box::pin(pool.get());
        let mut third = Box::pin(pool.get());
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(poll_once(third.as_mut()).is_pending());
        limit.set(3);
        let (second, third) = (second.await.unwrap(), third.await.unwrap());
        limit.set(1);
        let mut fourth = Box::pin(pool.get());
        assert!(poll_once(fourth.as_mut()).is_pending());
        drop(first);
        drop(second);
        assert!(poll_once(fourth.as_mut()).is_pending());
        until_status(&pool, |now| now.destroyed == 2).await;
        drop(third);
        assert_eq!(fourth.await.unwrap().id, 2);
        assert_eq!((pool.status().idle, pool.status().max), (1, Limit::new(1)));
        assert!(pool.close(Grace::Forever).await.is_clean());
        adds_up(&pool);
    }

    /// Given a guard that is dropped on a thread of its own, then the resource goes back.
    a_guard_is_dropped_anywhere with threads |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let held = pool.get().await.unwrap();
        let mut waits = Box::pin(pool.get());
        assert!(poll_once(waits.as_mut()).is_pending());
        thread::spawn(move || drop(held)).join().unwrap();
        let held = waits.await.unwrap();
        thread::spawn(move || Guard::discard(held)).join().unwrap();
        until_status(&pool, |now| now.destroyed == 1).await;
        pool.close(Grace::Forever).await;
    }

    /// Given a pool with all it needs, then to get a resource and to return it allocates nothing.
    nothing_is_allocated_to_use_a_resource_again with threads |ex| {
        let desk = Plain;
        let pool = ResourcePool::builder(desk).max(4).build(&ex);
        let all = [
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
        ];
        let before = support::alloc::allocations();
        drop(all);
        for _ in 0..100 {
            let Poll::Ready(Ok(guard)) = poll_once(pin!(pool.get())) else { panic!() };
            drop(guard);
        }
        assert_eq!(support::alloc::allocations(), before);
        pool.close(Grace::Forever).await;
    }
}

/// A manager that does nothing.
struct Plain;

impl anyscope::pool::Manage for Plain {
    type Resource = u32;
    type Error = std::convert::Infallible;

    async fn create(&self) -> Result<u32, Self::Error> {
        Ok(0)
    }
}
