//! Scopes in children of scopes, as deep as memory goes, and scopes as wide: they end on a stack of
//! ordinary size.

use anyscope_core::{Child, Spawn, observe::Event, scope, try_scope};
use std::{
    cell::Cell,
    future::{Future, pending, ready},
    mem, panic,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    thread,
};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
type Held<H> = Arc<dyn Fn(&'static str, usize) -> H + Send + Sync>;

/// Keeps children until it is told to poll them.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<Child>>>);

impl Spawn for Queue {
    fn spawn(&self, child: Child) {
        self.0.lock().unwrap().push(child);
    }
}

impl Queue {
    /// Polls each once that was never polled, and those that they spawn.
    fn poll_new(&self) -> Vec<Child> {
        let mut polled = Vec::new();
        loop {
            let mut new = mem::take(&mut *self.0.lock().unwrap());
            if new.is_empty() {
                return polled;
            }
            new.retain_mut(|child| poll(child).is_pending());
            polled.append(&mut new);
        }
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A scope in a child of a scope and so on. `held` says for each level what is dropped with its
/// body, and what with its child.
fn nest<H: Send + 'static>(exec: Queue, level: usize, depth: usize, held: Held<H>) -> Boxed {
    Box::pin(async move {
        let _child = held("child", level);
        if level == depth {
            return pending().await;
        }
        scope(&exec.clone(), async |s| {
            let _body = held("body", level);
            let child = s.spawn(nest(exec, level + 1, depth, held.clone()));
            child.await.unwrap();
        })
        .await;
    })
}

/// How many there are.
fn counted(alive: &Arc<()>) -> usize {
    Arc::strong_count(alive) - 2
}

fn alive() -> (Arc<()>, Held<Arc<()>>) {
    let alive = Arc::new(());
    let theirs = alive.clone();
    (alive, Arc::new(move |_, _| theirs.clone()))
}

const DEPTH: usize = 100_000;

#[test]
fn a_deep_nest_goes_with_a_cancel_of_the_outermost_scope() {
    let (exec, (alive, held)) = (Queue::default(), alive());
    let mut outer = pin!(scope(&exec, async |s| {
        drop(s.spawn(nest(exec.clone(), 1, DEPTH, held.clone())));
        let _shells = exec.poll_new();
        assert_eq!(counted(&alive), 2 * DEPTH - 1);
        s.cancel("all of it");
        assert_eq!(counted(&alive), 0);
    }));
    assert_eq!(poll(&mut outer), Poll::Ready(()));
}

#[test]
fn a_deep_nest_goes_with_a_failure_of_the_outermost_scope() {
    let (exec, (alive, held)) = (Queue::default(), alive());
    let mut outer = pin!(try_scope(&exec, async |s| -> Result<(), ()> {
        let deep = nest(exec.clone(), 1, DEPTH, held.clone());
        drop(s.spawn(async move {
            deep.await;
            Ok(())
        }));
        let _shells = exec.poll_new();
        assert_eq!(counted(&alive), 2 * DEPTH - 1);
        drop(s.spawn(ready(Err::<(), ()>(()))));
        exec.poll_new();
        assert_eq!(counted(&alive), 0);
        Ok(())
    }));
    assert!(poll(&mut outer).is_ready());
}

#[test]
fn a_deep_nest_goes_with_the_future_of_the_outermost_scope() {
    let (exec, (alive, held)) = (Queue::default(), alive());
    let mut outer = nest(exec.clone(), 0, DEPTH, held.clone());
    assert!(poll(&mut outer).is_pending());
    let shells = exec.poll_new();
    assert_eq!(counted(&alive), 2 * DEPTH + 1);
    drop(outer);
    assert_eq!(counted(&alive), 0);
    drop(shells);
}

#[test]
fn a_deep_nest_goes_with_the_child_that_an_executor_drops() {
    let (exec, (alive, held)) = (Queue::default(), alive());
    let mut outer = nest(exec.clone(), 0, DEPTH, held.clone());
    assert!(poll(&mut outer).is_pending());
    let mut shells = exec.poll_new();
    drop(shells.remove(0));
    assert_eq!(counted(&alive), 2);
    drop(outer);
    assert_eq!(counted(&alive), 0);
}

/// As long as a thread goes down there may be no queue of it; a stack of ordinary size does.
#[test]
fn a_nest_goes_with_a_thread_that_ends() {
    thread_local! {
        static KEPT: Cell<Option<Boxed>> = const { Cell::new(None) };
    }
    let (alive, held) = alive();
    let theirs = held.clone();
    thread::spawn(move || {
        // Its destructor is registered first, and so runs last.
        KEPT.set(None);
        let exec = Queue::default();
        let build = |depth| {
            let mut outer = nest(exec.clone(), 0, depth, theirs.clone());
            assert!(poll(&mut outer).is_pending());
            exec.poll_new().into_iter().for_each(mem::forget);
            outer
        };
        drop(build(1_000));
        KEPT.set(Some(build(200)));
    })
    .join()
    .unwrap();
    assert_eq!(counted(&alive), 0);
    drop(held);
}

/// Every body down to a certain level goes after all that is below; and below that everything is
/// gone before its outermost body goes.
#[test]
fn bodies_go_after_what_is_in_their_children() {
    const DEPTH: usize = 300;
    let (exec, log) = (Queue::default(), Arc::new(Mutex::new(Vec::new())));
    let theirs = log.clone();
    let held = Arc::new(move |what, level| {
        let log = theirs.clone();
        OnDrop(move || log.lock().unwrap().push((what, level)))
    });
    let mut outer = nest(exec.clone(), 0, DEPTH, held);
    assert!(poll(&mut outer).is_pending());
    let shells = exec.poll_new();
    drop(outer);
    let log = mem::take(&mut *log.lock().unwrap());
    assert_eq!(log.len(), 2 * DEPTH + 1);
    let at = |what, level| log.iter().position(|&entry| entry == (what, level)).unwrap();
    for level in 0..64 {
        let last = (level + 1..DEPTH)
            .flat_map(|below| [("child", below), ("body", below)])
            .map(|(what, below)| at(what, below))
            .max();
        assert!(last < Some(at("body", level)), "level {level}");
    }
    drop(shells);
}

/// Given destructors that panic at every level, then all of them run, and no panic is lost.
#[test]
fn panics_of_destructors_on_the_way_down_are_reported() {
    const DEPTH: usize = 1_000;
    fn nest(exec: Queue, left: usize, counts: Arc<[AtomicUsize; 2]>) -> Boxed {
        Box::pin(async move {
            let dropped = counts.clone();
            let _panics = OnDrop(move || {
                dropped[0].fetch_add(1, Relaxed);
                panic::resume_unwind(Box::new("dropped"));
            });
            if left == 0 {
                return pending().await;
            }
            scope(&exec.clone(), async |s| {
                let seen = counts.clone();
                s.on_event(move |event| {
                    if let Event::PanicDropped { .. } = event {
                        seen[1].fetch_add(1, Relaxed);
                    }
                });
                s.spawn(nest(exec, left - 1, counts.clone())).await.unwrap();
            })
            .await;
        })
    }
    let (exec, counts) = (Queue::default(), Arc::<[AtomicUsize; 2]>::default());
    let theirs = counts.clone();
    let mut outer = Box::pin(scope(&exec, async |s| {
        let seen = theirs.clone();
        s.on_event(move |event| {
            if let Event::PanicDropped { .. } = event {
                seen[1].fetch_add(1, Relaxed);
            }
        });
        s.spawn(nest(exec.clone(), DEPTH, theirs.clone())).await.unwrap();
    }));
    assert!(poll(&mut outer).is_pending());
    let shells = exec.poll_new();
    drop(outer);
    drop(shells);
    assert_eq!(counts.each_ref().map(|count| count.load(Relaxed)), [DEPTH + 1; 2]);
}

#[test]
fn a_million_children_go_with_their_scope() {
    const MANY: usize = 1_000_000;
    let (exec, alive) = (Queue::default(), Arc::new(()));
    let start = |cancels: bool| {
        let (exec, alive) = (exec.clone(), alive.clone());
        Box::pin(scope(&exec.clone(), async move |s| {
            for _ in 0..MANY {
                let held = alive.clone();
                drop(s.spawn(async move {
                    pending::<()>().await;
                    drop(held);
                }));
            }
            assert_eq!(Arc::strong_count(&alive), MANY + 2);
            if cancels {
                s.cancel("all of you");
                assert_eq!(Arc::strong_count(&alive), 2);
            }
            pending::<()>().await;
        }))
    };
    for cancels in [true, false] {
        let mut outer = start(cancels);
        assert!(poll(&mut outer).is_pending());
        drop(outer);
        assert_eq!(Arc::strong_count(&alive), 1);
        exec.0.lock().unwrap().clear();
    }
}
