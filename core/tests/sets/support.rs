use anyscope_core::{FutureSet, StreamSet};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

// So that the maps and sets can be polled without a trait in scope.
pub(crate) use smol::stream::{self, Stream, StreamExt};

/// A task that counts how often it was woken.
#[derive(Debug, Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Task {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn poll<S: Stream + Unpin>(self: &Arc<Self>, set: &mut S) -> Poll<Option<S::Item>> {
        let waker = Waker::from(self.clone());
        Pin::new(set).poll_next(&mut Context::from_waker(&waker))
    }

    /// How many wakes there were since this was last called.
    pub(crate) fn wakes(&self) -> usize {
        self.0.swap(0, Relaxed)
    }
}

/// A child that is told from outside what to do: pending until it has something to give. As a
/// stream, it gives each thing once; without things and `ended`, it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remote(pub(crate) Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    polls: usize,
    items: Vec<u32>,
    ended: bool,
    pub(crate) waker: Option<Waker>,
}

impl Remote {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Gives an item, and wakes.
    pub(crate) fn give(&self, item: u32) {
        self.0.lock().unwrap().items.push(item);
        self.wake();
    }

    pub(crate) fn end(&self) {
        self.0.lock().unwrap().ended = true;
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.waker().wake_by_ref();
    }

    /// That of the last poll.
    pub(crate) fn waker(&self) -> Waker {
        self.0.lock().unwrap().waker.clone().expect("polled before")
    }

    /// How often it was polled since this was last called.
    pub(crate) fn polls(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().polls)
    }
}

impl Future for Remote {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        self.poll_next(cx).map(Option::unwrap)
    }
}

impl Stream for Remote {
    type Item = u32;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        let mut state = self.0.lock().unwrap();
        state.polls += 1;
        state.waker = Some(cx.waker().clone());
        match state.items.pop() {
            None if state.ended => Poll::Ready(None),
            None => Poll::Pending,
            item => Poll::Ready(item),
        }
    }
}

/// A set of so many children, each polled once.
pub(crate) fn idle_futures(children: usize) -> (FutureSet<Remote>, Vec<Remote>, Arc<Task>) {
    let remotes: Vec<_> = (0..children).map(|_| Remote::new()).collect();
    let mut set: FutureSet<_> = remotes.iter().cloned().collect();
    let task = Task::new();
    settle(&task, &mut set);
    remotes.iter().for_each(|remote| assert_eq!(remote.polls(), 1));
    (set, remotes, task)
}

/// As [`idle_futures`], for streams.
pub(crate) fn idle_streams(children: usize) -> (StreamSet<Remote>, Vec<Remote>, Arc<Task>) {
    let remotes: Vec<_> = (0..children).map(|_| Remote::new()).collect();
    let mut set: StreamSet<_> = remotes.iter().cloned().collect();
    let task = Task::new();
    settle(&task, &mut set);
    remotes.iter().for_each(|remote| assert_eq!(remote.polls(), 1));
    (set, remotes, task)
}

/// Polls until the task sleeps.
pub(crate) fn settle<S: Stream + Unpin>(task: &Arc<Task>, set: &mut S) {
    loop {
        assert!(task.poll(set).is_pending());
        if task.wakes() == 0 {
            return;
        }
    }
}

/// What [`Child`] does in a poll.
pub(crate) fn step<T>(
    f: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> impl FnMut(&mut Context<'_>) -> Poll<T> {
    f
}

/// A child whose steps are given by closures.
pub(crate) struct Child<P, D: FnMut()> {
    pub(crate) poll: P,
    pub(crate) drop: D,
}

impl<P: Unpin, D: FnMut() + Unpin, T> Future for Child<P, D>
where
    P: FnMut(&mut Context<'_>) -> Poll<T>,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}

impl<P, D: FnMut()> Drop for Child<P, D> {
    fn drop(&mut self) {
        (self.drop)();
    }
}

/// The message of the panic that `f` ends with.
pub(crate) fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("it did not panic") };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a panic with a message").to_string(),
    }
}

/// Counts what this thread allocates.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// How many allocations this thread has made.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// How many bytes this thread has allocated and not freed.
pub(crate) fn bytes() -> isize {
    BYTES.get()
}

fn count(allocations: usize, bytes: isize) {
    // Not when the thread ends.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    let _ = BYTES.try_with(|count| count.set(count.get() + bytes));
}

// SAFETY: that of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}
