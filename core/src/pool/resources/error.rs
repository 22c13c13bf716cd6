//! Why there is no resource.

use core::{error::Error, fmt};

/// An error of [`ResourcePool::get`](super::ResourcePool::get).
///
/// # Examples
///
/// ```
/// use anyscope::{Grace, pool::{Manage, ResourcePool, resources::GetError}, smol::Smol};
///
/// struct Connect(&'static str);
///
/// impl Manage for Connect {
///     type Resource = u32;
///     type Error = std::num::ParseIntError;
///
///     async fn create(&self) -> Result<u32, Self::Error> {
///         self.0.parse()
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = ResourcePool::builder(Connect("no number")).build(&Smol);
/// assert!(matches!(pool.get().await, Err(GetError::Create(_))));
/// pool.close(Grace::Forever).await;
/// assert!(matches!(pool.get().await, Err(GetError::Closed)));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError<E> {
    /// The pool was closed before the resource could be lent.
    Closed,
    /// No resource was idle, and [`create`](super::Manage::create) has failed.
    Create(E),
}

/// An error of [`ResourcePool::try_get`](super::ResourcePool::try_get).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryGetError<E> {
    /// All resources are lent, or others wait for one already.
    Full,
    /// The pool was closed before the resource could be lent.
    Closed,
    /// No resource was idle, and [`create`](super::Manage::create) has failed.
    Create(E),
}

const CLOSED: &str = "the pool is closed: it lends no more resources";
const CREATE: &str = "no resource is idle, and a new one cannot be made";

impl<E> From<GetError<E>> for TryGetError<E> {
    fn from(error: GetError<E>) -> Self {
        match error {
            GetError::Closed => TryGetError::Closed,
            GetError::Create(error) => TryGetError::Create(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GetError::Closed => f.write_str(CLOSED),
            GetError::Create(error) => write!(f, "{CREATE}: {error}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for TryGetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryGetError::Full => f.write_str("all resources are lent: `get` waits for one"),
            TryGetError::Closed => f.write_str(CLOSED),
            TryGetError::Create(error) => write!(f, "{CREATE}: {error}"),
        }
    }
}

impl<E: Error> Error for GetError<E> {}

impl<E: Error> Error for TryGetError<E> {}
