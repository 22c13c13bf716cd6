//! Work that holds its thread: what others can do, they do.

use anyscope::{Limit, flow};
use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Barrier, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};
use support::{Hoard, Signal, ThreadEach, poll_once};

/// Counts, and holds threads until enough were counted.
#[derive(Clone, Default)]
struct Count(Arc<(Mutex<usize>, Condvar)>);

impl Count {
    fn add(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }

    fn block_until(&self, enough: usize) {
        let mut count = self.0.0.lock().unwrap();
        while *count < enough {
            count = self.0.1.wait(count).unwrap();
        }
    }
}

/// Given shards that sleep, when as many items come at once as there are shards, and each holds its
/// thread until all have started, then all start: whoever takes some of them wakes the next.
#[test]
fn o2_all_shards_start_what_holds_their_threads() {
    for _ in 0..20 {
        let ex = ThreadEach::default();
        let (send, receive) = async_channel::unbounded::<()>();
        let all = Arc::new(Barrier::new(4));
        let work = move |()| {
            let all = all.clone();
            async move {
                all.wait();
            }
        };
        let mut op = pin!(flow::stream(receive).for_each_on(&ex, Limit::new(100), work));
        assert!(poll_once(op.as_mut()).is_pending());
        while ex.asleep() < 4 {
            thread::yield_now();
        }
        let sending = thread::spawn(move || (0..4).for_each(|_| send.try_send(()).unwrap()));
        smol::block_on(op).unwrap();
        sending.join().unwrap();
    }
}

/// Given a piece of work that holds its thread until all others have ended, which were taken from
/// the source together with it, then others take them.
#[test]
fn queued_work_of_a_stuck_shard_is_taken_by_others() {
    for _ in 0..20 {
        let (ex, ended) = (ThreadEach::default(), Count::default());
        let (send, receive) = async_channel::unbounded();
        (0..64).for_each(|n| send.try_send(n).unwrap());
        drop(send);
        let work = move |n| {
            let ended = ended.clone();
            async move {
                if n % 32 == 0 {
                    ended.block_until(62);
                }
                ended.add();
            }
        };
        smol::block_on(flow::stream(receive).for_each_on(&ex, Limit::new(500), work)).unwrap();
    }
}

/// Given a shard whose work has ended but for the last piece, which holds its thread, then the
/// others take as many items as have room.
#[test]
fn u5_others_fill_the_room_that_a_stuck_shard_has_made() {
    let (ex, ended, go) = (Hoard::default(), Count::default(), Signal::default());
    let works = ended.clone();
    let wait = go.clone();
    let work = move |n| {
        let (ended, wait) = (works.clone(), wait.clone());
        async move {
            if n < 4 {
                wait.wait().await;
            }
            if n == 3 {
                ended.block_until(3 + 4);
            }
            ended.add();
        }
    };
    let mut op = pin!(flow::iter(0..8).for_each_on(&ex, Limit::new(4), work));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut children = ex.take();
    assert_eq!(children.len(), 4);
    // One of them takes all that there is room for.
    let mut first = children.remove(0);
    assert!(poll_once(Pin::new(&mut first)).is_pending());
    let asleep = Arc::new(AtomicUsize::new(0));
    for mut child in children {
        let asleep = asleep.clone();
        thread::spawn(move || {
            let mut polled = false;
            smol::block_on(poll_fn(|cx| {
                let poll = Pin::new(&mut child).poll(cx);
                if !std::mem::replace(&mut polled, true) {
                    asleep.fetch_add(1, SeqCst);
                }
                poll
            }));
        });
    }
    while asleep.load(SeqCst) < 3 {
        thread::yield_now();
    }
    go.fire();
    thread::spawn(move || smol::block_on(first));
    smol::block_on(op).unwrap();
}

/// Given a source that is never ready, and wakes itself each time, then a poll of a shard ends.
#[test]
fn source_that_wakes_itself_gives_way() {
    let ex = Hoard::default();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let over = Arc::new(AtomicBool::new(false));
    let ends = over.clone();
    let source = smol::stream::poll_fn(move |cx| {
        assert!(counted.fetch_add(1, SeqCst) < 1000, "it holds the thread");
        if ends.load(SeqCst) {
            return Poll::Ready(None);
        }
        cx.waker().wake_by_ref();
        Poll::<Option<()>>::Pending
    });
    let mut op = pin!(flow::stream(source).for_each_on(&ex, Limit::new(2), |()| pending()));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut children = ex.take();
    for child in &mut children {
        assert!(poll_once(Pin::new(child)).is_pending());
    }
    over.store(true, SeqCst);
    assert!(poll_once(Pin::new(&mut children[0])).is_pending());
    assert_eq!(poll_once(op.as_mut()), Poll::Ready(Ok(())));
}

/// Given several shards that find the limit reached at the same time, then the source is not asked
/// for an item that there is no room for.
#[test]
fn u4_shards_at_the_limit_take_nothing_ahead() {
    for _ in 0..3000 {
        let ex = ThreadEach::default();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        let source =
            futures_lite::stream::poll_fn(move |_| Poll::Ready(Some(counted.fetch_add(1, SeqCst))));
        let mut op = pin!(flow::stream(source).for_each_on(&ex, Limit::new(8), |_| pending()));
        assert!(poll_once(op.as_mut()).is_pending());
        while ex.asleep() < 4 {
            thread::yield_now();
        }
        (0..50).for_each(|_| thread::yield_now());
        assert_eq!(taken.load(SeqCst), 8);
    }
}
