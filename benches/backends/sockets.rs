//! A server on the loopback that echoes, and each runtime's own sockets.

use anyscope::{smol::Smol, threads::ThreadPoolHandle, tokio::TokioHandle};
use async_executor::LocalExecutor;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::block_on};
use std::{future::Future, io, net::SocketAddr, sync::OnceLock, thread};

/// How many requests a connection carries.
pub(crate) const REQUESTS: usize = 16;

const REQUEST: [u8; 64] = [7; 64];

static SERVER: OnceLock<SocketAddr> = OnceLock::new();

/// An executor with sockets of its own.
pub(crate) trait Sockets {
    /// Connects, and waits for the answer of each request before it sends the next.
    fn exchange(self) -> impl Future<Output = io::Result<()>> + Send + 'static;
}

impl Sockets for TokioHandle {
    fn exchange(self) -> impl Future<Output = io::Result<()>> + Send + 'static {
        by_tokio()
    }
}

impl Sockets for Smol {
    fn exchange(self) -> impl Future<Output = io::Result<()>> + Send + 'static {
        by_smol()
    }
}

// A pool of threads has no sockets; those of smol work on any thread.
impl Sockets for ThreadPoolHandle {
    fn exchange(self) -> impl Future<Output = io::Result<()>> + Send + 'static {
        by_smol()
    }
}

pub(crate) async fn by_tokio() -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(address()).await?;
    stream.set_nodelay(true)?;
    let mut answer = [0; REQUEST.len()];
    for _ in 0..REQUESTS {
        stream.write_all(&REQUEST).await?;
        stream.read_exact(&mut answer).await?;
    }
    Ok(())
}

pub(crate) async fn by_smol() -> io::Result<()> {
    let mut stream = smol::net::TcpStream::connect(address()).await?;
    stream.set_nodelay(true)?;
    let mut answer = [0; REQUEST.len()];
    for _ in 0..REQUESTS {
        stream.write_all(&REQUEST).await?;
        stream.read_exact(&mut answer).await?;
    }
    Ok(())
}

/// Starts the server, on a thread of its own that ends with the process.
pub(crate) fn serve() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback");
    let address = listener.local_addr().expect("it is bound");
    SERVER.set(address).expect("one server");
    thread::spawn(move || {
        let listener = smol::Async::new(listener).expect("a socket");
        let tasks = LocalExecutor::new();
        let accept = async {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.get_ref().set_nodelay(true);
                    tasks.spawn(echo(stream)).detach();
                }
            }
        };
        block_on(tasks.run::<()>(accept));
    });
}

async fn echo(mut stream: smol::Async<std::net::TcpStream>) -> io::Result<()> {
    let mut request = [0; REQUEST.len()];
    loop {
        stream.read_exact(&mut request).await?;
        stream.write_all(&request).await?;
    }
}

fn address() -> SocketAddr {
    *SERVER.get().expect("the server runs")
}
