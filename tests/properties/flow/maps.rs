//! Bounded maps by themselves, consumed by hand.

use crate::flow::{
    Program, any_end, check, program,
    world::{Driven, End, Feed, Limits, Token, World, consume},
};
use anyscope::{
    Limit, LiveLimit,
    flow::{
        self, Flow, Source,
        sources::{MapConcurrent, Work},
    },
};
use futures_util::stream::Stream;
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Waker},
};

#[test]
fn map_is_a_sequential_map_within_its_limits() {
    check(program(any_end()), |program| at_every_point(|polls, end| run(program, polls, end)));
}

#[test]
fn weighted_map_is_a_sequential_map_within_its_limits() {
    check(program(any_end()), |program| {
        at_every_point(|polls, end| run_weighted(program, polls, end));
    });
}

/// What becomes of a map that has not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Drop,
    IntoParts,
    /// Goes on as a flow that is not ordered.
    Unordered,
}

/// Runs it to its end, then stops it after each number of polls.
fn at_every_point(run: impl Fn(usize, Stop) -> Option<usize>) {
    let polls = run(10_000, Stop::Drop).expect("comes to its end");
    for after in 0..polls {
        for stop in [Stop::Drop, Stop::IntoParts, Stop::Unordered] {
            assert_eq!(run(after, stop), None);
        }
    }
}

fn shape<S: Source, W: Work<S::Item>>(
    program: &Program,
    flow: Flow<MapConcurrent<S, W>>,
) -> Flow<MapConcurrent<S, W>> {
    let flow = if program.ordered { flow } else { flow.unordered() };
    match program.window {
        Some(window) => flow.window(Limit::new(window)),
        None => flow,
    }
}

fn report(world: &World, result: &Result<Token, Token>) {
    let (Ok(token) | Err(token)) = result;
    world.report(token);
}

/// Answers after how many polls it was over.
macro_rules! finish {
    ($program:ident, $world:ident, $limit:ident, $flow:expr, $polls:ident, $stop:ident) => {{
        let map = shape($program, $flow).on_undelivered(|result| report(&$world, &result));
        let mut map = map.into_stream();
        let mut limits = $program.limits.iter().cycle();
        let mut set_limit = || {
            if let Some(limit) = limits.next() {
                $world.set_limit(*limit);
                $limit.set(Limit::new(*limit));
            }
        };
        let driven = {
            let map = Pin::new(&mut map);
            let consumer = pin!(consume(&$world, map, &$program.busy, &mut set_limit));
            $world.drive(consumer, $polls, $program.spurious)
        };
        let polls = judge($program, &$world, driven, || {
            let _ = Pin::new(&mut map).poll_next(&mut Context::from_waker(Waker::noop()));
        });
        let mut ordered = $program.ordered;
        match $stop {
            Stop::Unordered => {
                ordered = false;
                let mut map = flow::source(map).unordered().into_stream();
                let map = Pin::new(&mut map);
                let consumer = pin!(consume(&$world, map, &$program.busy, &mut set_limit));
                let driven = $world.drive(consumer, 10_000, $program.spurious);
                judge($program, &$world, driven, || panic!("polled again after a panic"));
            }
            Stop::Drop => drop(map),
            Stop::IntoParts => {
                let parts = map.into_parts();
                parts.undelivered.iter().for_each(|result| report(&$world, result));
                let (_feed, parked) = parts.source.expect("no error ended it").into_parts();
                let back = usize::from(parked.is_some()) + usize::from(parts.waiting.is_some());
                assert_eq!($world.taken(), $world.started() + back, "an item is lost");
            }
        }
        (polls, ordered)
    }};
}

fn run(program: &Program, polls: usize, stop: Stop) -> Option<usize> {
    let lazy = program.jobs.iter().all(|job| job.before.is_empty());
    let world = world(program, Limits { lazy, ahead: 1, ..Limits::default() });
    let jobs = Rc::new(program.jobs.clone());
    let limit = LiveLimit::new(Limit::new(program.limit));
    let (polls, ordered) = {
        let work = |token: Token| world.work(&jobs[token.number], 1, token);
        let flow = flow::stream(Feed::new(&world, &jobs));
        if program.limits.is_empty() {
            let limited = Limit::new(program.limit);
            finish!(program, world, limit, flow.map_concurrent(limited, work), polls, stop)
        } else {
            finish!(program, world, limit, flow.map_concurrent(&limit, work), polls, stop)
        }
    };
    world.assert_gone();
    world.assert_conserved(ordered);
    polls
}

fn run_weighted(program: &Program, polls: usize, stop: Stop) -> Option<usize> {
    // One is held, and one may be given by a source that has woken us.
    let world = world(program, Limits { ahead: 2, ..Limits::default() });
    let jobs = Rc::new(program.jobs.clone());
    let limit = LiveLimit::new(Limit::new(program.limit));
    let (polls, ordered) = {
        let weighed = Cell::new(0);
        let weigh = |token: &Token| {
            assert_eq!(weighed.replace(token.number + 1), token.number);
            jobs[token.number].weight
        };
        let work = |token: Token| world.work(&jobs[token.number], jobs[token.number].weight, token);
        let flow = flow::stream(Feed::new(&world, &jobs)).map_weighted(&limit, weigh, work);
        finish!(program, world, limit, flow, polls, stop)
    };
    world.assert_gone();
    world.assert_conserved(ordered);
    polls
}

fn world(program: &Program, limits: Limits) -> World {
    let window = Some(program.window.unwrap_or(0));
    World::new(Limits { limit: program.limit, window, ..limits }, program.seed)
}

fn judge(
    program: &Program,
    world: &World,
    driven: Driven<()>,
    poll_again: impl FnOnce(),
) -> Option<usize> {
    let panics = program.jobs.iter().any(|job| job.end == End::Panic);
    match driven {
        Driven::Ready((), polls) => {
            assert!(!panics, "the panic is lost");
            let all = program.jobs.len();
            assert_eq!((world.delivered().len(), world.taken(), world.started()), (all, all, all));
            Some(polls)
        }
        Driven::Panicked(payload, polls) => {
            match payload.downcast_ref::<&str>() {
                Some(&"work") => assert!(panics),
                _ => resume_unwind(payload),
            }
            let again = catch_unwind(AssertUnwindSafe(poll_again)).unwrap_err();
            let message = again.downcast_ref::<&str>().expect("has a message");
            assert!(message.contains("polled again after a panic"), "{message}");
            Some(polls)
        }
        Driven::Dropped => None,
    }
}
