//! Ports and sockets as one.

use crate::Error;
use std::{
    fmt,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};
#[cfg(unix)]
use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

/// How long the wake of a thread may take.
const WAKE: Duration = Duration::from_secs(1);

pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn tcp(addresses: &[SocketAddr]) -> Result<(Self, Place), Error> {
        let listener = TcpListener::bind(addresses)?;
        let place = Place {
            at: At::Port(listener.local_addr()?),
            #[cfg(unix)]
            socket: OwnedFd::from(listener.try_clone()?).into(),
        };
        Ok((Listener::Tcp(listener), place))
    }

    #[cfg(unix)]
    pub(crate) fn unix(path: &Path) -> Result<(Self, Place), Error> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if !is_abandoned(path) {
                    return Err(Error::PathInUse(path.into()));
                }
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        let file = File::new(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let socket = OwnedFd::from(listener.try_clone()?).into();
        Ok((Listener::Unix(listener), Place { at: At::File(file), socket }))
    }

    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => Ok(Stream::Tcp(listener.accept()?.0)),
            #[cfg(unix)]
            Listener::Unix(listener) => Ok(Stream::Unix(listener.accept()?.0)),
        }
    }
}

/// Where a listener is found.
pub(crate) struct Place {
    at: At,
    /// The socket of the listener, under a type that can be shut down.
    #[cfg(unix)]
    socket: UnixStream,
}

enum At {
    Port(SocketAddr),
    #[cfg(unix)]
    File(File),
}

impl Place {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.at {
            At::Port(address) => Some(address),
            #[cfg(unix)]
            At::File(_) => None,
        }
    }

    /// Wakes the thread that waits for a client. Returns whether it is sure to wake up.
    pub(crate) fn wake(&self) -> bool {
        // Linux wakes it with an error. Others refuse, and it is woken by a client that wants nothing.
        #[cfg(unix)]
        if self.socket.shutdown(Shutdown::Both).is_ok() {
            return true;
        }
        match &self.at {
            At::Port(address) => TcpStream::connect_timeout(address, WAKE).is_ok(),
            #[cfg(unix)]
            At::File(file) => file.is_ours() && UnixStream::connect(&file.path).is_ok(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Port(address) => write!(f, "http://{address}/"),
            #[cfg(unix)]
            At::File(file) => file.path.display().fmt(f),
        }
    }
}

/// The file of a socket. It is removed in the end, unless somebody has put another one in its place.
#[cfg(unix)]
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

#[cfg(unix)]
impl File {
    fn new(path: &Path) -> io::Result<Self> {
        // The program may change its directory before the end.
        let path = std::path::absolute(path)?;
        Ok(File { identity: identity(&path)?, path })
    }

    fn is_ours(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

#[cfg(unix)]
impl Drop for File {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Returns whether this is a socket that nobody listens on.
#[cfg(unix)]
fn is_abandoned(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The connection of a client.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(how),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Returns whether a client may come from a page in a browser.
    pub(crate) fn is_for_browsers(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    /// Returns the connection for as long as `time`: all reads and writes together take no longer.
    pub(crate) fn within(&mut self, time: Duration) -> Within<'_> {
        Within { stream: self, until: Instant::now().checked_add(time) }
    }
}

/// A connection with a deadline, unless that is too far away to be told.
pub(crate) struct Within<'a> {
    stream: &'a mut Stream,
    until: Option<Instant>,
}

impl Within<'_> {
    fn set_timeouts(&self) -> io::Result<()> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.set_write_timeout(left)
            }
            #[cfg(unix)]
            Stream::Unix(stream) => {
                stream.set_read_timeout(left)?;
                stream.set_write_timeout(left)
            }
        }
    }
}

impl Read for Within<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.set_timeouts()?;
        match self.stream {
            Stream::Tcp(stream) => stream.read(to),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(to),
        }
    }
}

impl Write for Within<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.set_timeouts()?;
        match self.stream {
            Stream::Tcp(stream) => stream.write(from),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
