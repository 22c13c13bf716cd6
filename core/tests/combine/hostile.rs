//! Wakers of the task that panic, or poll and drop the group inside.

use crate::support::*;
use anyscope_core::{join, race, try_join};
use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

type Outcome = Result<usize, usize>;

type Hook = Box<dyn FnMut(Event)>;

thread_local! {
    /// What wakers of [`waker`] do when they are cloned, woken or dropped.
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Clone,
    Wake,
    Drop,
}

fn run_hook(event: Event) {
    // The hook is taken out while it runs, so that it may wake, and is gone if it panics.
    let hook = HOOK.take();
    if let Some(mut hook) = hook {
        hook(event);
        HOOK.set(Some(hook));
    }
}

/// A waker that runs the hook of its thread.
fn waker() -> Waker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            run_hook(Event::Clone);
            RawWaker::new(std::ptr::null(), &VTABLE)
        },
        |_| run_hook(Event::Wake),
        |_| run_hook(Event::Wake),
        |_| run_hook(Event::Drop),
    );
    // SAFETY: the data is not used.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) }
}

/// Given a waker of the task that panics when it is cloned, woken or dropped, then members are
/// dropped once, and those who are woken later are not lost.
#[test]
fn wakers_that_panic() {
    for n in SIZES {
        for bomb in [Event::Clone, Event::Wake, Event::Drop] {
            let remotes: Remotes<Outcome> = Remotes::new(n);
            let mut all = Box::pin(try_join(remotes.members()));
            let task = Task::new();
            HOOK.set(Some(Box::new(move |event| {
                if event == bomb && !std::thread::panicking() {
                    std::panic::resume_unwind(Box::new(0_usize));
                }
            })));
            let waker = waker();
            let alive = panic_of(|| {
                assert!(all.as_mut().poll(&mut Context::from_waker(&waker)).is_pending())
            })
            .is_none();
            let woken = panic_of(|| remotes.finish(0, Ok(1)));
            HOOK.set(None);
            drop(waker);
            if alive {
                for number in 0..n {
                    remotes.finish(number, Ok(number));
                }
                assert!(
                    matches!(task.run(all.as_mut()), Poll::Ready(Ok(_))),
                    "{n}, {bomb:?}, {woken:?}"
                );
            }
            drop(all);
            let mut dropped = remotes.dropped.take();
            dropped.sort_unstable();
            assert_eq!(dropped, (0..n).collect::<Vec<_>>(), "{n}, {bomb:?}");
        }
    }
}

/// Given a waker that polls the group inside of the wake, or drops it there, then nothing happens
/// twice.
#[test]
fn wakers_that_poll_or_drop_the_group() {
    for n in SIZES {
        for polls in [true, false] {
            let remotes = Rc::new(Remotes::<Outcome>::new(n));
            let group: Pin<Box<dyn Future<Output = _>>> = Box::pin(race(remotes.members()));
            let group = Rc::new(RefCell::new(Some(group)));
            let won = Rc::new(Cell::new(None));
            let hook = {
                let (group, won) = (group.clone(), won.clone());
                move |event| {
                    if event != Event::Wake {
                        return;
                    }
                    // Not there while it is polled.
                    let Some(mut inner) = group.take() else { return };
                    if polls {
                        match poll(inner.as_mut()) {
                            Poll::Ready(output) => won.set(Some(output)),
                            Poll::Pending => *group.borrow_mut() = Some(inner),
                        }
                    }
                }
            };
            let mut inner = group.take().unwrap();
            assert!(Task::new().run(inner.as_mut()).is_pending());
            let waker = waker();
            assert!(inner.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            *group.borrow_mut() = Some(inner);
            HOOK.set(Some(Box::new(hook)));
            remotes.finish(n - 1, Ok(7));
            HOOK.set(None);
            assert!(group.borrow().is_none());
            assert_eq!(won.get(), polls.then_some(Ok(Ok(7))), "{n}");
            let mut dropped = remotes.dropped.take();
            dropped.sort_unstable();
            assert_eq!(dropped, (0..n).collect::<Vec<_>>());
        }
    }
}

/// Given members that wake each other, and themselves, while they are polled, then each is polled
/// until it is ready.
#[test]
fn members_that_wake_each_other() {
    for n in SIZES {
        let remotes = Rc::new(Remotes::<usize>::new(n));
        let others = (0..n).map(|number| {
            let (remotes, mut member) = (remotes.clone(), Box::pin(remotes.member(number)));
            std::future::poll_fn(move |cx| {
                let polled = member.as_mut().poll(cx);
                // The next one, which is the first one after the last.
                remotes.finish((number + 1) % remotes.len(), number);
                polled
            })
        });
        let mut all = Box::pin(join(others));
        assert!(matches!(Task::new().run(all.as_mut()), Poll::Ready(values) if values.len() == n));
    }
}
