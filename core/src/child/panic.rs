//! A caught panic, with where it comes from.

use super::origin::Origin;
use crate::unwind::{self, Payload};
use alloc::{borrow::Cow, boxed::Box, string::String};
use core::{any::Any, error::Error, fmt, panic::Location};

/// A caught panic.
///
/// Its message, like that of the [`JoinError`](crate::JoinError) around it, contains the name of
/// the child, if it has one, and the place where it was spawned. [`resume`](Self::resume) resumes
/// the payload alone.
///
/// `Sync`, although payloads are not, so that a `JoinError` is an ordinary error. Dropping it
/// drops the payload; the panic is not resumed.
///
/// # Examples
///
/// ```
/// use anyscope::{JoinError, concurrent};
///
/// # std::panic::set_hook(Box::new(|_| {}));
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn_named("writer", async { panic!("disk full") });
///     let Err(JoinError::Panicked(panic)) = child.await else { return };
///     assert_eq!(panic.message(), Some("disk full"));
///     assert!(panic.to_string().starts_with("child `writer` panicked: disk full (spawned at "));
/// })
/// .await;
/// # });
/// ```
pub struct Panic {
    // One word, because every outcome reserves room for it.
    caught: Box<Caught>,
}

struct Caught {
    payload: Payload,
    /// The name of the child, if it has one.
    name: Option<Cow<'static, str>>,
    /// Where the child was spawned, if it was one.
    spawned_at: Option<&'static Location<'static>>,
}

// SAFETY: a shared `Panic` gives access to its payload only as `&str`, after checking that the
// payload is a `&'static str` or a `String`, both of which are `Sync`.
unsafe impl Sync for Panic {}

impl Panic {
    pub(crate) fn new(payload: Payload) -> Self {
        Panic { caught: Box::new(Caught { payload, name: None, spawned_at: None }) }
    }

    /// Returns the same panic, with the name of the child and where it was spawned.
    pub(crate) fn in_child(mut self, origin: &Origin) -> Self {
        self.caught.name = origin.clone_name();
        self.caught.spawned_at = Some(origin.spawned_at());
        self
    }

    /// Creates a panic that stands for one that was not caught, as it is without `std`.
    pub(crate) fn unknown() -> Self {
        Panic::new(Box::new("not captured: anyscope-core was built without `std`"))
    }

    /// Returns the message, if the panic has one. Panics of `panic!` have one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{JoinError, concurrent};
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async { panic!("no route to {}", "a.example") });
    ///     let Err(JoinError::Panicked(panic)) = child.await else { unreachable!() };
    ///     assert_eq!(panic.message(), Some("no route to a.example"));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn message(&self) -> Option<&str> {
        let payload: &(dyn Any + Send) = &*self.caught.payload;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }

    /// Returns the payload, as `std::panic::resume_unwind` takes it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    /// use std::panic::panic_any;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async { panic_any(404_u16) });
    ///     let panic = child.await.unwrap_err().try_into_panic().unwrap();
    ///     assert_eq!(panic.message(), None);
    ///     assert_eq!(panic.into_payload().downcast_ref(), Some(&404_u16));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.caught.payload
    }

    /// Resumes the panic in the caller.
    ///
    /// # Panics
    ///
    /// Always, with the payload.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{JoinError, concurrent};
    /// use std::panic::catch_unwind;
    ///
    /// // What a child panics with is passed on, as if there were no child.
    /// let caught = catch_unwind(|| smol::block_on(concurrent(async |s| {
    ///     match s.spawn(async { panic!("disk full") }).await {
    ///         Err(JoinError::Panicked(panic)) => panic.resume(),
    ///         other => other,
    ///     }
    /// })));
    /// assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"disk full"));
    /// ```
    pub fn resume(self) -> ! {
        unwind::resume(self.caught.payload)
    }

    /// Drops the payload. A panic of its destructor is caught.
    pub(crate) fn discard(self) {
        unwind::discard(self.caught.payload);
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("Panic");
        tuple.field(&self.message().unwrap_or(".."));
        if let Some(name) = &self.caught.name {
            tuple.field(&format_args!("child `{name}`"));
        }
        if let Some(place) = self.caught.spawned_at {
            tuple.field(&format_args!("spawned at {place}"));
        }
        tuple.finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.caught.name {
            Some(name) => write!(f, "child `{name}` panicked")?,
            None => f.write_str("child panicked")?,
        }
        if let Some(message) = self.message() {
            write!(f, ": {message}")?;
        }
        match self.caught.spawned_at {
            Some(place) => write!(f, " (spawned at {place})"),
            None => Ok(()),
        }
    }
}

impl Error for Panic {}
