//! What a user says of a resource.

use alloc::sync::Arc;
use core::future::{Future, ready};

/// Makes, checks and ends the resources of a [`ResourcePool`](super::ResourcePool).
///
/// Write the methods as `async fn`. Their futures must be `Send`, as a
/// [`get`](super::ResourcePool::get) may be part of any task, and ends run on the executor of the pool.
///
/// # Cancel safety
///
/// A `get` that is dropped drops the future of `create` or `recycle` half-way. What `create` has made
/// by then is its own to drop; a resource whose `recycle` was dropped is passed to `destroy`. The future of
/// `destroy` is dropped only with the executor.
///
/// # Panics
///
/// A panic of `create` or `recycle` propagates to the caller of `get`; the place is free again, and
/// the resource is passed to `destroy`. A panic of `destroy` propagates from
/// [`close`](super::ResourcePool::close).
///
/// # Examples
///
/// ```
/// use anyscope::{Grace, pool::{Manage, ResourcePool}, smol::Smol};
/// use std::io;
///
/// struct Connection {
///     open: bool,
/// }
///
/// struct Connect(&'static str);
///
/// impl Manage for Connect {
///     type Resource = Connection;
///     type Error = io::Error;
///
///     async fn create(&self) -> io::Result<Connection> {
///         println!("connecting to {}", self.0);
///         Ok(Connection { open: true })
///     }
///
///     async fn recycle(&self, connection: &mut Connection) -> bool {
///         connection.open
///     }
///
///     async fn destroy(&self, connection: Connection) {
///         println!("saying good-bye to {}", self.0);
///         drop(connection);
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = ResourcePool::builder(Connect("localhost")).max(3).build(&Smol);
/// pool.get().await.unwrap().open = false;
/// assert!(pool.get().await.unwrap().open, "another one, as the first cannot be used again");
/// assert!(pool.close(Grace::Forever).await.is_clean());
/// # });
/// ```
pub trait Manage: Send + Sync + 'static {
    /// What is lent.
    type Resource: Send + 'static;
    /// Why one cannot be made.
    type Error;

    /// Makes a resource. Called by a [`get`](super::ResourcePool::get) that finds none idle.
    ///
    /// # Errors
    ///
    /// The error goes to the caller of that `get`. Its place goes to the one that waits next.
    fn create(&self) -> impl Future<Output = Result<Self::Resource, Self::Error>> + Send;

    /// Prepares a resource that was used before for its next user: checks that it works, and undoes
    /// what the last user has left behind. Returns whether it can be used again; by default each can.
    ///
    /// Called by a [`get`](super::ResourcePool::get) that has found the resource idle. If it cannot be
    /// used again, it is passed to [`destroy`](Self::destroy), and the `get` takes the next idle one, or
    /// makes one.
    fn recycle(&self, resource: &mut Self::Resource) -> impl Future<Output = bool> + Send {
        let _ = resource;
        ready(true)
    }

    /// Ends a resource. By default it is dropped.
    ///
    /// Called on the executor of the pool, for every resource but those that were
    /// [taken](super::Guard::take): when it cannot be used again, when its time is over, when more are idle than
    /// may be, and when the pool is closed or dropped.
    ///
    /// A destroy that never ends keeps [`close`](super::ResourcePool::close) waiting until the end of its grace:
    /// if a good-bye may hang, give it a [`timeout`](crate::timeout).
    fn destroy(&self, resource: Self::Resource) -> impl Future<Output = ()> + Send {
        async move { drop(resource) }
    }

    /// Tells of a resource that is [taken](super::Guard::take) out of the pool: it is on its own from
    /// now on. By default nothing happens.
    ///
    /// Called when the place is free again. A panic propagates to the caller of `take`.
    fn taken(&self, resource: &mut Self::Resource) {
        let _ = resource;
    }
}

/// A manager that is used elsewhere too.
impl<M: Manage> Manage for Arc<M> {
    type Resource = M::Resource;
    type Error = M::Error;

    fn create(&self) -> impl Future<Output = Result<M::Resource, M::Error>> + Send {
        (**self).create()
    }

    fn recycle(&self, resource: &mut M::Resource) -> impl Future<Output = bool> + Send {
        (**self).recycle(resource)
    }

    fn destroy(&self, resource: M::Resource) -> impl Future<Output = ()> + Send {
        (**self).destroy(resource)
    }

    fn taken(&self, resource: &mut M::Resource) {
        (**self).taken(resource);
    }
}
