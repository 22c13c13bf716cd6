//! The engine that was chosen.

use crate::args::{Args, Kind};
use anyscope_remote::{EngineError, engine::AnyEngine};
use anyscope_sqlite::Sqlite;

/// Where thumbnails are asked for.
pub(crate) const QUEUE: &str = "thumbnails";

pub(crate) async fn open(args: &Args) -> Result<AnyEngine, EngineError> {
    match args.engine {
        Kind::Sqlite => Sqlite::open(&args.jobs).map(AnyEngine::new),
        #[cfg(feature = "nats")]
        Kind::Nats => {
            let mut servers = anyscope_nats::Nats::builder(&*args.servers).replicas(args.replicas);
            if let Some(file) = &args.credentials {
                servers = servers.credentials_file(file);
            }
            servers.connect().await.map(AnyEngine::new)
        }
    }
}
