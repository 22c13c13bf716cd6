//! Models of what shards share; see [`crate::model`].

use super::{
    super::{Flow, Source, iter, sources::Iter},
    hub::{Batch, Hub},
    outcomes::{Outbox, Outcomes},
    shard::Outlet,
};
use crate::{
    Limit,
    cancel::{Cancelled, CancelledBy},
    limit::{Capacity, LiveLimit},
    model::{Census, Flag, Probe, Tasks, Work, block_on, check, poll_once, spawn},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    future::{Future, poll_fn},
    ops::Range,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use futures_core::Stream;

fn hub<S: Source, F, Fut>(source: S, f: F, limit: usize, shards: usize) -> Arc<Hub<S, F, Fut>>
where
    F: FnMut(S::Item) -> Fut,
{
    let limit = Capacity::from(Limit::new(limit));
    Arc::new(Hub::new(source, f, limit, usize::MAX, shards).ending())
}

/// What a shard does, without a set of futures: calls `run` with each piece of work until all is
/// done.
fn work_off<S, F, T>(hub: &Arc<Hub<S, F, T>>, shard: usize, mut run: impl FnMut(T))
where
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> T + Send + 'static,
    T: Send + 'static,
{
    let mut spare: Option<Box<Batch<T>>> = None;
    block_on(poll_fn(|cx| {
        let _ = hub.desks[shard].waker.set(cx.waker().clone());
        hub.wake_up(shard);
        loop {
            while let Some((_, work)) = hub.next_work(shard, &mut spare) {
                run(work);
                hub.finish(1);
            }
            hub.sleep(shard);
            if hub.is_over() {
                return Poll::Ready(());
            }
            if !hub.has_work() {
                return Poll::Pending;
            }
            hub.wake_up(shard);
            loom::thread::yield_now();
        }
    }));
}

/// One item, once a flag is set.
struct Late {
    flag: Flag,
    given: bool,
    _own: Option<Probe>,
}

impl Stream for Late {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if self.given {
            return Poll::Ready(None);
        }
        if let Some(own) = &self._own {
            own.touch();
        }
        Pin::new(&mut self.flag).poll(cx).map(|()| {
            self.given = true;
            Some(())
        })
    }
}

impl Source for Late {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Two shards race for the source: its item goes to one of them, and both come to their end.
#[test]
fn two_shards_race_for_the_source() {
    check("parallel: two shards race for the source", || {
        let census = Census::default();
        let theirs = census.clone();
        let hub = hub(iter(0..1).source, move |_| theirs.probe(), 2, 2);
        let other = hub.clone();
        let other = spawn(move || {
            let mut count = 0;
            work_off(&other, 1, |probe: Probe| {
                probe.touch();
                count += 1;
            });
            count
        });
        let mut count = 0;
        work_off(&hub, 0, |probe: Probe| {
            probe.touch();
            count += 1;
        });
        assert_eq!(count + other.join(), 1);
        drop(hub);
        assert_eq!(census.alive(), 0);
    });
}

/// Two pieces of work, taken at once, each of which holds its thread until the other has started.
/// Fails if the shard that fills an inbox does not look for one that goes to sleep.
#[test]
fn sleep_or_fill_inbox() {
    check("parallel: sleep or fill inbox", || {
        let started = [Flag::default(), Flag::default()];
        let hub = hub(iter(0..2).source, |n: usize| n, 4, 2);
        let run = move |n: usize| {
            started[1 - n].set();
            block_on(started[n].clone());
        };
        let (other, theirs) = (hub.clone(), run.clone());
        let other = spawn(move || work_off(&other, 1, theirs));
        work_off(&hub, 0, run);
        other.join();
    });
}

/// The source is woken while a shard goes to sleep. Fails if either does not look for the other.
#[test]
fn sleep_or_wake_by_the_source() {
    check("parallel: sleep or wake by the source", || {
        let flag = Flag::default();
        let late = Late { flag: flag.clone(), given: false, _own: None };
        let hub = hub(late, |()| (), 1, 1);
        let shard = spawn(move || work_off(&hub, 0, |()| ()));
        flag.set();
        shard.join();
    });
}

/// What was delivered makes room while a shard goes to sleep. Fails without the fence of either.
#[test]
fn sleep_or_deliver() {
    check("parallel: sleep or deliver", || {
        let limit = Capacity::from(Limit::new(1));
        let hub = Arc::new(Hub::new(iter(0..2).source, |n: usize| n, limit, 0, 1).ending());
        let (theirs, came) = (hub.clone(), Flag::default());
        let ours = came.clone();
        let shard = spawn(move || work_off(&theirs, 0, |_| ours.set()));
        for _ in 0..2 {
            block_on(came.clone());
            hub.deliver(1);
        }
        shard.join();
    });
}

/// The limit is raised while a shard goes to sleep, by the second of two changes: the first piece of work ends only when the
/// second has started. Fails if a change that has fired is not waited for again.
#[test]
fn sleep_or_raise() {
    check("parallel: sleep or raise", || {
        let limit = LiveLimit::new(1);
        let capacity = Capacity::from(&limit);
        let items = iter(0..2).source;
        let hub = Arc::new(Hub::new(items, |n: usize| n, capacity, usize::MAX, 1).ending());
        let first = hub.next_work(0, &mut None).map(|(_, work)| work);
        assert_eq!(first, Some(0));
        let raising = spawn(move || {
            limit.set(1);
            limit.set(2);
        });
        work_off(&hub, 0, |second| {
            assert_eq!(second, 1);
            hub.finish(1);
        });
        raising.join();
        // The limit keeps a waker of the hub, and so the hub.
        hub.close();
    });
}

/// The last piece of work ends while the owner goes to sleep.
#[test]
fn finish_or_owner_sleeps() {
    check("parallel: finish or owner sleeps", || {
        let census = Census::default();
        let probe = census.probe();
        let hub = hub(iter(0..1).source, |n: usize| n, 1, 1);
        let theirs = hub.clone();
        let shard = spawn(move || work_off(&theirs, 0, |_| probe.touch()));
        block_on(poll_fn(|cx| {
            hub.owner.register(cx.waker());
            if hub.is_done() { Poll::Ready(()) } else { Poll::Pending }
        }));
        shard.join();
        assert_eq!(census.alive(), 0);
    });
}

/// An operation shuts down while a shard is in its source: the source goes, although it has a waker
/// of what owns it. Fails without the fence of the shard that leaves the source.
#[test]
fn close_or_in_the_source() {
    check("parallel: close or in the source", || {
        let (census, flag) = (Census::default(), Flag::default());
        let late = Late { flag: flag.clone(), given: false, _own: Some(census.probe()) };
        let hub = hub(late, |()| (), 1, 1);
        let theirs = hub.clone();
        let shard = spawn(move || {
            let _ = theirs.next_work(0, &mut None);
        });
        hub.close();
        shard.join();
        assert_eq!(census.alive(), 0);
        drop(flag);
    });
}

/// Outcomes are sent while the taker goes to sleep: each comes, and then the end. Fails if the
/// taker says that it sleeps with a plain store.
#[test]
fn send_or_take() {
    check("parallel: send or take", || {
        let census = Census::default();
        let outcomes = Outcomes::new(1);
        let mut outbox = Outbox::new(&outcomes, 0);
        let works = [(); 2].map(|()| Work::new(&census, 1));
        let shard = spawn(move || {
            let cx = &mut Context::from_waker(Waker::noop());
            for (number, work) in works.into_iter().enumerate() {
                assert!(outbox.poll(number, pin!(work), cx).is_ready());
            }
        });
        let mut came = Vec::new();
        block_on(poll_fn(|cx| {
            outcomes.wait(cx);
            let closed = outcomes.closed() == 1;
            outcomes.take(|(number, outcome)| {
                outcome.unwrap().touch();
                came.push(number);
            });
            if closed { Poll::Ready(()) } else { Poll::Pending }
        }));
        assert_eq!(came, [0, 1]);
        shard.join();
        drop(outcomes);
        assert_eq!(census.alive(), 0);
    });
}

/// Outcomes are sent while they are no longer wanted: they are gone before the shard is.
/// Fails if the sender does not look again.
#[test]
fn send_or_abandon() {
    check("parallel: send or abandon", || {
        let census = Census::default();
        let outcomes = Outcomes::new(1);
        let mut outbox = Outbox::new(&outcomes, 0);
        let work = Work::new(&census, 1);
        let shard = spawn(move || {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(outbox.poll(0, pin!(work), cx).is_ready());
            Outlet::<Work>::flush(&mut outbox);
            outbox
        });
        drop(outcomes.abandon());
        let outbox = shard.join();
        assert_eq!(census.alive(), 0);
        drop(outbox);
    });
}

/// Two shards go while the taker goes to sleep: what either has sent, then what it has dropped, and
/// what either knows of the source, is there when both are gone, whichever is the last.
#[test]
fn leave_or_take() {
    check("parallel: leave or take", || {
        let census = Census::default();
        let outcomes = Outcomes::<Probe>::new(2);
        let shards = [0, 1].map(|shard| {
            let mut outbox = Outbox::new(&outcomes, shard);
            let work = (shard == 0).then(|| Work::new(&census, 1));
            spawn(move || {
                if let Some(work) = work {
                    let cx = &mut Context::from_waker(Waker::noop());
                    assert!(outbox.poll(2, pin!(work), cx).is_ready());
                    Outlet::<Work>::dropped(&mut outbox, 3);
                }
                Outlet::<Work>::leave(&mut outbox, 4 + shard, shard == 1);
            })
        });
        block_on(poll_fn(|cx| {
            outcomes.wait(cx);
            if outcomes.closed() == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        outcomes.report_all_lost(&Cancelled::new(CancelledBy::Executor, None));
        let mut came = Vec::new();
        outcomes.take(|(number, outcome)| came.push((number, outcome.is_err())));
        assert_eq!(came, [(2, false), (3, true)]);
        assert_eq!(outcomes.untaken(), None);
        shards.into_iter().for_each(|shard| shard.join());
    });
}

/// A whole operation, of one item on one shard.
#[test]
fn whole_operation() {
    check("parallel: whole operation", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let theirs = census.clone();
        let flow: Flow<Iter<Range<i32>>> = iter(0..1);
        let mut op = Box::pin(flow.for_each_on(&tasks, Limit::new(1), move |_| {
            let work = Work::new(&theirs, 1);
            async move { work.await.touch() }
        }));
        assert!(poll_once(&mut op).is_pending());
        let child = tasks.take();
        let shard = spawn(move || block_on(child));
        block_on(op.as_mut()).unwrap();
        assert_eq!(census.alive(), 0);
        drop(op);
        shard.join();
        assert_eq!(tasks.in_memory(), 0);
    });
}
