//! What can only be polled (seeds C-30 to C-35).

use super::sources::{events, meanwhile};
use anyscope::{
    Clock, Limit, Timer,
    flow::{
        self,
        poll_source::{Adaptive, Exponential, Fixed, Progressive, Schedule},
    },
};
use futures_lite::StreamExt;
use std::{
    cell::Cell,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use support::{SECOND, Stopwatch, behaviour, poll_once, simulated, yield_now};

const MILLI: Duration = Duration::from_millis(1);

behaviour! {
    /// C-35. Given a job that takes so long, then it is seen when the wait under way is over; and
    /// at once if it is there.
    c35_job_is_seen_after_one_wait with virtual_time |ex| {
        for (schedule, longest) in schedules().into_iter().zip([100, 10, 500, 100]) {
            for takes in [2 * MILLI, SECOND] {
                let late = seen(&ex, schedule.clone(), takes).await - takes;
                assert!(late <= longest * MILLI, "{late:?} {schedule:?}");
            }
        }
        assert_eq!(seen(&ex, Schedule::default(), Duration::ZERO).await, Duration::ZERO);
    }

    /// Given items one after the other, then all come, and then the end; the function is asked once
    /// for each, and once after each wait, whatever else wakes the task.
    polled_source_is_asked_when_it_is_time with virtual_time |ex| {
        let asked = Cell::new(0);
        let watch = Stopwatch::start(&ex);
        let mut items = 0..3;
        let f = || {
            asked.set(asked.get() + 1);
            if watch.elapsed() < 3 * SECOND { Poll::Pending } else { Poll::Ready(items.next()) }
        };
        let mut polled = pin!(flow::poll_source(&ex, Fixed { every: SECOND }, f).into_stream());
        for _ in 0..100 {
            assert!(poll_once(pin!(polled.next())).is_pending());
            yield_now().await;
        }
        assert_eq!(asked.get(), 1);
        assert_eq!((polled.next().await, asked.get()), (Some(0), 4));
        assert_eq!((polled.next().await, polled.next().await), (Some(1), Some(2)));
        assert_eq!((polled.next().await, polled.next().await, asked.get()), (None, None, 7));
    }

    /// Given a consumer that is busy, then the wait that has begun goes on, one item is kept, and
    /// the function is left alone; and it is not asked for a consumer that has not asked.
    polled_source_keeps_one_item with virtual_time |ex| {
        let asked = Cell::new(0);
        let count = || {
            asked.set(asked.get() + 1);
            if asked.get() % 2 == 1 { Poll::Pending } else { Poll::Ready(Some(asked.get())) }
        };
        let mut polled = flow::poll_source(&ex, Fixed { every: SECOND }, count).into_stream();
        meanwhile(Pin::new(&mut polled), ex.sleep(10 * SECOND)).await;
        assert_eq!(asked.get(), 0);
        assert!(poll_once(pin!(polled.next())).is_pending());
        meanwhile(Pin::new(&mut polled), ex.sleep(10 * SECOND)).await;
        assert_eq!(asked.get(), 2);
        assert_eq!(polled.next().await, Some(2));
        assert!(poll_once(pin!(polled.next())).is_pending());
        meanwhile(Pin::new(&mut polled), ex.sleep(10 * SECOND)).await;
        let (_, held) = polled.into_parts();
        assert_eq!(held, Some(4));
    }

    /// Given an item, then the schedule begins again: waits are short again.
    schedule_begins_again_with_an_item with virtual_time |ex| {
        let mut asked = 0;
        let mut polled = pin!(flow::poll_source(&ex, Exponential::default(), || {
            asked += 1;
            if [10, 12].contains(&asked) { Poll::Ready(Some(asked)) } else { Poll::Pending }
        }).into_stream());
        let watch = Stopwatch::start(&ex);
        assert_eq!(polled.next().await, Some(10));
        assert!(watch.elapsed() >= 511 * MILLI);
        let watch = Stopwatch::start(&ex);
        assert_eq!(polled.next().await, Some(12));
        assert!(watch.elapsed() <= 2 * MILLI);
    }

    /// A wait of no time lets others run; one of all the time never ends.
    polled_source_without_a_wait_and_with_an_endless_one with virtual_time |ex| {
        let mut left = 1000;
        let soon = || {
            left -= 1;
            if left > 0 { Poll::Pending } else { Poll::Ready(None::<()>) }
        };
        let polled = flow::poll_source(&ex, Fixed { every: Duration::ZERO }, soon);
        let (items, end) = events(&ex, polled).await;
        assert_eq!((items, end), (vec![], 0));
        let empty = || Poll::<Option<()>>::Pending;
        let never = flow::poll_source(&ex, Fixed { every: Duration::MAX }, empty);
        let mut never = pin!(never.into_stream());
        assert!(poll_once(pin!(never.next())).is_pending());
    }

    /// It is a source like any other.
    polled_source_is_driven_with_a_limit with virtual_time |ex| {
        let (mut turn, sum) = (0, Cell::new(0));
        flow::poll_source(&ex, Schedule::default(), || {
            turn += 1;
            match turn {
                31.. => Poll::Ready(None),
                turn if turn % 3 == 0 => Poll::Ready(Some(turn)),
                _ => Poll::Pending,
            }
        })
        .for_each_concurrent(Limit::new(2), async |n| {
            ex.sleep(SECOND).await;
            sum.set(sum.get() + n);
        })
        .await;
        assert_eq!(sum.get(), 165);
    }
}

simulated! {
    /// C-35. To the millisecond: a job of 2 ms, and one of a second.
    c35_latency_of_each_schedule |sim| {
        let figures = [(10, 1030), (10, 1000), (3, 1011), (2, 1030)];
        for (schedule, figures) in schedules().into_iter().zip(figures) {
            let short = seen(&sim, schedule.clone(), 2 * MILLI).await.as_millis();
            let long = seen(&sim, schedule.clone(), SECOND).await.as_millis();
            assert_eq!((short, long), figures, "{schedule:?}");
        }
    }
}

fn schedules() -> [Schedule; 4] {
    [
        Adaptive::default().into(),
        Fixed::default().into(),
        Exponential::default().into(),
        Progressive::default().into(),
    ]
}

/// When a job that takes so long is seen.
async fn seen(ex: &(impl Timer + Clock), schedule: Schedule, takes: Duration) -> Duration {
    let watch = Stopwatch::start(ex);
    let job = || if watch.elapsed() < takes { Poll::Pending } else { Poll::Ready(Some(())) };
    pin!(flow::poll_source(ex, schedule, job).into_stream()).next().await;
    watch.elapsed()
}
