//! Who may wait, and who of them is first.

/// How many may wait at the same time, and who of them is served first: the backlog of a
/// [`Semaphore`](super::Semaphore) or a [`Bulkhead`](crate::resilience::Bulkhead).
///
/// A number is a backlog of so many, served in the order in which they came.
///
/// # First or last?
///
/// [`fifo`](Self::fifo) is fair: all wait about as long. That is what is wanted of work that has to be done, however late.
///
/// With [`lifo`](Self::lifo), the one who came last is served first. If there is more to do than can be done, each of a fair
/// line waits for as long as anybody would, and is then served too late; of a line that is served from its end, some are
/// served at once and the others not at all. That suits requests of users who go away, together with
/// a [time limit](crate::resilience::Bulkhead::run_within): without one, those who came first may wait for ever.
///
/// # Examples
///
/// ```
/// use anyscope::limit::Backlog;
///
/// assert_eq!(Backlog::from(10), Backlog::fifo(10));
/// let newest_first = Backlog::lifo(10);
/// let none_waits = Backlog::fifo(0);
/// let all_may = Backlog::default();
/// assert_eq!(all_may, Backlog::fifo(usize::MAX));
/// # let _ = (newest_first, none_waits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backlog {
    pub(super) most: usize,
    pub(super) newest_first: bool,
}

impl Backlog {
    /// Returns a backlog of `most`, of whom the first to come is served first. With 0, none waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{join, limit::{Backlog, Semaphore}};
    /// use std::cell::RefCell;
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::with_backlog(1, Backlog::fifo(10));
    /// let order = RefCell::new(vec![]);
    /// let call = async |n| {
    ///     let _permit = semaphore.acquire().await.unwrap();
    ///     smol::future::yield_now().await;
    ///     order.borrow_mut().push(n);
    /// };
    /// join([call(1), call(2), call(3)]).await;
    /// assert_eq!(order.into_inner(), [1, 2, 3]);
    /// # });
    /// ```
    pub const fn fifo(most: usize) -> Self {
        Backlog { most, newest_first: false }
    }

    /// Returns a backlog of `most`, of whom the last to come is served first. With 0, none waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{join, limit::{Backlog, Semaphore}};
    /// use std::cell::RefCell;
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::with_backlog(1, Backlog::lifo(10));
    /// let order = RefCell::new(vec![]);
    /// let call = async |n| {
    ///     let _permit = semaphore.acquire().await.unwrap();
    ///     smol::future::yield_now().await;
    ///     order.borrow_mut().push(n);
    /// };
    /// join([call(1), call(2), call(3)]).await;
    /// assert_eq!(order.into_inner(), [1, 3, 2]); // the newest has waited least
    /// # });
    /// ```
    pub const fn lifo(most: usize) -> Self {
        Backlog { most, newest_first: true }
    }
}

/// All may wait, and the first to come is served first.
impl Default for Backlog {
    fn default() -> Self {
        Backlog::fifo(usize::MAX)
    }
}

/// So many, of whom the first to come is served first.
impl From<usize> for Backlog {
    fn from(most: usize) -> Self {
        Backlog::fifo(most)
    }
}
