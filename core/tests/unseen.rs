//! What goes wrong where nobody looks: leaks, values that are not dropped, and flows that say that
//! they are done.

use anyscope_core::{
    BlockOn, CancelToken, Child, Clock, Instant, Limit, LiveLimit, OwnedScope, Spawn, Timer,
    block_scope,
    flow::{self, Source},
    try_block_scope,
};
use futures_core::{FusedStream, Stream};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::{Future, Ready, ready},
    mem,
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

/// Counts what this thread has allocated, and not freed.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all of it is left to the allocator of the system. The counter has no destructor and is
// initialised at compile time, so that looking at it does not allocate.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(layout.size())));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(layout.size())));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What is left of what `f` has allocated, the second time.
fn left_by(mut f: impl FnMut()) -> usize {
    f();
    let before = BYTES.get();
    f();
    BYTES.get().wrapping_sub(before)
}

/// Polls each child once, and drops it. Its `block_on` leaves early, with a panic.
#[derive(Clone)]
struct Hasty;

impl Spawn for Hasty {
    fn spawn(&self, mut child: Child) {
        let _ = poll_once(&mut child);
    }
}

impl BlockOn for Hasty {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match poll_once(&mut pin!(future)) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("left early"),
        }
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Given a scope that was cancelled, then children that it refuses leave nothing behind.
#[test]
fn refused_children_leave_nothing() {
    let scope = OwnedScope::new(&Hasty);
    scope.cancel("test");
    assert_eq!(left_by(|| (0..100).for_each(|_| drop(scope.spawn(async {})))), 0);
}

/// Given a token, then waits that were given up leave nothing behind.
#[test]
fn waits_that_were_given_up_leave_nothing() {
    let token = CancelToken::new();
    let wait = || assert!(poll_once(&mut Box::pin(token.cancelled())).is_pending());
    assert_eq!(left_by(|| (0..100).for_each(|_| wait())), 0);
}

/// Given a `block_on` that leaves early, when a child has failed whose handle is leaked, then the
/// error, which may borrow, is gone when the scope is.
#[test]
fn errors_do_not_outlive_a_block_scope_that_is_left_early() {
    let error = Arc::new(());
    let left = catch_unwind(AssertUnwindSafe(|| {
        try_block_scope(&Hasty, async |s| -> Result<(), Arc<()>> {
            mem::forget(s.spawn(async { Err::<(), _>(error.clone()) }));
            assert_eq!(Arc::strong_count(&error), 2);
            anyscope_core::shield(std::future::pending()).await
        })
    }));
    assert!(left.is_err());
    assert_eq!(Arc::strong_count(&error), 1);
}

/// Given a child that panics, then the value of the body is dropped.
#[test]
fn the_value_beside_a_panic_is_dropped() {
    let value = Arc::new(());
    let left = catch_unwind(AssertUnwindSafe(|| {
        block_scope(&Hasty, async |s| {
            drop(s.spawn(async { panic!("child") }));
            value.clone()
        })
    }));
    assert!(left.is_err());
    let left = catch_unwind(AssertUnwindSafe(|| {
        try_block_scope(&Hasty, async |s| -> Result<_, ()> {
            s.defer(async { if true { panic!("finalizer") } else { Ok::<(), ()>(()) } });
            Ok(value.clone())
        })
    }));
    assert!(left.is_err());
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A live limit answers what it was given.
#[test]
fn a_live_limit_answers_what_it_was_given() {
    for limit in [Limit::new(1), Limit::new(usize::MAX - 1), Limit::Unbounded] {
        assert_eq!(LiveLimit::new(limit).get(), limit);
    }
}

/// Has nothing to give, and is done with going on when it is told so.
struct Busy {
    done: Rc<Cell<bool>>,
    waker: Rc<Cell<Option<Waker>>>,
}

impl Stream for Busy {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.done.set(false);
        self.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Source for Busy {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.set(Some(cx.waker().clone()));
        if self.done.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Given a merge of many, then it is done with going on when all of them are, however often one of
/// them goes on again; and not any more when an item has been asked for.
#[test]
fn a_merge_goes_on_until_all_are_done() {
    let done: [_; 9] = std::array::from_fn(|n| Rc::new(Cell::new(n != 8)));
    let wakers: [_; 9] = std::array::from_fn(|_| Rc::new(Cell::new(None)));
    let sources = done.iter().zip(&wakers);
    let sources = sources
        .map(|(done, waker)| flow::source(Busy { done: done.clone(), waker: waker.clone() }));
    let mut merge = pin!(flow::merge_all(sources.collect::<Vec<_>>()).into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(merge.as_mut().poll_progress(cx).is_pending());
    // Again, of one that was done.
    wakers[0].take().unwrap().wake();
    assert!(merge.as_mut().poll_progress(cx).is_pending());
    done[8].set(true);
    wakers[8].take().unwrap().wake();
    assert!(merge.as_mut().poll_progress(cx).is_ready());
    // An item is under way.
    assert!(merge.as_mut().poll_next(cx).is_pending());
    assert!(merge.as_mut().poll_progress(cx).is_pending());
}

/// Counts wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A clock that is always at the end of whatever is waited for.
#[derive(Clone, Default)]
struct Late;

impl Clock for Late {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

impl Timer for Late {
    type Sleep = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

fn busy() -> flow::Flow<Busy> {
    flow::source(Busy { done: Rc::default(), waker: Rc::default() })
}

/// Given a flow whose time is over while nobody asks for an item, then it is done with going on.
#[test]
fn a_flow_past_its_deadline_is_done() {
    let at = Instant::from_epoch(Duration::from_secs(1));
    let mut flow = pin!(busy().deadline(Late, at).into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(flow.as_mut().poll_progress(cx).is_ready());
    assert!(matches!(flow.as_mut().poll_next(cx), Poll::Ready(Some(Err(_)))));
    assert!(flow.as_mut().poll_next(cx).is_ready());
}

/// Size hints leave room for an error.
#[test]
fn size_hints_leave_room_for_an_error() {
    let zip = flow::iter(0..2).zip_strict(flow::iter(0..3)).into_stream();
    assert_eq!(zip.size_hint(), (0, Some(3)));
    let until = flow::iter([Ok::<_, ()>(1), Ok(2)]).until_error().into_stream();
    assert_eq!(until.size_hint(), (1, Some(2)));
}

/// Given an outer flow that has ended, and an inner one that has panicked, then that is the end.
#[test]
fn a_switch_ends_with_a_panic_of_the_last() {
    let inner = |()| flow::iter((0..1).inspect(|_| panic!("inner")));
    let mut flow = pin!(flow::iter([()]).switch_map(inner).into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| flow.as_mut().poll_next(cx))).is_err());
    assert!(matches!(flow.as_mut().poll_next(cx), Poll::Ready(None)));
    assert!(flow.is_terminated());
}

/// Given an outer flow that is always ready, then a poll ends, and the task goes on.
#[test]
fn a_switch_of_ever_new_flows_gives_way() {
    let mut flow = pin!(flow::iter(0..).switch_map(|_| busy()).into_stream());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(flow.as_mut().poll_next(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(count.0.load(SeqCst), 1);
}

/// Wakes itself whenever it is told to go on.
struct Restless(Rc<Cell<usize>>);

impl Stream for Restless {
    type Item = flow::Flow<Busy>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Source for Restless {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() < 1000, "it holds the task");
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Given an outer flow that goes on and on while nobody asks for an item, then a poll ends, and the
/// task goes on.
#[test]
fn a_flatten_of_a_restless_flow_gives_way() {
    let asked = Rc::new(Cell::new(0));
    let mut flow = pin!(flow::source(Restless(asked.clone())).flatten(Limit::new(1)).into_stream());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(flow.as_mut().poll_progress(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(count.0.load(SeqCst), 1);
    assert!(asked.get() <= 4);
}
