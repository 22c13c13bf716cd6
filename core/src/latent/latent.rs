//! What users see.

use super::{begin::Shared, queue::Entry};
use crate::{
    child::{Child, KeepAlive},
    exec::{BlockOn, Spawn, SpawnBlocking},
    time::{Clock, Instant, Timer},
};
use alloc::{boxed::Box, sync::Arc};
use core::{fmt, future::Future, num::NonZeroUsize, pin::Pin, task::Context, time::Duration};

/// An executor around another one, for scopes with many small children: a child becomes a task of the
/// executor only when it waits for something.
///
/// Handing a task to an executor costs memory, a place in a queue and a wake, and the code that awaits
/// the child is woken in its turn. A child that is ready at once needs none of this. In a scope on a
/// `Latent`, a spawned child is queued, and polled by whoever comes first:
///
/// - the code that awaits its [`JoinHandle`](crate::JoinHandle), in place, on that thread;
/// - a *host*: a task of the executor that is called when there are children, and at most as many of
///   them as the executor's [`parallelism`](Spawn::parallelism).
///
/// A child that is ready at its first poll never was a task. One that yields is polled by the hosts a
/// few times more (three). One that waits, for a timer, a socket or a lock, is handed to the executor,
/// as it would have been at once without the `Latent`, and stays there.
///
/// Nothing else differs: what a scope promises about cancels, panics, shields, names, limits and its own
/// end holds for its children wherever they are polled. All kinds of scopes that take an executor take
/// this one, and clones share their queue.
///
/// # When not to use it
///
/// - Children that wait at once, as most network clients do: they are polled once more than without
///   it, and handed over after that.
/// - Children that need the thread of the executor in their first poll: awaited from elsewhere, they are polled
///   there. So with tokio, await handles inside the runtime if children start timers or tasks of tokio.
/// - A child that computes for long runs on the thread that awaits it, unless a host was faster: as rayon's `join` does
///   it. The others are taken by the hosts meanwhile, if the executor has threads for them.
///
/// # Fairness
///
/// Hosts take the child that has waited longest, and let the executor run others after 64 polls.
/// Code that awaits one child after the other is not woken in between, so each 128th child is left to a host;
/// and no more than 16 polls of awaited children nest on one stack.
///
/// # Cost
///
/// See the rows `spawn/latent` in `benches/RESULTS.md`. The queue is behind one lock, which is held for a few steps; without
/// `std`, awaiting a child does not poll it, and hosts do all the work.
///
/// # Examples
///
/// ```
/// use anyscope::{Latent, scope, smol::Smol};
///
/// type Sum = std::pin::Pin<Box<dyn Future<Output = u64> + Send>>;
///
/// /// Splits the work in two while there is much of it.
/// fn sum(ex: Latent<Smol>, numbers: Vec<u64>) -> Sum {
///     Box::pin(async move {
///         if numbers.len() <= 1000 {
///             return numbers.iter().sum();
///         }
///         scope(&ex.clone(), async |s| {
///             let mut left = numbers;
///             let right = left.split_off(left.len() / 2);
///             let (left, right) = (s.spawn(sum(ex.clone(), left)), s.spawn(sum(ex, right)));
///             left.value().await + right.value().await
///         })
///         .await
///     })
/// }
///
/// let total = smol::block_on(sum(Latent::new(&Smol), (0..10_000).collect()));
/// assert_eq!(total, 49_995_000);
/// ```
pub struct Latent<E> {
    shared: Arc<Shared<E>>,
}

impl<E: Spawn + Clone + Send + Sync + 'static> Latent<E> {
    /// Creates an executor around `exec`. Nothing is spawned until there are children.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Latent, scope, smol::Smol};
    ///
    /// let length = smol::block_on(scope(&Latent::new(&Smol), async |s| {
    ///     let lines = ["a", "bc", "def"].map(|line| s.spawn(async move { line.len() }));
    ///     let mut sum = 0;
    ///     for line in lines {
    ///         sum += line.value().await;
    ///     }
    ///     sum
    /// }));
    /// assert_eq!(length, 6);
    /// ```
    pub fn new(exec: &E) -> Self {
        Latent { shared: Arc::new(Shared::new(exec.clone())) }
    }
}

impl<E: Spawn + Send + Sync + 'static> Spawn for Latent<E> {
    /// Hands `child` to the executor at once: only children of scopes are latent.
    fn spawn(&self, child: Child) {
        self.shared.exec.spawn(child);
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        let kept = KeepAlive::and_told(self.shared.clone());
        let entry = Entry { child, yields: 0 };
        let call = self.shared.queue.with(|queue| queue.push(entry));
        self.shared.answer(call);
        Some(kept)
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.shared.exec.parallelism()
    }
}

impl<E: SpawnBlocking> SpawnBlocking for Latent<E> {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.shared.exec.spawn_blocking(job);
    }
}

impl<E: BlockOn> BlockOn for Latent<E> {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.shared.exec.block_on(future)
    }
}

impl<E: Timer> Timer for Latent<E> {
    type Sleep = E::Sleep;

    fn sleep(&self, duration: Duration) -> E::Sleep {
        self.shared.exec.sleep(duration)
    }

    fn has_passed(&self, sleep: Pin<&mut E::Sleep>, cx: &mut Context<'_>) -> bool {
        self.shared.exec.has_passed(sleep, cx)
    }
}

impl<E: Clock> Clock for Latent<E> {
    fn now(&self) -> Instant {
        self.shared.exec.now()
    }
}

impl<E> Clone for Latent<E> {
    fn clone(&self) -> Self {
        Latent { shared: self.shared.clone() }
    }
}

impl<E: fmt::Debug> fmt::Debug for Latent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latent")
            .field("exec", &self.shared.exec)
            .field("waiting", &self.shared.queue.with(|queue| queue.waiting()))
            .finish_non_exhaustive()
    }
}
