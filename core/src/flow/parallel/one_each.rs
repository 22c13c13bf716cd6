//! A child for each future, where there are too few to share.

use super::outcomes::Outcome;
use crate::{
    child::{JoinError, JoinHandle},
    exec::Spawn,
    scope::Scope,
    unwind::{self, Payload},
};
use alloc::vec::Vec;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The most futures that get a child each. Shards and what they share cost as much as about three
/// children, and with so few children it is cheap to look at all of them.
const MOST: usize = 7;

/// Returns whether each of these futures should have a child of its own.
pub(super) fn suits<I: Iterator>(futures: &I) -> bool {
    futures.size_hint().1.is_some_and(|most| most <= MOST)
}

/// The results of children, as they come.
pub(super) struct OneEach<T> {
    /// In the order of the iterator. `None` once the result was yielded.
    children: Vec<Option<JoinHandle<'static, T>>>,
    /// Of the iterator.
    panic: Option<Payload>,
}

impl<T> OneEach<T> {
    #[track_caller]
    pub(super) fn spawn<E, I>(scope: &Scope<E>, mut futures: I) -> Self
    where
        E: Spawn,
        I: Iterator<Item: Future<Output = T> + Send + 'static>,
        T: Send + 'static,
    {
        let mut children = Vec::with_capacity(futures.size_hint().1.unwrap_or(0));
        let mut panic = None;
        loop {
            let mut next = None;
            unwind::keep_first(&mut panic, || next = futures.next());
            let Some(future) = next else { break };
            children.push(Some(scope.spawn_host(future)));
        }
        // The children that were spawned keep running, as they do in shards.
        unwind::keep_first(&mut panic, || drop(futures));
        OneEach { children, panic }
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        if let Some(panic) = self.panic.take() {
            unwind::resume(panic);
        }
        let mut waits = false;
        for (index, child) in self.children.iter_mut().enumerate() {
            let Some(handle) = child else { continue };
            waits = true;
            if let Poll::Ready(result) = Pin::new(handle).poll(cx) {
                *child = None;
                return Poll::Ready(Some((index, result)));
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(None) }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.children.iter().flatten().count();
        (left, Some(left))
    }

    pub(super) fn is_over(&self) -> bool {
        self.panic.is_none() && self.children.iter().all(Option::is_none)
    }
}

impl<T> Drop for OneEach<T> {
    fn drop(&mut self) {
        let mut first = self.panic.take();
        let mut cx = Context::from_waker(Waker::noop());
        for mut handle in self.children.drain(..).flatten() {
            unwind::keep_first(&mut first, || match Pin::new(&mut handle).poll(&mut cx) {
                Poll::Ready(Err(JoinError::Panicked(panic))) => panic.resume(),
                _ => drop(handle),
            });
        }
        // Usually in the body of the scope, which then ends as with any other panic.
        unwind::resume_unless_panicking(first);
    }
}
