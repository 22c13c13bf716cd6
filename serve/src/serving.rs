//! The threads that serve, and their end.

use crate::{
    Error,
    http::{self, Refusal},
    listener::{Listener, Place, Stream},
    look::Look,
};
use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Shutdown, SocketAddr},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long to wait when the system has no sockets or threads to spare.
const PAUSE: Duration = Duration::from_millis(100);

/// A tree that is being served. Its drop ends that: the port is free when it returns, and clients are cut off.
///
/// Prints itself as what to look at: `http://127.0.0.1:40123/`, or the path of the socket.
///
/// # Examples
///
/// See the [crate](crate).
#[must_use = "the tree is served until this is dropped"]
pub struct Serving {
    place: Place,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(
        (listener, place): (Listener, Place),
        shared: Shared,
    ) -> Result<Self, Error> {
        let shared = Arc::new(shared);
        let acceptor = thread::Builder::new().name("anyscope-serve".into()).spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        })?;
        Ok(Serving { place, shared, acceptor: Some(acceptor) })
    }

    /// Returns the address of the port, unless it is a socket with a path.
    ///
    /// # Examples
    ///
    /// See [`Server`](crate::Server).
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.place.address()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.end();
        // A thread that was not woken has nothing left but the socket it sleeps on.
        if self.place.wake() {
            let _ = self.acceptor.take().map(JoinHandle::join);
        }
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Serving").field(&format_args!("{}", self.place)).finish()
    }
}

/// What the threads share.
pub(crate) struct Shared {
    look: Look,
    timeout: Duration,
    max_clients: usize,
    clients: Mutex<Clients>,
    /// A client has left, or all is to end.
    changed: Condvar,
}

#[derive(Default)]
struct Clients {
    has_ended: bool,
    next: u64,
    /// With what each is cut off.
    there: BTreeMap<u64, Stream>,
}

impl Shared {
    pub(crate) fn new(look: Look, timeout: Duration, max_clients: usize) -> Self {
        let clients = Mutex::new(Clients::default());
        Shared { look, timeout, max_clients, clients, changed: Condvar::new() }
    }

    /// Waits until one more client may be answered. Returns whether there will be any.
    fn wait_for_room(&self) -> bool {
        let is_full =
            |clients: &mut Clients| !clients.has_ended && clients.there.len() >= self.max_clients;
        let clients = self.changed.wait_while(self.clients(), is_full);
        !clients.unwrap_or_else(PoisonError::into_inner).has_ended
    }

    /// Waits a little, or until the end.
    fn pause(&self) {
        let goes_on = |clients: &mut Clients| !clients.has_ended;
        drop(self.changed.wait_timeout_while(self.clients(), PAUSE, goes_on));
    }

    fn end(&self) {
        let mut clients = self.clients();
        clients.has_ended = true;
        for client in clients.there.values() {
            let _ = client.shutdown(Shutdown::Both);
        }
        drop(clients);
        self.changed.notify_all();
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the clients that are answered.
struct Client {
    shared: Arc<Shared>,
    number: u64,
    stream: Stream,
}

impl Client {
    /// Returns `None` if all has ended, and nobody is let in.
    fn enter(shared: &Arc<Shared>, stream: Stream) -> io::Result<Option<Self>> {
        let copy = stream.try_clone()?;
        let mut clients = shared.clients();
        if clients.has_ended {
            return Ok(None);
        }
        let number = clients.next;
        clients.next += 1;
        clients.there.insert(number, copy);
        Ok(Some(Client { shared: shared.clone(), number, stream }))
    }

    fn answer(&mut self) -> io::Result<()> {
        let Shared { look, timeout, .. } = &*self.shared;
        let is_for_browsers = self.stream.is_for_browsers();
        let response = match http::read(&mut self.stream.within(*timeout), is_for_browsers)? {
            Ok(page) => {
                // The clock of a tree is code of others.
                let seen = panic::catch_unwind(AssertUnwindSafe(|| http::page(page, look)));
                seen.unwrap_or_else(|_| Refusal::Panicked.into())
            }
            Err(refusal) => refusal.into(),
        };
        response.write(&mut self.stream.within(*timeout))?;
        self.stream.shutdown(Shutdown::Write)?;
        // Otherwise the system may tell it that the connection was reset, before it has read the response.
        http::ignore_the_rest(&mut self.stream.within(*timeout))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.shared.clients().there.remove(&self.number);
        self.shared.changed.notify_all();
    }
}

fn accept(listener: &Listener, shared: &Arc<Shared>) {
    while shared.wait_for_room() {
        // An error is of one connection, or of a system that has nothing to spare. Neither is the end.
        match listener.accept().and_then(|stream| Client::enter(shared, stream)) {
            Ok(Some(mut client)) => {
                let thread = thread::Builder::new().name("anyscope-client".into());
                // Whatever is wrong with a client, it is left.
                if thread.spawn(move || drop(client.answer())).is_err() {
                    shared.pause();
                }
            }
            Ok(None) => return,
            Err(_) => shared.pause(),
        }
    }
}
