//! Merging, flattening and zipping, with sources that are ready, wait, end and wake as they like.

use anyscope::{
    Limit,
    flow::{self, Source},
};
use futures_lite::Stream;
use proptest::{collection::vec, prelude::*};
use std::{
    cell::{Cell, RefCell},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// What a source does when it is polled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// It gives an item.
    Give,
    /// It waits, and wakes at once.
    Yield,
    /// It waits, and wakes when the task has nothing else to do.
    Wait,
}

/// What the consumer does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    Ask,
    GoOn,
}

fn scripts(sources: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![Just(Step::Give), Just(Step::Give), Just(Step::Yield), Just(Step::Wait)];
    vec(vec(step, 0..12), 0..sources)
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec(prop_oneof![Just(Turn::Ask), Just(Turn::Ask), Just(Turn::GoOn)], 0..200)
}

/// What all sources share.
#[derive(Default)]
struct World {
    waiting: RefCell<Vec<Waker>>,
    taken: Cell<usize>,
    open: Cell<usize>,
    peak: Cell<usize>,
}

impl World {
    fn wake_all(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// A source that follows a script. Its items are its number and theirs.
struct Scripted {
    world: Rc<World>,
    number: usize,
    steps: std::vec::IntoIter<Step>,
    given: usize,
    ended: bool,
}

impl Scripted {
    fn new(world: &Rc<World>, number: usize, steps: Vec<Step>) -> Self {
        world.open.set(world.open.get() + 1);
        world.peak.set(world.peak.get().max(world.open.get()));
        let steps = steps.into_iter();
        Scripted { world: world.clone(), number, steps, given: 0, ended: false }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.world.open.set(self.world.open.get() - 1);
    }
}

impl Stream for Scripted {
    type Item = (usize, usize);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<(usize, usize)>> {
        assert!(!self.ended, "polled after its end");
        match self.steps.next() {
            Some(Step::Give) => {
                self.given += 1;
                self.world.taken.set(self.world.taken.get() + 1);
                Poll::Ready(Some((self.number, self.given - 1)))
            }
            Some(Step::Yield) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Wait) => {
                self.world.waiting.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            }
            None => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }
}

fn gives(script: &[Step]) -> usize {
    script.iter().filter(|step| **step == Step::Give).count()
}

/// Every item of every script.
fn union(scripts: &[Vec<Step>]) -> Vec<(usize, usize)> {
    let items = scripts.iter().enumerate();
    items.flat_map(|(n, script)| (0..gives(script)).map(move |item| (n, item))).collect()
}

/// Whether a task was woken.
#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

/// Takes turns with a source as a task does that is polled only when it was woken, until the turns
/// are over, then asks until the end if `finish`. At each step `check` is told how many items have
/// been delivered.
fn take<S: Source>(
    world: &World,
    mut source: Pin<&mut S>,
    turns: &[Turn],
    finish: bool,
    check: impl Fn(usize),
) -> Vec<S::Item> {
    let woken = std::sync::Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut turns = turns.iter().copied();
    let mut items = vec![];
    let mut turn = turns.next();
    loop {
        let now = match turn {
            Some(turn) => turn,
            None if finish => Turn::Ask,
            None => return items,
        };
        woken.0.store(false, std::sync::atomic::Ordering::SeqCst);
        let waits = match now {
            Turn::GoOn => {
                let _ = source.as_mut().poll_progress(&mut cx);
                turn = turns.next();
                false
            }
            Turn::Ask => match source.as_mut().poll_next(&mut cx) {
                Poll::Ready(Some(item)) => {
                    items.push(item);
                    turn = turns.next();
                    false
                }
                Poll::Ready(None) => return items,
                Poll::Pending => true,
            },
        };
        check(items.len());
        if waits && !woken.0.load(std::sync::atomic::Ordering::SeqCst) {
            let anybody = !world.waiting.borrow().is_empty();
            world.wake_all();
            let heard = woken.0.load(std::sync::atomic::Ordering::SeqCst);
            assert!(anybody && heard, "it waits for nobody, or was not woken");
        }
    }
}

fn check_order(mut came: Vec<(usize, usize)>, scripts: &[Vec<Step>]) {
    let mut next = vec![0; scripts.len()];
    for (n, item) in &came {
        assert_eq!(*item, next[*n], "the order of source {n}");
        next[*n] += 1;
    }
    came.sort_unstable();
    assert_eq!(came, union(scripts));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A merge gives every item once, in the order of its source, and holds one of each at most;
    /// whatever it has taken when it is given up is handed back.
    #[test]
    fn merge_is_the_union(scripts in scripts(24), turns in turns(), biased: bool, finish: bool) {
        let world = Rc::new(World::default());
        let sources = scripts.iter().cloned().enumerate();
        let sources: Vec<_> = sources.map(|(n, script)| Scripted::new(&world, n, script)).collect();
        let count = sources.len();
        let merge = flow::merge(sources);
        let merge = if biased { merge.biased() } else { merge };
        let mut merge = merge.into_stream();
        let mut came = take(&world, Pin::new(&mut merge), &turns, finish, |given| {
            assert!(world.taken.get() <= given + count);
        });
        if !finish {
            for source in merge.into_parts() {
                let (mut source, ahead) = source.into_parts();
                came.extend(ahead);
                let number = source.number;
                let rest = source.given..source.given + gives(&source.steps.by_ref().collect::<Vec<_>>());
                came.extend(rest.map(|item| (number, item)));
            }
        }
        check_order(came, &scripts);
        assert_eq!(world.open.get(), 0);
    }

    /// A merge until any ends: nothing comes twice or out of order, and nothing is left.
    #[test]
    fn merge_until_any_ends_stops(scripts in scripts(24), turns in turns()) {
        let world = Rc::new(World::default());
        let sources = scripts.iter().cloned().enumerate();
        let merge = flow::merge_all(sources.map(|(n, script)| Scripted::new(&world, n, script)));
        let mut merge = merge.until_any_ends().into_stream();
        let came = take(&world, Pin::new(&mut merge), &turns, true, |_| {});
        assert_eq!((came.len(), world.open.get()), (world.taken.get(), 0));
        let whole = |n: usize| came.iter().filter(|item| item.0 == n).count() == gives(&scripts[n]);
        assert!(scripts.is_empty() || (0..scripts.len()).any(whole));
    }

    /// A flatten never has more open than its limit, and gives what a concatenation gives, in
    /// another order; with a limit of one, in the same.
    #[test]
    fn flatten_is_the_union(scripts in scripts(30), turns in turns(), limit in 1..12_usize) {
        let world = Rc::new(World::default());
        let open = |(n, script)| Scripted::new(&world, n, script);
        let outer = flow::iter(scripts.iter().cloned().enumerate());
        let mut flat = pin!(outer.flat_map(Limit::new(limit), open).into_stream());
        let came = take(&world, flat.as_mut(), &turns, true, |given| {
            assert!(world.open.get() <= limit && world.taken.get() <= given + limit);
        });
        assert!(world.peak.get() <= limit && world.open.get() == 0);
        if limit == 1 {
            assert_eq!(came, union(&scripts));
        }
        check_order(came, &scripts);
    }

    /// A zip pairs what a zip of iterators pairs, and hands back an item that it took in vain.
    #[test]
    fn zip_is_a_zip(one in scripts(2), two in scripts(2), turns in turns()) {
        let world = Rc::new(World::default());
        let [one, two] = [one, two].map(|scripts| scripts.concat());
        let pairs = gives(&one).min(gives(&two));
        let sources = [(0, one), (1, two)].map(|(n, script)| Scripted::new(&world, n, script));
        let [first, second] = sources.map(flow::stream);
        let mut zip = first.zip(second).into_stream();
        let came = take(&world, Pin::new(&mut zip), &turns, true, |_| {});
        assert_eq!(came, (0..pairs).map(|n| ((0, n), (1, n))).collect::<Vec<_>>());
        let parts = zip.into_parts();
        let ahead = [parts.one.into_parts().1, parts.two.into_parts().1];
        let held = ahead.into_iter().flatten().count() + usize::from(parts.waiting.is_some());
        assert_eq!(world.taken.get(), 2 * pairs + held);
    }
}
