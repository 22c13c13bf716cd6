//! Pairs of byte streams with latency, and cables that can be cut.

mod direction;
mod io;
mod link;

pub use link::Link;

use crate::{SimHandle, Sleep, state::wake_all};
use anyscope_core::{Clock, Instant, Timer, observe::waits_for};
use direction::{Direction, Found};
use std::{
    fmt,
    future::Future,
    io::{Error, ErrorKind, Result},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

impl SimHandle {
    /// Creates two streams of bytes, connected with each other, to test a protocol without a network.
    ///
    /// What is written to one is read from the other, later in virtual time, as `link` says. The
    /// streams implement the traits of `futures-io` (with the feature `futures` or `smol` of anyscope)
    /// and of tokio (with the feature `tokio`). A [`Cable`] cuts the connection or one direction of it.
    ///
    /// | what happens | what the other end sees |
    /// |---|---|
    /// | a stream is closed | the end of the stream, after all bytes |
    /// | a stream is dropped | the same; and writes fail with [`BrokenPipe`](ErrorKind::BrokenPipe), later by the latency |
    /// | the cable is [cut](Cable::cut) | reads fail with [`ConnectionReset`](ErrorKind::ConnectionReset), writes with `BrokenPipe`, at once and at both ends |
    /// | a direction falls [silent](Cable::silence_outgoing) | nothing |
    ///
    /// # Panics
    ///
    /// Panics if the buffer of `link` is zero: nothing could be written ever.
    ///
    /// # Examples
    ///
    /// A client that gives up after a second, and asks again on a new connection:
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::{Explorer, Link}, timeout};
    /// use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    /// use std::{io, time::Duration};
    ///
    /// // Your protocol: it knows of no network, and of no simulation.
    /// async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    ///     let mut ping = [0; 4];
    ///     loop {
    ///         stream.read_exact(&mut ping).await?;
    ///         stream.write_all(b"pong").await?;
    ///     }
    /// }
    ///
    /// async fn ping(
    ///     timer: &impl Timer,
    ///     stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    /// ) -> io::Result<()> {
    ///     let answer = async {
    ///         let mut pong = [0; 4];
    ///         stream.write_all(b"ping").await?;
    ///         stream.read_exact(&mut pong).await
    ///     };
    ///     timeout(timer, Duration::from_secs(1), answer).await.map_err(|_| io::ErrorKind::TimedOut)?
    /// }
    ///
    /// Explorer::new(100).run(async |sim| {
    ///     let link = Link { latency: Duration::from_millis(20), ..Link::default() };
    ///     scope(&sim, async |s| {
    ///         let connect = || {
    ///             let (ours, theirs) = sim.stream_pair(link);
    ///             s.spawn(async { drop(serve(theirs).await) });
    ///             ours
    ///         };
    ///         let mut stream = connect();
    ///         ping(&sim, &mut stream).await.unwrap();
    ///         assert_eq!(sim.elapsed(), 2 * link.latency);
    ///
    ///         stream.cable().silence_incoming(); // half-open: no answer arrives any more
    ///         let lost = ping(&sim, &mut stream).await.unwrap_err();
    ///         assert_eq!(lost.kind(), io::ErrorKind::TimedOut);
    ///
    ///         stream.cable().cut();
    ///         let cut = ping(&sim, &mut stream).await.unwrap_err();
    ///         assert_eq!(cut.kind(), io::ErrorKind::BrokenPipe);
    ///
    ///         stream = connect();
    ///         ping(&sim, &mut stream).await.unwrap();
    ///     })
    ///     .await;
    /// });
    /// ```
    #[track_caller]
    pub fn stream_pair(&self, link: Link) -> (SimStream, SimStream) {
        assert!(link.buffer > 0, "a stream needs a buffer of at least 1 byte");
        let now = self.now();
        let state = State { directions: [Direction::new(now), Direction::new(now)], cut: false };
        let pair = Arc::new(Pair { link, state: Mutex::new(state) });
        let end = |side| SimStream {
            sim: self.clone(),
            cable: Cable { pair: pair.clone(), side },
            until_read: None,
            until_write: None,
        };
        (end(0), end(1))
    }
}

/// One end of a pair of streams; see [`SimHandle::stream_pair`].
///
/// # Cancel safety
///
/// A read or write that is dropped has read or written nothing. A timer for it may be left until the
/// next one, or until the stream is dropped.
///
/// See [`cable`](Self::cable).
pub struct SimStream {
    sim: SimHandle,
    cable: Cable,
    /// The time until something arrives that a read waits for.
    until_read: Option<(Instant, Sleep)>,
    /// The time until it is known that nobody reads at the other end, while a write waits.
    until_write: Option<(Instant, Sleep)>,
}

impl SimStream {
    /// Returns the cable between this end and the other one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, scope, sim::{Link, Sim}};
    /// use futures_lite::AsyncReadExt;
    /// use std::{io::ErrorKind, time::Duration};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let (mut ours, _theirs) = sim.stream_pair(Link::default());
    ///     let cable = ours.cable();
    ///     scope(&sim, async |s| {
    ///         s.spawn(async move {
    ///             let error = ours.read(&mut [0]).await.unwrap_err();
    ///             assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    ///         });
    ///         sim.sleep(Duration::from_secs(3)).await;
    ///         cable.cut();
    ///     })
    ///     .await;
    /// })
    /// .unwrap();
    /// ```
    pub fn cable(&self) -> Cable {
        self.cable.clone()
    }

    fn poll_read_bytes(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        let (now, waker, until) = (self.sim.now(), cx.waker().clone(), self.until_read.take());
        let mut state = self.cable.pair.lock();
        if state.cut {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let incoming = &mut state.directions[self.cable.incoming()];
        match incoming.receive(into, now) {
            Found::Bytes(count) => {
                let writer = incoming.writer.take();
                drop(state);
                wake_all(writer);
                Poll::Ready(Ok(count))
            }
            Found::End => Poll::Ready(Ok(0)),
            Found::Nothing(arrives) => {
                let old = incoming.reader.replace(waker);
                drop(state);
                drop(old);
                waits_for("bytes from the other end of a stream");
                self.until_read = self.wait_until(arrives, until, now, cx);
                Poll::Pending
            }
        }
    }

    fn poll_write_bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let (now, waker, until) = (self.sim.now(), cx.waker().clone(), self.until_write.take());
        let mut state = self.cable.pair.lock();
        let gone = state.directions[self.cable.incoming()].gone();
        if state.cut || gone.is_some_and(|gone| gone <= now) {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let outgoing = &mut state.directions[self.cable.side];
        if outgoing.is_closed() {
            return Poll::Ready(Err(Error::new(ErrorKind::BrokenPipe, "a stream that was closed")));
        }
        let count = outgoing.send(bytes, &self.cable.pair.link, now);
        if count > 0 || bytes.is_empty() {
            let reader = outgoing.reader.take();
            drop(state);
            wake_all(reader);
            return Poll::Ready(Ok(count));
        }
        let old = outgoing.writer.replace(waker);
        drop(state);
        drop(old);
        waits_for("room in the buffer of a stream");
        self.until_write = self.wait_until(gone, until, now, cx);
        Poll::Pending
    }

    /// Waits until a moment later than `now`, if it is known, with the sleep that does so already.
    fn wait_until(
        &self,
        moment: Option<Instant>,
        sleep: Option<(Instant, Sleep)>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Option<(Instant, Sleep)> {
        let moment = moment?;
        let same = sleep.filter(|(until, _)| *until == moment).map(|(_, sleep)| sleep);
        let mut sleep =
            same.unwrap_or_else(|| self.sim.sleep(moment.saturating_duration_since(now)));
        let _ = Pin::new(&mut sleep).poll(cx);
        Some((moment, sleep))
    }

    fn flush_bytes(&self) -> Result<()> {
        // They are on their way.
        if self.cable.pair.lock().cut { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn close_bytes(&self) -> Result<()> {
        let now = self.sim.now();
        self.cable.change(|state, cable| {
            state.directions[cable.side].close(&cable.pair.link, now);
        });
        Ok(())
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let now = self.sim.now();
        let mut own = None;
        self.cable.change(|state, cable| {
            let [outgoing, incoming] = [cable.side, cable.incoming()];
            state.directions[outgoing].leave(&cable.pair.link, now);
            let writer = state.directions[outgoing].writer.take();
            own = Some([writer, state.directions[incoming].reader.take()]);
        });
        drop(own);
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStream").field("link", &self.cable.pair.link).finish_non_exhaustive()
    }
}

/// What connects two [`SimStream`]s, seen from one of them.
///
/// Cheap to clone. Clones are the same cable.
///
/// # Examples
///
/// ```
/// use anyscope::sim::{Link, Sim};
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// Sim::new(1)
///     .run(async |sim| {
///         let (mut ours, mut theirs) = sim.stream_pair(Link::default());
///         ours.cable().silence_outgoing();
///         ours.write_all(b"hello").await.unwrap(); // nobody hears it
///         ours.cable().restore();
///         let mut heard = [0; 5];
///         theirs.read_exact(&mut heard).await.unwrap();
///         assert_eq!(&heard, b"hello");
///
///         theirs.cable().cut();
///         assert!(ours.write_all(b"anyone?").await.is_err());
///     })
///     .unwrap();
/// ```
#[derive(Clone)]
pub struct Cable {
    pair: Arc<Pair>,
    /// The end from which this is seen: the index of the direction from there.
    side: usize,
}

impl Cable {
    /// Ends the connection: from now on, reads at both ends fail with
    /// [`ConnectionReset`](ErrorKind::ConnectionReset), and writes with
    /// [`BrokenPipe`](ErrorKind::BrokenPipe). What has not been read is lost.
    ///
    /// # Examples
    ///
    /// See [`Cable`].
    pub fn cut(&self) {
        self.change(|state, _| state.cut = true);
    }

    /// Lets nothing arrive any more that this end has sent or sends, without a word to either end: the
    /// connection is half-open. Writes still succeed until the buffer is full.
    ///
    /// # Examples
    ///
    /// See [`Cable`].
    pub fn silence_outgoing(&self) {
        self.change(|state, cable| state.directions[cable.side].silence(true));
    }

    /// Lets nothing arrive any more at this end, as [`silence_outgoing`](Self::silence_outgoing) at
    /// the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::{Link, Sim};
    /// use futures_lite::AsyncWriteExt;
    ///
    /// Sim::new(1).run(async |sim| {
    ///     let (ours, mut theirs) = sim.stream_pair(Link::default());
    ///     ours.cable().silence_incoming();
    ///     theirs.write_all(b"hello").await.unwrap(); // it is written, and does not arrive
    /// }).unwrap();
    /// ```
    pub fn silence_incoming(&self) {
        self.change(|state, cable| state.directions[cable.incoming()].silence(true));
    }

    /// Ends silence in both directions. What was sent meanwhile arrives, as that of a protocol that
    /// sends it again. It does not undo a [`cut`](Self::cut).
    ///
    /// # Examples
    ///
    /// See [`Cable`].
    pub fn restore(&self) {
        self.change(|state, _| state.directions.iter_mut().for_each(|way| way.silence(false)));
    }

    fn incoming(&self) -> usize {
        1 - self.side
    }

    /// Changes the state, and wakes all who wait to look at it.
    fn change(&self, change: impl FnOnce(&mut State, &Cable)) {
        let mut state = self.pair.lock();
        change(&mut state, self);
        let [one, other] = &mut state.directions;
        let [one, other] = [one.waiters(), other.waiters()];
        drop(state);
        wake_all(one.into_iter().chain(other).flatten());
    }
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_cut = self.pair.lock().cut;
        f.debug_struct("Cable").field("is_cut", &is_cut).finish_non_exhaustive()
    }
}

/// What both ends share.
struct Pair {
    link: Link,
    state: Mutex<State>,
}

struct State {
    /// From the first end and from the second.
    directions: [Direction; 2],
    cut: bool,
}

impl Pair {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
