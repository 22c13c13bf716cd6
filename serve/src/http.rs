//! As much of HTTP/1.1 as is needed: one request, one response, and the connection is closed.

use crate::look::Look;
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// How long the head of a request may be, and how much of what comes behind it is read to be ignored.
const HEAD: usize = 8 << 10;

/// What there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Screen,
    Json,
    Text,
}

/// Why there is nothing to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    OtherHost,
    NotFound,
    OnlyGet,
    TooLong,
    Panicked,
}

/// Reads a request, and returns what it asks for. `is_for_browsers`: it may come from a page of somebody else.
///
/// # Errors
///
/// That of the connection. One that ends in the middle is one too.
pub(crate) fn read(
    from: &mut impl Read,
    is_for_browsers: bool,
) -> io::Result<Result<Page, Refusal>> {
    let mut head = Vec::new();
    let mut part = [0; 1 << 10];
    loop {
        let count = from.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The end may be in two parts.
        let seen = head.len().saturating_sub(3);
        head.extend_from_slice(&part[..count]);
        if let Some(at) = head[seen..].windows(4).position(|end| end == b"\r\n\r\n") {
            head.truncate(seen + at);
            return Ok(parse(&head, is_for_browsers));
        }
        if head.len() > HEAD {
            return Ok(Err(Refusal::TooLong));
        }
    }
}

fn parse(head: &[u8], is_for_browsers: bool) -> Result<Page, Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| Refusal::Malformed)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Malformed);
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Refusal::Malformed);
    }
    let mut hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, host)| host.trim());
    match (hosts.next(), hosts.next()) {
        _ if !is_for_browsers => {}
        (Some(host), None) if is_this_machine(host) => {}
        (Some(_), None) => return Err(Refusal::OtherHost),
        _ => return Err(Refusal::Malformed),
    }
    if method != "GET" {
        return Err(Refusal::OnlyGet);
    }
    match target.split('?').next() {
        Some("/") => Ok(Page::Screen),
        Some("/tree.json") => Ok(Page::Json),
        Some("/tree.txt") => Ok(Page::Text),
        _ => Err(Refusal::NotFound),
    }
}

/// Returns whether a name that leads to this machine is one that leads nowhere else: with that of somebody's own, that somebody's
/// pages could read what we say. The port may be that of a tunnel.
fn is_this_machine(host: &str) -> bool {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_loopback = |address: Ipv6Addr| address.to_canonical().is_loopback();
        return (port.is_empty() || port.starts_with(':'))
            && address.parse().is_ok_and(is_loopback);
    }
    let name = host.split(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

pub(crate) struct Response {
    status: &'static str,
    kind: &'static str,
    body: Body,
}

enum Body {
    Fixed(&'static str),
    Seen(Arc<str>),
}

/// Returns what is to be seen.
pub(crate) fn page(page: Page, look: &Look) -> Response {
    let (kind, body) = match page {
        Page::Screen => ("text/html", Body::Fixed(include_str!("page.html"))),
        Page::Json => ("application/json", Body::Seen(look.seen().json)),
        Page::Text => ("text/plain", Body::Seen(look.seen().text)),
    };
    Response { status: "200 OK", kind, body }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let (status, body) = match refusal {
            Refusal::Malformed => {
                ("400 Bad Request", "This is no request that is understood here.\n")
            }
            Refusal::OtherHost => (
                "421 Misdirected Request",
                "Only requests for this machine are answered: ask for localhost or 127.0.0.1.\n",
            ),
            Refusal::NotFound => ("404 Not Found", "There are /, /tree.json and /tree.txt.\n"),
            Refusal::OnlyGet => ("405 Method Not Allowed", "There is only GET.\n"),
            Refusal::TooLong => {
                ("431 Request Header Fields Too Large", "The request is too long.\n")
            }
            Refusal::Panicked => (
                "500 Internal Server Error",
                "The tree could not be looked at: the clock it was given has panicked.\n",
            ),
        };
        Response { status, kind: "text/plain", body: Body::Fixed(body) }
    }
}

impl Response {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let body: &str = match &self.body {
            Body::Fixed(text) => text,
            Body::Seen(text) => text,
        };
        // The page has all that it needs in itself, and is shown in no other. Others may not read what is sent.
        let head = format!(
            "HTTP/1.1 {}\r\n\
             Content-Type: {}; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; \
             style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\n\
             Cache-Control: no-store\r\n\
             Allow: GET\r\n\
             Connection: close\r\n\r\n",
            self.status,
            self.kind,
            body.len(),
        );
        to.write_all(head.as_bytes())?;
        to.write_all(body.as_bytes())
    }
}

/// Reads what else a client sends until it is done, but not for ever.
pub(crate) fn ignore_the_rest(from: &mut impl Read) -> io::Result<()> {
    io::copy(&mut from.take(HEAD as u64), &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Parts<'a>(&'a [u8], usize);

    impl Read for Parts<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(to.len());
            self.0.read(&mut to[..size])
        }
    }

    /// Given a request that comes in parts of any size, then it is the same; one that ends in the middle is an error.
    #[test]
    fn requests_may_come_in_parts() {
        let request = b"GET /tree.txt HTTP/1.1\r\nHost: localhost\r\n\r\nmore";
        for size in 1..=request.len() {
            assert_eq!(read(&mut Parts(request, size), true).unwrap(), Ok(Page::Text), "{size}");
            let cut = &request[..request.len() - "\nmore".len()];
            let error = read(&mut Parts(cut, size), true).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
