//! Time-shaped operators (X), and what can only be polled.

use anyscope::{Instant, Limit, flow};
use futures_lite::{StreamExt, stream};
use sources::{at, elapsed, events, failing, hot, meanwhile, text};
use std::{
    cell::RefCell,
    future::{pending, ready},
    num::NonZeroUsize,
    pin::pin,
    task::Poll,
    time::Duration,
};
use support::{SECOND, Stopwatch, behaviour, poll_once};

mod all;
mod models;
mod polled;
mod sources;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();
const HUNDREDS: NonZeroUsize = NonZeroUsize::new(200).unwrap();

behaviour! {
    /// Given an idle timeout d, then it measures the gap per element, and reports each once.
    t12_v16_gap_is_measured_per_item with virtual_time |ex| {
        let gaps = hot(&ex, "a--b----c-|").timeout_each(&ex, 4 * SECOND);
        let (items, end) = events(&ex, gaps).await;
        assert_eq!(items, [(0, Ok('a')), (3, Ok('b')), (7, Err(elapsed())), (8, Ok('c'))]);
        assert_eq!(end, 10);
        let gaps = hot(&ex, "---------a|").timeout_each(&ex, 2 * SECOND);
        let (items, end) = events(&ex, gaps).await;
        assert_eq!((items, end), (vec![(2, Err(elapsed())), (9, Ok('a'))], 10));
    }

    /// Given an item, an error of the source or the end with the limit, then that counts.
    t12_what_comes_with_the_limit_wins with virtual_time |ex| {
        let failing = hot(&ex, "--a--b--|").into_stream().map(|item| match item {
            'b' => Err("upstream"),
            item => Ok(item),
        });
        let (items, end) = events(&ex, flow::stream(failing).timeout_each(&ex, 2 * SECOND)).await;
        let b = (4, Err(elapsed()));
        assert_eq!(items, [(2, Ok(Ok('a'))), b, (5, Ok(Err("upstream"))), (7, Err(elapsed()))]);
        assert_eq!(end, 8);
        let (items, end) = events(&ex, hot(&ex, "--|").timeout_each(&ex, 2 * SECOND)).await;
        assert_eq!((items, end), (vec![], 2));
    }

    /// The time that the consumer takes is not the gap; a gap that has begun goes on meanwhile.
    t12_gap_begins_when_an_item_is_asked_for with virtual_time |ex| {
        let mut gaps = pin!(hot(&ex, "a----b---c|").timeout_each(&ex, 2 * SECOND).into_stream());
        assert_eq!(gaps.next().await, Some(Ok('a')));
        meanwhile(gaps.as_mut(), ex.sleep(4 * SECOND)).await;
        assert_eq!(gaps.next().await, Some(Ok('b')));
        assert!(poll_once(pin!(gaps.next())).is_pending());
        meanwhile(gaps.as_mut(), ex.sleep(10 * SECOND)).await;
        assert_eq!(gaps.next().await, Some(Err(elapsed())));
        assert_eq!(gaps.next().await, Some(Ok('c')));
        assert_eq!(gaps.next().await, None);
    }

    /// No time at all is one report for each item that is not there; all of the time is none.
    t12_timeout_of_nothing_and_of_everything with virtual_time |ex| {
        let at_once = hot(&ex, "[ab]--c|").timeout_each(&ex, Duration::ZERO);
        let (items, end) = events(&ex, at_once).await;
        let end_gap = (3, Err(elapsed()));
        assert_eq!(items[..3], [(0, Ok('a')), (0, Ok('b')), (0, Err(elapsed()))]);
        assert_eq!((&items[3..], end), (&[(3, Ok('c')), end_gap][..], 4));
        let (items, end) = events(&ex, hot(&ex, "a----b|").timeout_each(&ex, Duration::MAX)).await;
        assert_eq!((items, end), (vec![(0, Ok('a')), (5, Ok('b'))], 6));
    }

    /// Given a deadline before the end, then one error says so; after it nothing comes.
    deadline_and_end_are_told_apart with virtual_time |ex| {
        let at = |seconds| Stopwatch::start(&ex).at(seconds);
        let (items, end) = events(&ex, hot(&ex, "a-b-c|").deadline(&ex, at(3))).await;
        assert_eq!((items, end), (vec![(0, Ok('a')), (2, Ok('b')), (3, Err(elapsed()))], 3));
        // What comes with the deadline counts: an item, and the end.
        let (items, end) = events(&ex, hot(&ex, "a-bc|").deadline(&ex, at(2))).await;
        assert_eq!((items, end), (vec![(0, Ok('a')), (2, Ok('b')), (2, Err(elapsed()))], 2));
        let (items, end) = events(&ex, hot(&ex, "a-|").deadline(&ex, at(2))).await;
        assert_eq!((items, end), (vec![(0, Ok('a'))], 2));
        let (items, end) = events(&ex, hot(&ex, "a-b|").deadline(&ex, Instant::NEVER)).await;
        assert_eq!((items, end), (vec![(0, Ok('a')), (2, Ok('b'))], 3));
        let mut late = pin!(hot(&ex, "a-|").deadline(&ex, at(1)).into_stream());
        assert!(!late.has_elapsed());
        while late.next().await.is_some() {}
        assert!(late.has_elapsed());
    }

    /// Given a moment that has passed, then a source is asked once, even one that never ends.
    deadline_that_has_passed with virtual_time |ex| {
        let (items, _) = events(&ex, flow::iter(0..).deadline(&ex, ex.now())).await;
        assert_eq!(items, [(0, Ok(0)), (0, Err(elapsed()))]);
        let (items, end) = events(&ex, hot(&ex, "-a|").deadline(&ex, ex.now())).await;
        assert_eq!((items, end), (vec![(0, Err(elapsed()))], 0));
    }

    /// Given a consumer that is busy at the deadline, then the source is left alone from then on,
    /// and an item that was read before is given.
    deadline_comes_while_the_consumer_is_busy with virtual_time |ex| {
        let at = Stopwatch::start(&ex).at(5);
        let mut items = pin!(hot(&ex, "-a-b-----c|").deadline(&ex, at).into_stream());
        assert!(poll_once(pin!(items.next())).is_pending());
        meanwhile(items.as_mut(), ex.sleep(20 * SECOND)).await;
        assert!(items.has_elapsed());
        assert_eq!(items.next().await, Some(Ok('a')));
        assert_eq!(items.next().await, Some(Err(elapsed())));
        assert_eq!((items.next().await, items.next().await), (None, None));
    }

    /// Given an end from outside, then nothing more is taken, and what is left is handed back.
    take_until_stops_at_once with virtual_time |ex| {
        let (items, end) = events(&ex, hot(&ex, "a-bc|").take_until(ex.sleep(2 * SECOND))).await;
        assert_eq!((items, end), (vec![(0, 'a')], 2));
        let (items, end) = events(&ex, hot(&ex, "a-b|").take_until(pending::<()>())).await;
        assert_eq!((items, end), (vec![(0, 'a'), (2, 'b')], 3));
        let mut stopped = flow::iter(0..).take_until(ready("stop")).into_stream();
        assert_eq!((stopped.next().await, stopped.is_stopped()), (None, true));
        let (mut rest, item, output) = stopped.into_parts();
        assert_eq!((rest.next().await, item, output), (Some(0), None, Some("stop")));
        let mut ended = flow::iter(0..0).take_until(pending::<()>()).into_stream();
        assert_eq!((ended.next().await, ended.is_stopped()), (None, false));
    }

    /// Given a chunk whose first item is old enough, then it is given as it is; none is empty.
    chunks_close_when_they_are_full_or_old with virtual_time |ex| {
        let chunks = |diagram| {
            let chunks = hot(&ex, diagram).chunks_timeout(&ex, THREE, 4 * SECOND);
            events(&ex, text(chunks))
        };
        let (items, end) = chunks("abcd------e----f|").await;
        assert_eq!(items, at(&[(2, "abc"), (7, "d"), (14, "e"), (16, "f")]));
        assert_eq!(end, 16);
        // What comes with the limit is in it.
        assert_eq!(chunks("a---b-|").await.0, at(&[(4, "ab")]));
        assert_eq!(chunks("----|").await, (vec![], 4));
    }

    /// No time at all is what is there at once; all of the time is until it is full.
    chunks_of_no_time_and_of_all with virtual_time |ex| {
        let now = hot(&ex, "[ab]c[defg]|").chunks_timeout(&ex, THREE, Duration::ZERO);
        let chunks = at(&[(0, "ab"), (1, "c"), (2, "def"), (2, "g")]);
        assert_eq!(events(&ex, text(now)).await, (chunks, 3));
        let full = hot(&ex, "a---b----c-d-|").chunks_timeout(&ex, THREE, Duration::MAX);
        assert_eq!(events(&ex, text(full)).await, (at(&[(9, "abc"), (13, "d")]), 13));
        let plain = hot(&ex, "a---b----c-d-|").chunks(THREE);
        assert_eq!(events(&ex, text(plain)).await, (at(&[(9, "abc"), (13, "d")]), 13));
    }

    /// A chunk that has begun is filled and gets old while the consumer is busy, and not more.
    chunk_goes_on_while_the_consumer_is_busy with virtual_time |ex| {
        let chunks = |diagram| {
            hot(&ex, diagram).chunks_timeout(&ex, THREE, 3 * SECOND).into_stream()
        };
        let (mut full, mut old) = (pin!(chunks("ab-c-d-e|")), pin!(chunks("ab---c-d-e|")));
        assert!(poll_once(pin!(full.next())).is_pending());
        assert!(poll_once(pin!(old.next())).is_pending());
        let busy = meanwhile(full.as_mut(), ex.sleep(20 * SECOND));
        meanwhile(old.as_mut(), busy).await;
        assert_eq!(full.next().await, Some(vec!['a', 'b', 'c']));
        assert_eq!(old.next().await, Some(vec!['a', 'b']));
        assert_eq!(old.next().await, Some(vec!['c', 'd', 'e']));
    }

    /// Given items in a burst, then all are given, with the gap between them.
    v16_throttle_spaces_items_and_drops_none with virtual_time |ex| {
        let (items, end) = events(&ex, hot(&ex, "[abc]-------d-|").throttle(&ex, 3 * SECOND)).await;
        assert_eq!((items, end), (vec![(0, 'a'), (3, 'b'), (6, 'c'), (9, 'd')], 10));
        let (items, end) = events(&ex, hot(&ex, "a-----bc|").throttle(&ex, 3 * SECOND)).await;
        assert_eq!((items, end), (vec![(0, 'a'), (6, 'b'), (9, 'c')], 9));
        let (items, end) = events(&ex, hot(&ex, "a|").throttle(&ex, Duration::MAX)).await;
        assert_eq!((items, end), (vec![(0, 'a')], 1));
        let (items, _) = events(&ex, flow::iter(0..3).throttle(&ex, Duration::ZERO)).await;
        assert_eq!(items, [(0, 0), (0, 1), (0, 2)]);
    }

    /// A gap begins when an item is taken, so that even a late consumer gets no two at once.
    throttle_keeps_the_gap_after_a_busy_consumer with virtual_time |ex| {
        let mut items = pin!(hot(&ex, "abc|").throttle(&ex, 3 * SECOND).into_stream());
        let watch = Stopwatch::start(&ex);
        assert_eq!(items.next().await, Some('a'));
        assert!(poll_once(pin!(items.next())).is_pending());
        meanwhile(items.as_mut(), ex.sleep(10 * SECOND)).await;
        assert_eq!((items.next().await, watch.elapsed()), (Some('b'), 10 * SECOND));
        assert_eq!((items.next().await, watch.elapsed()), (Some('c'), 13 * SECOND));
    }

    /// Items come later, at their distance; as many wait as the limit has it.
    delay_keeps_the_distance with virtual_time |ex| {
        let delayed = |limit| {
            let items = hot(&ex, "ab-[cd]------e|");
            events(&ex, items.delay_each(&ex, 3 * SECOND, Limit::new(limit)))
        };
        let shifted = vec![(3, 'a'), (4, 'b'), (6, 'c'), (6, 'd'), (13, 'e')];
        assert_eq!(delayed(8).await, (shifted, 13));
        let one_by_one = vec![(3, 'a'), (6, 'b'), (9, 'c'), (12, 'd'), (15, 'e')];
        assert_eq!(delayed(1).await, (one_by_one, 15));
        let at_once = hot(&ex, "a-b|").delay_each(&ex, Duration::ZERO, Limit::Unbounded);
        let (items, _) = events(&ex, at_once).await;
        assert_eq!(items, [(0, 'a'), (2, 'b')]);
        let never = flow::iter(0..).delay_each(&ex, Duration::MAX, Limit::new(2));
        let mut never = pin!(never.into_stream());
        assert!(poll_once(pin!(never.next())).is_pending());
    }

    /// X1. The last item is given after quiet d, and the last of all with the end.
    x1_debounce_emits_after_quiet with virtual_time |ex| {
        let (items, end) = events(&ex, hot(&ex, "abc----d-e|").debounce(&ex, 2 * SECOND)).await;
        assert_eq!((items, end), (vec![(4, 'c'), (10, 'e')], 10));
        let (items, end) = events(&ex, hot(&ex, "a--b-----|").debounce(&ex, 2 * SECOND)).await;
        assert_eq!((items, end), (vec![(2, 'a'), (5, 'b')], 9));
        let (items, end) = events(&ex, hot(&ex, "[abc]-|").debounce(&ex, Duration::MAX)).await;
        assert_eq!((items, end), (vec![(2, 'c')], 2));
        let (items, _) = events(&ex, hot(&ex, "[ab]-c|").debounce(&ex, Duration::ZERO)).await;
        assert_eq!(items, [(0, 'a'), (0, 'b'), (2, 'c')]);
    }

    /// X1. Given an error, then the pending item is discarded, and the error is given at once.
    x1_debounce_discards_the_pending_item_on_error with virtual_time |ex| {
        let debounced = failing(&ex, "a--bX-cX-d|").try_debounce(&ex, 2 * SECOND);
        let (items, end) = events(&ex, debounced).await;
        let errors = [(4, Err('X')), (7, Err('X'))];
        assert_eq!(items, [(2, Ok('a')), errors[0], errors[1], (10, Ok('d'))]);
        assert_eq!(end, 10);
    }

    /// A consumer that is busy does not lose an item that was due.
    x1_item_that_is_due_stays with virtual_time |ex| {
        let mut items = pin!(hot(&ex, "ab----c-d---|").debounce(&ex, 2 * SECOND).into_stream());
        assert!(poll_once(pin!(items.next())).is_pending());
        meanwhile(items.as_mut(), ex.sleep(20 * SECOND)).await;
        assert_eq!(items.next().await, Some('b'));
        assert_eq!(items.next().await, Some('d'));
        assert_eq!(items.next().await, None);
    }

    /// X2. Given an empty window, then nothing; the unfinished window at the end is dropped.
    x2_sample_gives_the_newest_of_each_window with virtual_time |ex| {
        let (items, end) = events(&ex, hot(&ex, "ab-----c--d|").sample(&ex, 3 * SECOND)).await;
        assert_eq!((items, end), (vec![(3, 'b'), (9, 'c')], 11));
        // What comes as the window ends is in it, and so is the end.
        let (items, end) = events(&ex, hot(&ex, "a--b-c|").sample(&ex, 3 * SECOND)).await;
        assert_eq!((items, end), (vec![(3, 'b'), (6, 'c')], 6));
        let (items, _) = events(&ex, hot(&ex, "[ab]--c|").sample(&ex, Duration::ZERO)).await;
        assert_eq!(items, [(0, 'a'), (0, 'b'), (3, 'c')]);
        let (items, end) = events(&ex, hot(&ex, "a--b|").sample(&ex, Duration::MAX)).await;
        assert_eq!((items, end), (vec![], 4));
    }

    /// X2. Given an error, then it is given at once, whatever the window.
    x2_sample_does_not_keep_an_error_waiting with virtual_time |ex| {
        let (items, end) = events(&ex, failing(&ex, "aX-b--c|").try_sample(&ex, 3 * SECOND)).await;
        assert_eq!((items, end), (vec![(1, Err('X')), (4, Ok('b')), (7, Ok('c'))], 7));
    }

    /// X2. A window goes on while the consumer is busy; its item stays, and the next window begins
    /// when that is taken.
    x2_window_goes_on_while_the_consumer_is_busy with virtual_time |ex| {
        let mut items = pin!(hot(&ex, "ab---c-d------|").sample(&ex, 3 * SECOND).into_stream());
        assert!(poll_once(pin!(items.next())).is_pending());
        meanwhile(items.as_mut(), ex.sleep(8 * SECOND)).await;
        let watch = Stopwatch::start(&ex);
        assert_eq!((items.next().await, watch.elapsed()), (Some('b'), Duration::ZERO));
        assert_eq!((items.next().await, watch.elapsed()), (Some('d'), 3 * SECOND));
        assert_eq!(items.next().await, None);
    }

    /// X3. First item at once, then the latest per window, trailing one with the end.
    x3_throttle_latest_gives_the_first_and_the_last with virtual_time |ex| {
        let throttled = |diagram| events(&ex, hot(&ex, diagram).throttle_latest(&ex, 3 * SECOND));
        let (items, end) = throttled("abcdefghijk|").await;
        assert_eq!((items, end), (vec![(0, 'a'), (3, 'd'), (6, 'g'), (9, 'j'), (12, 'k')], 12));
        assert_eq!(throttled("ab----------c-|").await, (vec![(0, 'a'), (3, 'b'), (12, 'c')], 14));
        assert_eq!(throttled("a------[bc]|").await, (vec![(0, 'a'), (7, 'b'), (10, 'c')], 10));
        assert_eq!(throttled("a|").await, (vec![(0, 'a')], 1));
        let (items, end) = events(&ex, hot(&ex, "abc|").throttle_latest(&ex, Duration::MAX)).await;
        assert_eq!((items, end), (vec![(0, 'a'), (3, 'c')], 3));
        let all = hot(&ex, "[ab]-c|").throttle_latest(&ex, Duration::ZERO);
        let (items, _) = events(&ex, all).await;
        assert_eq!(items, [(0, 'a'), (0, 'b'), (2, 'c')]);
    }

    /// X3. Given an error, then it is given at once, whatever the gap.
    x3_throttle_latest_does_not_keep_an_error_waiting with virtual_time |ex| {
        let throttled = failing(&ex, "abX--c----|").try_throttle_latest(&ex, 3 * SECOND);
        let (items, end) = events(&ex, throttled).await;
        assert_eq!((items, end), (vec![(0, Ok('a')), (2, Err('X')), (5, Ok('c'))], 10));
    }

    /// X3. While the consumer is busy, newer items replace the one that waits for the gap; the one
    /// that is due stays.
    x3_gap_goes_on_while_the_consumer_is_busy with virtual_time |ex| {
        let items = hot(&ex, "abc----d-e|").throttle_latest(&ex, 3 * SECOND);
        let mut items = pin!(items.into_stream());
        assert_eq!(items.next().await, Some('a'));
        assert!(poll_once(pin!(items.next())).is_pending());
        meanwhile(items.as_mut(), ex.sleep(20 * SECOND)).await;
        assert_eq!(items.next().await, Some('c'));
        assert_eq!(items.next().await, Some('e'));
        assert_eq!(items.next().await, None);
    }

    /// An endless source that is always ready does not hold the task, and the time is seen.
    source_that_is_always_ready_does_not_hold_the_task with virtual_time |ex| {
        let mut debounced = pin!(flow::iter(0..).debounce(&ex, SECOND).into_stream());
        let mut chunks = pin!(flow::iter(0..).chunks(NonZeroUsize::MAX).into_stream());
        let mut sampled = pin!(flow::iter(0..).sample(&ex, SECOND).into_stream());
        let mut throttled = pin!(flow::iter(0..).throttle_latest(&ex, SECOND).into_stream());
        let delayed = flow::iter(0..).delay_each(&ex, SECOND, Limit::Unbounded);
        let mut delayed = pin!(delayed.into_stream());
        assert_eq!(throttled.next().await, Some(0));
        for _ in 0..100 {
            assert!(poll_once(pin!(debounced.next())).is_pending());
            assert!(poll_once(pin!(chunks.next())).is_pending());
            assert!(poll_once(pin!(sampled.next())).is_pending());
            assert!(poll_once(pin!(throttled.next())).is_pending());
            assert!(poll_once(pin!(delayed.next())).is_pending());
        }
        ex.sleep(2 * SECOND).await;
        assert!(poll_once(pin!(sampled.next())).is_ready());
        assert!(poll_once(pin!(throttled.next())).is_ready());
        assert_eq!(poll_once(pin!(delayed.next())), Poll::Ready(Some(0)));
    }

    /// Given more items at once than are read in one go, then the rest is read while the consumer
    /// is busy, and the time goes on.
    burst_is_read_while_the_consumer_is_busy with virtual_time |ex| {
        let burst = || flow::stream(stream::iter(0..200).chain(stream::pending()));
        let mut debounced = pin!(burst().debounce(&ex, SECOND).into_stream());
        let mut sampled = pin!(burst().sample(&ex, SECOND).into_stream());
        let mut throttled = pin!(burst().throttle_latest(&ex, SECOND).into_stream());
        let mut chunks = pin!(burst().chunks(HUNDREDS).into_stream());
        assert_eq!(throttled.next().await, Some(0));
        assert!(poll_once(pin!(debounced.next())).is_pending());
        assert!(poll_once(pin!(sampled.next())).is_pending());
        assert!(poll_once(pin!(throttled.next())).is_pending());
        assert!(poll_once(pin!(chunks.next())).is_pending());
        let busy = meanwhile(debounced.as_mut(), ex.sleep(10 * SECOND));
        let busy = meanwhile(sampled.as_mut(), busy);
        let busy = meanwhile(throttled.as_mut(), busy);
        meanwhile(chunks.as_mut(), busy).await;
        assert_eq!(poll_once(pin!(debounced.next())), Poll::Ready(Some(199)));
        assert_eq!(poll_once(pin!(sampled.next())), Poll::Ready(Some(199)));
        assert_eq!(poll_once(pin!(throttled.next())), Poll::Ready(Some(199)));
        assert_eq!(poll_once(pin!(chunks.next())), Poll::Ready(Some((0..200).collect())));
    }

    /// They stand in a row in front of an operation with a limit.
    operators_stand_in_a_row with virtual_time |ex| {
        let (seen, watch) = (RefCell::new(Vec::new()), Stopwatch::start(&ex));
        hot(&ex, "abcdefgh-----i|")
            .throttle(&ex, SECOND)
            .chunks_timeout(&ex, TWO, 5 * SECOND)
            .delay_each(&ex, SECOND, Limit::new(8))
            .timeout_each(&ex, 4 * SECOND)
            .for_each_concurrent(Limit::new(1), async |chunk| {
                let chunk = chunk.map(String::from_iter).ok();
                seen.borrow_mut().push((watch.elapsed().as_secs(), chunk));
            })
            .await;
        let seen: Vec<_> = seen.into_inner();
        let text = |at, text: &str| (at, Some(text.to_string()));
        let full = [text(2, "ab"), text(4, "cd"), text(6, "ef"), text(8, "gh")];
        assert_eq!((&seen[..4], &seen[4..]), (&full[..], &[(12, None), text(15, "i")][..]));
    }
}
