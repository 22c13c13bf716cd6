//! Work that holds its thread: what others can do, they do.

use anyscope::{Child, Limit, flow, scope};
use smol::stream::StreamExt;
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
use support::{Hoard, Signal, ThreadEach, hoard::unsized_hint, hostile::Spy, poll_once};

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

/// Given shards that sleep, of which the executor drops one, before it is woken for work or after
/// that, then the work wakes another one, before whoever has taken it may be stuck.
#[test]
fn wake_of_a_shard_that_goes_is_for_another() {
    for was_woken in [false, true] {
        let (ex, spies) = (Hoard::default(), [Spy::new(), Spy::new()]);
        let sleeping: Arc<Mutex<Vec<Child>>> = Arc::default();
        let mut op = pin!(scope(&ex, async |s| {
            let (sleeping, spies) = (sleeping.clone(), spies.clone());
            let futures = (0..3).map(move |n| {
                if n == 0 {
                    // The source is taken, so they find nothing to do.
                    let mut sleeping = sleeping.lock().unwrap();
                    for (child, spy) in sleeping.iter_mut().zip(&spies) {
                        assert!(spy.poll(Pin::new(child)).is_pending());
                    }
                    if !was_woken {
                        drop(sleeping.remove(0));
                    }
                }
                let (sleeping, [gone, next]) = (sleeping.clone(), spies.clone());
                async move {
                    if n == 0 {
                        assert_eq!(gone.wakes(), usize::from(was_woken));
                        if was_woken {
                            assert_eq!(next.wakes(), 0);
                            drop(sleeping.lock().unwrap().remove(0));
                        }
                        assert_eq!(next.wakes(), 1);
                    }
                }
            });
            let results: Vec<_> = s.spawn_all(unsized_hint(futures)).collect().await;
            assert_eq!(results.len(), 3);
            results.into_iter().for_each(|(_, result)| result.unwrap());
        }));
        assert!(poll_once(op.as_mut()).is_pending());
        let mut children = ex.take();
        let mut busy = children.remove(2);
        *sleeping.lock().unwrap() = children;
        assert!(poll_once(Pin::new(&mut busy)).is_ready());
        for last in sleeping.lock().unwrap().iter_mut() {
            assert!(poll_once(Pin::new(last)).is_ready());
        }
        assert!(poll_once(op.as_mut()).is_ready());
    }
}

/// Given two shards that sleep, when the work of one is woken, and has the source yield an item, then
/// the other is woken for it: the first may be stuck.
#[test]
fn shard_that_is_polled_is_not_woken_for_more() {
    let (ex, spies) = (Hoard::default(), [Spy::new(), Spy::new()]);
    let (send, receive) = async_channel::unbounded();
    let (go, other) = (Signal::default(), spies[1].clone());
    send.try_send(0).unwrap();
    let (more, wait) = (send.clone(), go.clone());
    let work = move |n| {
        let (more, wait, other) = (more.clone(), wait.clone(), other.clone());
        async move {
            if n == 0 {
                wait.wait().await;
                other.take_wakes();
                more.try_send(1).unwrap();
                assert_eq!(other.wakes(), 1);
            }
        }
    };
    let mut op = pin!(flow::stream(receive).for_each_on(&ex, Limit::new(2), work));
    assert!(poll_once(op.as_mut()).is_pending());
    // The first one last.
    let mut shards = ex.take();
    shards.reverse();
    for (shard, spy) in shards.iter_mut().zip(&spies) {
        assert!(spy.poll(Pin::new(shard)).is_pending());
    }
    go.fire();
    assert!(spies[0].wakes() > 0);
    assert!(spies[0].poll(Pin::new(&mut shards[0])).is_pending());
    assert!(poll_once(op.as_mut()).is_pending());
    drop(send);
}

/// Given a consumer that waits, and a shard with two pieces of work, then the outcome of the first is
/// told before the second is begun, which may be stuck.
#[test]
fn outcome_is_told_before_the_next_piece_is_begun() {
    let (ex, consumer) = (Hoard::default(), Spy::new());
    let told = consumer.clone();
    let work = move |n| {
        let told = told.clone();
        async move { assert_eq!(told.wakes(), n) }
    };
    let mut outcomes = pin!(flow::iter(0..2).map_on(&ex, Limit::new(2), work).into_stream());
    assert!(consumer.poll(pin!(outcomes.next())).is_pending());
    consumer.take_wakes();
    let mut shards = ex.take();
    assert!(poll_once(Pin::new(&mut shards[0])).is_pending());
    for _ in 0..2 {
        let Poll::Ready(Some(outcome)) = poll_once(pin!(outcomes.next())) else { panic!("none") };
        outcome.unwrap();
    }
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
