//! What all of them have in common.

use super::{
    THREE, TWO,
    sources::{Random, Working, hot, meanwhile},
};
use anyscope::{
    Clock, Elapsed, Instant, Limit, Timer,
    flow::{self, Source},
    sim::SimHandle,
};
use futures_lite::{StreamExt, future::or};
use std::{
    future::{pending, poll_fn},
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::Poll,
};
use support::{HOUR, SECOND, Stopwatch, poll_once, simulated};

/// Shows something of every operator on `$source`, which is made for each anew.
macro_rules! each_operator {
    ($timer:expr, $source:expr, |$op:ident| $body:block) => {{
        let timer = $timer;
        let (two, never) = (2 * SECOND, Instant::NEVER);
        each_operator!(@one $source.timeout_each(timer, two), $op, $body);
        each_operator!(@one $source.deadline(timer, never), $op, $body);
        let hour = timer.now().saturating_add(HOUR);
        each_operator!(@one $source.deadline(timer, hour), $op, $body);
        each_operator!(@one $source.deadline(timer, timer.now().saturating_add(two)), $op, $body);
        each_operator!(@one $source.take_until(pending::<()>()), $op, $body);
        each_operator!(@one $source.take_until(timer.sleep(HOUR)), $op, $body);
        each_operator!(@one $source.take_until(timer.sleep(two)), $op, $body);
        each_operator!(@one $source.chunks(TWO), $op, $body);
        each_operator!(@one $source.chunks_timeout(timer, TWO, two), $op, $body);
        each_operator!(@one $source.throttle(timer, two), $op, $body);
        each_operator!(@one $source.delay_each(timer, two, Limit::new(3)), $op, $body);
        each_operator!(@one $source.throttle_latest(timer, two), $op, $body);
        each_operator!(@one $source.debounce(timer, two), $op, $body);
        each_operator!(@one $source.sample(timer, two), $op, $body);
    }};
    (@one $made:expr, $op:ident, $body:block) => {{
        #[allow(unused_mut)]
        let mut $op = pin!($made.into_stream());
        $body
    }};
}

simulated! {
    /// An empty source ends at once, without a sleep.
    empty_source_ends_at_once_in_any_time |sim| {
        each_operator!(&sim, flow::iter(iter::empty::<()>()), |op| {
            assert!(matches!(poll_once(pin!(op.next())), Poll::Ready(None)));
            // Of the one that is a part of `take_until`.
            assert!(sim.timers() == 0, "{op:?}");
        });
    }

    /// After the end comes the end again; the source is not polled, and no sleep is left but the
    /// one of a source that was stopped.
    end_is_given_again |sim| {
        let sleeps = |op: String| {
            assert!(!op.contains("alarm: set"), "{op}");
            assert!(sim.timers() <= usize::from(op.contains("over: false")), "{op}");
        };
        each_operator!(&sim, hot(&sim, "a--bc-|"), |op| {
            while op.next().await.is_some() {}
            for _ in 0..3 {
                assert!(op.next().await.is_none());
                assert!(poll_once(pin!(poll_fn(|cx| op.as_mut().poll_progress(cx)))).is_ready());
            }
            sleeps(format!("{op:?}"));
        });
        // The same when the consumer is busy at the end.
        each_operator!(&sim, hot(&sim, "a--bc-|"), |op| {
            let _ = poll_once(pin!(op.next()));
            let _ = poll_once(pin!(op.next()));
            meanwhile(op.as_mut(), sim.sleep(20 * SECOND)).await;
            while op.next().await.is_some() {}
            assert!(op.next().await.is_none());
            sleeps(format!("{op:?}"));
        });
    }

    /// Whatever the operator, its source goes on while the consumer is busy: before it has given an
    /// item, and after; but those that have ended leave it alone.
    source_goes_on_through_every_operator |sim| {
        for gives in 0..4 {
            let work = Working::new(&sim, gives);
            let steps = || work.steps.take();
            each_operator!(&sim, flow::source(work.clone()), |op| {
                let _ = poll_once(pin!(op.next()));
                steps();
                meanwhile(op.as_mut(), sim.sleep(10 * SECOND)).await;
                assert!(goes_on_or_has_ended(steps(), &format!("{op:?}")));
            });
        }
    }

    /// The same while the consumer waits for an item, and the operator lets it wait.
    source_goes_on_while_an_item_is_held_back |sim| {
        let work = Working::new(&sim, 9);
        each_operator!(&sim, flow::source(work.clone()), |op| {
            let items = async { while op.next().await.is_some() {} };
            or(items, sim.sleep(10 * SECOND)).await;
            assert!(goes_on_or_has_ended(work.steps.take(), &format!("{op:?}")));
        });
    }

    /// V17. The pictures of the docs are what happens.
    v17_pictures_of_the_docs_are_true |sim| {
        const PICTURE: &str = "ab--cd----e|";
        let picture = || flow::stream(sim.marble(PICTURE));
        let (one, two, three) = (SECOND, 2 * SECOND, 3 * SECOND);
        let five = sim.now().saturating_add(5 * one);
        let mark = |item: Result<char, Elapsed>| item.unwrap_or('!');
        let group = |chunk: Vec<char>| format!("[{}]", String::from_iter(chunk));
        let in_time = picture().deadline(&sim, five).into_stream().map(mark);
        assert_eq!(sim.draw(in_time).await, "ab--c[d!|]");
        let drawn = [
            sim.draw(picture().timeout_each(&sim, two).into_stream().map(mark)).await,
            sim.draw(picture().take_until(sim.sleep(5 * one)).into_stream()).await,
            sim.draw(picture().throttle(&sim, three).into_stream()).await,
            sim.draw(picture().delay_each(&sim, two, Limit::new(8)).into_stream()).await,
            sim.draw(picture().chunks_timeout(&sim, THREE, three).into_stream().map(group)).await,
            sim.draw(picture().throttle_latest(&sim, three).into_stream()).await,
            sim.draw(picture().sample(&sim, three).into_stream()).await,
            sim.draw(picture().debounce(&sim, two).into_stream()).await,
        ];
        assert_eq!(
            drawn,
            [
                "ab-!cd-!--e|",
                "ab--c|",
                "a--b--c--d----e|",
                "--ab--cd----[e|]",
                "---[ab]---[cd]---[[e]|]",
                "a--b--d---e|",
                "---b--d----|",
                "---b---d---[e|]",
            ]
        );
    }

    /// X1, V17. The diagram of Kotlin and Swift.
    x1_v17_debounce_as_a_picture |sim| {
        let typed = flow::stream(sim.marble("abcd----e---f-g----|")).debounce(&sim, 3 * SECOND);
        assert_eq!(sim.draw(typed.into_stream()).await, "------d----e-----g-|");
    }

    /// X3, V17. The diagram of Swift.
    x3_v17_throttle_latest_as_a_picture |sim| {
        let items = flow::stream(sim.marble("abcdefghijk|")).throttle_latest(&sim, 3 * SECOND);
        assert_eq!(sim.draw(items.into_stream()).await, "a--d--g--j--[k|]");
    }

    /// Given a consumer that is now slow, now busy, and leaves somewhere, then each item was
    /// given, or is handed back, or is still in the source, in order. Those that drop items do not
    /// change their order, and keep the last.
    nothing_is_lost_wherever_the_consumer_leaves |sim| {
        macro_rules! all {
            ($flow:expr, |$op:ident| $held:expr, |$item:ident| $given:expr) => {{
                let mut $op = Box::pin($flow.into_stream());
                let given = consume(&sim, $op.as_mut()).await;
                let mut all: Vec<u32> = Vec::new();
                for $item in given {
                    all.extend($given);
                }
                // The boxes only hold what is `Unpin`.
                let $op = *Pin::into_inner($op);
                let (rest, held): (Random, Vec<u32>) = $held;
                all.extend(held);
                all.extend(rest.left());
                all
            }};
        }
        let random = || flow::source(Random::new(&sim));
        let (two, five) = (2 * SECOND, Stopwatch::start(&sim).at(15));
        let everything: Vec<u32> = (0..20).collect();
        let kept = [
            all!(random().timeout_each(&sim, two), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().flatten().collect())
            }, |item| item.ok()),
            all!(random().deadline(&sim, five), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| item.ok()),
            all!(random().take_until(sim.sleep(15 * SECOND)), |op| {
                let (rest, held, _) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| [item]),
            all!(random().chunks(THREE), |op| op.into_parts(), |chunk| chunk),
            all!(random().chunks_timeout(&sim, THREE, two), |op| op.into_parts(), |chunk| chunk),
            all!(random().throttle(&sim, two), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| [item]),
            all!(random().delay_each(&sim, two, Limit::new(3)), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.collect())
            }, |item| [item]),
        ];
        for all in kept {
            assert_eq!(all, everything);
        }
        let thinned = [
            all!(random().throttle_latest(&sim, two), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| [item]),
            all!(random().debounce(&sim, two), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| [item]),
            all!(random().sample(&sim, two), |op| {
                let (rest, held) = op.into_parts();
                (rest, held.into_iter().collect())
            }, |item| [item]),
        ];
        for all in thinned {
            assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
            assert_eq!(all.last(), Some(&19));
        }
    }

    /// A source that panics goes through, and what was taken before is handed back.
    panic_of_the_source_loses_nothing |sim| {
        let mut next = 0..;
        let broken = iter::from_fn(|| next.next().filter(|n| *n < 2 || panic!("broken")));
        let mut chunks = flow::iter(broken).chunks_timeout(&sim, THREE, SECOND).into_stream();
        let panicked = catch_unwind(AssertUnwindSafe(|| poll_once(pin!(chunks.next()))));
        assert!(panicked.is_err());
        assert_eq!(chunks.into_parts().1, [0, 1]);
    }
}

/// Whether these steps were done in ten seconds, or in two if that is the end.
fn goes_on_or_has_ended(steps: u32, op: &str) -> bool {
    let ended =
        ["state: Elapsed", "state: Told", "stopped: true"].iter().any(|end| op.contains(end));
    if ended { (1..=2).contains(&steps) } else { (9..=10).contains(&steps) }
}

/// Takes some items, with pauses of either kind, and leaves at some point or at the end.
async fn consume<S: Source>(sim: &SimHandle, mut source: Pin<&mut S>) -> Vec<S::Item> {
    let mut items = Vec::new();
    while sim.choose(20) != 0 {
        match sim.choose(4) {
            0 => meanwhile(source.as_mut(), sim.dawdle(8 * SECOND)).await,
            1 => sim.dawdle(8 * SECOND).await,
            2 => {
                if let Poll::Ready(Some(item)) = poll_once(pin!(source.next())) {
                    items.push(item);
                }
            }
            _ => match source.next().await {
                Some(item) => items.push(item),
                None => break,
            },
        }
    }
    items
}
