//! Expansions of random trees, against a sequential walk.

use crate::flow::check;
use anyscope::flow::{self, Source};
use futures_lite::future::yield_now;
use futures_util::stream::Stream;
use proptest::{collection::vec, prelude::*};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// A forest: what is below each node, how often its work yields, and whether it fails.
#[derive(Clone, Debug)]
struct Forest {
    seeds: usize,
    nodes: Vec<Node>,
    limit: usize,
    window: usize,
    newest_first: bool,
    /// How often the flow makes progress before each poll for a value, in turn.
    busy: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Node {
    below: Vec<usize>,
    yields: usize,
    fails: bool,
}

fn forest() -> impl Strategy<Value = Forest> {
    let node = (0..5_usize, 0..4_usize, proptest::bool::weighted(0.1));
    let shape = (1..5_usize, 1..8_usize, any::<bool>(), vec(0..4_usize, 1..4));
    (0..4_usize, vec(node, 4..40), shape).prop_map(
        |(seeds, shapes, (limit, window, newest_first, busy))| {
            // Nodes are found by the first that has room for them; the others find nothing.
            let mut next = seeds;
            let nodes = shapes.iter().enumerate().map(|(n, &(most, yields, fails))| {
                let last = if n < next { (next + most).min(shapes.len()) } else { next };
                let below = (next..last).collect();
                next = last;
                Node { below, yields, fails }
            });
            let nodes = nodes.collect();
            Forest { seeds, nodes, limit, window, newest_first, busy }
        },
    )
}

/// Those in the order of a sequential walk, breadth first or depth first.
fn walk(forest: &Forest, newest_first: bool) -> Vec<Result<usize, usize>> {
    let mut frontier: VecDeque<usize> = (0..forest.seeds).collect();
    let mut all = vec![];
    while let Some(n) = frontier.pop_front() {
        let node = &forest.nodes[n];
        if node.fails {
            all.push(Err(n));
            continue;
        }
        all.push(Ok(n));
        match newest_first {
            true => node.below.iter().rev().for_each(|n| frontier.push_front(*n)),
            false => frontier.extend(&node.below),
        }
    }
    all
}

/// Answers what was delivered, and after how many polls it was over.
fn run(forest: &Forest, ordered: bool, polls: usize) -> (Vec<Result<usize, usize>>, Option<usize>) {
    let (running, started) = (Cell::new(0), RefCell::new(vec![]));
    struct Running<'a>(&'a Cell<usize>);
    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let work = |n: usize| {
        running.set(running.get() + 1);
        started.borrow_mut().push(n);
        let running = Running(&running);
        async move {
            let running = running;
            assert!(running.0.get() <= forest.limit, "too many");
            let node = &forest.nodes[n];
            for _ in 0..node.yields {
                yield_now().await;
            }
            if node.fails { Err(n) } else { Ok((n, node.below.iter().copied())) }
        }
    };
    let mut flow = flow::expand(0..forest.seeds, forest.limit, work).window(forest.window);
    if !ordered {
        flow = flow.unordered();
    }
    if forest.newest_first {
        flow = flow.newest_first();
    }
    let mut all = vec![];
    let mut over = None;
    {
        let mut flow = pin!(flow.into_stream());
        let mut cx = Context::from_waker(Waker::noop());
        let mut busy = forest.busy.iter().cycle();
        for poll in 0..polls {
            for _ in 0..*busy.next().unwrap() {
                let _ = flow.as_mut().poll_progress(&mut cx);
            }
            let waiting = started.borrow().len() - all.len();
            assert!(waiting <= forest.limit.max(forest.window), "{waiting} are not delivered");
            match flow.as_mut().poll_next(&mut cx) {
                Poll::Ready(Some(value)) => all.push(value),
                Poll::Ready(None) => {
                    assert_eq!(flow.as_mut().poll_next(&mut cx), Poll::Ready(None));
                    over = Some(poll);
                    break;
                }
                Poll::Pending => {}
            }
        }
    }
    assert_eq!(running.get(), 0, "work is left");
    if ordered && over.is_some() {
        let values = all.iter().map(|value| value.unwrap_or_else(|n| n));
        assert_eq!(*started.borrow(), values.collect::<Vec<_>>());
    }
    (all, over)
}

#[test]
fn expand_is_a_sequential_walk_within_its_limits() {
    check(forest(), |forest| {
        let expected = walk(forest, false);
        for ordered in [true, false] {
            let (mut all, polls) = run(forest, ordered, 10_000);
            let polls = polls.expect("comes to its end");
            if ordered && !forest.newest_first {
                assert_eq!(all, expected);
            }
            if ordered && forest.newest_first && forest.limit == 1 && forest.window == 1 {
                assert_eq!(all, walk(forest, true));
            }
            let mut expected = expected.clone();
            all.sort_by_key(|value| value.unwrap_or_else(|n| n));
            expected.sort_by_key(|value| value.unwrap_or_else(|n| n));
            assert_eq!(all, expected);
            // Dropped at every point where it waits.
            for after in 0..polls {
                run(forest, ordered, after);
            }
        }
    });
}

/// The first error in time ends it, whatever is under way.
#[test]
fn expand_ends_with_an_error_if_there_is_one() {
    check(forest(), |forest| {
        let expected = walk(forest, false);
        for unordered in [false, true] {
            let work = async |n: usize| {
                let node = &forest.nodes[n];
                for _ in 0..node.yields {
                    yield_now().await;
                }
                if node.fails { Err(n) } else { Ok((n, node.below.clone())) }
            };
            let mut flow = flow::expand(0..forest.seeds, forest.limit, work);
            if unordered {
                flow = flow.unordered();
            }
            let result = futures_lite::future::block_on(flow.try_collect::<Vec<_>>());
            match result {
                Ok(mut all) => {
                    all.sort_unstable();
                    assert!(expected.iter().all(Result::is_ok));
                    assert_eq!(all.len(), expected.len());
                }
                Err(n) => assert!(expected.contains(&Err(n))),
            }
        }
    });
}
