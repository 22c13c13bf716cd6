//! Which worker gets a job.

use core::hash::{Hash, Hasher};

/// Which worker of a pool gets a job that was submitted without a key.
///
/// A job with a key goes to the worker of its key, whatever the strategy is.
///
/// See [`strategy`](super::Builder::strategy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// The next worker that is free: all take from one queue. No worker is idle while a job waits.
    #[default]
    Shared,
    /// One after the other, in turn. A job waits for its worker, also if another one is idle.
    RoundRobin,
    /// The one with the fewest jobs, queued or running; of several, the one with the lowest index.
    LeastBusy,
}

/// Who may take a job.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    /// As the strategy says.
    Any,
    /// This worker only.
    To(usize),
}

impl Route {
    /// The worker of a key, of so many.
    pub(super) fn of_key<K: Hash + ?Sized>(key: &K, workers: usize) -> Self {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        key.hash(&mut hasher);
        let workers = u64::try_from(workers).expect("a worker is in memory");
        let index = mixed(hasher.0) % workers;
        Route::To(usize::try_from(index).expect("less than the number of workers"))
    }
}

/// FNV-1a, as there is no hasher without `std`.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// The finalizer of SplitMix64: so that all bits of a hash count in what is left of it.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_evenly() {
        let mut jobs = [0; 7];
        for key in 0..7000_u32 {
            let Route::To(index) = Route::of_key(&key, 7) else { panic!() };
            jobs[index] += 1;
        }
        assert!(jobs.iter().all(|&jobs| (850..1150).contains(&jobs)), "{jobs:?}");
    }
}
