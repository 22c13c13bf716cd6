//! A TCP server that sends back every line, serves so many connections at a time, and stops in good
//! order.
//!
//! It takes room for a connection *before* it accepts one. So the clients that are too many wait in
//! the queue of the operating system, and cost the server nothing. On Ctrl-C it accepts no more:
//! connections that are idle close, the others have a grace to finish their line, and what then is
//! still there is cut. When `serve` returns, no connection is left.
//!
//! ```text
//! cargo run -p examples --bin echo_server
//! cargo run -p examples --bin echo_server -- --demo --limit 2
//! ```

use anyscope::{
    BlockOn, CancelToken, Grace, Timer, concurrent, scope_limited,
    shutdown::{self, Shutdown},
    smol::Smol,
};
use clap::Parser;
use smol::{
    io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use std::{
    mem,
    net::{self, SocketAddr},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Sends back every line that it gets, until Ctrl-C.
///
/// Exits with 0 if every connection came to an end of its own, 1 if some had to be cut or if the
/// address is taken, 2 on wrong usage. A second Ctrl-C ends the grace, a third one the process.
#[derive(Parser)]
#[command(name = "echo_server")]
struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7007")]
    listen: SocketAddr,
    /// How many connections to serve at a time.
    #[arg(long, value_name = "N", default_value = "100")]
    limit: std::num::NonZeroUsize,
    /// How long connections have to end.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    grace_ms: u64,
    /// Start some clients, on any free port, and stop when they are served. One of them never ends
    /// its line, and has to be cut.
    #[arg(long)]
    demo: bool,
}

const LONGEST_LINE: u64 = 64 * 1024;

/// What became of the connections.
#[derive(Debug, Default)]
struct Tally {
    open: usize,
    most_open: usize,
    ended: usize,
    failed: usize,
    cut: Vec<SocketAddr>,
}

type Shared = Arc<Mutex<Tally>>;

fn lock(tally: &Shared) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection. However it ends, it is counted, and closed after that.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    tally: Shared,
    result: Option<io::Result<()>>,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, tally: Shared) -> Self {
        let mut counts = lock(&tally);
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
        drop(counts);
        Connection { stream, peer, tally, result: None }
    }

    async fn serve(mut self, stop: CancelToken) {
        self.result = Some(echo(self.stream.clone(), &stop).await);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut tally = lock(&self.tally);
        tally.open -= 1;
        match self.result {
            Some(Ok(())) => tally.ended += 1,
            Some(Err(_)) => tally.failed += 1,
            None => tally.cut.push(self.peer),
        }
    }
}

/// Sends back line after line. A request to stop is heard when all that was read is sent back.
async fn echo(mut stream: TcpStream, stop: &CancelToken) -> io::Result<()> {
    let mut reader = BufReader::new(stream.clone());
    let mut line = Vec::new();
    while !stop.is_cancelled() || !reader.buffer().is_empty() {
        let Ok(bytes) = stop.run_until_cancelled(reader.fill_buf()).await else { break };
        if bytes?.is_empty() {
            break;
        }
        line.clear();
        // Nobody may fill the memory: a line that is longer comes back in pieces.
        (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        stream.write_all(&line).await?;
    }
    Ok(())
}

/// Serves `limit` connections at a time until the shutdown begins; returns when all are gone.
async fn serve(listener: TcpListener, shutdown: &Shutdown, limit: usize, grace: Duration) -> Tally {
    let tally = Shared::default();
    let stop = shutdown.token();
    scope_limited(&Smol, limit, async |s| {
        shutdown.phase("the connections", &s, &Smol, Grace::For(grace));
        // Asked each time: with clients in the queue, an accept may never have to wait.
        while !stop.is_cancelled() {
            let Ok(Ok(room)) = stop.run_until_cancelled(s.room()).await else { break };
            match stop.run_until_cancelled(listener.accept()).await {
                Ok(Ok((stream, peer))) => {
                    let connection = Connection::new(stream, peer, tally.clone());
                    room.spawn_named(format!("connection {peer}"), connection.serve(s.token()));
                }
                Ok(Err(error)) => {
                    // The client has gone, or there are too many open files: it may pass.
                    eprintln!("cannot accept: {error}");
                    let pause = Smol.sleep(Duration::from_millis(100));
                    let _ = stop.run_until_cancelled(pause).await;
                }
                Err(_) => break,
            }
        }
        drop(listener);
        // The scope now waits for its children, and drops those that outstay the grace.
    })
    .await;
    mem::take(&mut lock(&tally))
}

/// Says two lines, reads them back, and waits until the server has closed.
async fn polite_client(server: SocketAddr, number: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    let said = format!("client {number}\nsays goodbye\n");
    stream.write_all(said.as_bytes()).await?;
    stream.shutdown(net::Shutdown::Write)?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await?;
    assert_eq!(heard, said);
    Ok(())
}

/// Says a line and the half of another, and asks the server to stop when it has heard the first.
async fn stubborn_client(server: SocketAddr, shutdown: &Shutdown) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(b"hello\nand").await?;
    let mut heard = [0; 6];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"hello\n");
    shutdown.signal("the demo is over");
    // Until it is cut.
    let _ = stream.read(&mut heard).await;
    Ok(())
}

/// The server, and its clients.
async fn demo(
    polite: u32,
    limit: usize,
    grace: Duration,
    shutdown: &Shutdown,
) -> io::Result<Tally> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    concurrent(async |s| {
        let server = s.spawn(serve(listener, shutdown, limit, grace));
        let clients: Vec<_> = (0..polite).map(|n| s.spawn(polite_client(address, n))).collect();
        for client in clients {
            client.await.expect("it is not cancelled")?;
        }
        stubborn_client(address, shutdown).await?;
        Ok(server.await.expect("it is not cancelled"))
    })
    .await
}

async fn run(args: &Args, shutdown: &Shutdown) -> io::Result<Tally> {
    let (limit, grace) = (args.limit.get(), Duration::from_millis(args.grace_ms));
    if args.demo {
        return demo(10, limit, grace, shutdown).await;
    }
    let listener = TcpListener::bind(args.listen).await?;
    println!("listening on {}; Ctrl-C ends it, and a second one at once", args.listen);
    Ok(serve(listener, shutdown, limit, grace).await)
}

fn main() -> Result<process::ExitCode, Box<dyn std::error::Error>> {
    let args = Args::parse();
    let shutdown = shutdown::signals()?;
    let Tally { most_open, ended, failed, cut, .. } = Smol.block_on(run(&args, &shutdown))?;
    println!("{ended} connections ended, {failed} failed; at most {most_open} at a time");
    for peer in &cut {
        println!("cut: connection {peer}");
    }
    Ok(if cut.is_empty() { process::ExitCode::SUCCESS } else { process::ExitCode::FAILURE })
}

#[test]
fn serves_within_the_limit_and_cuts_what_is_left() {
    let tally = Smol.block_on(demo(20, 2, Duration::ZERO, &Shutdown::new())).unwrap();
    assert!(tally.most_open <= 2, "{tally:?}");
    assert_eq!((tally.open, tally.ended, tally.failed, tally.cut.len()), (0, 20, 0, 1));
}
