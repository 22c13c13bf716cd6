//! A client: one request, on a connection of its own.

use crate::{server::Page, socket::Io};
use anyscope::race;
use async_io::Async;
use http_body_util::BodyExt;
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use std::{error::Error, fmt, future::pending, io, net::TcpStream};

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The server says that it is too much.
    Overload,
    /// Any other status that is no success.
    Status(StatusCode),
    /// It took too long.
    TimedOut,
    /// The connection was refused or has ended in the middle.
    Connection,
    /// What came is no page.
    Nonsense,
    /// The crawl is asked to end, and the request was not made.
    Interrupted,
}

impl Fault {
    /// Whether it may be gone the next time.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Fault::Status(status) => status.is_server_error(),
            Fault::Overload | Fault::TimedOut | Fault::Connection => true,
            Fault::Nonsense | Fault::Interrupted => false,
        }
    }

    /// Whether it is a sign that the host does not work. Too much to do is no such sign: that is up to the limit.
    pub(crate) fn is_of_the_host(&self) -> bool {
        self.is_passing() && *self != Fault::Overload
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Overload => f.pad("503 too much to do"),
            Fault::Status(status) => f.pad(&status.to_string()),
            Fault::TimedOut => f.pad("no answer in time"),
            Fault::Connection => f.pad("connection lost"),
            Fault::Nonsense => f.pad("not a page"),
            Fault::Interrupted => f.pad("interrupted"),
        }
    }
}

impl Error for Fault {}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Fault::Connection
    }
}

impl From<hyper::Error> for Fault {
    fn from(_: hyper::Error) -> Self {
        Fault::Connection
    }
}

/// Returns the text of a page.
///
/// Whoever drops the future closes the connection.
pub(crate) async fn get(page: Page) -> Result<String, Fault> {
    let stream = Async::<TcpStream>::connect(page.host).await?;
    let (mut sender, connection) = http1::handshake(Io(stream)).await?;
    let request = Request::get(format!("/{}", page.number))
        .header(HOST, page.host.to_string())
        .body(String::new())
        .expect("a number is a path");
    let answer = async {
        let response = sender.send_request(request).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(Fault::Overload),
            status => return Err(Fault::Status(status)),
        }
        let body = response.into_body().collect().await?.to_bytes();
        String::from_utf8(body.into()).map_err(|_| Fault::Nonsense)
    };
    // The connection is driven by whoever waits for the answer: no task of its own, so nothing is left behind.
    let drive = async {
        // How it ends, the request hears.
        let _ = connection.await;
        pending().await
    };
    race((answer, drive)).await
}

/// Returns what a page links to, in the order of the page.
pub(crate) fn links(text: &str) -> impl Iterator<Item = Page> {
    text.split("href=\"http://").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok())
}
