//! Items that go from one task to itself: by a rendezvous, whoever waits for the other, and through a queue.

// One task alone borrows it.
#![expect(clippy::await_holding_refcell_ref)]

use crate::{by_hand::ByHand, meter::counted_in_task, rows::Rows};
use anyscope::{
    BlockOn,
    channel::{Overflow, handoff, queue},
};
use futures_lite::future::zip;
use std::cell::RefCell;

pub(crate) fn rows(rows: &mut Rows) {
    rows.path("handoff/the sender waits".into()).own(|| {
        let (sender, receiver) = handoff();
        let receiver = RefCell::new(receiver);
        ByHand.block_on(counted_in_task(1, async || {
            let mut receiver = receiver.borrow_mut();
            zip(sender.send(1u64), receiver.recv()).await
        }));
    });
    rows.path("handoff/the receiver waits".into()).own(|| {
        let (sender, receiver) = handoff();
        let receiver = RefCell::new(receiver);
        ByHand.block_on(counted_in_task(1, async || {
            let mut receiver = receiver.borrow_mut();
            zip(receiver.recv(), sender.send(1u64)).await
        }));
    });
    rows.path("queue".into()).own(|| {
        let (sender, receiver) = queue(1, Overflow::DropOldest);
        let receiver = RefCell::new(receiver);
        ByHand.block_on(counted_in_task(1, async || {
            let dropped = sender.send(1u64);
            (dropped, receiver.borrow_mut().recv().await)
        }));
    });
}
