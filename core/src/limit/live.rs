//! A limit that changes while it is in use.

use super::{IntoLimit, Limit};
use crate::sync::{Arc, AtomicUsize, EventListener, LazyEvent, Ordering};
use core::{fmt, num::NonZeroUsize};

/// A [`Limit`] that can be changed while operations run under it.
///
/// Clones share the limit. Operations that were given it look at it whenever they could start
/// something: raising it wakes them at once; lowering it lets what runs come to its end, and
/// nothing new starts until less than that is running.
///
/// # Examples
///
/// ```
/// use anyscope::{LiveLimit, flow};
///
/// # smol::block_on(async {
/// let limit = LiveLimit::new(1);
/// let control = limit.clone();
/// flow::iter(0..100)
///     .for_each_concurrent(&limit, async |n| {
///         if n == 10 {
///             control.set(8);
///         }
///     })
///     .await;
/// # });
/// ```
#[derive(Clone)]
pub struct LiveLimit {
    shared: Arc<Shared>,
}

struct Shared {
    limit: AtomicUsize,
    raised: LazyEvent,
}

impl LiveLimit {
    /// A limit to begin with.
    ///
    /// # Panics
    ///
    /// When `limit` is `0`.
    #[track_caller]
    pub fn new(limit: impl IntoLimit<Limit = Limit>) -> Self {
        let limit = AtomicUsize::new(limit.into_limit().get());
        LiveLimit { shared: Arc::new(Shared { limit, raised: LazyEvent::new() }) }
    }

    /// Changes the limit, for this clone and all others.
    ///
    /// # Panics
    ///
    /// When `limit` is `0`.
    #[track_caller]
    pub fn set(&self, limit: impl IntoLimit<Limit = Limit>) {
        // What is limited comes to whoever runs it with a wake, or not at all: no order is needed
        // beside that of `notify`.
        self.shared.limit.store(limit.into_limit().get(), Ordering::Relaxed);
        self.shared.raised.notify(usize::MAX);
    }

    /// The limit as it is now.
    pub fn get(&self) -> Limit {
        match Limit::try_from(self.now()) {
            Ok(Limit::AtMost(most)) if most.get() < usize::MAX => Limit::AtMost(most),
            _ => Limit::Unbounded,
        }
    }

    pub(crate) fn now(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed)
    }

    /// Fires with the next change. Look at the limit after this call.
    pub(crate) fn listen(&self) -> EventListener {
        self.shared.raised.listen()
    }
}

impl fmt::Debug for LiveLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveLimit").field(&self.get()).finish()
    }
}

/// How much an operation may do at once: a [`Limit`], or a [`LiveLimit`] that changes.
///
/// What operations make of an [`impl IntoLimit`](IntoLimit).
#[derive(Clone, Debug)]
pub struct Capacity(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Fixed(Limit),
    Live(LiveLimit),
}

impl Capacity {
    /// The limit as it is now.
    #[inline]
    pub(crate) fn now(&self) -> usize {
        match &self.0 {
            Kind::Fixed(limit) => limit.get(),
            Kind::Live(limit) => limit.now(),
        }
    }

    /// The limit, if it changes.
    #[inline]
    pub(crate) fn live(&self) -> Option<&LiveLimit> {
        match &self.0 {
            Kind::Fixed(_) => None,
            Kind::Live(limit) => Some(limit),
        }
    }
}

impl From<Limit> for Capacity {
    fn from(limit: Limit) -> Self {
        Capacity(Kind::Fixed(limit))
    }
}

impl From<NonZeroUsize> for Capacity {
    fn from(limit: NonZeroUsize) -> Self {
        Capacity(Kind::Fixed(limit.into()))
    }
}

impl From<LiveLimit> for Capacity {
    fn from(limit: LiveLimit) -> Self {
        Capacity(Kind::Live(limit))
    }
}

impl From<&LiveLimit> for Capacity {
    fn from(limit: &LiveLimit) -> Self {
        Capacity(Kind::Live(limit.clone()))
    }
}
