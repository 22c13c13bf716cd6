//! The library: caches that load what they do not have.
//!
//! They run on anything: all they ask for is a timer and a clock, and so they can be tested in
//! virtual time.

use anyscope::{Clock, Elapsed, Instant, Timer, timeout};
use smol::lock::OnceCell;
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A cache, with or without the bug.
pub(crate) trait Cache: Clone + Send + Sync + 'static {
    type Timer;

    fn new(timer: Self::Timer, fresh_for: Duration, patience: Duration) -> Self;

    /// The value of `key`: the one that is known, if it is fresh, or else what `load` gives,
    /// which has so much time.
    fn get<L>(&self, key: u32, load: L) -> impl Future<Output = Result<u32, Elapsed>> + Send
    where
        L: Future<Output = u32> + Send;
}

/// Looks whether the value is there, loads it, and puts it there.
///
/// Whoever looks while it is being loaded does not find it, and loads it again.
#[derive(Clone)]
pub(crate) struct Racy<T> {
    timer: T,
    fresh_for: Duration,
    patience: Duration,
    values: Arc<Mutex<HashMap<u32, Value>>>,
}

#[derive(Clone, Copy)]
struct Value {
    value: u32,
    fresh_until: Instant,
}

impl<T> Cache for Racy<T>
where
    T: Timer<Sleep: Send> + Clock + Clone + Send + Sync + 'static,
{
    type Timer = T;

    fn new(timer: T, fresh_for: Duration, patience: Duration) -> Self {
        Racy { timer, fresh_for, patience, values: Arc::default() }
    }

    async fn get<L: Future<Output = u32> + Send>(&self, key: u32, load: L) -> Result<u32, Elapsed> {
        let known = lock(&self.values).get(&key).copied();
        if let Some(known) = known.filter(|known| self.timer.now() < known.fresh_until) {
            return Ok(known.value);
        }
        let value = timeout(&self.timer, self.patience, load).await?;
        let fresh_until = self.timer.now() + self.fresh_for;
        lock(&self.values).insert(key, Value { value, fresh_until });
        Ok(value)
    }
}

/// Puts a cell there at once, which whoever comes first fills and the others wait for.
#[derive(Clone)]
pub(crate) struct Fixed<T> {
    timer: T,
    fresh_for: Duration,
    patience: Duration,
    cells: Arc<Mutex<HashMap<u32, Arc<OnceCell<Value>>>>>,
}

impl<T> Cache for Fixed<T>
where
    T: Timer<Sleep: Send> + Clock + Clone + Send + Sync + 'static,
{
    type Timer = T;

    fn new(timer: T, fresh_for: Duration, patience: Duration) -> Self {
        Fixed { timer, fresh_for, patience, cells: Arc::default() }
    }

    async fn get<L: Future<Output = u32> + Send>(&self, key: u32, load: L) -> Result<u32, Elapsed> {
        let now = self.timer.now();
        let cell = {
            let mut cells = lock(&self.cells);
            let cell = cells.entry(key).or_default();
            if cell.get().is_some_and(|known| known.fresh_until <= now) {
                *cell = Arc::default();
            }
            cell.clone()
        };
        // Should this future be dropped, or take too long, then the next one who waits loads.
        let load = async {
            let value = timeout(&self.timer, self.patience, load).await?;
            let fresh_until = self.timer.now() + self.fresh_for;
            Ok(Value { value, fresh_until })
        };
        cell.get_or_try_init(|| load).await.map(|known| known.value)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
