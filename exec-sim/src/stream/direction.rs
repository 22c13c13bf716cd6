//! Bytes that go from one end to the other.

use super::Link;
use anyscope_core::Instant;
use std::{collections::VecDeque, mem, task::Waker};

/// One direction of a pair.
pub(super) struct Direction {
    /// What was sent and not read, in order.
    chunks: VecDeque<Chunk>,
    /// How many bytes those are.
    bytes: usize,
    /// When the last byte that was sent has left.
    sent: Instant,
    /// When it is known at the other end that no more bytes come.
    closed: Option<Instant>,
    /// When it is known at the other end that nobody reads there any more.
    gone: Option<Instant>,
    /// Nothing arrives.
    silent: bool,
    /// Who waits for bytes, at the other end.
    pub(super) reader: Option<Waker>,
    /// Who waits for room, at this end.
    pub(super) writer: Option<Waker>,
}

struct Chunk {
    bytes: VecDeque<u8>,
    arrives: Instant,
}

/// What a read finds.
pub(super) enum Found {
    Bytes(usize),
    End,
    /// Nothing yet. Something arrives then, if it is known when.
    Nothing(Option<Instant>),
}

impl Direction {
    pub(super) fn new(now: Instant) -> Self {
        Direction {
            chunks: VecDeque::new(),
            bytes: 0,
            sent: now,
            closed: None,
            gone: None,
            silent: false,
            reader: None,
            writer: None,
        }
    }

    /// Sends as many bytes as there is room for. Returns how many.
    pub(super) fn send(&mut self, bytes: &[u8], link: &Link, now: Instant) -> usize {
        let count = bytes.len().min(link.buffer - self.bytes);
        if count > 0 {
            self.sent = self.sent.max(now).saturating_add(link.time_to_send(count));
            let arrives = self.sent.saturating_add(link.latency);
            self.chunks
                .push_back(Chunk { bytes: bytes[..count].iter().copied().collect(), arrives });
            self.bytes += count;
        }
        count
    }

    /// Moves bytes that have arrived into `into`, which is not empty.
    pub(super) fn receive(&mut self, into: &mut [u8], now: Instant) -> Found {
        if self.silent {
            return Found::Nothing(None);
        }
        let mut count = 0;
        while let Some(chunk) = self.chunks.front_mut().filter(|chunk| chunk.arrives <= now) {
            let some = chunk.bytes.len().min(into.len() - count);
            into[count..]
                .iter_mut()
                .zip(chunk.bytes.drain(..some))
                .for_each(|(to, byte)| *to = byte);
            count += some;
            if !chunk.bytes.is_empty() {
                break;
            }
            self.chunks.pop_front();
        }
        self.bytes -= count;
        match (count, self.chunks.front(), self.closed) {
            (1.., ..) => Found::Bytes(count),
            (_, Some(next), _) => Found::Nothing(Some(next.arrives)),
            (_, None, Some(closed)) if closed <= now => Found::End,
            (_, None, closed) => Found::Nothing(closed),
        }
    }

    /// Sends the end of the stream, behind all bytes.
    pub(super) fn close(&mut self, link: &Link, now: Instant) {
        let arrives = self.sent.max(now).saturating_add(link.latency);
        self.closed.get_or_insert(arrives);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Sends that nobody reads here any more.
    pub(super) fn leave(&mut self, link: &Link, now: Instant) {
        self.close(link, now);
        self.gone = self.closed.max(Some(now.saturating_add(link.latency)));
    }

    /// Returns when it is known at the other end that nobody reads here any more, if that is known
    /// some time.
    pub(super) fn gone(&self) -> Option<Instant> {
        self.gone.filter(|_| !self.silent)
    }

    pub(super) fn silence(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// Takes everybody who waits.
    pub(super) fn waiters(&mut self) -> [Option<Waker>; 2] {
        [mem::take(&mut self.reader), mem::take(&mut self.writer)]
    }
}
