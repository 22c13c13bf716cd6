//! A manager that does what a test says, and counts.

use anyscope::{
    Clock, Executor, Spawn, Timer,
    pool::{
        Manage, ResourcePool,
        resources::{ResourcePoolBuilder, Status},
    },
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use support::{Log, Signal, blow_up, on_drop, until, yields};

/// What a call of the manager does. What is not said is done at once.
#[derive(Clone)]
pub(super) enum Act {
    Do,
    /// After so many yields.
    Yield(usize),
    /// After the signal.
    Wait(Signal),
    Fail,
    /// Panics inside of the call.
    Blow,
    /// Panics when it is polled for the second time.
    BlowLater,
}

/// One test's manager. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Inner>);

#[derive(Default)]
struct Inner {
    creates: Mutex<VecDeque<Act>>,
    recycles: Mutex<VecDeque<Act>>,
    destroys: Mutex<VecDeque<Act>>,
    made: Mutex<usize>,
    log: Log,
}

/// A resource: the number of its making. Its drop is logged.
pub(super) struct Thing {
    pub(super) id: usize,
    /// Whether its destructor panics.
    pub(super) blows: bool,
    log: Log,
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.log.add(format!("drop {}", self.id));
        if self.blows {
            blow_up("thing")
        }
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn on_create(&self, act: Act) {
        self.0.creates.lock().unwrap().push_back(act);
    }

    pub(super) fn on_recycle(&self, act: Act) {
        self.0.recycles.lock().unwrap().push_back(act);
    }

    pub(super) fn on_destroy(&self, act: Act) {
        self.0.destroys.lock().unwrap().push_back(act);
    }

    /// What has happened, as "create 0", "recycle 0", "destroy 0", "destroyed 0", "drop 0".
    pub(super) fn events(&self) -> Vec<String> {
        self.0.log.events()
    }

    /// How often this has happened.
    pub(super) fn count(&self, what: &str) -> usize {
        let prefix = format!("{what} ");
        self.events().iter().filter(|event| event.starts_with(&prefix)).count()
    }

    /// Which resources it has happened to.
    pub(super) fn ids(&self, what: &str) -> Vec<usize> {
        let prefix = format!("{what} ");
        let events = self.events();
        events.iter().filter_map(|event| event.strip_prefix(&prefix)?.parse().ok()).collect()
    }

    pub(super) fn pool<E: Executor>(&self, max: usize, ex: &E) -> ResourcePool<Desk> {
        self.builder(max).build(ex)
    }

    pub(super) fn builder(&self, max: usize) -> ResourcePoolBuilder<Desk> {
        ResourcePool::builder(self.clone()).max(max)
    }

    async fn act(&self, acts: &Mutex<VecDeque<Act>>) -> Result<(), &'static str> {
        let act = acts.lock().unwrap().pop_front().unwrap_or(Act::Do);
        match act {
            Act::Do => {}
            Act::Yield(times) => yields(times).await,
            Act::Wait(signal) => signal.wait().await,
            Act::Fail => return Err("no"),
            Act::Blow => blow_up("at once"),
            Act::BlowLater => {
                yields(1).await;
                blow_up("later")
            }
        }
        Ok(())
    }
}

impl Manage for Desk {
    type Resource = Thing;
    type Error = &'static str;

    async fn create(&self) -> Result<Thing, &'static str> {
        let log = self.0.log.clone();
        let half = on_drop(move || log.add("half-made"));
        self.act(&self.0.creates).await?;
        std::mem::forget(half);
        let mut made = self.0.made.lock().unwrap();
        let id = *made;
        *made += 1;
        self.0.log.add(format!("create {id}"));
        Ok(Thing { id, blows: false, log: self.0.log.clone() })
    }

    async fn recycle(&self, thing: &mut Thing) -> bool {
        self.0.log.add(format!("recycle {}", thing.id));
        self.act(&self.0.recycles).await.is_ok()
    }

    async fn destroy(&self, thing: Thing) {
        self.0.log.add(format!("destroy {}", thing.id));
        let _ = self.act(&self.0.destroys).await;
        self.0.log.add(format!("destroyed {}", thing.id));
    }

    fn taken(&self, thing: &mut Thing) {
        self.0.log.add(format!("taken {}", thing.id));
    }
}

/// Lets others run until the pool looks like this, and checks that every resource is counted once.
pub(super) async fn until_status(pool: &ResourcePool<Desk>, looks: impl Fn(Status) -> bool) {
    until(|| looks(pool.status())).await;
    adds_up(pool);
}

pub(super) fn adds_up(pool: &ResourcePool<Desk>) {
    let Status { created, idle, lent, destroying, destroyed, taken, .. } = pool.status();
    let there = (idle + lent + destroying) as u64;
    assert_eq!(created, there + destroyed + taken, "{pool:?}");
}

/// Spawns on one executor, with the clock of another.
#[derive(Clone)]
pub(super) struct With<S, T>(pub(super) S, pub(super) T);

impl<S: Spawn, T> Spawn for With<S, T> {
    fn spawn(&self, child: anyscope::Child) {
        self.0.spawn(child);
    }
}

impl<S, T: Timer> Timer for With<S, T> {
    type Sleep = T::Sleep;

    fn sleep(&self, duration: std::time::Duration) -> T::Sleep {
        self.1.sleep(duration)
    }
}

impl<S, T: Clock> Clock for With<S, T> {
    fn now(&self) -> anyscope::Instant {
        self.1.now()
    }
}
