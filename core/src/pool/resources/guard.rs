//! A resource that is lent.

use super::{idle::Resource, manage::Manage, shared::Shared};
use crate::{limit::OwnedPermit, unwind};
use alloc::sync::Arc;
use core::{
    fmt,
    ops::{Deref, DerefMut},
};

/// A resource of a [`ResourcePool`](super::ResourcePool), which goes back when this is dropped.
///
/// It may be moved to another task or thread, and dropped there: dropping it never waits. It outlives
/// the handles of its pool; then the resource is destroyed instead.
///
/// # Panics
///
/// Dropping a guard wakes whoever waits for its place. A panic of that waker propagates from the drop,
/// when all is done, unless the thread is panicking already.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Manage, ResourcePool}, smol::Smol};
/// use std::convert::Infallible;
///
/// struct Buffers;
///
/// impl Manage for Buffers {
///     type Resource = Vec<u8>;
///     type Error = Infallible;
///
///     async fn create(&self) -> Result<Vec<u8>, Infallible> {
///         Ok(Vec::with_capacity(1024))
///     }
///
///     async fn recycle(&self, buffer: &mut Vec<u8>) -> bool {
///         buffer.clear();
///         true
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = ResourcePool::builder(Buffers).max(2).build(&Smol);
/// let mut buffer = pool.get().await.unwrap();
/// buffer.extend(b"text");
/// std::thread::spawn(move || drop(buffer)).join().unwrap();
/// assert_eq!(pool.status().idle, 1);
/// assert_eq!(pool.get().await.unwrap().capacity(), 1024);
/// # });
/// ```
#[must_use = "the resource goes back when the guard is dropped"]
pub struct Guard<M: Manage> {
    shared: Arc<Shared<M>>,
    // None only inside of the functions that end the guard.
    resource: Option<Resource<M::Resource>>,
    /// Of a pool by key: one of those that may be lent in all. Last field: returned when the resource is
    /// back.
    in_all: Option<OwnedPermit>,
}

impl<M: Manage> Guard<M> {
    /// Of a resource that counts as lent, and has a place.
    pub(super) fn new(shared: Arc<Shared<M>>, resource: Resource<M::Resource>) -> Self {
        Guard { shared, resource: Some(resource), in_all: None }
    }

    /// Keeps a permit for as long as the resource is lent.
    pub(super) fn with(self, in_all: OwnedPermit) -> Self {
        let mut guard = self;
        guard.in_all = Some(in_all);
        guard
    }

    /// Takes the resource out of the pool, which makes another one when it needs one.
    ///
    /// An associated function, so that it is never mistaken for a method of the resource.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope::{pool::{Manage, ResourcePool, resources::Guard}, smol::Smol};
    /// # use std::convert::Infallible;
    /// # struct Numbers;
    /// # impl Manage for Numbers {
    /// #     type Resource = u32;
    /// #     type Error = Infallible;
    /// #     async fn create(&self) -> Result<u32, Infallible> { Ok(7) }
    /// # }
    /// # smol::block_on(async {
    /// let pool = ResourcePool::builder(Numbers).max(1).build(&Smol);
    /// let guard = pool.get().await.unwrap();
    /// let number: u32 = Guard::take(guard);
    /// assert_eq!((number, pool.status().lent, pool.status().taken), (7, 0, 1));
    /// # });
    /// ```
    pub fn take(mut guard: Self) -> M::Resource {
        let mut resource = guard.resource.take().expect(IS_THERE);
        // Whoever panics when it is woken must not take the resource with it.
        unwind::contain(|| guard.shared.taken());
        unwind::contain(|| guard.shared.places.release());
        unwind::contain(|| drop(guard.in_all.take()));
        guard.shared.manager.taken(&mut resource.value);
        resource.value
    }

    /// Destroys the resource: it cannot be used again, and the guard knows so before
    /// [`recycle`](Manage::recycle) would find out.
    ///
    /// Returns at once. The destroy runs on the executor of the pool, and the place is free for another
    /// resource.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{ResourcePool, resources::Guard}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example above.
    /// let pool = ResourcePool::builder(Buffers).build(&Smol);
    /// let broken = pool.get().await.unwrap();
    /// Guard::discard(broken);
    /// assert_eq!(pool.status().idle, 0);
    /// # });
    /// ```
    pub fn discard(mut guard: Self) {
        let resource = guard.resource.take().expect(IS_THERE);
        guard.shared.end_lent(resource);
        guard.shared.places.release();
    }
}

const IS_THERE: &str = "a guard has its resource until its end";

impl<M: Manage> Deref for Guard<M> {
    type Target = M::Resource;

    fn deref(&self) -> &M::Resource {
        &self.resource.as_ref().expect(IS_THERE).value
    }
}

impl<M: Manage> DerefMut for Guard<M> {
    fn deref_mut(&mut self) -> &mut M::Resource {
        &mut self.resource.as_mut().expect(IS_THERE).value
    }
}

impl<M: Manage> Drop for Guard<M> {
    fn drop(&mut self) {
        if let Some(resource) = self.resource.take() {
            self.shared.put_back(resource);
        }
    }
}

impl<M: Manage<Resource: fmt::Debug>> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&**self).finish()
    }
}
