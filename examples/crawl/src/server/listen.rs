//! The servers' side of the connections.

use super::{
    Faults, Page, Service, Site,
    fault::{Fate, is_broken, is_gone},
    service::Answer,
};
use crate::socket::Io;
use anyscope::{Executor, Instant, Scope};
use async_io::Async;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use std::{
    convert::Infallible,
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// One host.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    faults: Faults,
    begun: Instant,
    connections: AtomicU64,
}

/// Starts a server for each of `hosts`, which ends with the scope.
pub(crate) fn start<E: Executor + 'static>(
    s: &Scope<E>,
    hosts: impl IntoIterator<Item = (Service, Faults)>,
    pages: u32,
) -> io::Result<(Vec<Arc<Server>>, Site)> {
    let begun = s.executor().now();
    let (mut servers, mut listeners) = (vec![], vec![]);
    for (service, faults) in hosts {
        let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.get_ref().local_addr()?;
        let connections = AtomicU64::new(0);
        servers.push(Arc::new(Server { address, service, faults, begun, connections }));
        listeners.push(listener);
    }
    let hosts = servers.iter().map(|server| server.address).collect();
    let site = Arc::new(Site { hosts, pages });
    for (server, listener) in servers.iter().zip(listeners) {
        s.spawn_daemon(listen(s.clone(), listener, server.clone(), site.clone()));
    }
    Ok((servers, (*site).clone()))
}

async fn listen<E: Executor + 'static>(
    s: Scope<E>,
    listener: Async<TcpListener>,
    server: Arc<Server>,
    site: Arc<Site>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection =
                    connection(s.executor().clone(), stream, server.clone(), site.clone());
                s.spawn_daemon(connection);
            }
            // Out of sockets, say: there are some when others have ended.
            Err(_) => s.executor().sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection, with one request.
async fn connection<E: Executor + 'static>(
    exec: E,
    stream: Async<TcpStream>,
    server: Arc<Server>,
    site: Arc<Site>,
) {
    let number = server.connections.fetch_add(1, Ordering::Relaxed);
    let fate = server.faults.of(number, server.elapsed(&exec));
    if fate == Fate::Reset {
        // Closed before the request is read: to the system, that is a reset.
        let _ = stream.readable().await;
        return;
    }
    let answer = service_fn(|request| server.answer(&exec, &site, fate, request));
    // How a connection ends is told by the client.
    let _ = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .serve_connection(Io(stream), answer)
        .await;
}

impl Server {
    fn elapsed<E: Executor>(&self, exec: &E) -> Duration {
        exec.now() - self.begun
    }

    async fn answer<E: Executor>(
        &self,
        exec: &E,
        site: &Site,
        fate: Fate,
        request: Request<Incoming>,
    ) -> Result<Response<String>, Infallible> {
        match fate {
            Fate::Hangs => return pending().await,
            Fate::Error => return Ok(status(StatusCode::INTERNAL_SERVER_ERROR)),
            Fate::Served | Fate::Reset => {}
        }
        let number = request.uri().path().trim_start_matches('/').parse();
        let page = number.ok().filter(|number| *number < site.pages && !is_gone(*number));
        let Some(number) = page else { return Ok(status(StatusCode::NOT_FOUND)) };
        let (answer, done) = match self.service.admit(self.elapsed(exec)) {
            Answer::Rejection(done) => (status(StatusCode::SERVICE_UNAVAILABLE), done),
            Answer::Page(done) if is_broken(number) => {
                (status(StatusCode::INTERNAL_SERVER_ERROR), done)
            }
            Answer::Page(done) => {
                (Response::new(site.text(Page { host: self.address, number })), done)
            }
        };
        exec.sleep(done.saturating_sub(self.elapsed(exec))).await;
        Ok(answer)
    }
}

fn status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}
