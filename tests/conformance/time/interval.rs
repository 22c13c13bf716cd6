//! An item each period.

use anyscope::{Clock, Instant, Timer, flow};
use futures_lite::StreamExt;
use std::{cell::Cell, future::ready, pin::pin, rc::Rc, task::Poll, time::Duration};
use support::{SECOND, Stopwatch, behaviour, panic_in, poll_once};

behaviour! {
    /// Given a consumer that is always there, then an item comes at once and one each period, at
    /// the moments for which they were planned.
    one_now_and_one_each_period with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let mut seen = vec![];
        flow::interval(&ex, 3 * SECOND)
            .take(4)
            .for_each(|moment| {
                seen.push((moment, watch.elapsed()));
                ready(())
            })
            .await;
        let planned = [0, 3, 6, 9].map(|at| (watch.at(at), at * SECOND));
        assert_eq!(seen, planned);
    }

    /// Given a consumer that is busy, then of the moments that have passed only the last is
    /// yielded, once, and those after it keep their distance from the first.
    what_has_passed_comes_once with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let seen = flow::interval(&ex, 3 * SECOND)
            .take(4)
            .fold(vec![], async |mut seen, moment| {
                if seen.is_empty() {
                    ex.sleep(10 * SECOND).await;
                }
                seen.push((moment, watch.elapsed()));
                seen
            })
            .await;
        let planned = [(0, 10), (9, 10), (12, 12), (15, 15)];
        assert_eq!(seen, planned.map(|(at, seen)| (watch.at(at), seen * SECOND)));
    }

    /// Given a first item that is taken late, then the distance counts from there.
    it_begins_when_it_is_asked with virtual_time |ex| {
        let mut beats = pin!(flow::interval(&ex, SECOND).into_stream());
        ex.sleep(SECOND / 2).await;
        let watch = Stopwatch::start(ex.clone());
        assert_eq!(beats.next().await, Some(watch.at(0)));
        assert_eq!(beats.next().await, Some(watch.at(1)));
        assert_eq!(watch.elapsed(), SECOND);
    }

    /// Given a period for ever, then there is one item.
    one_item_for_ever with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let beats = flow::interval(&ex, Duration::MAX).take_until(ex.sleep(100 * SECOND));
        assert_eq!(beats.collect::<Vec<_>>().await, [watch.at(0)]);
    }
}

/// Given a period of zero, then it panics where it is made, and says why.
#[test]
fn zero_is_no_period() {
    let made = panic_in(|| drop(flow::interval(Early::default(), Duration::ZERO)));
    assert_eq!(made, "an interval of zero would yield without a pause");
}

/// A timer that rings at once, whatever its clock says.
#[derive(Clone, Default)]
struct Early(Rc<Cell<Duration>>);

impl Clock for Early {
    fn now(&self) -> Instant {
        Instant::from_epoch(self.0.get())
    }
}

impl Timer for Early {
    type Sleep = std::future::Ready<()>;

    fn sleep(&self, _: Duration) -> Self::Sleep {
        ready(())
    }
}

/// Given a timer that is early, then the items are those that were planned, and none comes twice.
#[test]
fn a_timer_may_be_early() {
    let clock = Early::default();
    let beats = flow::interval(clock.clone(), SECOND).take(3).map(Instant::since_epoch);
    let mut all = pin!(beats.collect::<Vec<_>>());
    assert_eq!(poll_once(all.as_mut()), Poll::Ready(vec![Duration::ZERO, SECOND, 2 * SECOND]));
}
