//! Names of queues, jobs, leases, callers and workers.

use std::{
    collections::hash_map::RandomState,
    error::Error,
    fmt,
    hash::{BuildHasher, Hasher},
    process, str,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// An error: this cannot be the name of a queue, or the id of a job.
///
/// See [`Queue::parse`](super::Queue::parse) and [`JobId::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName(&'static str);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for BadName {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns it as a text.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use anyscope_remote::engine::", stringify!($name), ";")]
            ///
            #[doc = concat!("fn show(it: &", stringify!($name), ") -> String {")]
            ///     format!("`{}`", it.as_str())
            /// }
            /// ```
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of a queue: 1 to 64 letters of ASCII, digits, `_` and `-`, so that every engine can have it as part of a name of
    /// its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::Queue;
    ///
    /// assert_eq!(Queue::from("thumbs").as_str(), "thumbs");
    /// assert!(Queue::parse("no spaces").is_err());
    /// ```
    Queue
}

impl Queue {
    /// Returns the queue of this name, for one that comes from outside.
    ///
    /// # Errors
    ///
    /// If it cannot be a name of a queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::Queue;
    ///
    /// assert_eq!(Queue::parse("thumbs-large").unwrap().as_str(), "thumbs-large");
    /// assert!(Queue::parse("../etc").is_err());
    /// ```
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(BadName(
                "the name of a queue is 1 to 64 letters of ASCII, digits, `_` and `-`",
            ));
        }
        Ok(Queue(name.into()))
    }
}

/// For names in the code. For one that comes from outside there is [`Queue::parse`].
///
/// # Panics
///
/// Panics if it cannot be a name of a queue.
impl From<&'static str> for Queue {
    #[track_caller]
    fn from(name: &'static str) -> Self {
        match Queue::parse(name) {
            Ok(queue) => queue,
            Err(error) => panic!("{name:?}: {error}"),
        }
    }
}

name! {
    /// The id of a job: 1 to 128 bytes of text without control characters. Unique in its queue.
    ///
    /// See [`parse`](Self::parse).
    JobId
}

impl JobId {
    /// Returns an id that no other call of this returns, in any process.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::JobId;
    ///
    /// assert_ne!(JobId::unique(), JobId::unique());
    /// ```
    pub fn unique() -> Self {
        JobId(unique().into())
    }

    /// Returns the id with this text.
    ///
    /// # Errors
    ///
    /// If it cannot be an id.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::JobId;
    ///
    /// assert_eq!(JobId::parse("order-4711").unwrap().as_str(), "order-4711");
    /// assert!(JobId::parse("").is_err());
    /// ```
    pub fn parse(id: &str) -> Result<Self, BadName> {
        if id.is_empty() || id.len() > 128 || id.contains(char::is_control) {
            return Err(BadName(
                "the id of a job is 1 to 128 bytes of text without control characters",
            ));
        }
        Ok(JobId(id.into()))
    }
}

name! {
    /// One lease of one job. Made and read by the engine only.
    ///
    /// See [`new`](Self::new).
    LeaseId
}

impl LeaseId {
    /// Creates an id; for engines.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::LeaseId;
    ///
    /// // In an engine: whatever finds the lease again.
    /// let (row, epoch) = (17, 3);
    /// let lease = LeaseId::new(format!("{row}:{epoch}"));
    /// assert_eq!(lease.as_str(), "17:3");
    /// ```
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        LeaseId(id.into())
    }
}

name! {
    /// Who calls: a [`Remote`](crate::Remote), as long as it is there.
    ///
    /// See [`unique`](Self::unique).
    CallerId
}

impl CallerId {
    /// Returns an id that no other call of this returns, in any process.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::CallerId;
    ///
    /// let caller = CallerId::unique();
    /// assert_ne!(caller, CallerId::unique());
    /// assert_eq!(caller, CallerId::new(caller.as_str()));
    /// ```
    pub fn unique() -> Self {
        CallerId(unique().into())
    }

    /// Creates an id from what [`as_str`](Self::as_str) returned; for engines.
    ///
    /// # Examples
    ///
    /// See [`unique`](Self::unique).
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        CallerId(id.into())
    }
}

name! {
    /// The name of a worker, for people who look: by default the number of its process, and which one of it.
    ///
    /// See [`new`](Self::new).
    WorkerName
}

impl WorkerName {
    /// Creates a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::WorkerName;
    ///
    /// assert_eq!(WorkerName::new("gpu-3").as_str(), "gpu-3");
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        WorkerName(name.into())
    }

    pub(crate) fn of_this_process() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        WorkerName(format!("{}-{number}", process::id()).into())
    }
}

fn unique() -> String {
    static OF_THIS_PROGRAM: OnceLock<[u64; 2]> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // The keys of std's maps are random.
    let [a, b] = OF_THIS_PROGRAM
        .get_or_init(|| [(); 2].map(|()| RandomState::new().build_hasher().finish()));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // A fork has the same random numbers, and another process id.
    format!("{a:016x}{b:016x}-{:x}-{number:x}", process::id())
}
