//! Why a child has no value.

use super::origin::Origin;
use crate::{
    cancel::CancelReason,
    unwind::{self, Payload},
};
use alloc::{borrow::Cow, boxed::Box, string::String};
use core::{any::Any, error::Error, fmt, panic::Location};

/// Why a child has no value for its handle.
///
/// It converts into `Box<dyn Error + Send + Sync>` and the like with `?`.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The child was ended before it finished. Neither a success nor a failure.
    Cancelled(Cancelled),
    /// The child panicked. The panic is the handle's to deal with from here on.
    Panicked(Panic),
    /// The child failed in a fail-fast scope; its scope reports the error or the panic.
    Failed,
    /// The outcome was taken from this handle before.
    Taken,
}

impl JoinError {
    /// Whether the child was ended before it finished.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, JoinError::Cancelled(_))
    }

    /// Whether the child panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, JoinError::Panicked(_))
    }

    /// The panic, if it was one.
    ///
    /// # Errors
    ///
    /// Gives the error back if the child did not panic.
    pub fn try_into_panic(self) -> Result<Panic, JoinError> {
        match self {
            JoinError::Panicked(panic) => Ok(panic),
            other => Err(other),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Cancelled(cancelled) => cancelled.fmt(f),
            JoinError::Panicked(panic) => panic.fmt(f),
            JoinError::Failed => f.write_str("child failed: its scope reports the error"),
            JoinError::Taken => f.write_str("the outcome was already taken from this handle"),
        }
    }
}

impl Error for JoinError {}

/// Something was ended before it finished, or is asked to end; by whom, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    cause: CancelCause,
    reason: Option<CancelReason>,
}

impl Cancelled {
    pub(crate) fn new(cause: CancelCause) -> Self {
        Cancelled { cause, reason: None }
    }

    pub(crate) fn because(self, reason: Option<CancelReason>) -> Self {
        Cancelled { reason, ..self }
    }

    /// Who did it.
    pub fn cause(&self) -> CancelCause {
        self.cause
    }

    /// Why, if somebody gave a reason.
    pub fn reason(&self) -> Option<&CancelReason> {
        self.reason.as_ref()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "cancelled: {reason}"),
            None => write!(f, "cancelled: {}", self.cause),
        }
    }
}

impl Error for Cancelled {}

/// Who ended a child. The first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// Its scope was cancelled: on request, because a sibling failed, or because the scope was
    /// dropped.
    Scope,
    /// It was a daemon, and its scope had nothing else left to do.
    Finished,
    /// It was spawned into a scope that had already ended.
    Closed,
    /// It alone was cancelled: by its handle, or because it was selected in its scope.
    Handle,
    /// The executor dropped it: it refused the child, or was shut down.
    Executor,
    /// Somebody asked for it through a [`CancelToken`](crate::CancelToken).
    Token,
    /// The deadline of its scope passed.
    Deadline,
}

impl CancelCause {
    /// Three bits for the state word; zero is not used.
    pub(super) const fn to_bits(self) -> usize {
        match self {
            CancelCause::Scope => 1,
            CancelCause::Finished => 2,
            CancelCause::Closed => 3,
            CancelCause::Handle => 4,
            CancelCause::Executor => 5,
            CancelCause::Token => 6,
            CancelCause::Deadline => 7,
        }
    }

    /// The inverse of [`to_bits`](Self::to_bits).
    pub(super) const fn from_bits(bits: usize) -> Self {
        match bits {
            2 => CancelCause::Finished,
            3 => CancelCause::Closed,
            4 => CancelCause::Handle,
            5 => CancelCause::Executor,
            6 => CancelCause::Token,
            7 => CancelCause::Deadline,
            _ => CancelCause::Scope,
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelCause::Scope => "its scope was cancelled",
            CancelCause::Finished => "a daemon ends with the other children of its scope",
            CancelCause::Closed => "its scope had already ended",
            CancelCause::Handle => "it alone was asked to end",
            CancelCause::Executor => "the executor dropped it (refused, or shut down)",
            CancelCause::Token => "a token asked for it",
            CancelCause::Deadline => "the deadline of its scope passed",
        })
    }
}

/// A caught panic.
///
/// Its message, as that of the [`JoinError`] around it, gives the name of the child, if it has one,
/// and the place where it was spawned. What goes on when the panic is resumed is the payload alone.
///
/// `Sync`, although payloads are not, so that [`JoinError`] is an ordinary error. Dropping it
/// drops the payload; nothing is rethrown.
pub struct Panic {
    // One word, as every outcome has room for it.
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

    /// The same, of the child that comes from there.
    pub(crate) fn in_child(mut self, origin: &Origin) -> Self {
        self.caught.name = origin.clone_name();
        self.caught.spawned_at = Some(origin.spawned_at());
        self
    }

    /// A panic that went by uncaught, as it does without `std`.
    pub(crate) fn unknown() -> Self {
        Panic::new(Box::new("not captured: anyscope-core was built without `std`"))
    }

    /// The message, if the panic had one, as those of `panic!` have.
    pub fn message(&self) -> Option<&str> {
        let payload: &(dyn Any + Send) = &*self.caught.payload;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }

    /// What the panic carried, as `std::panic::resume_unwind` takes it.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.caught.payload
    }

    /// Lets the panic go on in the caller.
    pub fn resume(self) -> ! {
        unwind::resume(self.caught.payload)
    }

    /// Drops it, whatever its payload does then.
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

const _: fn() = || {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<JoinError>();
};
