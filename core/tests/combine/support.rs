//! Members that do what they are told, and say what happened to them.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Sizes on both sides of every limit: 16 are polled together, a chunk of a slab has 64.
pub(crate) const SIZES: [usize; 10] = [1, 2, 10, 15, 16, 17, 18, 64, 65, 300];

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

    pub(crate) fn poll<F: Future + ?Sized>(
        self: &Arc<Self>,
        future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }

    /// Polls for as long as the future wakes its task, and it is not ready.
    pub(crate) fn run<F: Future + ?Sized>(
        self: &Arc<Self>,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        loop {
            self.wakes();
            let polled = self.poll(future.as_mut());
            if polled.is_ready() || self.0.load(Relaxed) == 0 {
                return polled;
            }
        }
    }

    /// How many wakes there were since this was last called.
    pub(crate) fn wakes(&self) -> usize {
        self.0.swap(0, Relaxed)
    }
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What happened to members, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<usize>>>);

impl Log {
    pub(crate) fn add(&self, event: usize) {
        self.0.borrow_mut().push(event);
    }

    pub(crate) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// Members of a group and what is known of them: one for each number.
pub(crate) struct Remotes<T> {
    states: Vec<Rc<State<T>>>,
    /// Numbers of members as they are dropped.
    pub(crate) dropped: Log,
    /// Numbers of members as they are polled.
    pub(crate) polled: Log,
}

struct State<T> {
    output: Cell<Option<T>>,
    waker: RefCell<Option<Waker>>,
    panics: Cell<bool>,
    drop_panics: Cell<bool>,
}

impl<T> Remotes<T> {
    pub(crate) fn new(n: usize) -> Self {
        let state = |_| {
            Rc::new(State {
                output: Cell::new(None),
                waker: RefCell::default(),
                panics: Cell::default(),
                drop_panics: Cell::default(),
            })
        };
        Remotes {
            states: (0..n).map(state).collect(),
            dropped: Log::default(),
            polled: Log::default(),
        }
    }

    /// The member of this number.
    pub(crate) fn member(&self, number: usize) -> Member<T> {
        Member {
            number,
            state: self.states[number].clone(),
            dropped: self.dropped.clone(),
            polled: self.polled.clone(),
        }
    }

    pub(crate) fn members(&self) -> Vec<Member<T>> {
        (0..self.len()).map(|number| self.member(number)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// Has a member be ready, and wakes it.
    pub(crate) fn finish(&self, number: usize, output: T) {
        self.states[number].output.set(Some(output));
        self.wake(number);
    }

    pub(crate) fn wake(&self, number: usize) {
        let waker = self.states[number].waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has a member panic when it is polled, and wakes it.
    pub(crate) fn blow_up(&self, number: usize) {
        self.states[number].panics.set(true);
        self.wake(number);
    }

    /// Has a member panic when it is dropped, with its number.
    pub(crate) fn drop_panics(&self, number: usize) {
        self.states[number].drop_panics.set(true);
    }

    /// Wakers that are kept are of no use any more, and keep memory.
    pub(crate) fn forget_wakers(&self) {
        self.states.iter().for_each(|state| drop(state.waker.take()));
    }
}

/// A member that waits to be told.
pub(crate) struct Member<T> {
    number: usize,
    state: Rc<State<T>>,
    dropped: Log,
    polled: Log,
}

impl<T> Future for Member<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.polled.add(self.number);
        if self.state.panics.get() {
            throw(self.number);
        }
        match self.state.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                *self.state.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Member<T> {
    fn drop(&mut self) {
        self.dropped.add(self.number);
        if self.state.drop_panics.get() {
            throw(self.number);
        }
    }
}

/// A value that says when it is dropped.
pub(crate) struct Value(pub(crate) Log, pub(crate) usize);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// Panics without a word from the panic hook.
fn throw(number: usize) -> ! {
    resume_unwind(Box::new(number))
}

/// The number with which `f` panics.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Option<usize> {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(f()))).err()?;
    Some(*payload.downcast::<usize>().expect("the panic of a member"))
}

/// Whether `f` panics.
pub(crate) fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(f()))).is_err()
}

/// How many blocks this thread has allocated.
pub(crate) fn allocations() -> usize {
    ALLOCATED.get()
}

/// How many blocks of this thread are there.
pub(crate) fn blocks() -> usize {
    BLOCKS.get()
}

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: all of it is left to the allocator of the system. The counters have no destructor and
// are initialised at compile time, so that looking at them does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is going down has no counters any more.
        let _ = ALLOCATED.try_with(|count| count.set(count.get() + 1));
        let _ = BLOCKS.try_with(|count| count.set(count.get().wrapping_add(1)));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _ = BLOCKS.try_with(|count| count.set(count.get().wrapping_sub(1)));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}
