//! The two ends of a channel.

use super::rows::{Row, none, row};
use anyscope::channel::{Receiver, handoff};
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// Receives what is next, with a good waker.
fn receive<T>(receiver: &Mutex<Receiver<T>>) -> Option<T> {
    let mut receiver = receiver.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match pin!(receiver.recv()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => None,
    }
}

/// The rows of this file.
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("send", |memory| {
            let (sender, receiver) = handoff();
            let other = sender.clone();
            let held = memory.clone();
            let waits = async move {
                let _memory = memory;
                let _ = sender.send(held).await;
            };
            let witness = async move { drop(other.send(Arc::new(())).await) };
            let receiver = Arc::new(Mutex::new(receiver));
            let theirs = receiver.clone();
            let end = Box::new(move || drop(receive(&theirs)));
            let run = Box::new(move || while receive(&receiver).is_some() {});
            (waits, Some(Box::pin(witness)), end, run)
        })
        .unwinding(),
        row("send that is refused", |memory| {
            let (sender, receiver) = handoff();
            let other = sender.clone();
            let held = memory.clone();
            let waits = async move {
                let _memory = memory;
                let _ = sender.send(held).await;
            };
            let witness = async move { assert!(other.send(Arc::new(())).await.is_err()) };
            (waits, Some(Box::pin(witness)), Box::new(move || drop(receiver)), none())
        })
        .unwinding(),
        row("reserve", |memory| {
            let (sender, receiver) = handoff();
            let other = sender.clone();
            let held = memory.clone();
            let waits = async move {
                let _memory = memory;
                if let Ok(permit) = sender.reserve().await {
                    let _ = permit.send(held);
                }
            };
            let witness = async move { drop(other.send(Arc::new(())).await) };
            let receiver = Arc::new(Mutex::new(receiver));
            let theirs = receiver.clone();
            let end = Box::new(move || drop(receive(&theirs)));
            let run = Box::new(move || while receive(&receiver).is_some() {});
            (waits, Some(Box::pin(witness)), end, run)
        })
        .unwinding()
        .in_turn(),
        row("recv", |memory| {
            let (sender, mut receiver) = handoff();
            let waits = async move {
                let _memory = memory;
                let _ = receiver.recv().await;
            };
            let end = Box::new(move || {
                let _ = sender.try_send(());
            });
            (waits, None, end, none())
        })
        .unwinding(),
        row("recv of an end", |memory| {
            let (sender, mut receiver) = handoff::<()>();
            let waits = async move {
                let _memory = memory;
                assert!(receiver.recv().await.is_none());
            };
            (waits, None, Box::new(move || drop(sender)), none())
        })
        .unwinding(),
    ]
}
