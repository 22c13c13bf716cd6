//! A limit that changes while it is in use.

use super::{IntoLimit, Limit};
use crate::sync::{Arc, AtomicUsize, EventListener, LazyEvent, Ordering};
use core::{fmt, num::NonZeroUsize, pin::Pin, task::Poll};

/// A [`Limit`] that can be changed while operations run under it.
///
/// Clones share the limit. An operation reads it whenever it could start something. Raising the
/// limit wakes the operations at once. Lowering it cancels nothing: what runs is finished, and
/// nothing new starts until fewer than the new limit are running.
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
    /// Creates a limit that begins as `limit`.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is `0`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Limit, LiveLimit};
    ///
    /// let limit = LiveLimit::new(8);
    /// assert_eq!(limit.get(), Limit::new(8));
    /// let none_yet = LiveLimit::new(Limit::Unbounded);
    /// none_yet.set(100);
    /// ```
    #[track_caller]
    pub fn new(limit: impl IntoLimit<Limit = Limit>) -> Self {
        let limit = AtomicUsize::new(limit.into_limit().get());
        LiveLimit { shared: Arc::new(Shared { limit, raised: LazyEvent::new() }) }
    }

    /// Changes the limit, for this clone and all others.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is `0`. The panic of a waker that a change fires propagates once the limit
    /// has been changed and the other wakers have been fired.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Limit, LiveLimit};
    ///
    /// let limit = LiveLimit::new(1);
    /// let clone = limit.clone();
    /// clone.set(8);
    /// assert_eq!(limit.get(), Limit::new(8));
    /// limit.set(Limit::Unbounded);
    /// assert_eq!(clone.get(), Limit::Unbounded);
    /// ```
    #[track_caller]
    pub fn set(&self, limit: impl IntoLimit<Limit = Limit>) {
        self.store(limit.into_limit().get());
        self.announce();
    }

    /// Returns the limit as it is now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{LiveLimit, limit::Limit};
    ///
    /// let limit = LiveLimit::new(4);
    /// limit.set(8);
    /// assert_eq!(limit.get(), Limit::new(8));
    /// ```
    pub fn get(&self) -> Limit {
        match Limit::try_from(self.now()) {
            Ok(Limit::AtMost(most)) if most.get() < usize::MAX => Limit::AtMost(most),
            _ => Limit::Unbounded,
        }
    }

    /// Changes the limit, and returns what it was. The caller announces the change if it is a raise.
    pub(crate) fn store(&self, limit: usize) -> usize {
        // Relaxed: an operation reads the new limit after a wake, or whenever it polls for another
        // reason; `announce` orders the first, and the second needs no order.
        self.shared.limit.swap(limit, Ordering::Relaxed)
    }

    /// Wakes all who wait for a change.
    pub(crate) fn announce(&self) {
        self.shared.raised.notify(usize::MAX);
    }

    pub(crate) fn now(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed)
    }

    /// Listens for the next change. Read the limit after this call: an earlier change does not
    /// notify the listener.
    pub(crate) fn listen(&self) -> EventListener {
        self.shared.raised.listen()
    }

    /// Returns whether the limit differs from `seen`. If not, a change wakes whoever `poll` polls the listener for, which
    /// is kept in `raised` meanwhile.
    // Not inlined: a flow without a live limit pays for its code otherwise.
    #[inline(never)]
    pub(crate) fn is_changed(
        &self,
        seen: usize,
        raised: &mut Option<EventListener>,
        mut poll: impl FnMut(Pin<&mut EventListener>) -> Poll<()>,
    ) -> bool {
        loop {
            if let Some(listener) = raised {
                if poll(Pin::new(listener)).is_pending() {
                    return false;
                }
                *raised = None;
            } else {
                *raised = Some(self.listen());
            }
            if self.now() != seen {
                return true;
            }
        }
    }
}

impl fmt::Debug for LiveLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveLimit").field(&self.get()).finish()
    }
}

/// How much an operation may do at once: a [`Limit`], or a [`LiveLimit`] that changes.
///
/// Operations convert their [`impl IntoLimit`](IntoLimit) into this.
///
/// See [`IntoLimit`].
#[derive(Clone, Debug)]
pub struct Capacity(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Fixed(Limit),
    Live(LiveLimit),
}

impl Capacity {
    /// The limit as it is now.
    pub(crate) fn limit(&self) -> Limit {
        match &self.0 {
            Kind::Fixed(limit) => *limit,
            Kind::Live(limit) => limit.get(),
        }
    }

    /// The limit as it is now, as a number.
    #[inline]
    pub(crate) fn now(&self) -> usize {
        match &self.0 {
            Kind::Fixed(limit) => limit.get(),
            Kind::Live(limit) => limit.now(),
        }
    }

    /// Whether there is none, and never will be.
    #[inline]
    pub(crate) fn is_unbounded(&self) -> bool {
        matches!(self.0, Kind::Fixed(Limit::Unbounded))
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

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit().fmt(f)
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
