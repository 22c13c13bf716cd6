//! An algorithm whose limit operations follow.
//!
//! An algorithm may be user code, so it runs under a lock that nobody waits for ([`TryLock`]). Whoever
//! has a sample and finds the lock taken leaves the sample on a stack, and tries once more. Whoever
//! lets go of the lock looks at the stack afterwards. Each has a fence between the two, so one of them
//! sees the other, and no sample is left behind.
//!
//! The limit is stored under the lock, so that an older one never replaces a newer one. Those who wait
//! for it to be raised are woken when the lock is free.

use super::{Algorithm, Ratio, Sample};
use crate::{
    limit::{IntoLimit, LiveLimit},
    observers,
    sync::{Arc, AtomicUsize, Ordering, fence, stack::Stack, try_lock::TryLock},
    unwind::Finally,
};
use core::{cell::Cell, fmt, num::NonZeroUsize};

/// A limit that adjusts itself, by how the calls go that are made under it.
///
/// Clones share the limit. Pass it, or a reference, as the limit of an operation, and tell it of each
/// call: with [`call`](Self::call) around the call's future, or with the guard that
/// [`start`](Self::start) returns. It learns nothing from calls that nobody tells it of. When the limit
/// is raised, the operations that wait for it are woken at once; when it is lowered, nothing is
/// cancelled, and nothing new starts until fewer are running.
///
/// Several operations may share it. Each keeps to the limit by itself; a limit of all together is
/// [`try_start`](Self::try_start).
///
/// # Examples
///
/// As many consumers of a queue as the service behind them can take at the moment. Nobody says how
/// many that are:
///
/// ```
/// use anyscope::{AdaptiveLimit, flow, limit::adaptive::{Vegas, Windowed}, smol::Smol};
///
/// async fn store(order: u32) -> Result<u32, std::io::Error> {
///     Ok(order)
/// }
///
/// # smol::block_on(async {
/// let consumers = AdaptiveLimit::new(Windowed::new(Vegas::default()));
/// let orders = smol::channel::bounded(100);
/// # for order in 0..50 { orders.0.send(order).await.unwrap(); }
/// # orders.0.close();
/// flow::stream(orders.1)
///     .for_each_concurrent(&consumers, async |order| {
///         if let Err(error) = consumers.call(&Smol, store(order)).await {
///             eprintln!("order {order}: {error}");
///         }
///     })
///     .await;
/// # });
/// ```
pub struct AdaptiveLimit<A> {
    shared: Arc<Shared<A>>,
}

struct Shared<A> {
    limit: LiveLimit,
    in_flight: AtomicUsize,
    /// How much of the limit partitions have, in the parts of a [`Ratio`].
    set_aside: AtomicUsize,
    algorithm: TryLock<A>,
    /// Samples of those who found the lock taken.
    left: Stack<Sample>,
}

impl<A: Algorithm> AdaptiveLimit<A> {
    /// Creates a limit that begins with that of `algorithm`, and follows it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Vegas};
    ///
    /// let adaptive = AdaptiveLimit::new(Vegas::builder().initial(8).build()?);
    /// assert_eq!(adaptive.get().get(), 8);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub fn new(algorithm: A) -> Self {
        let limit = LiveLimit::new(algorithm.limit());
        let algorithm = TryLock::new(algorithm);
        let (in_flight, set_aside) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let left = Stack::new();
        AdaptiveLimit { shared: Arc::new(Shared { limit, in_flight, set_aside, algorithm, left }) }
    }

    /// Learns from a call that has ended.
    pub(super) fn learn(&self, sample: Sample) {
        let shared = &*self.shared;
        let raised = Cell::new(false);
        let changed = Cell::new(None::<(usize, usize)>);
        // Also if the algorithm panics after it has raised the limit.
        let _wake = Finally::new(|| {
            if raised.get() {
                shared.limit.announce();
            }
            if let Some((before, now)) = changed.get().filter(|(before, now)| before != now) {
                observers::changes_limit(before, now);
            }
        });
        let mut sample = Some(sample);
        loop {
            let learnt = shared.algorithm.try_with(|algorithm| {
                for sample in sample.take().into_iter().chain(shared.left.take()) {
                    let limit = algorithm.on_sample(sample);
                    let before = shared.limit.store(limit.get());
                    raised.set(raised.get() || limit.get() > before);
                    let first = changed.get().map_or(before, |(first, _)| first);
                    changed.set(Some((first, limit.get())));
                }
            });
            match (learnt, sample.take()) {
                (None, Some(sample)) => shared.left.push(sample),
                // Ours is on the stack, and whoever has the lock will look there.
                (None, None) => return,
                (Some(()), _) => {}
            }
            // Pairs with itself, on the thread of somebody who has the lock, or wants it. Ours is
            // between the change that we made (the lock is free, or the sample is on the stack) and
            // our look at the other.
            fence(Ordering::SeqCst);
            if shared.left.is_empty() {
                return;
            }
        }
    }
}

impl<A> AdaptiveLimit<A> {
    /// Returns the limit as it is now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// assert_eq!(adaptive.get().get(), 20);
    /// adaptive.start(&Smol).dropped();
    /// assert_eq!(adaptive.get().get(), 18);
    /// ```
    pub fn get(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.shared.limit.now()).unwrap_or(NonZeroUsize::MIN)
    }

    /// Returns how many calls are in flight, of those that the limit was told of.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let (first, second) = (adaptive.start(&Smol), adaptive.start(&Smol));
    /// assert_eq!(adaptive.in_flight(), 2);
    /// first.success();
    /// drop(second); // cancelled
    /// assert_eq!(adaptive.in_flight(), 0);
    /// ```
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a call, if `may` says so of the number of others and the limit, and returns how many there
    /// are now.
    pub(super) fn enter(&self, may: impl Fn(usize, usize) -> bool) -> Option<usize> {
        // Relaxed: only a number, which orders nothing.
        let others = self
            .shared
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |others| {
                may(others, self.shared.limit.now()).then_some(others + 1)
            })
            .ok()?;
        Some(others + 1)
    }

    /// Sets a share aside for a partition.
    ///
    /// # Errors
    ///
    /// Returns how much is left, if that is less.
    pub(super) fn set_aside(&self, share: Ratio) -> Result<(), Ratio> {
        let left = |aside: usize| Ratio::PARTS.saturating_sub(aside as u64);
        self.shared
            .set_aside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |aside| {
                // Fits: no more than what is left is added.
                (share.parts() <= left(aside)).then(|| aside + share.parts() as usize)
            })
            .map(drop)
            .map_err(|aside| Ratio::from_parts(left(aside)))
    }

    /// A partition is gone.
    pub(super) fn give_back(&self, share: Ratio) {
        self.shared.set_aside.fetch_sub(share.parts() as usize, Ordering::Relaxed);
    }

    /// A call has ended.
    pub(super) fn leave(&self) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<A> Clone for AdaptiveLimit<A> {
    fn clone(&self) -> Self {
        AdaptiveLimit { shared: self.shared.clone() }
    }
}

impl<A> IntoLimit for AdaptiveLimit<A> {
    type Limit = LiveLimit;

    fn into_limit(self) -> LiveLimit {
        self.shared.limit.clone()
    }
}

/// Shares the limit: the operation follows it.
impl<A> IntoLimit for &AdaptiveLimit<A> {
    type Limit = LiveLimit;

    fn into_limit(self) -> LiveLimit {
        self.shared.limit.clone()
    }
}

impl<A> fmt::Debug for AdaptiveLimit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveLimit")
            .field("limit", &self.get())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
