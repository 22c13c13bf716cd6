//! Resources whose time is over.

use super::manager::{Act, Desk, With, until_status};
use anyscope::{Grace, pool::resources::Order};
use std::time::Duration;
use support::{HOUR, SECOND, behaviour, yields};

const MOMENT: Duration = Duration::from_nanos(1);

behaviour! {
    /// Given an idle timeout, then a resource that nobody uses is destroyed when it is over, also if
    /// nobody asks for one.
    what_is_idle_for_too_long_is_destroyed with virtual_time |ex| {
        for order in [Order::Lifo, Order::Fifo] {
            let desk = Desk::new();
            let pool = desk.builder(2).idle_timeout(10 * SECOND).order(order).build(&ex);
            let (first, second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
            drop(first);
            ex.sleep(4 * SECOND).await;
            drop(second);
            ex.sleep(6 * SECOND - Duration::from_millis(5)).await;
            yields(20).await;
            assert_eq!((pool.status().idle, desk.count("destroy")), (2, 0));
            ex.sleep(Duration::from_millis(10)).await;
            until_status(&pool, |now| now.destroyed == 1).await;
            assert_eq!((pool.status().idle, desk.ids("destroyed")), (1, vec![0]));
            ex.sleep(4 * SECOND).await;
            until_status(&pool, |now| now.destroyed == 2).await;
            assert_eq!(pool.get().await.unwrap().id, 2);
            ex.sleep(11 * SECOND).await;
            until_status(&pool, |now| now.destroyed == 3).await;
            pool.close(Grace::Forever).await;
        }
    }

    /// Given a resource that is used before its timeout, then the time begins anew.
    each_use_begins_the_idle_time_anew with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.builder(1).idle_timeout(10 * SECOND).build(&ex);
        for _ in 0..5 {
            drop(pool.get().await.unwrap());
            ex.sleep(9 * SECOND).await;
        }
        assert_eq!(pool.status().created, 1);
        pool.close(Grace::Forever).await;
    }

    /// Given a lifetime, then a resource ends when it is over: if it is idle at once, and if it is
    /// lent, when it comes back.
    what_is_too_old_is_destroyed with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.builder(2).max_lifetime(10 * SECOND).build(&ex);
        let (first, second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        drop(first);
        ex.sleep(10 * SECOND + Duration::from_millis(5)).await;
        until_status(&pool, |now| now.destroyed == 1).await;
        assert_eq!((desk.ids("destroyed"), pool.status().lent), (vec![0], 1));
        drop(second);
        until_status(&pool, |now| now.destroyed == 2).await;
        assert_eq!(pool.status().idle, 0);
        pool.close(Grace::Forever).await;
    }

    /// Given resources of different ages that come back in any order, then each ends at its time.
    the_reaper_wakes_for_whoever_is_next with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.builder(3).max_lifetime(10 * SECOND).idle_timeout(HOUR).build(&ex);
        let old = pool.get().await.unwrap();
        ex.sleep(5 * SECOND).await;
        drop(pool.get().await.unwrap());
        // The reaper waits for the younger one now.
        yields(20).await;
        drop(old);
        ex.sleep(5 * SECOND + Duration::from_millis(5)).await;
        until_status(&pool, |now| now.destroyed == 1).await;
        assert_eq!(desk.ids("destroyed"), [0]);
        ex.sleep(5 * SECOND).await;
        until_status(&pool, |now| now.destroyed == 2).await;
        pool.close(Grace::Forever).await;
    }

    /// Given a time of zero, then nothing is kept; given one without an end, then all is.
    times_may_be_extreme with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.builder(1).idle_timeout(Duration::ZERO).build(&ex);
        drop(pool.get().await.unwrap());
        assert_eq!(pool.status().idle, 0);
        assert_eq!(pool.get().await.unwrap().id, 1);
        until_status(&pool, |now| now.destroyed == 2).await;
        pool.close(Grace::Forever).await;

        let desk = Desk::new();
        let pool = desk.builder(1).idle_timeout(Duration::MAX).max_lifetime(Duration::MAX).build(&ex);
        drop(pool.get().await.unwrap());
        ex.sleep(100 * HOUR).await;
        assert_eq!(pool.get().await.unwrap().id, 0);
        pool.close(Grace::Forever).await;

        let desk = Desk::new();
        let pool = desk.builder(1).idle_timeout(MOMENT).build(&ex);
        drop(pool.get().await.unwrap());
        ex.sleep(SECOND).await;
        until_status(&pool, |now| now.destroyed == 1).await;
        pool.close(Grace::Forever).await;
    }

    /// Given a get while the time of what is idle is over and the reaper has not looked, then the
    /// resource is not lent.
    what_is_over_is_not_lent with virtual_time |ex| {
        let desk = Desk::new();
        let slow = With(support::Hoard::new(), ex.clone());
        let pool = desk.builder(2).idle_timeout(SECOND).build(&slow);
        desk.on_destroy(Act::Do);
        drop(pool.get().await.unwrap());
        ex.sleep(SECOND).await;
        assert_eq!(pool.get().await.unwrap().id, 1);
        assert_eq!(pool.status().destroying, 1);
        // The executor works at last.
        slow.0.hand_over(&ex);
        until_status(&pool, |now| now.destroyed == 1).await;
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(support::poll_once(close.as_mut()).is_pending());
        slow.0.hand_over(&ex);
        assert!(close.await.is_clean());
    }
}
