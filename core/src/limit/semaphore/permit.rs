//! Permits that are held.

use super::Semaphore;
use crate::waits::held::Held;
use core::{fmt, mem};

/// Permits of a [`Semaphore`], which they borrow. They are returned when this is dropped.
///
/// # Examples
///
/// See [`Semaphore`].
#[must_use = "permits are returned when this is dropped"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
    held: Held,
}

/// Permits of a [`Semaphore`], for a child or a struct. They are returned when this is dropped.
///
/// # Examples
///
/// See [`Semaphore::acquire_owned`].
#[must_use = "permits are returned when this is dropped"]
pub struct OwnedPermit {
    // Who holds it is not kept: it is made to be handed on, and nobody says to whom.
    semaphore: Semaphore,
    count: usize,
}

impl<'a> Permit<'a> {
    /// Requires that the permits were taken.
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        let held = Held::now(semaphore.shared().address(), count);
        Permit { semaphore, count, held }
    }

    /// Returns none: whoever has this may go on without any.
    pub(crate) fn of_none(semaphore: &'a Semaphore) -> Self {
        Permit { semaphore, count: 0, held: Held::default() }
    }

    /// Returns how many permits these are. 0 for who [bypasses](crate::resilience::Bulkhead::bypass_when) a bulkhead.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// # smol::block_on(async {
    /// let megabytes = Semaphore::new(100);
    /// let permit = megabytes.acquire_many(80).await.unwrap();
    /// assert_eq!(permit.count(), 80);
    /// # });
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Splits `count` permits off. None, and nothing is changed, if there are not more than that, or `count` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(3);
    /// let mut three = semaphore.acquire_many(3).await.unwrap();
    /// let one = three.split(1).unwrap();
    /// assert_eq!((one.count(), three.count()), (1, 2));
    /// assert!(three.split(2).is_none());
    /// drop(three);
    /// assert_eq!(semaphore.available(), 2);
    /// # });
    /// ```
    pub fn split(&mut self, count: usize) -> Option<Permit<'a>> {
        let semaphore = self.semaphore;
        let count = split(&mut self.count, count)?;
        let held = self.held.split(semaphore.shared().address(), count);
        Some(Permit { semaphore, count, held })
    }

    /// Keeps the permits for good: from now on the semaphore has so many fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let licences = Semaphore::new(3);
    /// licences.try_acquire().unwrap().forget(); // one has expired
    /// assert_eq!((licences.available(), licences.in_use()), (2, 1));
    /// ```
    pub fn forget(mut self) {
        self.held.end(self.semaphore.shared().address());
        mem::forget(self);
    }

    /// Returns a permit that does not borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Semaphore, scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// scope(&Smol, async |s| {
    ///     let permit = permit.into_owned(); // for a child that outlives this borrow
    ///     s.spawn(async move { drop(permit) });
    /// })
    /// .await;
    /// assert_eq!(semaphore.available(), 1);
    /// # });
    /// ```
    pub fn into_owned(mut self) -> OwnedPermit {
        let owned = OwnedPermit::new(self.semaphore.clone(), self.count);
        self.held.end(self.semaphore.shared().address());
        mem::forget(self);
        owned
    }
}

impl OwnedPermit {
    /// Requires that the permits were taken.
    pub(super) fn new(semaphore: Semaphore, count: usize) -> Self {
        OwnedPermit { semaphore, count }
    }

    /// Returns how many permits these are.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let permit = Semaphore::new(100).try_acquire_many_owned(80).unwrap();
    /// assert_eq!(permit.count(), 80);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Splits `count` permits off; see [`Permit::split`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let mut three = semaphore.try_acquire_many_owned(3).unwrap();
    /// let one = three.split(1).unwrap();
    /// drop(three); // two of them
    /// assert_eq!((one.count(), semaphore.available()), (1, 2));
    /// ```
    pub fn split(&mut self, count: usize) -> Option<OwnedPermit> {
        let count = split(&mut self.count, count)?;
        Some(OwnedPermit { semaphore: self.semaphore.clone(), count })
    }

    /// Keeps the permits for good: from now on the semaphore has so many fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// semaphore.try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available(), 2);
    /// ```
    pub fn forget(mut self) {
        // The handle is dropped all the same.
        self.count = 0;
    }

    /// Returns the semaphore.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{OwnedPermit, Semaphore};
    ///
    /// /// Says how crowded it is, with nothing but a permit.
    /// fn crowd(permit: &OwnedPermit) -> usize {
    ///     permit.semaphore().in_use()
    /// }
    ///
    /// let semaphore = Semaphore::new(3);
    /// let permit = semaphore.try_acquire_owned().unwrap();
    /// assert_eq!(crowd(&permit), 1);
    /// ```
    pub fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }
}

fn split(from: &mut usize, count: usize) -> Option<usize> {
    if count == 0 || count >= *from {
        return None;
    }
    *from -= count;
    Some(count)
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.held.end(self.semaphore.shared().address());
        self.semaphore.shared().give_back(self.count);
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.shared().give_back(self.count);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("count", &self.count).finish_non_exhaustive()
    }
}
