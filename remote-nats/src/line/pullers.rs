//! Those who ask for jobs, between the calls that they ask for.
//!
//! A call returns with the first jobs. If its request is open then, because the limit over all workers is reached, or the server is slow, the next call goes on with it. If
//! there is none soon, or nobody waits for this one any more, what still comes is given back until the server has ended the request.

use super::{Line, pull::Puller};
use crate::handle::Core;
use anyscope_remote::engine::{Again, Ask, Leased};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

#[derive(Default)]
pub(super) struct Pullers(Mutex<Resting>);

#[derive(Default)]
struct Resting {
    put: u64,
    /// Each with a number of its own.
    pullers: Vec<(u64, Puller)>,
}

impl Pullers {
    fn lock(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns one whose open request fits, or one without.
    pub(super) fn take(&self, most: usize, wait: Duration) -> Option<Puller> {
        let pullers = &mut self.lock().pullers;
        let fits = pullers.iter().position(|(_, puller)| puller.fits(most, wait));
        let nth = fits.or_else(|| pullers.iter().position(|(_, puller)| !puller.is_open()))?;
        Some(pullers.swap_remove(nth).1)
    }

    /// Lets the next call have it. Returns its number, if it has an open request.
    pub(super) fn put(&self, puller: Puller) -> Option<u64> {
        let mut resting = self.lock();
        resting.put += 1;
        let (number, open) = (resting.put, puller.is_open());
        resting.pullers.push((number, puller));
        open.then_some(number)
    }

    fn remove(&self, number: u64) -> Option<Puller> {
        let pullers = &mut self.lock().pullers;
        let nth = pullers.iter().position(|(known, _)| *known == number)?;
        Some(pullers.swap_remove(nth).1)
    }
}

impl Line {
    /// Sees to the open request with this number, if nobody goes on with it.
    pub(super) async fn retire(&self, core: &Core, ask: &Ask, number: u64) {
        sleep(SOON).await;
        let Some(mut puller) = self.pullers.remove(number) else { return };
        while puller.is_open() {
            let (asked, mut deliveries) = (puller.asked(), Vec::new());
            let collected = puller.collect(asked + FOREVER, &mut deliveries).await;
            if let Ok(leased) = self.take(core, ask, asked, deliveries).await {
                self.return_all(core, leased, puller.rest()).await;
            }
            if collected.is_err() {
                return;
            }
        }
        self.pullers.put(puller);
    }

    /// Gives jobs back of which nobody knows: those were no attempts. After the request that is open, or they would come to it again.
    pub(super) async fn return_all(&self, core: &Core, leased: Vec<Leased>, rest: Duration) {
        let mut again = Again::now();
        // With a delay they are stored anew, and what is counted as the server's is taken off.
        again.after = rest.max(Duration::from_millis(1));
        for leased in leased {
            // Otherwise it runs out.
            let _ = self.give_back(core, &leased.lease, again).await;
        }
    }
}

/// When the next call comes, if it does: a worker does not much between two.
const SOON: Duration = Duration::from_millis(30);

/// Longer than any request.
const FOREVER: Duration = Duration::from_secs(3600);
