//! Sinks over bounded maps, and over chains of them: dropped at every point, they leave nothing.

use crate::flow::{
    Program, any_end, check, good_or_bad, only_good, program,
    world::{Driven, End, Feed, Limits, Token, World},
};
use anyscope::{
    Limit,
    flow::{self, Flow, Source},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::resume_unwind,
    pin::pin,
    rc::Rc,
};

/// What a program has left to a sink.
struct Stage {
    program: Program,
    world: World,
    jobs: Rc<Vec<crate::flow::Job>>,
}

impl Stage {
    /// The values of the map under test.
    fn values(&self) -> Flow<impl Source<Item = Result<Token, Token>> + use<>> {
        let (world, jobs) = (self.world.clone(), self.jobs.clone());
        let flow = flow::stream(Feed::new(&self.world, &self.jobs));
        let work = move |token: Token| world.work(&jobs[token.number], 1, token);
        let flow = flow.map_concurrent(Limit::new(self.program.limit), work);
        if self.program.ordered { flow } else { flow.unordered() }
    }

    fn good(&self) -> Vec<usize> {
        self.indices(|end| end == End::Ok)
    }

    fn bad(&self) -> Vec<usize> {
        self.indices(|end| end == End::Err)
    }

    fn indices(&self, is: impl Fn(End) -> bool) -> Vec<usize> {
        let jobs = self.jobs.iter().enumerate();
        jobs.filter(|(_, job)| is(job.end)).map(|(index, _)| index).collect()
    }

    /// Numbers as they came: in order, or in any if the map is unordered.
    fn assert_all(&self, mut numbers: Vec<usize>, all: Vec<usize>) {
        if !self.program.ordered {
            numbers.sort();
        }
        assert_eq!(numbers, all);
    }
}

/// Runs `operation` to its end, then drops it after each number of polls.
fn at_every_point<F: Future<Output = ()>>(program: &Program, operation: impl Fn(Rc<Stage>) -> F) {
    let run = |polls| {
        let limits = Limits { limit: program.limit, ahead: 1, ..Limits::default() };
        let stage = Rc::new(Stage {
            program: program.clone(),
            world: World::new(limits, program.seed),
            jobs: Rc::new(program.jobs.clone()),
        });
        let world = stage.world.clone();
        let driven = world.drive(pin!(operation(stage)), polls, program.spurious);
        world.assert_gone();
        match driven {
            Driven::Ready((), polls) => Some(polls),
            Driven::Panicked(payload, polls) => match payload.downcast_ref::<&str>() {
                Some(&"work") => Some(polls),
                _ => resume_unwind(payload),
            },
            Driven::Dropped => None,
        }
    };
    let polls = run(10_000).expect("comes to its end");
    for after in 0..polls {
        assert_eq!(run(after), None);
    }
}

fn number(result: Result<Token, Token>) -> usize {
    let (Ok(token) | Err(token)) = result;
    token.number
}

#[test]
fn for_each_works_on_all() {
    check(program(any_end()), |program| {
        at_every_point(program, async |stage| {
            let work = |token: Token| {
                let work = stage.world.work(&stage.jobs[token.number], 1, token);
                async { drop(work.await) }
            };
            let feed = Feed::new(&stage.world, &stage.jobs);
            flow::stream(feed).for_each_concurrent(Limit::new(stage.program.limit), work).await;
            assert_eq!(stage.world.finished(), stage.jobs.len());
        });
    });
}

#[test]
fn try_for_each_ends_with_the_first_error_in_time() {
    check(program(good_or_bad()), |program| {
        at_every_point(program, async |stage| {
            let first = Rc::new(Cell::new(None));
            let work = |token: Token| {
                let number = token.number;
                let work = stage.world.work(&stage.jobs[number], 1, token);
                let first = first.clone();
                async move {
                    let result = work.await;
                    if result.is_err() && first.get().is_none() {
                        first.set(Some(number));
                    }
                    result.map(drop)
                }
            };
            let feed = Feed::new(&stage.world, &stage.jobs);
            let limit = Limit::new(stage.program.limit);
            let result = flow::stream(feed).try_for_each_concurrent(limit, work).await;
            assert_eq!(result.err().map(|token| token.number), first.get());
            if stage.bad().is_empty() {
                assert_eq!(stage.world.finished(), stage.jobs.len());
            } else {
                assert!(first.get().is_some());
            }
        });
    });
}

#[test]
fn collect_has_all_values() {
    check(program(any_end()), |program| {
        at_every_point(program, async |stage| {
            let values: Vec<_> = stage.values().collect().await;
            let all = (0..stage.jobs.len()).collect();
            stage.assert_all(values.into_iter().map(number).collect(), all);
        });
    });
}

#[test]
fn try_collect_has_all_values_or_the_first_error() {
    check(program(good_or_bad()), |program| {
        at_every_point(program, async |stage| match stage.values().try_collect::<Vec<_>>().await {
            Ok(values) => {
                let numbers = values.into_iter().map(|token| token.number).collect();
                stage.assert_all(numbers, (0..stage.jobs.len()).collect());
            }
            // The first in time, also if the values come in order.
            Err(token) => assert!(stage.bad().contains(&token.number)),
        });
    });
}

#[test]
fn partition_has_all_outcomes_with_their_index() {
    check(program(good_or_bad()), |program| {
        at_every_point(program, async |stage| {
            let parts = stage.values().partition_results().await;
            if stage.program.ordered {
                let of = |parts: &[(usize, Token)]| {
                    parts.iter().all(|(index, token)| *index == token.number)
                };
                assert!(of(&parts.successes) && of(&parts.failures));
            }
            let numbers = |parts: Vec<(usize, Token)>| {
                parts.into_iter().map(|(_, token)| token.number).collect()
            };
            stage.assert_all(numbers(parts.successes), stage.good());
            stage.assert_all(numbers(parts.failures), stage.bad());
        });
    });
}

#[test]
fn fold_takes_one_after_the_other() {
    check(program(any_end()), |program| {
        at_every_point(program, async |stage| {
            let busy = RefCell::new(stage.program.busy.iter().cycle());
            let step = async |mut numbers: Vec<usize>, value| {
                let pauses = busy.borrow_mut().next();
                for pause in pauses.into_iter().flatten() {
                    stage.world.pause(*pause).await;
                }
                numbers.push(number(value));
                numbers
            };
            let numbers = stage.values().fold(vec![], step).await;
            stage.assert_all(numbers, (0..stage.jobs.len()).collect());
        });
    });
}

#[test]
fn drive_hands_over_all() {
    check(program(any_end()), |program| {
        at_every_point(program, async |stage| {
            let body = async |mut items: flow::Items<_>| {
                let mut busy = stage.program.busy.iter().cycle();
                let mut numbers = vec![];
                while let Some(value) = items.next().await {
                    for pause in busy.next().into_iter().flatten() {
                        stage.world.pause(*pause).await;
                    }
                    numbers.push(number(value));
                }
                assert!(items.next().await.is_none());
                numbers
            };
            let numbers = stage.values().drive(body).await;
            stage.assert_all(numbers, (0..stage.jobs.len()).collect());
        });
    });
}

#[test]
fn chain_of_two_maps_is_one_sequential_map() {
    check((program(only_good()), 1..5_usize), |(program, limit)| {
        at_every_point(program, async |stage| {
            let jobs = stage.jobs.clone();
            let world = stage.world.clone();
            let second = move |value: Result<Token, Token>| {
                let (world, jobs) = (world.clone(), jobs.clone());
                async move {
                    let number = number(value);
                    for pause in jobs[number].pauses.iter().rev() {
                        world.pause(*pause).await;
                    }
                    number
                }
            };
            let numbers: Vec<_> =
                stage.values().map_concurrent(Limit::new(*limit), second).collect().await;
            stage.assert_all(numbers, (0..stage.jobs.len()).collect());
        });
    });
}
