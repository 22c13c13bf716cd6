//! What is between the two ends of a pair of streams.

use std::time::Duration;

/// How a pair of streams carries bytes, in each direction; see
/// [`SimHandle::stream_pair`](crate::SimHandle::stream_pair).
///
/// # Examples
///
/// ```
/// use anyscope::sim::Link;
/// use std::time::Duration;
///
/// let modem = Link { latency: Duration::from_millis(150), bandwidth: 7_000, ..Link::default() };
/// assert_eq!(modem.buffer, 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How long after it was sent a byte arrives. Zero unless set: at the same moment.
    pub latency: Duration,
    /// How many bytes are sent in a second. Zero means that there is no limit, as it is unless set.
    pub bandwidth: u64,
    /// How many bytes may be on the way or unread. Who writes more waits. 64 KiB unless set.
    pub buffer: usize,
}

impl Default for Link {
    fn default() -> Self {
        Link { latency: Duration::ZERO, bandwidth: 0, buffer: 64 * 1024 }
    }
}

impl Link {
    /// Returns how long it takes to send so many bytes.
    pub(super) fn time_to_send(&self, bytes: usize) -> Duration {
        if self.bandwidth == 0 {
            return Duration::ZERO;
        }
        // The last byte is not sent before its time.
        let nanos = (bytes as u128 * 1_000_000_000).div_ceil(self.bandwidth.into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidth_is_a_time() {
        let time =
            |bandwidth, bytes| Link { bandwidth, ..Link::default() }.time_to_send(bytes).as_nanos();
        assert_eq!((time(0, usize::MAX), time(1, 0), time(1, 2)), (0, 0, 2_000_000_000));
        assert_eq!((time(3, 1), time(u64::MAX, 1)), (333_333_334, 1));
        assert_eq!(time(1, usize::MAX), u128::from(u64::MAX));
    }
}
