//! Why a tree is not served.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

/// Why a [`Server`](crate::Server) does not serve.
///
/// See [`Server::tcp`](crate::Server::tcp).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The address can be reached from other machines.
    NotLoopback(SocketAddr),
    /// Somebody else listens on the socket of this path, or it is a file of another kind.
    PathInUse(PathBuf),
    /// The system refuses.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotLoopback(address) => write!(
                f,
                "{address} can be reached from other machines, and a tree is for this one only: serve it on \
                 127.0.0.1:{port} or on a unix socket, and look from elsewhere through a tunnel, \
                 `ssh -L {tunnel}:127.0.0.1:{port} host`",
                port = address.port(),
                tunnel = if address.port() == 0 { 8080 } else { address.port() },
            ),
            Error::PathInUse(path) => {
                write!(f, "{} is in use: serve the tree on another path", path.display())
            }
            Error::Io(error) => write!(f, "the tree cannot be served: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}
