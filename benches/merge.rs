//! What does it cost to merge streams?
//!
//! [`StreamSet`] and its peers with 2 to 4096 streams that never end: in bursts, where each is
//! given four items before all are woken in random order, and sparse, where one item is given to
//! one stream at a time. Each cost is that of an item; building the merge does not count.
//!
//! - `cargo bench --bench merge` runs criterion, with charts of cost against size in
//!   `target/criterion`.
//! - `cargo bench --bench merge -- --ratios` takes turns and prints tables: the
//!   figures of `RESULTS.md`. A word after it picks groups by name: `-- --ratios sparse`.

mod support;

use anyscope::{StreamSet, flow};
use futures_buffered::{MergeBounded, MergeUnbounded};
use futures_concurrency::stream::{Merge, StreamGroup};
use futures_util::{Stream, StreamExt, stream};
use std::{
    cell::{Cell, RefCell},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use support::{
    group::{self, Group, Row, floor, own, peer, timed},
    parked::below,
    task::Task,
};
use tokio_stream::{StreamExt as _, StreamMap};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// What a stream waits for.
#[derive(Default)]
struct Inbox {
    items: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl Inbox {
    fn give(&self, items: u32) {
        assert_eq!(self.items.replace(items), 0, "was not polled when it was woken");
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Multiplies for each item.
struct Source {
    inbox: Rc<Inbox>,
    value: u64,
    factor: u64,
}

const _: () = assert!(size_of::<Source>() == 24);

impl Stream for Source {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let items = self.inbox.items.get();
        if items > 0 {
            self.inbox.items.set(items - 1);
            self.value = self.value.wrapping_mul(self.factor);
            return Poll::Ready(Some(self.value));
        }
        match &mut *self.inbox.waker.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// How items arrive, and how many of them are an iteration.
#[derive(Clone, Copy)]
enum Arrival {
    Bursts,
    Sparse,
}

const BURST: u32 = 4;

impl Arrival {
    fn items(self) -> usize {
        match self {
            Arrival::Bursts => 16_384,
            Arrival::Sparse => 1024,
        }
    }
}

/// Whoever gives the streams their items.
struct Hand {
    arrival: Arrival,
    inboxes: Vec<Rc<Inbox>>,
    random: u64,
}

impl Hand {
    fn new(arrival: Arrival, k: usize) -> Self {
        let inboxes = (0..k).map(|_| Rc::default()).collect();
        Hand { arrival, inboxes, random: 1 }
    }

    fn sources(&self) -> Vec<Source> {
        let source = |inbox: &Rc<Inbox>| Source {
            inbox: inbox.clone(),
            value: 1,
            factor: 0x9E37_79B9_7F4A_7C15,
        };
        self.inboxes.iter().map(source).collect()
    }

    /// Called when all wait.
    fn give(&mut self) {
        let k = self.inboxes.len();
        match self.arrival {
            Arrival::Bursts => {
                for last in (0..k).rev() {
                    self.inboxes.swap(last, below(&mut self.random, last + 1));
                    self.inboxes[last].give(BURST);
                }
            }
            Arrival::Sparse => self.inboxes[below(&mut self.random, k)].give(1),
        }
    }
}

/// A merge of streams, which have been polled once before the clock starts.
fn merge<S: Stream<Item = u64>>(
    arrival: Arrival,
    new: impl Fn(Vec<Source>) -> S,
) -> impl Fn(usize, u64) -> Duration {
    move |k, iterations| {
        let task = Task::new();
        let mut hand = Hand::new(arrival, k);
        let mut merge = pin!(new(hand.sources()));
        let mut drain = |items| task.drain(merge.as_mut(), items, || hand.give());
        drain(1);
        timed(iterations, || drain(arrival.items()))
    }
}

/// The rows of anyscope.
fn own_rows<'a>(arrival: Arrival) -> Vec<Row<'a>> {
    let set = own(
        "StreamSet",
        merge(arrival, |sources| {
            let mut set = StreamSet::new();
            for source in sources {
                set.push(source);
            }
            set
        }),
    );
    let pair = merge(arrival, |sources| {
        let (a, b) = two(sources);
        flow::merge([a, b]).into_stream()
    });
    let all = merge(arrival, |sources| flow::merge_all(sources).into_stream());
    vec![set, own("merge of an array", pair).at(|k| k == 2), own("merge_all", all)]
}

fn rows<'a>(arrival: Arrival) -> Vec<Row<'a>> {
    let mut rows = vec![match arrival {
        Arrival::Bursts => floor("floor: a loop over the streams", round_robin(arrival)),
        Arrival::Sparse => floor("floor: the stream that was woken", woken(arrival)),
    }];
    rows.extend(own_rows(arrival));
    rows.extend([
        peer(
            "tokio-stream merge",
            merge(arrival, |sources| {
                let (a, b) = two(sources);
                a.merge(b)
            }),
        )
        .at(|k| k == 2),
        peer(
            "tokio-stream StreamMap",
            merge(arrival, |sources| {
                let mut map = StreamMap::new();
                for (key, source) in sources.into_iter().enumerate() {
                    map.insert(key, source);
                }
                StreamExt::map(map, |(_, item)| item)
            }),
        ),
        peer(
            "futures-util select",
            merge(arrival, |sources| {
                let (a, b) = two(sources);
                stream::select(a, b)
            }),
        )
        .at(|k| k == 2),
        peer("futures-util select, a tree of boxes", merge(arrival, tree))
            .at(|k| (3..=256).contains(&k)),
        peer("futures-util select_all", merge(arrival, stream::select_all)),
        peer("futures-concurrency tuple merge", merge(arrival, |sources| two(sources).merge()))
            .at(|k| k == 2),
        peer("futures-concurrency Vec::merge", merge(arrival, Merge::merge)),
        peer("futures-concurrency StreamGroup", merge(arrival, StreamGroup::from_iter)),
        peer("futures-buffered MergeBounded", merge(arrival, MergeBounded::from_iter)),
        peer("futures-buffered MergeUnbounded", merge(arrival, MergeUnbounded::from_iter)),
        peer("unicycle StreamsUnordered", merge(arrival, unicycle::StreamsUnordered::from_iter)),
    ]);
    rows
}

fn two(sources: Vec<Source>) -> (Source, Source) {
    let Ok([a, b]) = <[_; 2]>::try_from(sources) else { panic!("not two") };
    (a, b)
}

fn tree(mut sources: Vec<Source>) -> Box<dyn Stream<Item = u64> + Unpin> {
    if sources.len() == 1 {
        return Box::new(sources.remove(0));
    }
    let rest = sources.split_off(sources.len() / 2);
    Box::new(stream::select(tree(sources), tree(rest)))
}

fn round_robin(arrival: Arrival) -> impl Fn(usize, u64) -> Duration {
    move |k, iterations| {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut hand = Hand::new(arrival, k);
        let mut sources = hand.sources();
        timed(iterations, || {
            let mut sum = 0_u64;
            for _ in 0..arrival.items() / (k * BURST as usize) {
                hand.give();
                for polls in 0..=BURST {
                    for source in &mut sources {
                        match source.poll_next_unpin(cx) {
                            Poll::Ready(item) => sum = sum.wrapping_add(item.unwrap()),
                            Poll::Pending => assert_eq!(polls, BURST),
                        }
                    }
                }
            }
            sum
        })
    }
}

fn woken(arrival: Arrival) -> impl Fn(usize, u64) -> Duration {
    move |k, iterations| {
        let cx = &mut Context::from_waker(Waker::noop());
        let hand = Hand::new(arrival, k);
        let mut sources = hand.sources();
        let mut random = hand.random;
        timed(iterations, || {
            let mut sum = 0_u64;
            for _ in 0..arrival.items() {
                let source = below(&mut random, k);
                assert!(sources[source].poll_next_unpin(cx).is_pending());
                hand.inboxes[source].give(1);
                if let Poll::Ready(item) = sources[source].poll_next_unpin(cx) {
                    sum = sum.wrapping_add(item.unwrap());
                }
            }
            sum
        })
    }
}

fn main() {
    let group = |name, arrival: Arrival, items| Group {
        name,
        size: "k",
        each: "item",
        sizes: &[2, 16, 256, 4096],
        items,
        growth: Some((16, 4096)),
        counted: 256,
        rows: rows(arrival),
    };
    group::main(&[
        group("bursty", Arrival::Bursts, |_| Arrival::Bursts.items()),
        group("sparse", Arrival::Sparse, |_| Arrival::Sparse.items()),
    ]);
}
