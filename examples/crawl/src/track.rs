//! What a host was like over time.

use crate::{crawl::Crawler, server::Server};
use anyscope::{Executor, resilience::breaker::BreakerState};
use std::{
    mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) struct Track {
    pub(crate) host: SocketAddr,
    pub(crate) points: Vec<Point>,
    /// How often the breaker has opened.
    pub(crate) opened: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) at: Duration,
    pub(crate) limit: usize,
    /// What the crawler does not know.
    pub(crate) capacity: usize,
    /// The breaker lets nothing through.
    pub(crate) is_open: bool,
}

pub(crate) type Tracks = Arc<Mutex<Vec<Track>>>;

/// Looks at the hosts ten times a second.
pub(crate) async fn watch<E: Executor + 'static>(
    exec: E,
    crawler: Arc<Crawler<E>>,
    servers: Vec<Arc<Server>>,
    tracks: Tracks,
) {
    let track = |server: &Arc<Server>| Track { host: server.address, points: vec![], opened: 0 };
    *lock(&tracks) = servers.iter().map(track).collect();
    loop {
        let at = crawler.elapsed();
        for (track, server) in lock(&tracks).iter_mut().zip(&servers) {
            let host = crawler.host(server.address);
            track.opened = host.opened();
            track.points.push(Point {
                at,
                limit: host.limit(),
                capacity: server.service.capacity.at(at),
                is_open: host.state() != BreakerState::Closed,
            });
        }
        exec.sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) fn take(tracks: &Tracks) -> Vec<Track> {
    mem::take(&mut *lock(tracks))
}

fn lock(tracks: &Tracks) -> MutexGuard<'_, Vec<Track>> {
    tracks.lock().unwrap_or_else(PoisonError::into_inner)
}
