//! What a random program is made of, and who watches it.

use anyscope::flow::Source;
use futures_util::stream::Stream;
use std::{
    any::Any,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Where a piece of work, a source or a consumer is pending once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    /// Wakes itself.
    Yield,
    /// Is woken from outside, later.
    Park,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ok,
    Err,
    Panic,
}

/// What becomes of one item.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Of the source, before it gives the item.
    pub(crate) before: Vec<Pause>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) weight: usize,
    pub(crate) end: End,
}

/// What everybody may do, and what has been done.
#[derive(Clone)]
pub(crate) struct World(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    limits: Limits,
    taken: usize,
    started: usize,
    /// Work under way, with its weight.
    running: BTreeMap<usize, usize>,
    finished: BTreeSet<usize>,
    delivered: Vec<usize>,
    /// Those that were undelivered, and others that were handed back.
    reported: Vec<usize>,
    tokens: usize,
    parked: BTreeMap<usize, Waker>,
    next_pause: usize,
    random: u64,
}

/// What the operation must keep to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// How much may be under way.
    pub(crate) limit: usize,
    /// How much may be started and not delivered, if that is less than all.
    pub(crate) window: Option<usize>,
    /// How many items may be taken and not started, the one that is being taken included.
    pub(crate) ahead: usize,
    /// Whether an item may only be taken when it can be started.
    pub(crate) lazy: bool,
}

impl Limits {
    fn window(&self) -> usize {
        self.window.map_or(usize::MAX, |window| window.max(self.limit))
    }
}

/// An item, and later its value: counted while it is anywhere.
pub(crate) struct Token {
    pub(crate) number: usize,
    world: World,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.world.0.borrow_mut().tokens -= 1;
    }
}

impl World {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        World(Rc::new(RefCell::new(State { limits, random: seed, ..State::default() })))
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.borrow_mut().limits.limit = limit;
    }

    fn take(&self) -> Token {
        let mut state = self.0.borrow_mut();
        let Limits { limit, ahead, lazy, .. } = state.limits;
        let (running, waiting) = (state.running.len(), state.started - state.delivered.len());
        let room = running < limit && waiting < state.limits.window();
        assert!(room || !lazy, "taken with no room: {running} run, {waiting} wait");
        let number = state.taken;
        state.taken += 1;
        state.tokens += 1;
        assert!(state.taken - state.started <= ahead, "taken ahead");
        drop(state);
        Token { number, world: self.clone() }
    }

    /// The work on an item.
    pub(crate) fn work(
        &self,
        job: &Job,
        weight: usize,
        token: Token,
    ) -> impl Future<Output = Result<Token, Token>> + use<> {
        let (world, job, number) = (self.clone(), job.clone(), token.number);
        let running = self.start(number, weight);
        async move {
            for pause in job.pauses {
                world.pause(pause).await;
            }
            if job.end == End::Panic {
                resume_unwind(Box::new("work"));
            }
            drop(running);
            world.0.borrow_mut().finished.insert(number);
            if job.end == End::Ok { Ok(token) } else { Err(token) }
        }
    }

    fn start(&self, number: usize, weight: usize) -> Running {
        let mut state = self.0.borrow_mut();
        assert_eq!(number, state.started, "called out of order");
        state.started += 1;
        state.running.insert(number, weight);
        let total: usize = state.running.values().sum();
        let (limit, window) = (state.limits.limit, state.limits.window());
        assert!(total <= limit || state.running.len() == 1, "{total} under way, limit {limit}");
        let waiting = state.started - state.delivered.len();
        assert!(waiting <= window, "{waiting} started and not delivered, window {window}");
        drop(state);
        Running { number, world: self.clone() }
    }

    pub(crate) fn deliver(&self, token: &Token) {
        let mut state = self.0.borrow_mut();
        assert!(state.finished.contains(&token.number), "delivered before it was finished");
        state.delivered.push(token.number);
    }

    pub(crate) fn report(&self, token: &Token) {
        self.0.borrow_mut().reported.push(token.number);
    }

    pub(crate) fn delivered(&self) -> Vec<usize> {
        self.0.borrow().delivered.clone()
    }

    pub(crate) fn taken(&self) -> usize {
        self.0.borrow().taken
    }

    pub(crate) fn started(&self) -> usize {
        self.0.borrow().started
    }

    pub(crate) fn finished(&self) -> usize {
        self.0.borrow().finished.len()
    }

    /// Once the operation is gone: nothing of it is left.
    pub(crate) fn assert_gone(&self) {
        let state = self.0.borrow();
        assert_eq!((state.tokens, state.running.len(), state.parked.len()), (0, 0, 0));
    }

    /// Whatever was finished was delivered or reported, once, in the order of delivery.
    pub(crate) fn assert_conserved(&self, ordered: bool) {
        let state = self.0.borrow();
        let given: Vec<_> = state.delivered.iter().chain(&state.reported).copied().collect();
        let set: BTreeSet<_> = given.iter().copied().collect();
        assert_eq!(set.len(), given.len(), "given twice: {given:?}");
        assert_eq!(set, state.finished, "finished and lost, or given and not finished");
        if ordered {
            assert!(given.is_sorted(), "out of order: {given:?}");
            let delivered = state.delivered.iter().copied();
            assert!(delivered.eq(0..state.delivered.len()), "{given:?}");
        }
    }

    /// Is pending once.
    pub(crate) fn pause(&self, pause: Pause) -> Paused {
        Paused { pause, world: self.clone(), key: None }
    }

    /// Wakes one of those that park: false if there is none.
    fn wake_one(&self) -> bool {
        let waker = {
            let mut state = self.0.borrow_mut();
            if state.parked.is_empty() {
                return false;
            }
            state.random = state.random.wrapping_mul(6364136223846793005).wrapping_add(1);
            let nth = (state.random >> 33) as usize % state.parked.len();
            let key = *state.parked.keys().nth(nth).unwrap();
            state.parked.remove(&key).unwrap()
        };
        waker.wake();
        true
    }

    /// Polls `future` until it is ready or panics, but not more than `polls` times; with a look in
    /// between if it was not woken for it. Fails if nobody would ever wake it.
    pub(crate) fn drive<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        polls: usize,
        spurious: bool,
    ) -> Driven<F::Output> {
        for poll in 0..polls {
            let task = Arc::new(Task(AtomicBool::new(false)));
            let waker = Waker::from(task.clone());
            let mut cx = Context::from_waker(&waker);
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
                Ok(Poll::Ready(output)) => return Driven::Ready(output, poll + 1),
                Ok(Poll::Pending) => {}
                Err(payload) => return Driven::Panicked(payload, poll + 1),
            }
            if spurious && poll % 3 == 0 {
                continue;
            }
            while !task.0.load(SeqCst) {
                assert!(self.wake_one(), "waits for ever");
            }
        }
        Driven::Dropped
    }
}

/// How an operation came to its end, after how many polls.
pub(crate) enum Driven<T> {
    Ready(T, usize),
    Panicked(Box<dyn Any + Send>, usize),
    Dropped,
}

struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Running {
    number: usize,
    world: World,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.world.0.borrow_mut().running.remove(&self.number);
    }
}

/// Future of [`World::pause`].
pub(crate) struct Paused {
    pause: Pause,
    world: World,
    key: Option<usize>,
}

impl Future for Paused {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.world.0.borrow_mut();
        match (this.key, this.pause) {
            (None, _) => {
                let key = state.next_pause;
                state.next_pause += 1;
                this.key = Some(key);
                if let Pause::Yield = this.pause {
                    cx.waker().wake_by_ref();
                } else {
                    state.parked.insert(key, cx.waker().clone());
                }
                Poll::Pending
            }
            (Some(key), Pause::Park) if state.parked.contains_key(&key) => {
                state.parked.insert(key, cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let _waker = self.world.0.borrow_mut().parked.remove(&key);
        }
    }
}

/// A source of items, with pauses.
pub(crate) struct Feed {
    world: World,
    jobs: Rc<Vec<Job>>,
    pauses: Vec<Paused>,
    given: usize,
    begun: bool,
    over: bool,
}

impl Feed {
    pub(crate) fn new(world: &World, jobs: &Rc<Vec<Job>>) -> Self {
        let world = world.clone();
        let (jobs, pauses) = (jobs.clone(), Vec::new());
        Feed { world, jobs, pauses, given: 0, begun: false, over: false }
    }
}

impl Stream for Feed {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        let this = &mut *self;
        assert!(!this.over, "asked after its end");
        let Some(job) = this.jobs.get(this.given) else {
            this.over = true;
            return Poll::Ready(None);
        };
        if !mem::replace(&mut this.begun, true) {
            this.pauses = job.before.iter().map(|pause| this.world.pause(*pause)).collect();
        }
        while let Some(pause) = this.pauses.last_mut() {
            if Pin::new(pause).poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.pauses.pop();
        }
        this.begun = false;
        this.given += 1;
        Poll::Ready(Some(this.world.take()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.jobs.len() - self.given;
        (left, Some(left))
    }
}

/// Takes values, and is busy before each; the flow goes on meanwhile.
pub(crate) async fn consume<S>(
    world: &World,
    mut flow: Pin<&mut S>,
    busy: &[Vec<Pause>],
    mut before_each: impl FnMut(),
) where
    S: Source<Item = Result<Token, Token>>,
{
    let mut busy = busy.iter().cycle();
    loop {
        before_each();
        for pause in busy.next().into_iter().flatten() {
            let mut pause = world.pause(*pause);
            poll_fn(|cx| {
                let _ = flow.as_mut().poll_progress(cx);
                Pin::new(&mut pause).poll(cx)
            })
            .await;
        }
        let (low, high) = flow.size_hint();
        match poll_fn(|cx| flow.as_mut().poll_next(cx)).await {
            Some(Ok(token) | Err(token)) => {
                assert!(high != Some(0), "more than the size hint says");
                world.deliver(&token);
            }
            None => {
                assert_eq!(low, 0, "less than the size hint says");
                break;
            }
        }
    }
    for _ in 0..2 {
        assert!(poll_fn(|cx| flow.as_mut().poll_next(cx)).await.is_none(), "goes on after its end");
    }
}
