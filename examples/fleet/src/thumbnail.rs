//! The job: one thumbnail.

use anyscope::CancelToken;
use anyscope_remote::{Job, Json};
use image::{ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io, path::PathBuf};

#[derive(Serialize, Deserialize)]
pub(crate) struct Thumbnail {
    pub(crate) picture: PathBuf,
    pub(crate) thumb: PathBuf,
    pub(crate) width: u32,
}

/// What has become of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// False if another attempt had made it, whose worker was lost before it could say so.
    pub(crate) now: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ThumbnailError {
    NotAPicture(String),
    /// The disk is full, say. Later it may not be.
    Io(String),
    /// This attempt was asked to end.
    Cancelled,
}

impl Job for Thumbnail {
    const NAME: &'static str = "thumbnail";
    type Output = Made;
    type Error = ThumbnailError;
    type Codec = Json;

    fn retry(error: &ThumbnailError) -> bool {
        matches!(error, ThumbnailError::Io(_) | ThumbnailError::Cancelled)
    }
}

impl Thumbnail {
    /// Makes it. Blocks.
    ///
    /// A job may be run twice, if its worker is lost. So the picture is written under a name of this attempt, and gets its own by a
    /// link, which fails if there is one: it is there as a whole or not at all, and made once.
    pub(crate) fn make(&self, epoch: u64, token: &CancelToken) -> Result<Made, ThumbnailError> {
        let reader = ImageReader::open(&self.picture)?.with_guessed_format()?;
        let picture =
            reader.decode().map_err(|error| ThumbnailError::NotAPicture(error.to_string()))?;
        // It may take long: we look now and then whether anybody still wants it.
        token.checkpoint().map_err(|_| ThumbnailError::Cancelled)?;
        let thumb = picture.thumbnail(self.width, u32::MAX);
        let mut bytes = io::Cursor::new(Vec::new());
        thumb
            .write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| ThumbnailError::Io(error.to_string()))?;
        token.checkpoint().map_err(|_| ThumbnailError::Cancelled)?;
        let attempt = self.thumb.with_extension(format!("attempt-{}-{epoch}", std::process::id()));
        fs::write(&attempt, bytes.into_inner())?;
        let linked = fs::hard_link(&attempt, &self.thumb);
        fs::remove_file(&attempt)?;
        let now = match linked {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Made { width: thumb.width(), height: thumb.height(), now })
    }
}

impl From<io::Error> for ThumbnailError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                ThumbnailError::NotAPicture(error.to_string())
            }
            _ => ThumbnailError::Io(error.to_string()),
        }
    }
}

impl fmt::Display for ThumbnailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThumbnailError::NotAPicture(why) => write!(f, "not a picture: {why}"),
            ThumbnailError::Io(why) => write!(f, "not made: {why}"),
            ThumbnailError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for ThumbnailError {}
