//! The engine that was chosen.

use crate::args::{Args, Kind};
use anyscope_remote::{EngineError, engine::AnyEngine};
use anyscope_sqlite::Sqlite;

/// Where thumbnails are asked for.
pub(crate) const QUEUE: &str = "thumbnails";

pub(crate) fn open(args: &Args) -> Result<AnyEngine, EngineError> {
    match args.engine {
        Kind::Sqlite => Sqlite::open(&args.jobs).map(AnyEngine::new),
    }
}
