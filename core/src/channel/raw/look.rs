//! The line as the consumer sees it.

use super::{
    line::{CALL, Head, LISTED, Line, WANTED},
    node::{Node, Taken},
    waiting::Waiting,
};
use crate::{sync::Wakers, unwind};
use alloc::vec::Vec;
use core::{
    ptr::{self, NonNull},
    task::Waker,
};

/// What the consumer gets of a line that is short.
pub(super) enum First<T> {
    Taken(Taken<T>),
    Asked,
    /// Somebody came in between. The waker was not used.
    NotAsked(Waker),
}

/// What the consumer gets of the line.
pub(super) enum Look<T> {
    Item(T),
    /// The slot is out: the consumer waits.
    Asked,
    /// There will be no more items.
    End,
    /// Look again with a waker.
    NeedsWaker,
    /// Look again when the waker is in `late`.
    NeedsLate,
}

impl<T> Line<T> {
    /// Takes the one sender that waits, if there is just one with an item, or asks if there is none
    /// and `waker` says how. `None` if that is not all there is to it.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask, and has left nothing on the list.
    #[inline]
    pub(super) unsafe fn look_first(
        &self,
        waker: impl FnOnce() -> Option<Waker>,
    ) -> Option<First<T>> {
        let head = self.head();
        if head.bits() != 0 {
            return None;
        }
        if let Some(node) = NonNull::new(head.node()) {
            self.change(head, ptr::null_mut()).ok()?;
            // SAFETY: it was on the line, from which we took it.
            return Some(First::Taken(unsafe { Node::take(node) }));
        }
        let mut waker = Some(waker()?);
        let mut unused = Vec::new();
        // SAFETY: promised by the caller.
        if unsafe { self.ask(head, &mut waker, &mut unused) } {
            return Some(First::Asked);
        }
        waker.map(First::NotAsked)
    }

    /// Puts the request of the consumer into an empty line.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask. There is nothing on the list.
    #[inline]
    unsafe fn ask(
        &self,
        head: Head<T>,
        waker: &mut Option<Waker>,
        unused: &mut Vec<Waker>,
    ) -> bool {
        // SAFETY: promised by the caller.
        unused.extend(unsafe { self.slot.open(waker.take(), false) });
        let asked = self.change(head, ptr::null_mut::<Node<T>>().map_addr(|_| WANTED)).is_ok();
        if !asked {
            // SAFETY: as above; nobody was given the slot.
            *waker = unsafe { self.slot.close() };
        }
        asked
    }

    /// Takes what a node has.
    ///
    /// # Safety
    ///
    /// As for [`Node::take`].
    unsafe fn take(
        &self,
        node: NonNull<Node<T>>,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Option<Look<T>> {
        // SAFETY: promised by the caller.
        match unsafe { Node::take(node) } {
            Taken::Item(item, waker) => {
                self.ends.serves();
                wakers.add(waker);
                Some(Look::Item(item))
            }
            Taken::Asks(waker) => {
                self.ends.serves();
                wakers.add(waker);
                Some(Look::Asked)
            }
            Taken::Gone { waker, stayed } => {
                unused.extend(waker);
                self.count_freed(stayed);
                None
            }
        }
    }

    /// Takes the first of the list, if it has an item. `None` if that is not all there is to it.
    /// Otherwise also returns whether there is something left on the list.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask.
    #[inline]
    pub(super) unsafe fn look_listed(&self) -> Option<(Taken<T>, bool)> {
        // Made by a request only, so that there is nothing to drop in most cases.
        let mut served: Option<(Wakers, Option<T>)> = None;
        let popped = self.waiting.work(
            0,
            |waiting| Some((waiting.pop_item()?, !waiting.is_empty())),
            |requests, waiting| {
                let (wakers, left) = served.get_or_insert_default();
                self.serve(requests, waiting, wakers, left);
            },
        );
        if served.is_some() {
            unwind::discard(served);
        }
        let (first, listed) = popped??;
        // SAFETY: popped.
        let taken = unsafe { Node::take(first) };
        Some((taken, listed))
    }

    /// Looks for what is next. `None` if somebody else is at the list; with `call`, the consumer, whose
    /// waker is in `late`, is then woken after that. Otherwise also returns whether
    /// there is something left on the list.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask.
    pub(super) unsafe fn look(
        &self,
        waker: &mut Option<Waker>,
        late: bool,
        call: bool,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Option<(Look<T>, bool)> {
        let (mut called, mut left) = (Wakers::new(), None);
        let look = self.waiting.work(
            if call { CALL } else { 0 },
            |waiting| {
                // SAFETY: promised by the caller.
                let look = unsafe { self.look_on(waiting, waker, late, wakers, unused) };
                (look, !waiting.is_empty())
            },
            |requests, waiting| self.serve(requests, waiting, &mut called, &mut left),
        );
        wakers.append(called);
        look
    }

    /// # Safety
    ///
    /// As for [`look`](Self::look).
    unsafe fn look_on(
        &self,
        waiting: &mut Waiting<T>,
        waker: &mut Option<Waker>,
        late: bool,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Look<T> {
        loop {
            let head = self.head();
            if head.is_aborted() {
                return Look::End;
            }
            let Some(first) = NonNull::new(waiting.first()) else {
                if !head.node().is_null() || head.bits() & LISTED != 0 {
                    if self.change(head, head.emptied(0)).is_ok() {
                        waiting.append_reversed(head.node());
                    }
                    continue;
                }
                if head.is_closed() {
                    return Look::End;
                }
                if waker.is_none() {
                    return Look::NeedsWaker;
                }
                // SAFETY: promised by the caller.
                if unsafe { self.ask(head, waker, unused) } {
                    return Look::Asked;
                }
                continue;
            };
            // SAFETY: the node is on the list, which is ours.
            if unsafe { first.as_ref() }.asks() {
                if !late {
                    return Look::NeedsLate;
                }
                // SAFETY: promised by the caller.
                unused.extend(unsafe { self.slot.open(None, true) });
            }
            waiting.pop();
            // SAFETY: popped.
            if let Some(look) = unsafe { self.take(first, wakers, unused) } {
                return look;
            }
        }
    }
}
