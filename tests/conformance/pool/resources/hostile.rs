//! Managers, resources, wakers and executors that do what they must not.

use super::manager::{Act, Desk, With, adds_up, until_status};
use anyscope::{
    Clock, Grace, Instant, Timer,
    pool::{Manage, ResourcePool, resources::Guard},
};
use std::{
    convert::Infallible,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{
    Hoard, Refusing, behaviour, blow_up,
    hostile::{Bomb, DEEDS, Hostile, Spy},
    panic_in, panic_of, poll_once, until,
};

behaviour! {
    /// Given a create that panics, then the panic is the caller's, and the place is free.
    a_create_that_panics_frees_its_place |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        for (act, message) in [(Act::Blow, "at once"), (Act::BlowLater, "later")] {
            desk.on_create(act);
            let mut waits = Box::pin(pool.get());
            let mut first = Box::pin(pool.get());
            // Holds the place, or has had it.
            if let "later" = message {
                assert!(poll_once(first.as_mut()).is_pending());
                assert!(poll_once(waits.as_mut()).is_pending());
            }
            assert_eq!(panic_of(first).await, message);
            assert_eq!(pool.status().creating, 0);
            Guard::discard(waits.await.unwrap());
        }
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given a recycle that panics, then the panic is the caller's, the resource is destroyed, and the
    /// place is free.
    a_recycle_that_panics_destroys_its_resource |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        for (round, act) in [Act::Blow, Act::BlowLater].into_iter().enumerate() {
            drop(pool.get().await.unwrap());
            desk.on_recycle(act);
            panic_of(pool.get()).await;
            until_status(&pool, |now| now.destroyed == round as u64 + 1).await;
            assert_eq!((pool.status().lent, pool.status().idle), (0, 0));
        }
        assert_eq!(pool.get().await.unwrap().id, 2);
        pool.close(Grace::Forever).await;
        adds_up(&pool);
    }

    /// Given a destroy that panics, then the others run to their end, and whoever closes the pool has
    /// the panic.
    a_destroy_that_panics_is_reported_by_close |ex| {
        let desk = Desk::new();
        let pool = desk.pool(4, &ex);
        let all = [
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
        ];
        desk.on_destroy(Act::BlowLater);
        desk.on_destroy(Act::Blow);
        desk.on_destroy(Act::Yield(5));
        desk.on_destroy(Act::Do);
        let [a, b, c, d] = all;
        Guard::discard(a);
        Guard::discard(b);
        until_status(&pool, |now| now.destroyed == 2).await;
        drop((c, d));
        let message = panic_of(pool.close(Grace::Forever)).await;
        assert!(["later", "at once"].contains(&&*message), "{message}");
        assert_eq!(desk.count("destroyed"), 2);
        assert_eq!(desk.count("drop"), 4);
        assert_eq!(pool.status().destroyed, 4);
        assert!(pool.close(Grace::Forever).await.is_clean());
    }

    /// Given a resource whose destructor panics, then as if its destroy did.
    a_resource_that_panics_in_its_destructor_is_reported_by_close |ex| {
        let desk = Desk::new();
        let pool = desk.pool(2, &ex);
        let mut held = pool.get().await.unwrap();
        held.blows = true;
        let other = pool.get().await.unwrap();
        drop(held);
        drop(other);
        assert_eq!(panic_of(pool.close(Grace::Forever)).await, "thing");
        assert_eq!((desk.count("drop"), pool.status().destroyed), (2, 2));
    }

    /// Given a waker of a caller that waits, which panics, then the return of the resource is complete,
    /// and the panic is of the code that returned it.
    a_waker_that_panics_harms_nobody_else |ex| {
        let desk = Desk::new();
        let pool = desk.pool(1, &ex);
        let held = pool.get().await.unwrap();
        let bomb = Spy::with(Bomb::Wake);
        let mut waits = Box::pin(pool.get());
        assert!(bomb.poll(waits.as_mut()).is_pending());
        assert_eq!(panic_in(|| drop(held)), "waker");
        bomb.arm(None);
        let held = waits.await.unwrap();
        assert_eq!((held.id, pool.status().lent), (0, 1));

        // A resource that is taken is not lost by it.
        let mut waits = Box::pin(pool.get());
        bomb.arm(Some(Bomb::Wake));
        assert!(bomb.poll(waits.as_mut()).is_pending());
        let thing = Guard::take(held);
        assert_eq!(thing.id, 0);
        bomb.arm(None);
        assert_eq!(waits.await.unwrap().id, 1);
        pool.close(Grace::Forever).await;
        drop(thing);
        adds_up(&pool);
    }

    /// Given an executor that refuses all children, then nothing hangs: resources are dropped instead
    /// of destroyed, and counted.
    where_nothing_runs_resources_are_dropped |ex| {
        let desk = Desk::new();
        let nowhere = With(Refusing, ex.clone());
        let pool = desk.builder(2).idle_timeout(support::HOUR).build(&nowhere);
        let held = pool.get().await.unwrap();
        Guard::discard(pool.get().await.unwrap());
        assert_eq!((desk.count("destroy"), desk.count("drop"), pool.status().destroyed), (0, 1, 1));
        drop(held);
        assert_eq!(pool.status().idle, 1);
        assert!(pool.close(Grace::Forever).await.is_clean());
        assert_eq!(desk.count("drop"), 2);
        adds_up(&pool);
    }

    /// Given executors that do anything with their children, then a pool lends and takes back, and a
    /// close ends with its grace.
    executors_that_keep_no_promise_do_not_stop_a_pool with virtual_time |ex| {
        for deed in DEEDS {
            let desk = Desk::new();
            let hostile = With(Hostile::new(deed), ex.clone());
            let pool = desk.builder(2).max_idle(0).idle_timeout(support::HOUR).build(&hostile);
            for n in 0..3 {
                assert_eq!(pool.get().await.unwrap().id, n);
            }
            let report = pool.close(Grace::For(support::SECOND)).await;
            assert_eq!((report.lent, report.creating), (0, 0), "{deed:?}");
            adds_up(&pool);
            drop(pool);
            hostile.0.haunt();
        }
    }

    /// Given a clock that panics, then the panic is that of the call that asked what time it is, the
    /// resource is destroyed, and the place is free.
    a_clock_that_panics_keeps_no_place |ex| {
        let desk = Desk::new();
        let good = Arc::new(AtomicUsize::new(usize::MAX));
        let clock = BadClock { inner: ex.clone(), good };
        // Whose time is over is looked after later.
        let hoard = Hoard::new();
        let pool = desk
            .builder(1)
            .max_lifetime(support::HOUR)
            .build(&With(hoard.clone(), clock.clone()));
        drop(pool.get().await.unwrap());

        clock.good.store(0, SeqCst);
        assert_eq!(panic_of(pool.get()).await, "clock");
        assert_eq!((pool.status().idle, pool.status().lent), (1, 0));
        clock.good.store(usize::MAX, SeqCst);
        let held = pool.get().await.unwrap();
        clock.good.store(0, SeqCst);
        assert_eq!(panic_in(|| drop(held)), "clock");
        // While it asks how old the new one is.
        clock.good.store(1, SeqCst);
        assert_eq!(panic_of(pool.get()).await, "clock");
        clock.good.store(usize::MAX, SeqCst);
        assert_eq!(pool.get().await.unwrap().id, 2);
        hoard.hand_over(&ex);
        until_status(&pool, |now| now.destroyed == 2).await;
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        hoard.hand_over(&ex);
        assert!(close.await.is_clean());
        adds_up(&pool);
    }

    /// Given a clock that panics when nobody but the pool asks, then whoever closes the pool has the
    /// panic, and resources are destroyed as ever.
    a_clock_that_panics_in_the_background_is_reported_by_close |ex| {
        let desk = Desk::new();
        let clock = BadClock { inner: ex.clone(), good: Arc::default() };
        let hoard = Hoard::new();
        let pool =
            desk.builder(1).idle_timeout(support::HOUR).build(&With(hoard.clone(), clock.clone()));
        let [mut reaper] = <[_; 1]>::try_from(hoard.take()).unwrap();
        let _ = poll_once(std::pin::Pin::new(&mut reaper));
        clock.good.store(usize::MAX, SeqCst);
        Guard::discard(pool.get().await.unwrap());
        drop(pool.get().await.unwrap());
        let mut close = Box::pin(pool.close(Grace::Forever));
        assert!(poll_once(close.as_mut()).is_pending());
        hoard.hand_over(&ex);
        assert_eq!(panic_of(close).await, "clock");
        assert_eq!(desk.ids("destroyed").len(), 2);
    }

    /// Given a manager that uses its own pool while it is called, then nothing is locked.
    a_manager_may_use_its_pool |ex| {
        let pool = ResourcePool::builder(Inward::default()).max(3).build(&ex);
        assert!(pool.manager().0.set(pool.clone()).is_ok());
        drop(pool.get().await.unwrap());
        drop(pool.get().await.unwrap());
        Guard::discard(pool.get().await.unwrap());
        until(|| pool.status().destroyed == 1).await;
        let report = pool.close(Grace::Forever).await;
        assert!(report.is_clean());
    }
}

/// A clock that tells the time so often, and then panics.
#[derive(Clone)]
struct BadClock<T> {
    inner: T,
    good: Arc<AtomicUsize>,
}

impl<T: Clock> Clock for BadClock<T> {
    fn now(&self) -> Instant {
        let left = self.good.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            blow_up("clock")
        }
        self.inner.now()
    }
}

impl<T: Timer> Timer for BadClock<T> {
    type Sleep = T::Sleep;

    fn sleep(&self, duration: Duration) -> T::Sleep {
        self.inner.sleep(duration)
    }
}

/// Asks its own pool whenever it is called.
#[derive(Default)]
struct Inward(OnceLock<ResourcePool<Inward>>);

impl Inward {
    fn look(&self) {
        if let Some(pool) = self.0.get() {
            let _ = pool.status();
            let _ = format!("{pool:?}");
        }
    }
}

impl Manage for Inward {
    type Resource = Arc<()>;
    type Error = Infallible;

    async fn create(&self) -> Result<Arc<()>, Infallible> {
        self.look();
        Ok(Arc::default())
    }

    async fn recycle(&self, _: &mut Arc<()>) -> bool {
        self.look();
        true
    }

    async fn destroy(&self, resource: Arc<()>) {
        self.look();
        drop(resource);
        self.look();
    }
}
