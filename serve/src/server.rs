//! What is served, and how.

use crate::{
    Error, Serving,
    listener::{Listener, Place},
    look::Look,
    serving::Shared,
};
use anyscope_core::observe::tree::Tree;
use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

/// Serves a [`Tree`]. See the [crate](crate).
///
/// # Cost
///
/// One thread that sleeps, and one for each client that is being answered. While nobody asks, nothing is looked at. A look is shared by
/// all who ask within a [tick](Self::tick), and looks take no more than a tenth of the time. What is sent is bounded: at most 10 000
/// rows, of which at most 1000 are children of the same scope. Those that are nearest to the outside, and began first, are in it.
///
/// # Examples
///
/// ```
/// use anyscope::observe::tree::Tree;
/// use anyscope_serve::Server;
/// use std::time::Duration;
///
/// let tree = Tree::new();
/// let server = Server::new(&tree).tick(Duration::from_secs(1)).max_clients(2);
/// let serving = server.tcp("localhost:0")?;
/// assert!(serving.local_addr().unwrap().ip().is_loopback());
/// # Ok::<(), anyscope_serve::Error>(())
/// ```
#[must_use = "a server serves nothing until `tcp` or `unix`"]
pub struct Server {
    tree: Tree,
    tick: Duration,
    timeout: Duration,
    max_clients: usize,
}

impl Server {
    /// Returns a server of this tree, which listens nowhere yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    /// use anyscope_serve::Server;
    ///
    /// let tree = Tree::new();
    /// let serving = Server::new(&tree).tcp("localhost:0")?;
    /// println!("look at {serving}"); // `http://127.0.0.1:40123/`, in a browser
    /// # Ok::<(), anyscope_serve::Error>(())
    /// ```
    pub fn new(tree: &Tree) -> Self {
        Server {
            tree: tree.clone(),
            tick: Duration::from_millis(200),
            timeout: Duration::from_secs(5),
            max_clients: 8,
        }
    }

    /// Looks at the tree at most once in this time, however many ask. 200 ms by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    /// use anyscope_serve::Server;
    /// use std::time::Duration;
    ///
    /// // A tree of a hundred thousand children, of which nobody needs to see each change.
    /// let serving = Server::new(&Tree::new()).tick(Duration::from_secs(2)).tcp("localhost:0")?;
    /// assert!(serving.local_addr().is_some());
    /// # Ok::<(), anyscope_serve::Error>(())
    /// ```
    pub fn tick(self, tick: Duration) -> Self {
        Server { tick, ..self }
    }

    /// Leaves a client that takes longer than this to say what it wants, or to take it. 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    /// use anyscope_serve::Server;
    /// use std::time::Duration;
    ///
    /// // Over a slow line.
    /// let serving = Server::new(&Tree::new()).timeout(Duration::from_secs(30)).tcp("localhost:0")?;
    /// assert!(serving.local_addr().is_some());
    /// # Ok::<(), anyscope_serve::Error>(())
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Server { timeout, ..self }
    }

    /// Answers so many clients at a time. Others wait, in the queue of the system. 8 by default.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    #[track_caller]
    pub fn max_clients(self, max_clients: usize) -> Self {
        assert!(
            max_clients > 0,
            "a server for no clients at a time would let all of them wait for ever"
        );
        Server { max_clients, ..self }
    }

    /// Listens on a port of the loopback, until what it returns is dropped. Port 0 is any that is free:
    /// [`local_addr`](Serving::local_addr) says which. If there are several addresses, the first that is free is taken.
    ///
    /// # Errors
    ///
    /// [`Error::NotLoopback`] if it could be reached from other machines: `0.0.0.0` is refused. [`Error::Io`] if the
    /// system refuses: the port is in use, there is no such address.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    /// use anyscope_serve::Server;
    ///
    /// let error = Server::new(&Tree::new()).tcp("0.0.0.0:4000").unwrap_err();
    /// assert!(error.to_string().contains("serve it on 127.0.0.1:4000"));
    /// ```
    pub fn tcp(self, address: impl ToSocketAddrs) -> Result<Serving, Error> {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        let is_public = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
        if let Some(public) = addresses.iter().find(is_public) {
            return Err(Error::NotLoopback(*public));
        }
        self.serve(Listener::tcp(&addresses)?)
    }

    /// Listens on a socket of this path, until what it returns is dropped, which removes the file. Only the owner may connect.
    ///
    /// A socket that is there and that nobody listens on, as the program before has crashed, is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::PathInUse`] if somebody listens on it, or if it is no socket. [`Error::Io`] if the system refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    /// use anyscope_serve::Server;
    ///
    /// let path = std::env::temp_dir().join(format!("shop-{}.sock", std::process::id()));
    /// let serving = Server::new(&Tree::new()).unix(&path)?;
    /// println!("see it with: anyscope-top {}", path.display());
    /// drop(serving);
    /// assert!(!path.exists());
    /// # Ok::<(), anyscope_serve::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn unix(self, path: impl AsRef<std::path::Path>) -> Result<Serving, Error> {
        self.serve(Listener::unix(path.as_ref())?)
    }

    fn serve(self, listener: (Listener, Place)) -> Result<Serving, Error> {
        let look = Look::new(self.tree, self.tick);
        Serving::start(listener, Shared::new(look, self.timeout, self.max_clients))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("tree", &self.tree)
            .field("tick", &self.tick)
            .field("timeout", &self.timeout)
            .field("max_clients", &self.max_clients)
            .finish()
    }
}
