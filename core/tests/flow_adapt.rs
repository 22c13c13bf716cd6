//! Operators of a flow that deal with one item at a time, and what they tell of their progress.

use anyscope_core::{
    Clock, Instant, Limit,
    flow::{self, NoClock, Progress, Source},
};
use futures_core::Stream;
use smol::{future::yield_now, lock::Mutex, stream::StreamExt};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

const TWO: Limit = Limit::new(2);

/// A source that counts what is asked of it, and that says when it is dropped.
#[derive(Clone, Default)]
struct Asked(Rc<Counts>);

#[derive(Default)]
struct Counts {
    items: Cell<usize>,
    progress: Cell<usize>,
    dropped: Cell<bool>,
}

struct Probe<I> {
    items: I,
    asked: Asked,
}

impl<I> Unpin for Probe<I> {}

impl<I: Iterator> Stream for Probe<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        self.asked.0.items.set(self.asked.0.items.get() + 1);
        Poll::Ready(self.items.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: Iterator> Source for Probe<I> {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.asked.0.progress.set(self.asked.0.progress.get() + 1);
        Poll::Pending
    }
}

impl<I> Drop for Probe<I> {
    fn drop(&mut self) {
        self.asked.0.dropped.set(true);
    }
}

impl Asked {
    fn by<I: Iterator>(&self, items: I) -> flow::Flow<Probe<I>> {
        flow::source(Probe { items, asked: self.clone() })
    }

    fn items(&self) -> usize {
        self.0.items.get()
    }

    fn is_dropped(&self) -> bool {
        self.0.dropped.get()
    }
}

fn poll_next<S: Stream>(stream: Pin<&mut S>) -> Poll<Option<S::Item>> {
    stream.poll_next(&mut Context::from_waker(Waker::noop()))
}

fn poll_progress<S: Source>(source: Pin<&mut S>) -> Poll<()> {
    source.poll_progress(&mut Context::from_waker(Waker::noop()))
}

/// Runs `f`, which is to panic, without a message on the terminal.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    quiet();
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("has not panicked") };
    payload.downcast_ref::<&str>().expect("a message").to_string()
}

/// Panics that begin with "planned" are not printed.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<&str>();
            if !message.is_some_and(|message| message.starts_with("planned")) {
                hook(info);
            }
        }));
    });
}

/// Given any of the operators, when its consumer is busy, then its source is asked to go on, and
/// for nothing else.
#[test]
fn operators_pass_progress_on() {
    fn check<S: Source>(name: &str, op: impl FnOnce(flow::Flow<Probe<Results>>) -> flow::Flow<S>) {
        let asked = Asked::default();
        let mut op = pin!(op(asked.by(results())).into_stream());
        assert!(poll_progress(op.as_mut()).is_pending(), "{name}");
        assert_eq!((asked.items(), asked.0.progress.get()), (0, 1), "{name}");
        assert!(poll_next(op.as_mut()).is_ready(), "{name}");
    }
    type Results = std::vec::IntoIter<Result<u32, &'static str>>;
    fn results() -> Results {
        vec![Ok(1), Err("no"), Ok(3)].into_iter()
    }
    check("filter", |flow| flow.filter(Result::is_ok));
    check("filter_map", |flow| flow.filter_map(Result::ok));
    check("filter_ok", |flow| flow.filter_ok());
    check("inspect", |flow| flow.inspect(|_| {}));
    check("inspect_err", |flow| flow.inspect_err(|_| {}));
    check("convert", |flow| flow.map(|item| item));
    check("map_ok", |flow| flow.map_ok(|item| item));
    check("map_err", |flow| flow.map_err(|item| item));
    check("enumerate", |flow| flow.enumerate());
    check("take", |flow| flow.take(1));
    check("flatten_iter", |flow| flow.flatten_iter());
    check("progress", |flow| flow.progress(NoClock, |_| {}));
    check("try_progress", |flow| flow.try_progress(NoClock, |_| {}));
}

/// Given a long chain of operators between work that takes a lock and a loop that takes it too,
/// then neither waits for the other.
#[test]
fn operators_leave_nothing_snoozed() {
    let lock = &Mutex::new(());
    let total = smol::block_on(
        flow::iter(1..=20)
            .map_concurrent(TWO, async |n| {
                let _held = lock.lock().await;
                yield_now().await;
                n
            })
            .catch_unwind()
            .inspect(|_| {})
            .inspect_err(|_| {})
            .try_progress(NoClock, |_| {})
            .filter_ok()
            .filter(|_| true)
            .enumerate()
            .map(|(_, n)| [n])
            .flatten_iter()
            .prefetch(TWO)
            .take(15)
            .drive(async |mut items| {
                let mut total = 0;
                while let Some(n) = items.next().await {
                    let _held = lock.lock().await;
                    yield_now().await;
                    total += n;
                }
                total
            }),
    );
    assert_eq!(total, 120);
}

/// Given a source whose items are all dropped by an operator, then one poll of it comes to an end,
/// and asks for another one.
#[test]
fn operators_that_drop_items_give_way() {
    struct Woken(AtomicUsize);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    fn check<S: Source>(op: flow::Flow<S>) {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut op = pin!(op.into_stream());
        assert!(op.as_mut().poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.0.load(SeqCst), 1);
    }
    let failures = || flow::iter(std::iter::repeat(Err::<u32, _>("no")));
    check(failures().filter_ok());
    check(failures().filter(Result::is_ok));
    check(failures().filter_map(Result::ok));
    check(failures().flatten_iter());
}

/// Given a flow of n items, when the last has come, then the source is gone before it is given.
#[test]
fn take_ends_at_once_and_drops_the_source_then() {
    let asked = Asked::default();
    let mut op = pin!(asked.by(0..).take(2).into_stream());
    assert_eq!(op.size_hint(), (2, Some(2)));
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(Some(0)));
    assert!(poll_progress(op.as_mut()).is_pending());
    assert_eq!((asked.items(), asked.is_dropped()), (1, false));
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(Some(1)));
    assert_eq!((asked.items(), asked.is_dropped()), (2, true));
    assert_eq!(op.size_hint(), (0, Some(0)));
    assert!(poll_progress(op.as_mut()).is_ready());
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(None));
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(None));
}

/// Given no items wanted, then the source is dropped unasked; given more than there are, then it
/// ends with the source.
#[test]
fn take_of_none_and_of_more_than_there_are() {
    let asked = Asked::default();
    let op = asked.by(0..3).take(0);
    assert!(asked.is_dropped());
    assert_eq!((smol::block_on(op.collect::<Vec<_>>()), asked.items()), (vec![], 0));
    let asked = Asked::default();
    let mut op = pin!(asked.by(0..3).take(usize::MAX).into_stream());
    while poll_next(op.as_mut()) != Poll::Ready(None) {}
    assert!(asked.is_dropped());
    assert_eq!((poll_next(op.as_mut()), asked.items()), (Poll::Ready(None), 4));
}

/// Given work that never ends beside the last one that is wanted, then it is dropped with it.
#[test]
fn take_drops_the_work_under_way() {
    let left = RefCell::new(vec![]);
    let got: Vec<_> = smol::block_on(
        flow::iter(0..)
            .map_concurrent(Limit::new(4), async |n| if n == 2 { pending().await } else { n })
            .unordered()
            .on_undelivered(|n| left.borrow_mut().push(n))
            .take(3)
            .collect(),
    );
    assert_eq!(got, [0, 1, 3]);
    assert_eq!(left.into_inner(), [], "what is ready at once is given at once");
}

/// Given an operator that is taken apart, then what it holds is handed back with the source.
#[test]
fn operators_lose_nothing_when_they_are_taken_apart() {
    let mut op = flow::iter(0..9).prefetch(Limit::new(3)).into_stream();
    assert_eq!(poll_next(Pin::new(&mut op)), Poll::Ready(Some(0)));
    assert!(poll_progress(Pin::new(&mut op)).is_ready());
    assert_eq!((op.kept(), op.size_hint()), (3, (8, Some(8))));
    let (source, kept) = op.into_parts();
    assert_eq!(kept, [1, 2, 3]);
    assert_eq!(smol::block_on(flow::source(source).collect::<Vec<_>>()), [4, 5, 6, 7, 8]);

    let mut op = flow::iter([vec![1, 2, 3], vec![4]]).flatten_iter().into_stream();
    assert_eq!(poll_next(Pin::new(&mut op)), Poll::Ready(Some(1)));
    let (source, front) = op.into_parts();
    assert_eq!(front.unwrap().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(smol::block_on(flow::source(source).collect::<Vec<_>>()), [vec![4]]);

    let mut op = flow::iter(0..3).inspect(|_| {}).take(2).into_stream();
    assert_eq!(poll_next(Pin::new(&mut op)), Poll::Ready(Some(0)));
    let rest = flow::source(op.into_inner().unwrap().into_inner());
    assert_eq!(smol::block_on(rest.collect::<Vec<_>>()), [1, 2]);
}

/// Given a consumer that is busy, then so many items are taken ahead and no more.
#[test]
fn buffer_takes_so_many_ahead_and_no_more() {
    let asked = Asked::default();
    let mut op = asked.by(0..5).prefetch(TWO).into_stream();
    assert!(poll_progress(Pin::new(&mut op)).is_pending(), "the source has something to do");
    assert_eq!((asked.items(), op.kept()), (2, 2));
    assert!(poll_progress(Pin::new(&mut op)).is_pending());
    assert_eq!((asked.items(), asked.0.progress.get()), (2, 2));
    let rest: Vec<_> = smol::block_on(op.collect());
    assert_eq!((rest, asked.items()), (vec![0, 1, 2, 3, 4], 6));
}

/// Given a source that waits, then what was taken ahead of it is given all the same.
#[test]
fn buffer_gives_what_it_has_while_its_source_waits() {
    let go = Cell::new(2);
    let stalls = poll_stream(|| match go.get() {
        0 => Poll::Pending,
        n => {
            go.set(n - 1);
            Poll::Ready(Some(n))
        }
    });
    let mut op = pin!(flow::stream(stalls).prefetch(Limit::new(9)).into_stream());
    assert!(poll_progress(op.as_mut()).is_pending());
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(Some(2)));
    assert_eq!(poll_next(op.as_mut()), Poll::Ready(Some(1)));
    assert_eq!(poll_next(op.as_mut()), Poll::Pending);
}

fn poll_stream<T>(f: impl FnMut() -> Poll<Option<T>>) -> impl Stream<Item = T> {
    struct PollFn<F>(F);
    impl<F> Unpin for PollFn<F> {}
    impl<T, F: FnMut() -> Poll<Option<T>>> Stream for PollFn<F> {
        type Item = T;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
            (self.0)()
        }
    }
    PollFn(f)
}

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any(self.0);
        }
    }
}

/// Given work that panics (where its future is made, in it, or where it is dropped), then its item
/// fails, and the others do not.
#[test]
fn caught_panics_are_items() {
    quiet();
    let work = |n: u32| {
        assert!(n != 1, "planned: no future");
        async move {
            let _bomb = (n == 3).then(|| Bomb("planned: at the end"));
            yield_now().await;
            assert!(n != 2, "planned: in the future");
            n
        }
    };
    let settled = smol::block_on(
        flow::iter(0..5).map_concurrent(TWO, work).catch_unwind().collect::<Vec<_>>(),
    );
    let settled: Vec<_> = settled
        .iter()
        .map(|result| result.as_ref().map_err(|panic| panic.message().unwrap()).copied())
        .collect();
    let no_future = Err("planned: no future");
    let (inside, end) = (Err("planned: in the future"), Err("planned: at the end"));
    assert_eq!(settled, [Ok(0), no_future, inside, end, Ok(4)]);
}

/// Given work whose destructor panics (and not its code), then that is a panic of its item too.
#[test]
fn caught_panics_of_destructors_are_items() {
    quiet();
    struct ReadyBomb(Bomb);
    impl Future for ReadyBomb {
        type Output = &'static str;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<&'static str> {
            Poll::Ready(self.0.0)
        }
    }
    let bombs = ["planned: one", "planned: two"].map(|name| ReadyBomb(Bomb(name)));
    let results =
        smol::block_on(flow::iter(bombs).buffered(TWO).catch_unwind().collect::<Vec<_>>());
    let messages: Vec<_> = results.iter().map(|r| r.as_ref().unwrap_err().message()).collect();
    assert_eq!(messages, [Some("planned: one"), Some("planned: two")]);
}

/// Given caught panics, then order, window and what becomes of undelivered values stay, and a
/// resource that was lost is made anew.
#[test]
fn caught_keeps_what_the_map_was_told() {
    quiet();
    let (left, made) = (RefCell::new(vec![]), Cell::new(0));
    let make = || made.set(made.get() + 1);
    let mut op = Box::pin(
        flow::iter(0..9)
            .map_with(TWO, make, async |(), n| {
                assert!(n != 1, "planned: connection lost");
                if n == 0 {
                    yield_now().await;
                    yield_now().await;
                }
                ((), n)
            })
            .unordered()
            .window(Limit::new(4))
            .on_undelivered(|n| left.borrow_mut().push(n))
            .catch_unwind()
            .into_stream(),
    );
    for _ in 0..9 {
        let _ = poll_progress(op.as_mut());
    }
    assert_eq!((op.undelivered(), op.running()), (4, 0), "a window of four, of which two run");
    assert!(smol::block_on(op.next()).unwrap().is_err(), "the first one that ended");
    assert_eq!(made.get(), 3, "that of one is lost, so two has a new one, which three uses");
    drop(op);
    assert_eq!(left.into_inner(), [2, 3, 0]);
}

/// Given a flow, then its observer is told where it starts, and of each item, with the time since
/// it was first polled.
#[test]
fn progress_is_told_at_the_start_and_for_each_item() {
    let (clock, told) = (Hand(Cell::new(5)), RefCell::new(vec![]));
    let results = [Ok(1), Err("no"), Ok(3)];
    let op = flow::iter(results)
        .map_concurrent(TWO, async |item| {
            clock.0.set(clock.0.get() + 1);
            item
        })
        .try_progress(&clock, |progress| told.borrow_mut().push(progress));
    clock.0.set(100);
    assert_eq!(*told.borrow(), [], "lazy");
    smol::block_on(op.collect::<Vec<_>>());
    let told = told.into_inner();
    let counts: Vec<_> = told.iter().map(|p| (p.done, p.failed, p.elapsed.as_secs())).collect();
    assert_eq!(counts, [(0, 0, 0), (1, 0, 1), (2, 1, 2), (3, 1, 3)]);
    assert!(told.iter().all(|p| p.total == Some(3)), "{told:?}");
    assert_eq!(told[3].to_string(), "3 of 3, 1 failed");
}

/// Given a map with work under way, when it is to be changed, then that is refused and nothing is
/// lost in silence.
#[test]
fn caught_refuses_a_map_that_has_begun() {
    let mut map = flow::iter(0..3).map_concurrent(TWO, async |n| n).into_stream();
    assert_eq!(poll_next(Pin::new(&mut map)), Poll::Ready(Some(0)));
    // Nothing is under way: what follows is work of the new kind.
    let mut map = flow::source(map).catch_unwind().into_stream();
    assert_eq!(poll_progress(Pin::new(&mut map)), Poll::Pending);
    quiet();
    let refused = catch_unwind(AssertUnwindSafe(|| flow::source(map).on_undelivered(drop)));
    let message = *refused.unwrap_err().downcast::<&str>().unwrap();
    assert!(message.starts_with("this map has work under way"), "{message}");
}

struct Hand(Cell<u64>);

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(self.0.get()))
    }
}

/// Given a source that does not know how many items it has, then neither does the observer, until
/// it does; and items of a map count as soon as they are started.
#[test]
fn progress_has_a_total_only_if_it_is_known() {
    let totals = |told: &RefCell<Vec<Progress>>| {
        told.take().iter().map(|progress| progress.total).collect::<Vec<_>>()
    };
    let told = RefCell::new(vec![]);
    let observe = |progress| told.borrow_mut().push(progress);

    smol::block_on(flow::iter(0..).progress(NoClock, observe).take(2).count());
    assert_eq!(totals(&told), [None, None, None]);
    smol::block_on(flow::iter([0, 1]).filter(|_| true).progress(NoClock, observe).count());
    assert_eq!(totals(&told), [None, None, Some(2)]);
    smol::block_on(flow::iter([0; 0]).progress(NoClock, observe).count());
    assert_eq!(totals(&told), [Some(0)]);
    let mapped = flow::iter(0..5).map_concurrent(TWO, async |n| n).unordered().prefetch(TWO);
    smol::block_on(mapped.progress(NoClock, observe).count());
    assert_eq!(totals(&told), [Some(5); 6]);
}

/// Given a source that knows how many items it has, then it is asked once, and not for each item.
#[test]
fn progress_asks_for_the_total_until_it_is_known() {
    struct Counted<'a>(std::ops::Range<u32>, &'a Cell<u32>);

    impl Iterator for Counted<'_> {
        type Item = u32;

        fn next(&mut self) -> Option<u32> {
            self.0.next()
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            self.1.set(self.1.get() + 1);
            self.0.size_hint()
        }
    }

    let (asked, last) = (Cell::new(0), Cell::new(None));
    let items = flow::iter(Counted(0..100, &asked));
    smol::block_on(items.progress(NoClock, |progress| last.set(progress.total)).count());
    assert_eq!((asked.get(), last.get()), (1, Some(100)));
}

/// Given an observer that panics, then that goes through, and its item is dropped.
#[test]
fn progress_lets_panics_of_its_observer_through() {
    let item = Rc::new(());
    let observe = |progress: Progress| assert!(progress.done < 2, "planned: seen enough");
    let items = flow::iter([item.clone(), item.clone(), item.clone()]);
    let mut op = pin!(items.progress(NoClock, observe).into_stream());
    assert!(poll_next(op.as_mut()).is_ready());
    assert_eq!(panic_of(|| poll_next(op.as_mut()).is_ready()), "planned: seen enough");
    assert_eq!(Rc::strong_count(&item), 2, "the one that was told of is gone");
}

/// A flow that may not proceed gives nothing, and what it has under way goes on.
#[test]
fn cooperate_waits_and_goes_on() {
    let steps = std::cell::Cell::new(2);
    let polls = std::cell::Cell::new(0);
    let proceed = |_: &mut Context<'_>| {
        steps.set(steps.get() - 1);
        if steps.get() > 0 { Poll::Ready(()) } else { Poll::Pending }
    };
    let work = |_| {
        std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })
    };
    let mut flow =
        pin!(flow::iter(0..3).map_concurrent(Limit::new(2), work).cooperate(proceed).into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(flow.as_mut().poll_next(cx).is_pending());
    let before = polls.get();
    assert!(flow.as_mut().poll_next(cx).is_pending());
    assert!(before > 0 && polls.get() > before, "{before} {}", polls.get());
    steps.set(2);
    let mut flow = pin!(flow::iter(0..3).cooperate(proceed).into_stream());
    assert_eq!(flow.as_mut().poll_next(cx), Poll::Ready(Some(0)));
    assert_eq!(flow.as_mut().poll_next(cx), Poll::Pending);
    steps.set(2);
    assert_eq!(flow.as_mut().poll_next(cx), Poll::Ready(Some(1)));
}
