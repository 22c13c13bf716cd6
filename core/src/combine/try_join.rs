//! All values of several futures, or the first error.

use super::{
    group::{Clear, Group, Running, Started},
    rule::AllOk,
};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Returns the values of several futures that may fail, which it runs side by side in the awaiting
/// task; or the first error, as soon as it happens.
///
/// Takes a [`Group`](super::Group): a tuple, an array, a `Vec`, a map and others, of futures that
/// return `Result`s with one type of errors. The values have the shape and the keys of the futures.
/// In a tuple, [`maybe`](super::maybe()) makes one that is dropped when the others are done.
///
/// When one fails, all others are dropped before the error is returned, whether they ran or were
/// done. Of errors at the same time, that with the lowest index is returned.
///
/// # Cancel safety
///
/// Dropping the returned future drops all futures, and the values of those that are ready.
///
/// # Panics
///
/// A panic of a future propagates. The returned future panics if polled after it was ready or has
/// panicked. See the [module](super) for destructors that panic.
///
/// # Errors
///
/// [`TryJoinError`]: the first error in time, with the index or the key of its future. It converts
/// into `Box<dyn Error>` and the like with `?`; into the error alone with
/// `.map_err(TryJoinError::into_error)?`.
///
/// # Cost
///
/// That of [`join`](super::join()). From 17 futures on, there is another allocation: for the order of
/// those that are ready at the same time.
///
/// # Examples
///
/// ```
/// use anyscope::try_join;
/// use std::collections::BTreeMap;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let parse = async |text: &str| text.parse::<u32>();
/// let (one, two) = try_join((parse("1"), parse("2"))).await?;
/// assert_eq!(one + two, 3);
///
/// let failed = try_join(vec![parse("1"), parse("?"), parse("3")]).await.unwrap_err();
/// assert_eq!(failed.index(), 1);
/// assert_eq!(failed.to_string(), "future 1 failed: invalid digit found in string");
///
/// let sizes = BTreeMap::from([("width", parse("8")), ("height", parse("tall"))]);
/// let failed = try_join(sizes).await.unwrap_err();
/// assert_eq!(*failed.key(), "height");
/// # Ok(()) }) }
/// ```
#[doc(alias = "try_join_all")]
pub fn try_join<G: Group<AllOk>>(futures: G) -> TryJoin<G::Running> {
    TryJoin { group: Started::new(futures.start()) }
}

pin_project! {
    /// Future of [`try_join`](super::try_join()).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryJoin<B>
    where
        B: Clear,
    {
        #[pin]
        group: Started<B>,
    }
}

impl<B: Running<AllOk>> Future for TryJoin<B> {
    type Output = Result<B::Kept, TryJoinError<B::Decided, B::Key>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = self.project().group.poll::<AllOk>(cx);
        done.map(|done| done.map_err(|(key, error)| TryJoinError { key, error }))
    }
}

impl<B: Clear> fmt::Debug for TryJoin<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoin").finish_non_exhaustive()
    }
}

/// A future of a [`try_join`](super::try_join()) failed.
///
/// It converts into `Box<dyn Error>` and the like with `?`, also when `E` is itself such a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryJoinError<E, K = usize> {
    key: K,
    error: E,
}

impl<E> TryJoinError<E> {
    /// Returns the index of the future that failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_join;
    ///
    /// # smol::block_on(async {
    /// let hosts = ["10.0.0.1:80", "localhost", "10.0.0.3:80"];
    /// let parse = async |host: &str| host.parse::<std::net::SocketAddr>();
    /// let error = try_join(hosts.map(parse)).await.unwrap_err();
    /// assert_eq!(hosts[error.index()], "localhost");
    /// # });
    /// ```
    pub fn index(&self) -> usize {
        self.key
    }
}

impl<E, K> TryJoinError<E, K> {
    /// Returns the key of the future that failed: in a map its key, else its index.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_join;
    /// use std::{collections::BTreeMap, future::{Ready, ready}};
    ///
    /// # smol::block_on(async {
    /// let sizes: BTreeMap<_, Ready<Result<u32, &str>>> =
    ///     BTreeMap::from([("width", ready(Ok(8))), ("height", ready(Err("too tall")))]);
    /// let error = try_join(sizes).await.unwrap_err();
    /// assert_eq!((*error.key(), *error.error()), ("height", "too tall"));
    /// # });
    /// ```
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_join;
    ///
    /// # smol::block_on(async {
    /// let read = async |path: &str| std::fs::read(path).map(drop);
    /// let error = try_join([read("Cargo.toml"), read("no such file")]).await.unwrap_err();
    /// assert_eq!(error.error().kind(), std::io::ErrorKind::NotFound);
    /// # });
    /// ```
    pub fn error(&self) -> &E {
        &self.error
    }

    /// Returns the error alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{TryJoinError, try_join};
    ///
    /// async fn sum(a: &str, b: &str) -> Result<u32, std::num::ParseIntError> {
    ///     let parse = async |text: &str| text.parse::<u32>();
    ///     let [a, b] = try_join([parse(a), parse(b)]).await.map_err(TryJoinError::into_error)?;
    ///     Ok(a + b)
    /// }
    /// # assert_eq!(smol::block_on(sum("1", "2")), Ok(3));
    /// ```
    pub fn into_error(self) -> E {
        self.error
    }

    /// Returns the key of the future that failed, and the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_join;
    ///
    /// # smol::block_on(async {
    /// let parse = async |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
    /// let (index, error) = try_join([parse("1"), parse("?")]).await.unwrap_err().into_parts();
    /// assert_eq!((index, error.as_str()), (1, "invalid digit found in string"));
    /// # });
    /// ```
    pub fn into_parts(self) -> (K, E) {
        (self.key, self.error)
    }
}

impl<E: fmt::Display, K: fmt::Debug> fmt::Display for TryJoinError<E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "future {:?} failed: {}", self.key, self.error)
    }
}

/// Asks no more of `E` than what boxed errors have. The message contains that of the error, which
/// is therefore no `source`.
impl<E: fmt::Debug + fmt::Display, K: fmt::Debug> Error for TryJoinError<E, K> {}
