//! Any order of gets, polls, drops and returns of a pool of resources, against what must always hold:
//! every resource is idle, lent, being destroyed, destroyed or taken, and nobody who may have one waits.

use anyscope::{
    Child, Clock, Grace, Instant, Spawn, Timer,
    pool::{
        Manage, ResourcePool,
        resources::{GetError, Guard, Order, Status},
    },
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use support::yields;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A get comes.
    Get,
    /// One of them is polled, or dropped.
    Poll(usize),
    DropGet(usize),
    /// One of the guards is dropped, or ended otherwise.
    Return(usize),
    Discard(usize),
    Take(usize),
    /// The executor polls what it has.
    Run,
    /// Time passes.
    Wait(u64),
    /// What the manager does next: whether it fails, and after how many yields.
    Create(bool, usize),
    Recycle(bool, usize),
    Destroy(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Get),
        12 => (0..8usize).prop_map(Step::Poll),
        3 => (0..8usize).prop_map(Step::DropGet),
        6 => (0..8usize).prop_map(Step::Return),
        1 => (0..8usize).prop_map(Step::Discard),
        1 => (0..8usize).prop_map(Step::Take),
        3 => Just(Step::Run),
        1 => (0..12u64).prop_map(Step::Wait),
        2 => (any::<bool>(), 0..3usize).prop_map(|(fails, yields)| Step::Create(fails, yields)),
        2 => (any::<bool>(), 0..3usize).prop_map(|(fails, yields)| Step::Recycle(fails, yields)),
        2 => (0..3usize).prop_map(Step::Destroy),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    max: usize,
    max_idle: usize,
    idle_timeout: Option<u64>,
    max_lifetime: Option<u64>,
    fifo: bool,
}

fn settings() -> impl Strategy<Value = Settings> {
    let time = || proptest::option::of(1..20u64);
    (1..4usize, 0..4usize, time(), time(), any::<bool>()).prop_map(
        |(max, max_idle, idle_timeout, max_lifetime, fifo)| Settings {
            max,
            max_idle,
            idle_timeout,
            max_lifetime,
            fifo,
        },
    )
}

/// An executor that polls its children when it is told to, with a clock that stands still.
#[derive(Clone, Default)]
struct Still(Arc<State>);

#[derive(Default)]
struct State {
    children: Mutex<Vec<Child>>,
    now: Mutex<u64>,
}

impl Still {
    fn run(&self) {
        let mut children = std::mem::take(&mut *self.0.children.lock().unwrap());
        children.retain_mut(|child| poll(Pin::new(child)).is_pending());
        self.0.children.lock().unwrap().append(&mut children);
    }
}

impl Spawn for Still {
    fn spawn(&self, child: Child) {
        self.0.children.lock().unwrap().push(child);
    }
}

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(*self.0.now.lock().unwrap()))
    }
}

impl Timer for Still {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// The reaper looks whenever it is polled.
    fn sleep(&self, _: Duration) -> Self::Sleep {
        Box::pin(yields(1))
    }
}

/// What exists, and what has ended.
#[derive(Default)]
struct Desk {
    made: Mutex<usize>,
    there: Mutex<BTreeSet<usize>>,
    create: Mutex<(bool, usize)>,
    recycle: Mutex<(bool, usize)>,
    destroy: Mutex<usize>,
}

impl Manage for Desk {
    type Resource = usize;
    type Error = ();

    async fn create(&self) -> Result<usize, ()> {
        let (fails, times) = std::mem::take(&mut *self.create.lock().unwrap());
        yields(times).await;
        if fails {
            return Err(());
        }
        let mut made = self.made.lock().unwrap();
        *made += 1;
        assert!(self.there.lock().unwrap().insert(*made));
        Ok(*made)
    }

    async fn recycle(&self, id: &mut usize) -> bool {
        assert!(self.there.lock().unwrap().contains(id));
        let (fails, times) = std::mem::take(&mut *self.recycle.lock().unwrap());
        yields(times).await;
        !fails
    }

    async fn destroy(&self, id: usize) {
        let times = std::mem::take(&mut *self.destroy.lock().unwrap());
        yields(times).await;
        assert!(self.there.lock().unwrap().remove(&id), "destroyed twice");
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

type Get<'a> = Pin<Box<dyn Future<Output = Result<Guard<Arc<Desk>>, GetError<()>>> + 'a>>;

fn check(pool: &ResourcePool<Arc<Desk>>, held: &[Guard<Arc<Desk>>], settings: Settings) {
    let Status { idle, lent, creating, destroying, created, destroyed, taken, .. } = pool.status();
    assert_eq!(created, (idle + lent + destroying) as u64 + destroyed + taken, "{pool:?}");
    assert!(lent + creating <= settings.max, "{pool:?}");
    assert!(lent + idle + creating <= settings.max, "{pool:?}");
    assert!(held.len() <= lent, "{pool:?}");
    let ids: BTreeSet<_> = held.iter().map(|guard| **guard).collect();
    assert_eq!(ids.len(), held.len(), "one resource, two users");
    let there = pool.manager().there.lock().unwrap().len();
    assert_eq!(there, idle + lent + destroying + taken as usize, "{pool:?}");
}

proptest! {
    #[test]
    fn every_resource_is_counted_once(settings in settings(), steps in vec(step(), 0..80)) {
        let exec = Still::default();
        let desk = Arc::new(Desk::default());
        let mut builder = ResourcePool::builder(desk.clone())
            .max(settings.max)
            .max_idle(settings.max_idle)
            .order(if settings.fifo { Order::Fifo } else { Order::Lifo });
        if let Some(seconds) = settings.idle_timeout {
            builder = builder.idle_timeout(Duration::from_secs(seconds));
        }
        if let Some(seconds) = settings.max_lifetime {
            builder = builder.max_lifetime(Duration::from_secs(seconds));
        }
        let pool = builder.build(&exec);
        let mut gets: Vec<Get<'_>> = Vec::new();
        let mut held: Vec<Guard<Arc<Desk>>> = Vec::new();
        for step in steps {
            let of = |n: usize, len: usize| (len > 0).then(|| n % len);
            match step {
                Step::Get => gets.push(Box::pin(pool.get())),
                Step::Poll(n) => {
                    if let Some(n) = of(n, gets.len()) {
                        if let Poll::Ready(got) = poll(gets[n].as_mut()) {
                            held.extend(got);
                            drop(gets.remove(n));
                        }
                    }
                }
                Step::DropGet(n) => drop(of(n, gets.len()).map(|n| gets.remove(n))),
                Step::Return(n) => drop(of(n, held.len()).map(|n| held.remove(n))),
                Step::Discard(n) => {
                    if let Some(n) = of(n, held.len()) {
                        Guard::discard(held.remove(n));
                    }
                }
                Step::Take(n) => {
                    if let Some(n) = of(n, held.len()) {
                        Guard::take(held.remove(n));
                    }
                }
                Step::Run => exec.run(),
                Step::Wait(seconds) => *exec.0.now.lock().unwrap() += seconds,
                Step::Create(fails, times) => *desk.create.lock().unwrap() = (fails, times),
                Step::Recycle(fails, times) => *desk.recycle.lock().unwrap() = (fails, times),
                Step::Destroy(times) => *desk.destroy.lock().unwrap() = times,
            }
            check(&pool, &held, settings);
        }

        // Whoever waits is served once the others have left.
        held.clear();
        for _ in 0..100 {
            gets.retain_mut(|get| poll(get.as_mut()).is_pending());
            check(&pool, &held, settings);
        }
        assert!(gets.is_empty(), "{pool:?}");
        let mut close = Box::pin(pool.close(Grace::Forever));
        let mut polls = 0;
        loop {
            if let Poll::Ready(report) = poll(close.as_mut()) {
                assert!(report.is_clean());
                break;
            }
            exec.run();
            polls += 1;
            assert!(polls < 100, "{pool:?}");
        }
        let now = pool.status();
        assert_eq!(now.created, now.destroyed + now.taken);
        assert_eq!(desk.there.lock().unwrap().len() as u64, now.taken);
    }
}
