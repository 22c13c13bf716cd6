//! The same on the executor of the simulation: in an order of its own, with sleeps.

use crate::flow::{
    Program, check, good_or_bad, program,
    world::{End, Pause},
};
use anyscope::{
    Limit, Timer,
    flow::{self, Flow, Source},
    sim::{Sim, SimHandle},
};
use futures_util::stream;
use std::{cell::Cell, pin::pin, rc::Rc, time::Duration};

/// What a program does in a simulation: pauses are sleeps and yields.
#[derive(Clone)]
struct Stage {
    program: Rc<Program>,
    sim: SimHandle,
    running: Rc<Cell<usize>>,
}

impl Stage {
    async fn pause(&self, pauses: &[Pause]) {
        for (nth, pause) in pauses.iter().enumerate() {
            match pause {
                Pause::Yield => futures_lite::future::yield_now().await,
                Pause::Park => self.sim.sleep(Duration::from_millis(1 + nth as u64)).await,
            }
        }
    }

    fn source(&self) -> Flow<impl Source<Item = usize>> {
        flow::stream(stream::unfold((self.clone(), 0), async |(stage, number)| {
            let program = stage.program.clone();
            stage.pause(&program.jobs.get(number)?.before).await;
            Some((number, (stage, number + 1)))
        }))
    }

    async fn work(self, number: usize) -> Result<usize, usize> {
        let running = self.running.get() + 1;
        assert!(running <= self.program.limit, "{running} under way");
        self.running.set(running);
        let job = &self.program.jobs[number];
        self.pause(&job.pauses).await;
        self.running.set(self.running.get() - 1);
        if job.end == End::Ok { Ok(number) } else { Err(number) }
    }

    fn map(&self) -> Flow<impl Source<Item = Result<usize, usize>>> {
        let flow =
            self.source().map_concurrent(Limit::new(self.program.limit), |n| self.clone().work(n));
        if self.program.ordered { flow } else { flow.unordered() }
    }

    fn sorted(&self, mut numbers: Vec<usize>) -> Vec<usize> {
        if !self.program.ordered {
            numbers.sort();
        }
        numbers
    }
}

/// Runs it, and looks what is left of it.
fn simulate(program: &Program, test: impl AsyncFnOnce(&Stage)) {
    let ran = Sim::new(program.seed).run(async |sim| {
        let program = Rc::new(program.clone());
        test(&Stage { program, sim, running: Rc::default() }).await;
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn sinks_have_what_a_loop_has() {
    check(program(good_or_bad()), |program| {
        simulate(program, async |stage| {
            let jobs = program.jobs.iter().enumerate();
            let all: Vec<_> =
                jobs.map(|(n, job)| (job.end == End::Ok).then_some(n).ok_or(n)).collect();
            let numbers = |values: Vec<Result<usize, usize>>| {
                stage.sorted(values.into_iter().map(|value| value.unwrap_or_else(|n| n)).collect())
            };
            let expected: Vec<_> = (0..all.len()).collect();

            let collected: Vec<_> = stage.map().collect().await;
            if program.ordered {
                assert_eq!(collected, all);
            }
            assert_eq!(numbers(collected), expected);

            let mut busy = program.busy.iter().cycle();
            let driven = stage.map().drive(async |mut items| {
                let mut values = vec![];
                while let Some(value) = items.next().await {
                    stage.pause(busy.next().map_or(&[], |pauses| pauses)).await;
                    values.push(value);
                }
                values
            });
            assert_eq!(numbers(driven.await), expected);

            let folded = stage.map().fold(vec![], async |mut values, value| {
                stage.pause(program.busy.first().map_or(&[], |pauses| pauses)).await;
                values.push(value);
                values
            });
            assert_eq!(numbers(folded.await), expected);

            let tried = stage.map().try_collect::<Vec<_>>().await;
            assert_eq!(tried.is_ok(), all.iter().all(Result::is_ok));
            // Work under way was dropped with it.
            stage.running.set(0);

            let done = Cell::new(0);
            let limit = Limit::new(program.limit);
            let each = stage.source().for_each_concurrent(limit, async |n| {
                let _ = stage.clone().work(n).await;
                done.set(done.get() + 1);
            });
            each.await;
            assert_eq!(done.get(), all.len());
        });
    });
}

/// At each point where it waits, it may be dropped: no sleep and no waker is left of it.
#[test]
fn dropped_operations_leave_nothing() {
    check(program(good_or_bad()), |program| {
        for polls in 0..20 {
            simulate(program, async |stage| {
                let mut operation =
                    pin!(stage.map().map_concurrent(Limit::new(2), async |n| n).count());
                let mut left = polls;
                std::future::poll_fn(|cx| {
                    if left == 0 {
                        return std::task::Poll::Ready(());
                    }
                    left -= 1;
                    operation.as_mut().poll(cx).map(drop)
                })
                .await;
            });
        }
    });
}
