//! Streams of bytes in virtual time: latency, bandwidth, ends that go, cables that are cut (V22).

#![cfg(all(feature = "futures-io", feature = "tokio"))]

use anyscope_core::{Timer, concurrent, join, timeout};
use anyscope_sim::{Failure, Link, Sim, SimHandle, SimStream, explore};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt, future::poll_once};
use std::{
    future::Future,
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Wake, Waker},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// A link on which a byte takes a second, however many there are.
const SLOW: Link = Link { latency: SECOND, bandwidth: 0, buffer: 4 };

async fn read(stream: &mut SimStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = [0; 100];
    let read = stream.read(&mut bytes).await.map_err(|error| error.kind())?;
    Ok(bytes[..read].to_vec())
}

async fn write(stream: &mut SimStream, bytes: &[u8]) -> Result<usize, ErrorKind> {
    stream.write(bytes).await.map_err(|error| error.kind())
}

async fn is_pending(future: impl Future) -> bool {
    poll_once(future).await.is_none()
}

fn pair(sim: &SimHandle, link: Link) -> (SimStream, SimStream) {
    sim.stream_pair(link)
}

/// Given a link with latency, then bytes arrive later by that, in both directions, in order.
#[test]
fn v22_bytes_take_the_latency() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        assert_eq!(write(&mut one, b"ab").await, Ok(2));
        sim.sleep(SECOND / 2).await;
        assert_eq!(write(&mut one, b"cd").await, Ok(2));
        assert_eq!(read(&mut other).await.unwrap(), b"ab");
        assert_eq!(sim.elapsed(), SECOND);
        assert_eq!(read(&mut other).await.unwrap(), b"cd");
        assert_eq!(sim.elapsed(), 3 * SECOND / 2);
        assert_eq!(write(&mut other, b"x").await, Ok(1));
        assert_eq!(read(&mut one).await.unwrap(), b"x");
        assert_eq!((sim.elapsed(), sim.timers()), (5 * SECOND / 2, 0));
    });
}

/// Given a link without latency, then bytes are there at once, also for who waits already.
#[test]
fn v22_without_latency_no_time_passes() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, Link::default());
        let text = [7; 1000];
        let (read, written) = join((
            async {
                let mut bytes = Vec::new();
                other.read_to_end(&mut bytes).await.map(|_| bytes)
            },
            async {
                sim.yield_now().await;
                one.write_all(&text).await?;
                one.flush().await?;
                one.close().await
            },
        ))
        .await;
        written.unwrap();
        assert_eq!((read.unwrap(), sim.elapsed()), (text.to_vec(), Duration::ZERO));
    });
}

/// Given a bandwidth, then bytes arrive one after the other, and latency comes on top.
#[test]
fn v22_bytes_take_their_time() {
    explore(20, async |sim| {
        let (mut one, mut other) = pair(&sim, Link { bandwidth: 2, buffer: 100, ..SLOW });
        assert_eq!(write(&mut one, b"abcd").await, Ok(4));
        assert_eq!(write(&mut one, b"ef").await, Ok(2));
        assert_eq!(read(&mut other).await.unwrap(), b"abcd");
        assert_eq!(sim.elapsed(), 3 * SECOND);
        assert_eq!(read(&mut other).await.unwrap(), b"ef");
        assert_eq!(sim.elapsed(), 4 * SECOND);
        sim.sleep(SECOND).await;
        // The line was idle meanwhile.
        assert_eq!(write(&mut one, b"gh").await, Ok(2));
        assert_eq!(read(&mut other).await.unwrap(), b"gh");
        assert_eq!(sim.elapsed(), 7 * SECOND);
    });
}

/// Given a full buffer, then a write waits until something is read; a buffer of one byte does.
#[test]
fn v22_a_full_buffer_holds_writes_back() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        assert_eq!(write(&mut one, b"abcdef").await, Ok(4));
        assert!(is_pending(write(&mut one, b"ef")).await);
        let mut byte = [0];
        let (written, read) = join((write(&mut one, b"ef"), other.read(&mut byte))).await;
        assert_eq!((written, read.unwrap(), byte), (Ok(1), 1, *b"a"));
        assert_eq!((sim.elapsed(), sim.timers()), (SECOND, 0));

        let (mut one, mut other) = pair(&sim, Link { buffer: 1, ..Link::default() });
        let (written, read) = join((
            async {
                one.write_all(b"one by one").await?;
                one.close().await
            },
            async {
                let mut text = String::new();
                other.read_to_string(&mut text).await.map(|_| text)
            },
        ))
        .await;
        written.unwrap();
        assert_eq!(read.unwrap(), "one by one");
    });
}

/// Given an end that is closed, then the other one reads all and then the end, at its time, and can
/// still answer. Who has closed cannot write.
#[test]
fn v22_a_closed_end_can_still_read() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        write(&mut one, b"ab").await.unwrap();
        one.close().await.unwrap();
        one.close().await.unwrap();
        assert_eq!(write(&mut one, b"c").await, Err(ErrorKind::BrokenPipe));
        assert_eq!(read(&mut other).await.unwrap(), b"ab");
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert_eq!(sim.elapsed(), SECOND);
        assert_eq!(write(&mut other, b"yes").await, Ok(3));
        assert_eq!(read(&mut one).await.unwrap(), b"yes");
    });
}

/// Given an end that is dropped, then the other one reads what was sent and then the end; its writes
/// fail when it can know, also one that waits for room already.
#[test]
fn v22_a_dropped_end_breaks_the_pipe() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        write(&mut one, b"ab").await.unwrap();
        drop(one);
        assert_eq!(write(&mut other, b"abc").await, Ok(3));
        assert_eq!(read(&mut other).await.unwrap(), b"ab");
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert_eq!(write(&mut other, b"d").await, Err(ErrorKind::BrokenPipe));
        assert_eq!(sim.elapsed(), SECOND);

        let (one, mut other) = pair(&sim, SLOW);
        assert_eq!(write(&mut other, b"full").await, Ok(4));
        let ((), written) = join((
            async {
                sim.sleep(SECOND).await;
                drop(one);
            },
            write(&mut other, b"more"),
        ))
        .await;
        assert_eq!((written, sim.elapsed()), (Err(ErrorKind::BrokenPipe), 3 * SECOND));
        assert_eq!(sim.timers(), 0);
    });
}

/// Given a cable that is cut, then both ends fail at once, those who wait already too, and nothing
/// that was on its way arrives.
#[test]
fn v22_a_cut_ends_both() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        assert_eq!(write(&mut one, b"full").await, Ok(4));
        let cable = one.cable();
        let (read_one, read_other, ()) = join((read(&mut one), read(&mut other), async {
            sim.sleep(SECOND / 2).await;
            cable.cut();
        }))
        .await;
        assert_eq!(read_one, Err(ErrorKind::ConnectionReset));
        assert_eq!(read_other, Err(ErrorKind::ConnectionReset));
        for stream in [&mut one, &mut other] {
            assert_eq!(write(stream, b"x").await, Err(ErrorKind::BrokenPipe));
            assert_eq!(stream.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            stream.close().await.unwrap();
        }
        cable.restore();
        assert_eq!(read(&mut other).await, Err(ErrorKind::ConnectionReset));
        assert_eq!((sim.elapsed(), sim.timers()), (SECOND / 2, 0));
        assert_eq!(format!("{cable:?}"), "Cable { is_cut: true, .. }");
    });
}

/// Given a write that waits for room when the cable is cut, then it fails.
#[test]
fn v22_a_cut_ends_a_write_that_waits() {
    explore(50, async |sim| {
        let (mut one, other) = pair(&sim, SLOW);
        assert_eq!(write(&mut one, b"full").await, Ok(4));
        let (written, ()) = join((write(&mut one, b"x"), async {
            sim.sleep(SECOND).await;
            other.cable().cut();
        }))
        .await;
        assert_eq!(written, Err(ErrorKind::BrokenPipe));
    });
}

/// Given one direction that is silent, then the other one works, and nobody is told: not of bytes, not
/// of the end. When it is restored, all arrives.
#[test]
fn v22_half_open() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        one.cable().silence_outgoing();
        assert_eq!(write(&mut one, b"ab").await, Ok(2));
        assert_eq!(write(&mut other, b"cd").await, Ok(2));
        assert_eq!(read(&mut one).await.unwrap(), b"cd");
        let nothing = timeout(&sim, 10 * SECOND, read(&mut other)).await;
        assert!(nothing.is_err());
        // Nor does anybody hear that this end is gone: a write still goes into the buffer, until it is full.
        let cable = one.cable();
        drop(one);
        sim.sleep(10 * SECOND).await;
        assert_eq!(write(&mut other, b"efghij").await, Ok(4));
        assert!(timeout(&sim, 10 * SECOND, write(&mut other, b"k")).await.is_err());
        let (read_other, ()) = join((read(&mut other), async {
            sim.sleep(SECOND).await;
            cable.restore();
        }))
        .await;
        assert_eq!(read_other.unwrap(), b"ab");
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert_eq!(write(&mut other, b"k").await, Err(ErrorKind::BrokenPipe));

        // The same, seen from the other end.
        let (mut one, mut other) = pair(&sim, SLOW);
        one.cable().silence_incoming();
        assert_eq!(write(&mut other, b"ab").await, Ok(2));
        assert!(timeout(&sim, 10 * SECOND, read(&mut one)).await.is_err());
        assert_eq!(write(&mut one, b"cd").await, Ok(2));
        assert_eq!(read(&mut other).await.unwrap(), b"cd");
    });
}

/// Given reads and writes that are given up, then nothing is lost and no timer is left.
#[test]
fn v22_a_read_that_is_given_up_loses_nothing() {
    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        write(&mut one, b"ab").await.unwrap();
        assert!(timeout(&sim, SECOND / 2, read(&mut other)).await.is_err());
        assert_eq!(read(&mut other).await.unwrap(), b"ab");
        assert_eq!(sim.elapsed(), SECOND);
        drop((one, other));
        assert_eq!(sim.timers(), 0);
    });
}

/// Given halves in several tasks, in any order, then all bytes come through, and twice the same way.
#[test]
fn v22_halves_in_several_tasks() {
    explore(100, async |sim| {
        let link = Link { latency: SECOND, bandwidth: 1000, buffer: 16 };
        let (one, other) = pair(&sim, link);
        let (mut from_one, mut to_one) = futures_lite::io::split(one);
        let (mut from_other, mut to_other) = futures_lite::io::split(other);
        let text = [3; 100];
        concurrent(async |s| {
            s.spawn(async move {
                let mut bytes = [0; 100];
                from_other.read_exact(&mut bytes).await.unwrap();
                to_other.write_all(&bytes).await.unwrap();
            });
            s.spawn(async move {
                to_one.write_all(&text).await.unwrap();
            });
            let mut bytes = [0; 100];
            from_one.read_exact(&mut bytes).await.unwrap();
            assert_eq!(bytes, text);
        })
        .await;
    });
}

/// Given the traits of tokio, then they do the same.
#[test]
fn v22_as_streams_of_tokio() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    explore(50, async |sim| {
        let (mut one, mut other) = pair(&sim, SLOW);
        let (written, read) = join((
            async {
                AsyncWriteExt::write_all(&mut one, b"many bytes").await?;
                AsyncWriteExt::shutdown(&mut one).await
            },
            async {
                let mut text = String::new();
                AsyncReadExt::read_to_string(&mut other, &mut text).await.map(|_| text)
            },
        ))
        .await;
        written.unwrap();
        assert_eq!((read.unwrap(), sim.elapsed()), ("many bytes".into(), 3 * SECOND));
    });
}

/// Given a read of what nobody sends, then the deadlock says so.
#[test]
fn v22_a_hang_is_named() {
    let hang = Sim::new(1).run(async |sim| {
        let (mut one, _other) = pair(&sim, SLOW);
        read(&mut one).await
    });
    let failure = hang.unwrap_err();
    assert!(matches!(failure, Failure::Deadlock { .. }));
    assert!(failure.to_string().contains("bytes from the other end of a stream"), "{failure}");
    let hang = Sim::new(1).run(async |sim| {
        let (mut one, _other) = pair(&sim, SLOW);
        one.write_all(b"too much").await
    });
    let failure = hang.unwrap_err();
    assert!(failure.to_string().contains("room in the buffer of a stream"), "{failure}");
}

/// Given a reader whose waker panics, then whoever writes gets the panic, and the bytes are there.
#[test]
fn v22_a_waker_that_panics_loses_nothing() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }

    explore(10, async |sim| {
        let (mut one, mut other) = pair(&sim, Link::default());
        let waker = Waker::from(Arc::new(Panics));
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut other).poll_read(&mut cx, &mut [0]).is_pending());
        let mut write = pin!(write(&mut one, b"ab"));
        let panics = catch_unwind(AssertUnwindSafe(|| write.as_mut().poll(&mut cx).is_ready()));
        assert!(panics.is_err());
        assert_eq!(read(&mut other).await.unwrap(), b"ab");
    });
}

#[test]
fn v22_strange_links() {
    let no_buffer = catch_unwind(AssertUnwindSafe(|| {
        Sim::new(1).run(async |sim| drop(pair(&sim, Link { buffer: 0, ..SLOW })))
    }));
    assert!(no_buffer.is_err());
    explore(10, async |sim| {
        // Nothing of this is ever there, and nothing overflows.
        for link in [
            Link { latency: Duration::MAX, ..SLOW },
            Link { bandwidth: 1, buffer: usize::MAX, latency: Duration::MAX },
        ] {
            let (mut one, mut other) = pair(&sim, link);
            assert!(write(&mut one, b"abc").await.is_ok());
            assert!(timeout(&sim, 1_000_000 * SECOND, read(&mut other)).await.is_err());
        }
        let (mut one, mut other) = pair(&sim, SLOW);
        assert_eq!(write(&mut one, b"").await, Ok(0));
        assert_eq!(other.read(&mut []).await.unwrap(), 0);
    });
}
