//! Real threads.

use crate::support::*;
use anyscope_core::{FutureSet, StreamMap};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Barrier, mpsc},
    task::{Poll, Waker},
    thread,
};

/// Given wakers that are cloned, woken and dropped by three threads while the task polls, pushes
/// and drops sets, then every future ends.
#[test]
fn nothing_is_lost_between_threads() {
    const ROUNDS: usize = 300;
    const CHILDREN: usize = 40;
    let (senders, threads): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (sender, wakers) = mpsc::channel::<Waker>();
            let thread = thread::spawn(move || {
                let mut late = Vec::new();
                for waker in wakers {
                    waker.wake_by_ref();
                    let other = waker.clone();
                    other.wake();
                    late.push(waker);
                    if late.len() > 50 {
                        late.drain(..).for_each(Waker::wake);
                    }
                }
            });
            (sender, thread)
        })
        .unzip();
    let child = |n: usize| {
        let senders = senders.clone();
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            if polls > 3 {
                return Poll::Ready(n);
            }
            senders[(n + polls) % 3].send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
    };
    smol::block_on(async {
        for round in 0..ROUNDS {
            let mut set = FutureSet::new();
            (0..CHILDREN).for_each(|n| set.push(child(n)));
            let mut ended = 0;
            while let Some(n) = set.next().await {
                ended += 1;
                if n < CHILDREN && round % 2 == 0 {
                    set.push(child(n + CHILDREN));
                }
                if round % 10 == 9 && ended == CHILDREN / 2 {
                    // Some are woken when they are gone.
                    set.clear();
                    set.shrink_to_fit();
                }
            }
            let all = if round % 2 == 0 { 2 * CHILDREN } else { CHILDREN };
            assert_eq!(ended, if round % 10 == 9 { CHILDREN / 2 } else { all });
        }
    });
    drop(senders);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Given streams that are fed by threads, then each item comes once, and every end.
#[test]
fn streams_are_fed_by_threads() {
    let mut map = StreamMap::new();
    let start = Arc::new(Barrier::new(5));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (sender, items) = smol::channel::bounded(3);
            map.insert(n, Box::pin(items)).unwrap();
            let start = start.clone();
            thread::spawn(move || {
                start.wait();
                (0..2000).for_each(|item| sender.send_blocking(item).unwrap());
            })
        })
        .collect();
    start.wait();
    let mut next = [0; 4];
    let mut ends = 0;
    smol::block_on(async {
        while let Some((n, item)) = map.next().await {
            match item {
                Some(item) => assert_eq!(item, std::mem::replace(&mut next[n], item + 1)),
                None => ends += 1,
            }
        }
    });
    assert_eq!((next, ends), ([2000; 4], 4));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Given a set that goes from thread to thread while it is woken, then it is polled wherever it
/// is.
#[test]
fn a_set_moves_between_threads() {
    let (mut set, remotes, _) = idle_futures(50);
    for round in 0..20 {
        let far = remotes.clone();
        let waking = thread::spawn(move || far.iter().for_each(|remote| remote.wake()));
        set = thread::spawn(move || {
            let task = Task::new();
            let _ = task.poll(&mut set);
            set
        })
        .join()
        .unwrap();
        waking.join().unwrap();
        remotes[round].give(round as u32);
        let item = smol::block_on(poll_fn(|cx| Pin::new(&mut set).poll_next(cx)));
        assert_eq!(item, Some(round as u32));
    }
}
