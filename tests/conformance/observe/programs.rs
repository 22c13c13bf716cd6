//! Random programs that end, in random orders: nobody in them is stuck, so nobody may be accused.

use anyscope::{
    JoinHandle, Semaphore, Timer,
    channel::handoff,
    concurrent, join,
    observe::{labelled, tree::Tree},
    scope, scope_limited,
    sim::{Explorer, SimHandle},
    timeout,
};
use futures_lite::future::zip;
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};
use support::yields;

const TICK: Duration = Duration::from_millis(1);

/// How many programs are run, unless `ANYSCOPE_SEEDS` says otherwise.
const PROGRAMS: u64 = 400;

/// How many permits each semaphore has. Whoever holds one of them takes from later ones only.
const PERMITS: [usize; 3] = [2, 1, 3];

/// What a task does, one after the other.
type Steps = Vec<Step>;

#[derive(Clone, Debug)]
enum Step {
    Yield(usize),
    Sleep(u32),
    /// Takes permits, and holds them for these steps.
    Hold {
        semaphore: usize,
        count: usize,
        during: Steps,
    },
    /// Does both at the same time, in one task.
    Both {
        way: Way,
        first: Steps,
        second: Steps,
    },
    /// Takes a permit, gives it to a child that drops it after these steps, and waits for it.
    PassOn {
        semaphore: usize,
        during: Steps,
    },
    /// So many children that take one permit each and then another one, of one more than they are.
    Climb(usize),
    /// A child that sends so many items to another one, each after these steps, which the other takes before its own.
    Pipe {
        items: usize,
        produce: Steps,
        consume: Steps,
    },
    /// Gives up after so long.
    Limit {
        ticks: u32,
        during: Steps,
    },
    /// Never ends by itself, only in a `Limit`.
    Never,
    Open {
        kind: Kind,
        children: Vec<Child>,
        body: Steps,
        cancels: bool,
    },
}

#[derive(Clone, Debug)]
enum Kind {
    Spawned,
    Inline,
    /// With room for so many.
    Limited(usize),
}

/// How two futures are polled by one task.
#[derive(Clone, Debug)]
enum Way {
    /// Both, always, by a crate that knows nothing of ours.
    Zip,
    /// Both, always.
    Join,
    /// Those that were woken, by a crate that knows nothing of ours.
    Unordered,
}

#[derive(Clone, Debug)]
struct Child {
    /// Whether it waits for the child before it, at the beginning.
    joins: bool,
    steps: Steps,
}

/// Where a step is in its program.
#[derive(Clone, Copy)]
struct Place {
    /// How many levels there may be below.
    depth: usize,
    /// From which semaphore on permits may be taken.
    semaphore: usize,
    /// Whether all this is given up some time, so that it need not end by itself.
    limited: bool,
    /// Whether it is polled together with others, by a task that polls all of them. Then it is no
    /// place for a group that polls those that were woken, as the others in it say nothing then.
    polled_with_others: bool,
}

impl Place {
    fn below(self) -> Self {
        Place { depth: self.depth - 1, ..self }
    }

    /// While a permit of this semaphore is held.
    fn holding(self, semaphore: usize) -> Self {
        Place { semaphore: semaphore + 1, ..self.below() }
    }

    fn in_scope(self) -> Self {
        Place { polled_with_others: false, ..self.below() }
    }
}

/// Makes programs by choices of the simulation, so that one that fails can be shrunk.
struct Writer(SimHandle);

impl Writer {
    fn below(&self, options: usize) -> usize {
        self.0.choose(options)
    }

    fn steps(&self, place: Place) -> Steps {
        (0..self.below(4)).map(|_| self.step(place)).collect()
    }

    fn step(&self, place: Place) -> Step {
        let may_take = place.depth > 0 && place.semaphore < PERMITS.len();
        match self.below(14) {
            1 => Step::Sleep(self.below(5) as u32),
            2..=5 if may_take => self.hold(self.semaphore(place), place),
            6 | 7 if place.depth > 0 => {
                let kind = match self.below(3) {
                    0 => Kind::Spawned,
                    1 => Kind::Inline,
                    _ => Kind::Limited(1 + self.below(2)),
                };
                self.open(kind, place)
            }
            8 if place.depth > 0 => {
                let during = self.steps(Place { limited: true, ..place.below() });
                Step::Limit { ticks: self.below(10) as u32, during }
            }
            9 if place.depth > 0 => {
                let all = Place { polled_with_others: true, ..place.below() };
                let (way, inside) = match self.below(3) {
                    0 => (Way::Zip, all),
                    2 if !place.polled_with_others => (Way::Unordered, place.below()),
                    _ => (Way::Join, all),
                };
                let (mut first, mut second) = (self.steps(inside), self.steps(inside));
                if may_take && self.below(2) == 1 {
                    // Both want the same, one after the other.
                    let semaphore = self.semaphore(place);
                    first.insert(0, self.hold(semaphore, inside));
                    second.insert(0, self.hold(semaphore, inside));
                    second.insert(0, Step::Yield(self.below(4)));
                }
                Step::Both { way, first, second }
            }
            10 if may_take => {
                let semaphore = self.semaphore(place);
                Step::PassOn { semaphore, during: self.steps(place.holding(semaphore)) }
            }
            11 => Step::Climb(1 + self.below(3)),
            12 if place.limited => Step::Never,
            13 if place.depth > 0 => {
                let inside = place.in_scope();
                let (produce, consume) = (self.steps(inside), self.steps(inside));
                Step::Pipe { items: 1 + self.below(3), produce, consume }
            }
            _ => Step::Yield(self.below(4)),
        }
    }

    fn hold(&self, semaphore: usize, place: Place) -> Step {
        let count = 1 + self.below(PERMITS[semaphore]);
        let place = Place { depth: place.depth.max(1), ..place };
        let mut during = self.steps(place.holding(semaphore));
        // So that others come meanwhile.
        during.insert(0, self.pause());
        Step::Hold { semaphore, count, during }
    }

    fn pause(&self) -> Step {
        match self.below(4) {
            3 => Step::Sleep(1),
            times => Step::Yield(times),
        }
    }

    fn semaphore(&self, place: Place) -> usize {
        place.semaphore + self.below(PERMITS.len() - place.semaphore)
    }

    fn open(&self, kind: Kind, place: Place) -> Step {
        let inside = place.in_scope();
        let child = |_| Child { joins: self.below(2) == 1, steps: self.steps(inside) };
        let children = (0..1 + self.below(4)).map(child).collect();
        Step::Open { kind, children, body: self.steps(inside), cancels: self.below(5) == 1 }
    }
}

#[derive(Clone)]
struct Runner {
    sim: SimHandle,
    semaphores: [Semaphore; PERMITS.len()],
}

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Runner {
    fn run(self, steps: Steps) -> Running<'static> {
        Box::pin(async move {
            for step in steps {
                self.clone().step(step).await;
            }
        })
    }

    async fn step(self, step: Step) {
        match step {
            // A wait that says nothing, beside one that does, is what a verdict cannot know of.
            Step::Yield(times) => labelled("its turn", yields(times)).await,
            Step::Never => labelled("nothing", pending()).await,
            Step::Sleep(ticks) => self.sim.sleep(ticks * TICK).await,
            Step::Hold { semaphore, count, during } => {
                let semaphore = self.semaphores[semaphore].clone();
                let held = semaphore.acquire_many(count).await.unwrap();
                self.run(during).await;
                drop(held);
            }
            Step::Both { way, first, second } => {
                let (first, second) = (self.clone().run(first), self.run(second));
                match way {
                    Way::Zip => drop(zip(first, second).await),
                    Way::Join => drop(join((first, second)).await),
                    Way::Unordered => {
                        FuturesUnordered::from_iter([first, second]).collect::<()>().await;
                    }
                }
            }
            Step::PassOn { semaphore, during } => {
                let semaphore = self.semaphores[semaphore].clone();
                let permit = semaphore.clone().acquire_owned().await.unwrap();
                let sim = self.sim.clone();
                scope(&sim, async |s| {
                    s.spawn(async move {
                        self.run(during).await;
                        drop(permit);
                    });
                    drop(semaphore.acquire().await.unwrap());
                })
                .await;
            }
            Step::Climb(children) => {
                let (semaphore, sim) = (Semaphore::new(children + 1), self.sim.clone());
                scope(&sim, async |s| {
                    for _ in 0..children {
                        let semaphore = semaphore.clone();
                        s.spawn(async move {
                            let _one = semaphore.acquire().await.unwrap();
                            yields(1).await;
                            let _more = semaphore.acquire().await.unwrap();
                            yields(1).await;
                        });
                    }
                })
                .await;
            }
            Step::Pipe { items, produce, consume } => {
                let sim = self.sim.clone();
                let (sender, mut receiver) = handoff();
                scope(&sim, async |s| {
                    let (producer, consumer) = (self.clone(), self);
                    let producing = s.spawn(async move {
                        for _ in 0..items {
                            producer.clone().run(produce.clone()).await;
                            sender.send(()).await.unwrap();
                        }
                    });
                    s.spawn(async move {
                        while receiver.recv().await.is_some() {
                            consumer.clone().run(consume.clone()).await;
                        }
                        let _ = producing.await;
                    });
                })
                .await;
            }
            Step::Limit { ticks, during } => {
                let sim = self.sim.clone();
                let _ = timeout(&sim, ticks * TICK, self.run(during)).await;
            }
            Step::Open { kind, children, body, cancels } => {
                let sim = self.sim.clone();
                match kind {
                    Kind::Spawned => {
                        scope(&sim, async |s| {
                            let mut last = None;
                            for child in children {
                                last = Some(s.spawn(self.clone().child(child, last.take())));
                            }
                            self.run(body).await;
                            if cancels {
                                s.cancel("enough");
                            }
                        })
                        .await;
                    }
                    Kind::Inline => {
                        concurrent(async |s| {
                            let mut last = None;
                            for child in children {
                                last = Some(s.spawn(self.clone().child(child, last.take())));
                            }
                            self.run(body).await;
                            if cancels {
                                s.cancel("enough");
                            }
                        })
                        .await;
                    }
                    Kind::Limited(limit) => {
                        scope_limited(&sim, limit, async |s| {
                            let mut last = None;
                            for child in children {
                                let Ok(next) =
                                    s.spawn(self.clone().child(child, last.take())).await
                                else {
                                    return;
                                };
                                last = Some(next);
                            }
                            self.run(body).await;
                            if cancels {
                                s.cancel("enough");
                            }
                        })
                        .await;
                    }
                }
            }
        }
    }

    async fn child(self, child: Child, before: Option<JoinHandle<'_, ()>>) {
        if let Some(before) = before.filter(|_| child.joins) {
            let _ = before.await;
        }
        self.run(child.steps).await;
    }
}

/// Runs a random program, and looks at it all the time.
async fn nobody_is_stuck(sim: SimHandle) {
    let writer = Writer(sim.clone());
    let place = Place { depth: 4, semaphore: 0, limited: false, polled_with_others: false };
    let steps = vec![writer.open(Kind::Spawned, place)];
    let runner = Runner { sim: sim.clone(), semaphores: PERMITS.map(Semaphore::new) };
    let (tree, program) = (Tree::new(), format!("{steps:#?}"));
    let (looks, looker) = (tree.clone(), sim.clone());
    let watched = scope(&sim, async |s| {
        s.spawn_daemon(async move {
            let look = || {
                if let Some(verdict) = looks.verdict() {
                    panic!("{verdict}\n{}\n{program}", looks.snapshot());
                }
            };
            loop {
                for _ in 0..10 {
                    look();
                    yields(1).await;
                }
                // Now, too, when all wait, and after that the clock may go on.
                looker.idle().await;
                look();
                looker.sleep(TICK / 2).await;
            }
        });
        s.spawn(runner.run(steps));
    });
    tree.watch(watched).await;
}

/// Given random programs that end, as nobody waits for a permit that it keeps from others or for somebody later, when somebody looks at
/// every step, then no one is ever accused, in whatever order: uniform, and by priorities.
#[test]
fn o46_no_false_verdict_in_random_programs() {
    let programs = crate::seeds(PROGRAMS);
    // The looker has a timer, so that a program that does not end would be no deadlock.
    let explorer = |programs| Explorer::new(programs).max_jumps(10_000);
    explorer(programs / 2).run(nobody_is_stuck);
    explorer(programs / 2).pct(3).run(nobody_is_stuck);
}
