//! Sources with a time table, and consumers.

use anyscope::{
    Clock, Elapsed, Timer,
    flow::{self, Flow, Source},
    sim::{SimHandle, Sleep},
};
use futures_lite::{Stream, StreamExt};
use std::{
    cell::Cell,
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    ops::Range,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use support::{SECOND, Stopwatch, poll_once};

pub(super) fn elapsed() -> Elapsed {
    let mut late = pin!(anyscope::timeout(&NoTime, Duration::ZERO, pending::<()>()));
    match poll_once(late.as_mut()) {
        Poll::Ready(Err(elapsed)) => elapsed,
        _ => unreachable!("there is no time"),
    }
}

/// A timer nobody needs.
struct NoTime;

impl Timer for NoTime {
    type Sleep = std::future::Pending<()>;

    fn sleep(&self, _: Duration) -> Self::Sleep {
        unreachable!("nobody needs it")
    }
}

/// What a flow gives, with the full seconds since now, and when it ends.
pub(super) async fn events<S: Source, C: Clock>(
    clock: &C,
    flow: Flow<S>,
) -> (Vec<(u64, S::Item)>, u64) {
    let watch = Stopwatch::start(clock);
    let mut stream = pin!(flow.into_stream());
    let mut events = Vec::new();
    while let Some(item) = stream.next().await {
        events.push((watch.elapsed().as_secs(), item));
    }
    (events, watch.elapsed().as_secs())
}

pub(super) fn at(events: &[(u64, &str)]) -> Vec<(u64, String)> {
    events.iter().map(|(at, text)| (*at, text.to_string())).collect()
}

/// Chunks of characters as strings.
pub(super) fn text<S: Source<Item = Vec<char>>>(
    chunks: Flow<S>,
) -> Flow<impl Source<Item = String>> {
    flow::stream(chunks.into_stream().map(String::from_iter))
}

/// A consumer that does something else, and lets its source go on.
pub(super) async fn meanwhile<S: Source>(mut source: Pin<&mut S>, busy: impl Future<Output = ()>) {
    let mut busy = pin!(busy);
    poll_fn(|cx| {
        let _ = source.as_mut().poll_progress(cx);
        busy.as_mut().poll(cx)
    })
    .await;
}

/// A flow that gives at each second what a diagram says, whether it is asked or not: what nobody
/// has taken waits. It must not be polled after its end.
pub(super) fn hot<T: Timer + Clock + Clone>(
    timer: &T,
    diagram: &str,
) -> Flow<flow::sources::FromStream<Hot<T>>> {
    let (mut second, mut grouped) = (0, false);
    let mut events = VecDeque::new();
    for mark in diagram.chars() {
        match mark {
            '[' | ']' => grouped = mark == '[',
            '-' => {}
            '|' => events.push_back((second, None)),
            item => events.push_back((second, Some(item))),
        }
        second += u32::from(!grouped);
    }
    let watch = Stopwatch::start(timer.clone());
    flow::stream(Hot { timer: timer.clone(), watch, events, sleep: None })
}

/// The same with errors: capital letters.
pub(super) fn failing<T: Timer + Clock + Clone>(
    timer: &T,
    diagram: &str,
) -> Flow<impl Source<Item = Result<char, char>>> {
    let judge = |item: char| if item.is_ascii_uppercase() { Err(item) } else { Ok(item) };
    flow::stream(hot(timer, diagram).into_stream().map(judge))
}

pub(super) struct Hot<T: Timer> {
    timer: T,
    watch: Stopwatch<T>,
    events: VecDeque<(u32, Option<char>)>,
    sleep: Option<Pin<Box<T::Sleep>>>,
}

impl<T: Timer> Unpin for Hot<T> {}

impl<T: Timer> std::fmt::Debug for Hot<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.events.fmt(f)
    }
}

impl<T: Timer + Clock> Stream for Hot<T> {
    type Item = char;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<char>> {
        let this = self.get_mut();
        let (at, event) = *this.events.front().expect("polled after its end");
        let left = (at * SECOND).saturating_sub(this.watch.elapsed());
        if !left.is_zero() {
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(this.timer.sleep(left)));
            std::task::ready!(sleep.as_mut().poll(cx));
        }
        this.sleep = None;
        this.events.pop_front();
        Poll::Ready(event)
    }
}

/// A source with work of its own, a step each second: it gives some items at once, and then only
/// works.
#[derive(Debug)]
pub(super) struct Working {
    sim: SimHandle,
    sleep: Option<Pin<Box<Sleep>>>,
    gives: u32,
    pub(super) steps: Rc<Cell<u32>>,
}

impl Working {
    pub(super) fn new(sim: &SimHandle, gives: u32) -> Self {
        Working { sim: sim.clone(), sleep: None, gives, steps: Rc::default() }
    }

    fn work(&mut self, cx: &mut Context<'_>) {
        let sim = &self.sim;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sim.sleep(SECOND)));
        while sleep.as_mut().poll(cx).is_ready() {
            *sleep = Box::pin(sim.sleep(SECOND));
            self.steps.set(self.steps.get() + 1);
        }
    }
}

/// The same work, from its beginning.
impl Clone for Working {
    fn clone(&self) -> Self {
        Working { steps: self.steps.clone(), ..Working::new(&self.sim, self.gives) }
    }
}

impl Stream for Working {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        self.work(cx);
        match self.gives.checked_sub(1) {
            Some(left) => {
                self.gives = left;
                Poll::Ready(Some(left))
            }
            None => Poll::Pending,
        }
    }
}

impl Source for Working {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.work(cx);
        Poll::Pending
    }
}

/// Twenty numbers, at times that the simulation chooses.
#[derive(Debug)]
pub(super) struct Random {
    sim: SimHandle,
    left: Range<u32>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Random {
    pub(super) fn new(sim: &SimHandle) -> Self {
        Random { sim: sim.clone(), left: 0..20, sleep: None }
    }

    /// What it has not given.
    pub(super) fn left(&self) -> Range<u32> {
        self.left.clone()
    }
}

impl Stream for Random {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        if self.sleep.is_none() {
            let pause = [0, 0, 1, 2, 5][self.sim.choose(5)];
            self.sleep = Some(Box::pin(self.sim.sleep(pause * SECOND)));
        }
        if let Some(sleep) = &mut self.sleep {
            std::task::ready!(sleep.as_mut().poll(cx));
        }
        self.sleep = None;
        Poll::Ready(self.left.next())
    }
}

impl Source for Random {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
