//! The end of a pool.

use super::manager::{Act, Desk, adds_up};
use anyscope::{
    Grace,
    pool::resources::{GetError, Guard},
};
use std::time::Duration;
use support::{SECOND, Signal, Stopwatch, behaviour, poll_once, until};

behaviour! {
    /// Given a pool that is closed, then who waits and who comes is told so, idle resources are
    /// destroyed, and the close waits for those that are lent.
    close_waits_for_what_is_lent |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        let held = pool.get().await.unwrap();
        let other = pool.get().await.unwrap();
        let mut waits = Box::pin(pool.get());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(other);
        let other = waits.await.unwrap();
        let mut waits = Box::pin(pool.get());
        assert!(poll_once(waits.as_mut()).is_pending());

        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        assert_eq!(waits.await.err(), Some(GetError::Closed));
        assert_eq!(pool.get().await.err(), Some(GetError::Closed));
        drop(held);
        until(|| desk.count("destroyed") == 1).await;
        assert!(poll_once(close.as_mut()).is_pending());
        Guard::discard(other);
        assert!(close.await.is_clean());
        assert_eq!(desk.count("destroyed"), 2);
        assert_eq!(pool.status().destroyed, 2);
        adds_up(&pool);
    }

    /// Given destroys that take their time, then a close waits for them.
    close_waits_for_destroys |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        let gate = Signal::new();
        desk.on_destroy(Act::Wait(gate.clone()));
        desk.on_destroy(Act::Wait(gate.clone()));
        let held = pool.get().await.unwrap();
        drop(pool.get().await.unwrap());
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        drop(held);
        until(|| desk.count("destroy") == 2).await;
        assert!(poll_once(close.as_mut()).is_pending());
        gate.fire();
        assert!(close.await.is_clean());
        assert_eq!(desk.count("destroyed"), 2);
    }

    /// Given a get that is creating or recycling when the pool is closed, then it is told so, and the
    /// resource is destroyed.
    what_is_ready_too_late_is_destroyed |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        let held = pool.get().await.unwrap();
        drop(held);
        let gate = Signal::new();
        desk.on_recycle(Act::Wait(gate.clone()));
        desk.on_create(Act::Wait(gate.clone()));
        let mut recycling = Box::pin(pool.get());
        let mut creating = Box::pin(pool.get());
        assert!(poll_once(recycling.as_mut()).is_pending());
        assert!(poll_once(creating.as_mut()).is_pending());
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        gate.fire();
        assert_eq!(recycling.await.err(), Some(GetError::Closed));
        assert!(poll_once(close.as_mut()).is_pending());
        assert_eq!(creating.await.err(), Some(GetError::Closed));
        assert!(close.await.is_clean());
        assert_eq!(desk.count("destroyed"), 2);
        adds_up(&pool);
    }

    /// Given a pool whose handles are dropped, then what is idle is destroyed, and what is lent is
    /// when it comes back; the destroys run to their end, though nobody waits.
    a_pool_that_is_dropped_destroys_what_it_has |ex| {
        let desk = Desk::new();
        let pool = desk.pool(3, &ex);
        let held = pool.get().await.unwrap();
        let late = pool.get().await.unwrap();
        drop(pool.get().await.unwrap());
        for _ in 0..3 {
            desk.on_destroy(Act::Yield(3));
        }
        let clone = pool.clone();
        drop(pool);
        assert_eq!(clone.status().idle, 1);
        drop(clone);
        until(|| desk.count("destroyed") == 1).await;
        drop(held);
        drop(late);
        until(|| desk.count("destroyed") == 3).await;
        until(|| desk.count("drop") == 3).await;
    }

    /// Given a grace, then the close returns when it is over, with the number of what is left; what
    /// comes back later is destroyed all the same.
    close_ends_with_its_grace with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.pool(4, &ex);
        let (held, lent) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        let never = Signal::new();
        desk.on_destroy(Act::Wait(never.clone()));
        Guard::discard(pool.get().await.unwrap());
        desk.on_create(Act::Wait(never.clone()));
        let mut creating = Box::pin(pool.get());
        assert!(poll_once(creating.as_mut()).is_pending());

        let watch = Stopwatch::start(ex.clone());
        let report = pool.close(Grace::For(10 * SECOND)).await;
        assert_eq!(watch.elapsed(), 10 * SECOND);
        assert_eq!((report.lent, report.creating, report.destroying), (2, 1, 1));
        assert!(!report.is_clean());

        drop(held);
        drop(creating);
        until(|| desk.count("destroyed") == 1).await;
        never.fire();
        let report = pool.close(Grace::For(Duration::ZERO)).await;
        assert_eq!(report.lent, 1);
        drop(lent);
        assert!(pool.close(Grace::Forever).await.is_clean());
        assert_eq!(watch.elapsed(), 10 * SECOND);
        assert_eq!(desk.count("destroyed"), 3);
        adds_up(&pool);
    }

    /// Given a grace and nothing that is out, then a close takes no time.
    close_takes_no_longer_than_it_must with virtual_time |ex| {
        let desk = Desk::new();
        let pool = desk.builder(2).idle_timeout(SECOND).build(&ex);
        drop(pool.get().await.unwrap());
        let before = ex.now();
        assert!(pool.close(Grace::For(10 * SECOND)).await.is_clean());
        assert_eq!(ex.now(), before);
        assert_eq!(desk.count("destroyed"), 1);
    }
}
