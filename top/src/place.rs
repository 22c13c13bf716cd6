//! Where a program serves its tree, and how it is asked for.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much it may say.
const MOST: u64 = 64 << 20;

/// Where a program serves its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host and a port.
    Port(String),
    /// A socket of this path.
    Socket(PathBuf),
}

impl Place {
    /// Returns what is there under a path.
    pub(crate) fn get(&self, path: &str) -> Result<String, String> {
        self.get_within(PATIENCE, path)
    }

    fn get_within(&self, patience: Duration, path: &str) -> Result<String, String> {
        let until = Instant::now() + patience;
        let answer = match self {
            Place::Port(address) => connect(address)
                .and_then(|stream| exchange(Timed { stream, until, limit: limit_tcp }, path)),
            #[cfg(unix)]
            Place::Socket(file) => std::os::unix::net::UnixStream::connect(file)
                .and_then(|stream| exchange(Timed { stream, until, limit: limit_unix }, path)),
            #[cfg(not(unix))]
            Place::Socket(_) => Err(io::Error::other("there are no such sockets here")),
        };
        body(&answer.map_err(|error| match error.kind() {
            // What the system calls it says little.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
            _ => error.to_string(),
        })?)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("http://") {
            let address = rest.split('/').next().unwrap_or_default();
            // As a browser would.
            return if port(address).is_some() {
                address.parse()
            } else {
                format!("{address}:80").parse()
            };
        }
        if text.contains('/') {
            return Ok(Place::Socket(text.into()));
        }
        if text.parse::<u16>().is_ok_and(|port| port != 0) {
            return Ok(Place::Port(format!("127.0.0.1:{text}")));
        }
        match port(text) {
            Some(_) => Ok(Place::Port(text.into())),
            None => {
                Err("an address is HOST:PORT, a port, or the path of a socket, with a slash in it"
                    .into())
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Port(address) => f.write_str(address),
            Place::Socket(path) => path.display().fmt(f),
        }
    }
}

/// Returns the port of an address that has one, and a host.
fn port(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let is_host = if host.starts_with('[') { host.ends_with(']') } else { !host.contains(':') };
    if host.is_empty() || !is_host { None } else { port.parse().ok().filter(|port| *port != 0) }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("there is no such host");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Vec<u8>> {
    // Whatever leads there, there it is that machine itself.
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST + 1).read_to_end(&mut answer)?;
    if answer.len() as u64 > MOST {
        return Err(io::Error::other("the answer is too long"));
    }
    Ok(answer)
}

/// Returns the body of an answer that has all of it.
fn body(answer: &[u8]) -> Result<String, String> {
    let answer = String::from_utf8_lossy(answer);
    let none = || "it does not answer like a program that serves its tree".to_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(none)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or_else(none)?;
    if !status.starts_with("200 ") {
        return Err(format!("{status}: {}", body.trim()));
    }
    let length = lines.find_map(|line| line.strip_prefix("Content-Length: ")).ok_or_else(none)?;
    if length.parse() != Ok(body.len()) {
        return Err("the answer was cut short".into());
    }
    Ok(body.into())
}

/// A connection that ends at a time.
struct Timed<S> {
    stream: S,
    until: Instant,
    limit: fn(&S, Duration) -> io::Result<()>,
}

fn limit_tcp(stream: &TcpStream, left: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))
}

#[cfg(unix)]
fn limit_unix(stream: &std::os::unix::net::UnixStream, left: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))
}

impl<S> Timed<S> {
    fn limited(&mut self) -> io::Result<&mut S> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        (self.limit)(&self.stream, left)?;
        Ok(&mut self.stream)
    }
}

impl<S: Read> Read for Timed<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.limited()?.read(to)
    }
}

impl<S: Write> Write for Timed<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.limited()?.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    fn place(text: &str) -> Result<Place, String> {
        text.parse()
    }

    #[test]
    fn addresses_are_ports_or_paths() {
        let port = |address: &str| Ok(Place::Port(address.into()));
        assert_eq!(place("127.0.0.1:4000"), port("127.0.0.1:4000"));
        assert_eq!(place("4000"), port("127.0.0.1:4000"));
        assert_eq!(place("localhost:1"), port("localhost:1"));
        assert_eq!(place("[::1]:4000"), port("[::1]:4000"));
        assert_eq!(place("http://127.0.0.1:4000/"), port("127.0.0.1:4000"));
        assert_eq!(place("http://localhost/tree.json"), port("localhost:80"));
        assert_eq!(place("./shop.sock"), Ok(Place::Socket("./shop.sock".into())));
        assert_eq!(place("/run/shop"), Ok(Place::Socket("/run/shop".into())));
        for wrong in [
            "",
            "shop",
            "0",
            "70000",
            "localhost:",
            ":4000",
            "::1",
            "::1:80",
            "localhost:0",
            "http://",
            "a b",
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    /// Given somebody who says nothing, or always a little, then that has an end.
    #[test]
    fn who_stalls_is_left() {
        let patience = Duration::from_millis(50);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Place::Port(listener.local_addr().unwrap().to_string());
        let silent = place.get_within(patience, "/tree.json");
        assert_eq!(silent, Err("no answer in time".into()));
        thread::scope(|s| {
            s.spawn(|| {
                let (_silent, _) = listener.accept().unwrap();
                let (mut slow, _) = listener.accept().unwrap();
                // Until it is left.
                while slow.write_all(b"x").is_ok() {
                    thread::yield_now();
                }
            });
            let slow = place.get_within(patience, "/tree.json");
            assert!(matches!(&*slow.unwrap_err(), "no answer in time" | "the answer is too long"));
        });
    }

    #[test]
    fn answers_are_whole_or_refused() {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(body(ok), Ok("{}".into()));
        for (answer, error) in [
            (&b""[..], "like a program"),
            (b"SSH-2.0-OpenSSH\r\n", "like a program"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "like a program"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "cut short"),
            (b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nclock", "500 No: clock"),
        ] {
            assert!(body(answer).unwrap_err().contains(error), "{error}");
        }
    }
}
