//! A source that is woken while it gives an item goes on, although nobody wants another.

use anyscope_core::{
    Limit, LiveLimit,
    flow::{self, Source},
};
use futures_core::Stream;
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Gives one item, and has work under way that it is woken for at once.
#[derive(Clone, Default)]
struct HalfDone(Rc<Cell<usize>>);

impl Stream for HalfDone {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > 1 {
            return Poll::Pending;
        }
        cx.waker().wake_by_ref();
        Poll::Ready(Some(()))
    }
}

/// Takes the first item of `flow`, and then none for a while: how often its source was polled.
fn polls_while_busy<S: Source>(source: &HalfDone, flow: flow::Flow<S>) -> usize {
    let mut flow = pin!(flow.into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(flow.as_mut().poll_next(cx), Poll::Ready(Some(_))));
    for _ in 0..5 {
        let _ = flow.as_mut().poll_progress(cx);
    }
    source.0.get()
}

fn sources(half_done: &HalfDone, idle: usize) -> Vec<Pin<Box<dyn Stream<Item = ()>>>> {
    let mut sources: Vec<Pin<Box<dyn Stream<Item = ()>>>> = vec![Box::pin(half_done.clone())];
    sources.resize_with(idle + 1, || Box::pin(HalfDone(Rc::new(Cell::new(1)))));
    sources
}

/// Merged with a few others, and with many.
#[test]
fn in_a_merge() {
    for idle in [1, 7, 8, 100] {
        // A few share the waker of the task, and may be asked in vain.
        let most = if idle < 8 { 6 } else { 2 };
        let source = HalfDone::default();
        let polls = polls_while_busy(&source, flow::merge_all(sources(&source, idle)));
        assert!((2..=most).contains(&polls), "{idle}: {polls}");
        let source = HalfDone::default();
        let polls = polls_while_busy(&source, flow::merge(sources(&source, idle)).biased());
        assert!((2..=most).contains(&polls), "biased, {idle}: {polls}");
    }
}

/// As an inner flow, and as the outer one at the limit.
#[test]
fn in_a_flatten() {
    let source = HalfDone::default();
    let inner = flow::iter([source.clone()]).flatten(Limit::new(2));
    assert_eq!(polls_while_busy(&source, inner), 2);
    let source = HalfDone::default();
    let outer = flow::stream(source.clone()).flat_map(Limit::new(1), |()| flow::iter([1, 2]));
    assert_eq!(polls_while_busy(&source, outer), 2);
}

/// Above a map at its limit.
#[test]
fn above_a_map() {
    let source = HalfDone::default();
    let mut map = pin!(
        flow::stream(source.clone())
            .map_concurrent(Limit::new(1), |()| pending::<()>())
            .into_stream()
    );
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..5 {
        assert!(map.as_mut().poll_next(cx).is_pending());
    }
    assert_eq!(source.0.get(), 2);
}

/// Above a map whose limit is lowered when the item has been given.
#[test]
fn above_a_map_whose_limit_is_lowered() {
    let (polls, limit) = (Cell::new(0), LiveLimit::new(Limit::new(2)));
    let source = smol::stream::poll_fn(|cx| {
        polls.set(polls.get() + 1);
        match polls.get() {
            1 => Poll::Ready(Some(false)),
            2 => {
                cx.waker().wake_by_ref();
                Poll::Ready(Some(true))
            }
            _ => Poll::Pending,
        }
    });
    let work = |is_ready| poll_fn(move |_| if is_ready { Poll::Ready(()) } else { Poll::Pending });
    let mut map = pin!(flow::stream(source).map_concurrent(&limit, work).unordered().into_stream());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(map.as_mut().poll_next(cx).is_ready());
    limit.set(Limit::new(1));
    for _ in 0..5 {
        assert!(map.as_mut().poll_next(cx).is_pending());
    }
    assert_eq!(polls.get(), 3);
}
