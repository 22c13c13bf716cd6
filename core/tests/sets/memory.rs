//! What is allocated, and when it goes.

use crate::support::*;
use anyscope_core::{FutureMap, FutureSet, StreamSet};
use std::{
    future::{pending, poll_fn, ready},
    marker::PhantomPinned,
    mem::size_of,
    pin::Pin,
    task::{Context, Poll},
};

/// Given a set of bounded size, when it is filled and emptied for ever, then nothing is allocated
/// after the first time.
#[test]
fn memory_is_used_again() {
    let task = Task::new();
    let mut set = FutureSet::new();
    let round = |set: &mut FutureSet<_>| {
        for n in 0..300 {
            set.push(ready(n));
        }
        while let Poll::Ready(Some(_)) = task.poll(set) {}
    };
    round(&mut set);
    let before = allocations();
    for _ in 0..100 {
        round(&mut set);
    }
    assert_eq!(allocations() - before, 0);
}

/// The same where one goes when another comes, and wakers are cloned and dropped.
#[test]
fn memory_is_used_again_in_steady_state() {
    let task = Task::new();
    let mut set = FutureSet::new();
    let child = |n: u32| {
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            waker.wake();
            if polls == 3 { Poll::Ready(n) } else { Poll::Pending }
        })
    };
    (0..100).for_each(|n| set.push(child(n)));
    let mut before = 0;
    for n in 0..20_000 {
        while task.poll(&mut set).is_pending() {}
        set.push(child(n));
        if n == 1000 {
            before = allocations();
        }
    }
    assert_eq!(allocations() - before, 0);
}

/// Given many small futures, then each takes little more than itself.
#[test]
fn a_child_takes_little_more_than_itself() {
    struct Small([usize; 4]);
    impl Future for Small {
        type Output = usize;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
            Poll::Ready(self.0[0])
        }
    }
    let before = (allocations(), bytes());
    let set: FutureSet<_> = (0..32 * 100).map(|n| Small([n; 4])).collect();
    let (count, size) = (allocations() - before.0, bytes() - before.1);
    assert!(count <= 100 + 10, "{count} allocations");
    let each = size as usize / (32 * 100);
    assert!(each <= size_of::<Small>() + 3, "{each} bytes each");
    drop(set);
    assert_eq!(bytes() - before.1, 0);
}

/// Given a set that grows one by one, then it allocates for more and more at a time; and anew from
/// the beginning when it was emptied and has shrunk.
#[test]
fn a_set_grows_in_steps_that_grow() {
    let task = Task::new();
    let mut set = FutureSet::new();
    let mut first = isize::MAX;
    for _ in 0..2 {
        let before = (allocations(), bytes());
        set.push(ready(0));
        assert!(bytes() - before.1 <= first);
        first = bytes() - before.1;
        (1..32 * 100).for_each(|n| set.push(ready(n)));
        let count = allocations() - before.0;
        assert!(count <= 100 + 20, "{count} allocations");
        while let Poll::Ready(Some(_)) = task.poll(&mut set) {}
        set.shrink_to_fit();
    }
}

/// Given few large futures, then they do not take the memory of many.
#[test]
fn few_large_children_take_no_more_than_twice_themselves() {
    struct Large([u8; 1 << 16]);
    impl Future for Large {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(self.0[77])
        }
    }
    let before = bytes();
    let mut set = FutureSet::new();
    for n in 1..40 {
        set.push(Large([n; 1 << 16]));
        let most = (2 * set.len() + 2) << 16;
        assert!((bytes() - before) as usize <= most + 4096, "{} of {}", bytes() - before, n);
    }
    assert_eq!(smol::block_on(set.collect::<Vec<_>>()), (1..40).collect::<Vec<_>>());
}

/// Given futures of no size, then they are each polled and dropped.
#[test]
fn children_without_size() {
    struct Nothing;
    impl Future for Nothing {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let set: FutureSet<_> = (0..1000).map(|_| Nothing).collect();
    assert_eq!(smol::block_on(set.count()), 1000);
}

/// Given futures that want to lie at multiples of 256, and never move, then they do.
#[test]
fn children_are_aligned_and_stay() {
    #[repr(align(256))]
    struct Aligned(usize, PhantomPinned);
    impl Future for Aligned {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            // SAFETY: nothing is moved.
            let this = unsafe { self.get_unchecked_mut() };
            let address = &raw const *this as usize;
            assert_eq!(address % 256, 0);
            if this.0 == 0 {
                this.0 = address;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            assert_eq!(this.0, address);
            Poll::Ready(())
        }
    }
    let mut set: FutureSet<_> = (0..100).map(|_| Aligned(0, PhantomPinned)).collect();
    let task = Task::new();
    while set.len() > 50 {
        let _ = task.poll(&mut set);
    }
    let set = Box::new(set);
    assert_eq!(smol::block_on(set.count()), 50);
}

/// Given 100 000 futures, then they all come, and each costs few polls.
#[test]
fn a_hundred_thousand_children() {
    let (mut set, remotes, task) = idle_futures(100_000);
    for (n, remote) in remotes.iter().enumerate() {
        remote.give(n as u32);
    }
    assert_eq!(task.wakes(), 1);
    let mut sum = 0;
    while let Poll::Ready(Some(n)) = task.poll(&mut set) {
        sum += u64::from(n);
    }
    assert_eq!(sum, 99_999 * 100_000 / 2);
    assert!(remotes.iter().all(|remote| remote.polls() == 1));
}

/// Given a set that once was large, when it is told to shrink, then it keeps the memory of those
/// who are left, who go on; and grows again into the gaps.
#[test]
fn a_set_shrinks() {
    let task = Task::new();
    let remotes: Vec<_> = (0..10_000).map(|_| Remote::new()).collect();
    let before = bytes();
    let mut set: StreamSet<_> = remotes.iter().cloned().collect();
    settle(&task, &mut set);
    let large = bytes() - before;
    let stay = |n: usize| n % 2500 == 7;
    for (n, remote) in remotes.iter().enumerate() {
        if !stay(n) {
            remote.end();
        }
    }
    settle_polls(&task, &mut set);
    assert_eq!(set.len(), 4);
    // While the children hold wakers the memory is theirs as well.
    remotes.iter().enumerate().filter(|(n, _)| !stay(*n)).for_each(|(_, remote)| {
        remote.0.lock().unwrap().waker = None;
    });
    set.shrink_to_fit();
    let small = bytes() - before;
    assert!(small * 20 < large, "{small} of {large}");
    let left: Vec<_> = (0..10_000).filter(|n| stay(*n)).collect();
    for n in left {
        remotes[n].give(n as u32);
        assert_eq!(task.poll(&mut set), Poll::Ready(Some(n as u32)));
    }
    settle(&task, &mut set);
    let fillers: Vec<_> = (0..100).map(|_| Remote::new()).collect();
    let before = allocations();
    set.extend(fillers);
    assert_eq!((set.len(), allocations() - before), (104, 0), "there is room");
    let more: Vec<_> = (0..10_000).map(|_| Remote::new()).collect();
    set.extend(more.iter().cloned());
    settle(&task, &mut set);
    assert_eq!(task.wakes(), 0);
    more[9_999].give(1);
    more[17].give(2);
    assert_eq!(task.wakes(), 1);
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(1)));
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(2)));
}

fn settle_polls(task: &std::sync::Arc<Task>, set: &mut StreamSet<Remote>) {
    loop {
        let _ = task.poll(set);
        if task.wakes() == 0 {
            return;
        }
    }
}

/// Given a set whose task sleeps, when somebody else has it shrink, then the task is still woken.
#[test]
fn a_sleeping_set_shrinks() {
    let (mut set, remotes, task) = idle_futures(100);
    for remote in &remotes[1..] {
        remote.give(0);
        assert!(task.poll(&mut set).is_ready());
    }
    settle(&task, &mut set);
    set.shrink_to_fit();
    remotes[1..].iter().for_each(Remote::wake);
    task.wakes();
    settle(&task, &mut set);
    set.shrink_to_fit();
    remotes[0].give(5);
    assert_eq!((task.wakes(), task.poll(&mut set)), (1, Poll::Ready(Some(5))));
}

/// Given a set that is emptied before it was ever polled, when it shrinks, then nothing is left.
#[test]
fn an_emptied_set_shrinks_to_nothing() {
    let mut set = FutureSet::new();
    let mut map = FutureMap::new();
    let fill = |set: &mut FutureSet<_>, map: &mut FutureMap<_, _>| {
        for n in 0..200 {
            set.push(pending::<()>());
            map.insert(n, ready(n)).unwrap();
        }
    };
    fill(&mut set, &mut map);
    let before = bytes();
    set.clear();
    map.clear();
    set.shrink_to_fit();
    map.shrink_to_fit();
    assert!(before - bytes() > 400);
    let task = Task::new();
    assert_eq!(task.poll(&mut set), Poll::Ready(None));
    fill(&mut set, &mut map);
    assert!(task.poll(&mut set).is_pending());
    let mut items: Vec<_> = smol::block_on(map.collect());
    items.sort_unstable();
    assert_eq!(items, (0..200).map(|n| (n, n)).collect::<Vec<_>>());
}

/// Given a set that is forgotten, then its wakers can be used.
#[test]
fn a_forgotten_set() {
    let (set, remotes, task) = idle_futures(10);
    std::mem::forget(set);
    remotes.iter().for_each(Remote::wake);
    assert_eq!(task.wakes(), 1);
}
