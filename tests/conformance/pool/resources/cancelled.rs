//! A get that is dropped, at every point where it can be.

use super::manager::{Act, Desk, adds_up, until_status};
use anyscope::{Grace, pool::resources::GetError};
use support::{Signal, behaviour, poll_once, until};

behaviour! {
    /// Given a get that is dropped while it creates, then what is half-made is dropped, and the place
    /// is free.
    a_get_dropped_while_creating_frees_its_place |ex| {
        const POINTS: usize = 4;
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        for polls in 1..=POINTS {
            desk.on_create(Act::Yield(POINTS));
            let mut get = Box::pin(pool.get());
            assert_eq!(pool.status().creating, 0);
            for _ in 0..polls {
                assert!(poll_once(get.as_mut()).is_pending());
            }
            assert_eq!(pool.status().creating, 1, "after {polls} polls");
            drop(get);
            assert_eq!(desk.events(), vec!["half-made"; polls]);
            assert_eq!(pool.status().creating, 0);
        }
        assert_eq!(pool.get().await.unwrap().id, 0);
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given a get that is dropped while it recycles, then the resource is destroyed, and the place is
    /// free.
    a_get_dropped_while_recycling_destroys_the_resource |ex| {
        const POINTS: usize = 4;
        for polls in 1..=POINTS {
            let desk = Desk::new();
            let pool = desk.pool(1, &ex);
            drop(pool.get().await.unwrap());
            desk.on_recycle(Act::Yield(POINTS));
            let mut get = Box::pin(pool.get());
            for _ in 0..polls {
                assert!(poll_once(get.as_mut()).is_pending());
            }
            assert_eq!((pool.status().lent, pool.status().idle), (1, 0));
            drop(get);
            assert_eq!(pool.status().lent, 0);
            until_status(&pool, |now| now.destroyed == 1).await;
            assert_eq!(desk.events(), ["create 0", "recycle 0", "destroy 0", "destroyed 0", "drop 0"]);
            assert_eq!(pool.get().await.unwrap().id, 1);
            pool.close(Grace::Forever).await;
            adds_up(&pool);
        }
    }

    /// Given a get that is dropped while it waits, or when its turn has come, then the next has it.
    a_get_dropped_while_waiting_passes_its_turn_on |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let held = pool.get().await.unwrap();
        let mut first = Box::pin(pool.get());
        let mut second = Box::pin(pool.get());
        let mut third = Box::pin(pool.get());
        for wait in [&mut first, &mut second, &mut third] {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        drop(first);
        drop(held);
        // Its turn has come, and it does not know.
        drop(second);
        assert_eq!(third.await.unwrap().id, 0);
        assert_eq!(pool.status().waiting, 0);
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given a get that was dropped while it created, then who waits creates instead.
    who_waits_behind_a_dropped_create_is_served |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let never = Signal::new();
        desk.on_create(Act::Wait(never.clone()));
        let mut first = Box::pin(pool.get());
        let mut second = Box::pin(pool.get());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap().id, 0);
        pool.close(Grace::Forever).await;
    }

    /// Given gets and guards that are dropped at any point, then every resource is counted once, and
    /// in the end all have been destroyed.
    nothing_is_lost_by_drops |ex| {
        let desk = Desk::new();
        let pool = desk.builder(2).max_idle(1).build(&ex);
        for round in 0..40_usize {
            if round % 3 == 0 {
                desk.on_recycle(Act::Yield(2));
            }
            if round % 5 == 0 {
                desk.on_create(Act::Yield(1));
            }
            let mut gets: Vec<_> = (0..4).map(|_| Box::pin(pool.get())).collect();
            let mut held = Vec::new();
            for turn in 0..4 {
                for (n, get) in gets.iter_mut().enumerate() {
                    if (n + turn + round) % 3 != 0 {
                        continue;
                    }
                    if let std::task::Poll::Ready(guard) = poll_once(get.as_mut()) {
                        held.extend(guard);
                        *get = Box::pin(pool.get());
                    }
                }
                adds_up(&pool);
                let keep = round % 2;
                held.truncate(keep);
                if turn == round % 4 {
                    drop(gets.swap_remove(0));
                }
            }
            drop(gets);
            drop(held);
            adds_up(&pool);
            let now = pool.status();
            assert_eq!((now.lent, now.creating, now.waiting), (0, 0, 0));
        }
        // All places are free.
        let (a, b) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        drop((a, b));
        assert!(pool.close(Grace::Forever).await.is_clean());
        let now = pool.status();
        assert_eq!(now.created, now.destroyed);
        assert_eq!(desk.count("drop"), desk.count("create"));
    }

    /// Given a close that is dropped, then the pool is closed, and another close has the rest.
    a_close_that_is_dropped_is_called_again |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        let held = pool.get().await.unwrap();
        drop(pool.get().await.unwrap());
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        drop(close);
        assert!(pool.is_closed());
        assert_eq!(pool.get().await.err(), Some(GetError::Closed));
        until(|| desk.count("destroyed") == 1).await;
        drop(held);
        assert!(pool.close(Grace::Forever).await.is_clean());
        assert!(pool.close(Grace::Forever).await.is_clean(), "again");
        assert_eq!(desk.count("destroyed"), 2);
    }
}
