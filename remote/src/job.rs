//! Kinds of work.

use crate::Codec;

/// A kind of work: what goes to a worker, and what comes back.
///
/// Callers and workers share the implementation, so they cannot disagree about names and codecs. What they can
/// disagree about is its age, as not all processes are replaced at once: see [`VERSION`](Self::VERSION).
///
/// # Examples
///
/// ```
/// use anyscope_remote::{Job, Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Thumbnail {
///     path: String,
///     width: u32,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// enum ThumbnailError {
///     NoSuchFile,
///     Busy,
/// }
///
/// impl Job for Thumbnail {
///     const NAME: &'static str = "thumbnail";
///     type Output = Vec<u8>;
///     type Error = ThumbnailError;
///     type Codec = Json;
///
///     fn retry(error: &ThumbnailError) -> bool {
///         matches!(error, ThumbnailError::Busy)
///     }
/// }
/// ```
pub trait Job: Sized + Send + 'static {
    /// The name of this kind. A worker that gets a job of another name makes a dead letter of it.
    const NAME: &'static str;

    /// The version of what is encoded. Raise it when an old worker would misunderstand a new job; members that the
    /// codec lets old workers ignore need no new version.
    ///
    /// A worker gives a job of a later version back, as another worker may know it; it counts as an attempt.
    const VERSION: u32 = 1;

    /// The oldest version that [`Codec`](Self::Codec) still decodes. A worker makes a dead letter of an older job.
    const OLDEST: u32 = Self::VERSION;

    /// What a worker returns.
    type Output: Send + 'static;

    /// Why a worker could not do it.
    type Error: Send + 'static;

    /// How all three become bytes.
    type Codec: Codec<Self> + Codec<Self::Output> + Codec<Self::Error>;

    /// Returns whether another attempt may succeed. By default it may; if it may not, the error is the job's outcome at once.
    fn retry(error: &Self::Error) -> bool {
        let _ = error;
        true
    }
}
