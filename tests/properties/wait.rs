//! Any order of waits, handles, time limits and drops, against a model: what is added is received once,
//! is removed, or is still there.

use anyscope::{FutureMap, When, future::Wait, set::Condition};
use futures_core::Stream;
use proptest::{collection::vec, prelude::*};
use std::{
    collections::BTreeMap,
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// By the owner, or by a handle: a future that is ready after so many polls.
    Insert(u8, u8),
    HandleInserts(u8, u8),
    Replace(u8, u8),
    Remove(u8),
    Next,
    Wait(Until, Ends),
}

#[derive(Clone, Copy, Debug)]
enum Until {
    First,
    FirstError,
    Batch,
    All,
    Count(usize),
    /// Panics at its n-th look.
    Panics(usize),
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    /// It is dropped when it was polled so often.
    polls: usize,
    /// Its time runs out as soon as it has to wait.
    no_time: bool,
    /// A handle inserts this meanwhile.
    inserts: Option<u8>,
}

fn step() -> impl Strategy<Value = Step> {
    let (key, polls) = (|| 0..12_u8, || 0..4_u8);
    let until = prop_oneof![
        Just(Until::First),
        Just(Until::FirstError),
        Just(Until::Batch),
        Just(Until::All),
        (0..5_usize).prop_map(Until::Count),
        (1..4_usize).prop_map(Until::Panics),
    ];
    let ends = (1..4_usize, any::<bool>(), proptest::option::of(key()));
    let ends = ends.prop_map(|(polls, no_time, inserts)| Ends { polls, no_time, inserts });
    prop_oneof![
        6 => (key(), polls()).prop_map(|(key, polls)| Step::Insert(key, polls)),
        4 => (key(), polls()).prop_map(|(key, polls)| Step::HandleInserts(key, polls)),
        1 => (key(), polls()).prop_map(|(key, polls)| Step::Replace(key, polls)),
        1 => key().prop_map(Step::Remove),
        2 => Just(Step::Next),
        8 => (until, ends).prop_map(|(until, ends)| Step::Wait(until, ends)),
    ]
}

type Outcome = Result<u32, u32>;

/// Ready after so many polls, with its number: every third is an error.
struct Work {
    left: u8,
    number: u32,
}

impl Future for Work {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.left == 0 {
            return Poll::Ready(if self.number % 3 > 0 {
                Ok(self.number)
            } else {
                Err(self.number)
            });
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A timer whose time has come.
struct Over;

impl anyscope::Timer for Over {
    type Sleep = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

/// How a wait went.
#[derive(Debug)]
enum Went {
    Ended { done: Vec<(u8, Outcome)>, met: bool, timed_out: bool },
    Dropped,
    Panicked,
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a wait as often as it is to be. `between` is called after its first poll.
fn run<C: Condition<(u8, Outcome)>>(
    wait: Wait<'_, FutureMap<u8, Work>, C>,
    ends: Ends,
    between: impl FnOnce(),
) -> Went {
    let mut wait = pin!(async {
        match ends.no_time {
            true => wait.timeout(Over, Duration::from_secs(1)).await,
            false => wait.await,
        }
    });
    let mut between = Some(between);
    for _ in 0..ends.polls {
        match catch_unwind(AssertUnwindSafe(|| poll(wait.as_mut()))) {
            Ok(Poll::Ready(waited)) => {
                let (done, met, timed_out) = (waited.done, waited.met, waited.timed_out);
                return Went::Ended { done, met, timed_out };
            }
            Ok(Poll::Pending) => {}
            Err(_) => return Went::Panicked,
        }
        if let Some(between) = between.take() {
            between();
        }
    }
    Went::Dropped
}

/// What is in the map, by key, with the number of each; and how many were made.
#[derive(Default)]
struct Model {
    here: BTreeMap<u8, u32>,
    made: u32,
}

impl Model {
    fn work(&mut self, polls: u8) -> Work {
        self.made += 1;
        Work { left: polls, number: self.made }
    }

    /// A future was to be inserted, and was or was not.
    fn inserted(&mut self, key: u8, number: u32, is_ok: bool) {
        assert_eq!(is_ok, !self.here.contains_key(&key), "a key is taken once");
        if is_ok {
            self.here.insert(key, number);
        }
    }

    fn received(&mut self, key: u8, outcome: Outcome) {
        let number = outcome.unwrap_or_else(|error| error);
        assert_eq!(self.here.remove(&key), Some(number), "received with its own key, and once");
    }
}

fn check(until: Until, met: bool, timed_out: bool, done: &[(u8, Outcome)], is_empty: bool) {
    let errors = done.iter().filter(|(_, outcome)| outcome.is_err()).count();
    assert!(!(met && timed_out));
    assert!(met || timed_out || is_empty, "{until:?} ended with nothing to end it");
    match until {
        Until::First => assert_eq!(done.len(), usize::from(met)),
        Until::FirstError => {
            assert_eq!(errors, usize::from(met));
            assert!(!met || done.last().unwrap().1.is_err());
        }
        Until::Batch => assert!(!met || !done.is_empty()),
        Until::All => assert_eq!(met, !timed_out),
        Until::Count(k) => assert_eq!(met, done.len() == k),
        Until::Panics(_) => assert!(!met),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Given any steps, then what was inserted is received once with its key, was removed, or is in the
    /// map.
    #[test]
    fn what_is_inserted_is_received_or_still_there(steps in vec(step(), 0..60)) {
        let mut map = FutureMap::new();
        let handle = map.handle();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Insert(key, polls) => {
                    let work = model.work(polls);
                    let (number, inserted) = (work.number, map.insert(key, work));
                    model.inserted(key, number, inserted.is_ok());
                }
                Step::HandleInserts(key, polls) => {
                    let work = model.work(polls);
                    let (number, inserted) = (work.number, handle.insert(key, work));
                    model.inserted(key, number, inserted.is_ok());
                }
                Step::Replace(key, polls) => {
                    let work = model.work(polls);
                    let number = work.number;
                    let had = map.replace(key, work);
                    assert_eq!(had, model.here.insert(key, number).is_some());
                }
                Step::Remove(key) => assert_eq!(map.remove(&key), model.here.remove(&key).is_some()),
                Step::Next => {
                    let cx = &mut Context::from_waker(Waker::noop());
                    if let Poll::Ready(Some((key, outcome))) = Pin::new(&mut map).poll_next(cx) {
                        model.received(key, outcome);
                    }
                }
                Step::Wait(until, ends) => {
                    let between = || {
                        if let Some(key) = ends.inserts {
                            let work = model.work(1);
                            let (number, inserted) = (work.number, handle.insert(key, work));
                            model.inserted(key, number, inserted.is_ok());
                        }
                    };
                    let mut looks = 0;
                    let went = match until {
                        Until::First => run(map.wait(When::First), ends, between),
                        Until::FirstError => run(map.wait(When::FirstError), ends, between),
                        Until::Batch => run(map.wait(When::Batch), ends, between),
                        Until::All => run(map.wait(When::All), ends, between),
                        Until::Count(k) => run(map.wait(When::Count(k)), ends, between),
                        Until::Panics(at) => run(map.wait_until(|_, _| {
                            looks += 1;
                            // Without a message for each of thousands.
                            if looks == at {
                                resume_unwind(Box::new("planned"));
                            }
                            false
                        }), ends, between),
                    };
                    if let Went::Ended { done, met, timed_out } = went {
                        check(until, met, timed_out, &done, map.is_empty());
                        done.into_iter().for_each(|(key, outcome)| model.received(key, outcome));
                    }
                }
            }
            assert_eq!(map.len(), model.here.len());
            assert!((0..12).all(|key| map.contains_key(&key) == model.here.contains_key(&key)));
        }
        drop(handle);
        let rest: Vec<_> = {
            let mut rest = pin!(map.as_completed().collect::<Vec<_>>());
            loop {
                if let Poll::Ready(rest) = poll(rest.as_mut()) {
                    break rest;
                }
            }
        };
        rest.into_iter().for_each(|(key, outcome)| model.received(key, outcome));
        assert!(model.here.is_empty(), "lost: {:?}", model.here);
    }
}
