//! The way to a server, which tests cut, mend and slow down.

use crate::support::Server;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A port that leads to a server. It is closed when this is dropped, and all connections with it.
pub(crate) struct Proxy {
    port: u16,
    way: Arc<Way>,
}

/// How a way is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Nothing passes, and when it is mended all comes late: as of a network that sends again.
    Held,
    /// What is sent is lost, and nobody is told. Connections that have lost something are closed when it is mended.
    Lost,
    /// What is sent to the server is lost, and answers pass.
    Requests,
    /// Answers are lost, and what is sent to the server passes.
    Answers,
    /// Connections are closed, and new ones refused.
    Closed,
}

/// All cuts, for tests of each.
pub(crate) const CUTS: [Cut; 5] = [Cut::Held, Cut::Lost, Cut::Requests, Cut::Answers, Cut::Closed];

impl Proxy {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, server) = (Mutex::default(), server.port());
        let way = Arc::new(Way { server, state, changed: Condvar::new() });
        let accepts = way.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepts.lock().ended {
                    return;
                }
                accepts.connect(client.unwrap());
            }
        });
        Proxy { port, way }
    }

    pub(crate) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.change(|state| {
            state.cut = Some(cut);
            if cut == Cut::Closed {
                state.connections.iter().for_each(Connection::close);
            }
        });
    }

    pub(crate) fn mend(&self) {
        self.change(|state| {
            state.cut = None;
            state.connections.iter().filter(|known| known.has_lost).for_each(Connection::close);
        });
    }

    /// Loses from now on all that is sent over the connections that there are, without a word. New ones work.
    pub(crate) fn forget(&self) {
        self.change(|state| state.connections.iter_mut().for_each(|known| known.forgotten = true));
    }

    /// Lets everything be so late.
    pub(crate) fn slow(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.way.lock());
        self.way.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| {
            state.ended = true;
            state.connections.iter().for_each(Connection::close);
        });
        // Whoever accepts looks up.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

struct Way {
    server: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    delay: Duration,
    /// Each has as its number where it is here.
    connections: Vec<Connection>,
    ended: bool,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Something was lost on it, so what comes next has no meaning.
    has_lost: bool,
    forgotten: bool,
}

impl Connection {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else { return };
        let mut state = self.lock();
        if state.cut == Some(Cut::Closed) {
            return;
        }
        let number = state.connections.len();
        let ends = [&client, &server].map(|end| {
            end.set_nodelay(true).unwrap();
            end.try_clone().unwrap()
        });
        let [to_client, to_server] = ends.each_ref().map(|end| end.try_clone().unwrap());
        let [from_client, from_server] = ends;
        let (has_lost, forgotten) = (false, false);
        state.connections.push(Connection { client, server, has_lost, forgotten });
        drop(state);
        self.carry(number, from_client, to_server, Cut::Requests);
        self.carry(number, from_server, to_client, Cut::Answers);
    }

    /// Carries what comes, late if it has to be, and unless this cut is made.
    fn carry(
        self: &Arc<Self>,
        number: usize,
        mut from: TcpStream,
        mut to: TcpStream,
        direction: Cut,
    ) {
        let (sends, comes) = mpsc::channel::<(Instant, Vec<u8>)>();
        let (reads, writes) = (self.clone(), self.clone());
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let due = Instant::now() + reads.lock().delay;
                if sends.send((due, buffer[..length].to_vec())).is_err() {
                    break;
                }
            }
        });
        thread::spawn(move || {
            for (due, bytes) in comes {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if writes.passes(number, direction) && to.write_all(&bytes).is_err() {
                    break;
                }
            }
            writes.lock().connections[number].close();
        });
    }

    /// Waits while all is held. Returns whether what comes in this direction is to be sent on.
    fn passes(&self, number: usize, direction: Cut) -> bool {
        let is_held = |state: &mut State| state.cut == Some(Cut::Held) && !state.ended;
        let mut state = self.changed.wait_while(self.lock(), is_held).unwrap();
        let cut = state.cut;
        let connection = &mut state.connections[number];
        let is_lost = cut == Some(Cut::Lost) || cut == Some(direction);
        connection.has_lost |= is_lost;
        !is_lost && !connection.has_lost && !connection.forgotten
    }
}
