//! Who waits at one end of a channel for whoever is at the other, in a circle, and nobody who goes on.

use crate::verdict::{Slot, join_what_is_in, nobody_is_accused, stuck};
use anyscope::{
    Executor, Semaphore,
    channel::{Overflow, OwnedPermit, Receiver, Sender, handoff, queue},
    observe::tree::Tree,
    scope,
};
use std::{future::Future, sync::Arc};
use support::{Signal, behaviour};

async fn takes(mut receiver: Receiver<u32>, count: usize) {
    for _ in 0..count {
        receiver.recv().await;
    }
}

/// Looks at a consumer who waits for its turn with a producer that waits for it, while somebody else can send: by what `get` has got
/// from the sender of the producer, with `send`.
async fn another_can_send<W: Send + 'static, Got, Sent>(
    ex: &impl Executor,
    get: impl FnOnce(Sender<u32>) -> Got + Send + 'static,
    send: impl FnOnce(W) -> Sent + Send + 'static,
) where
    Got: Future<Output = (Sender<u32>, W)> + Send,
    Sent: Future<Output = ()> + Send,
{
    let (tree, go, slot) = (Tree::new(), Signal::new(), Slot::default());
    let (join, later) = (slot.clone(), go.clone());
    let work = scope(ex, async |s| {
        // In the tree, or nothing would be known of it.
        let ((sender, receiver), (give, take)) = (handoff::<u32>(), async_channel::bounded(1));
        s.spawn_named("producer", async move {
            sender.send(0).await.unwrap();
            let (_sender, way) = get(sender).await;
            give.send(way).await.unwrap();
            join_what_is_in(join).await;
        });
        *slot.lock().unwrap() = Some(s.spawn_named("consumer", takes(receiver, 2)));
        s.spawn_named("other", async move {
            let way = take.recv().await.unwrap();
            later.wait().await;
            send(way).await;
        });
        nobody_is_accused(&tree).await;
        go.fire();
    });
    tree.watch(work).await;
}

behaviour! {
    /// Given two who wait for each other, one of them or both at an end of a channel, then both are named.
    o48_ends_of_channels |ex| {
        for kind in 0..6 {
            let (tree, inner) = (Tree::new(), ex.clone());
            let work = scope(&ex, async |s| {
                let ((a, mut at_a), (b, mut at_b)) = (handoff::<u32>(), handoff::<u32>());
                let ((c, mut at_c), (d, mut at_d)) =
                    (queue::<u32>(1, Overflow::DropOldest), queue::<u32>(1, Overflow::DropOldest));
                let (slot, one) = (Slot::default(), Semaphore::new(1));
                let (held, join) = (one.clone(), slot.clone());
                let first = s.spawn_named("first", async move {
                    let _one = held.acquire().await.unwrap();
                    // Each end is used once, so that it is known who has it.
                    a.send(0).await.unwrap();
                    at_b.recv().await;
                    c.send(0).unwrap();
                    at_d.recv().await;
                    match kind {
                        0..=3 => drop(a.send(1).await),
                        4 => drop(at_b.recv().await),
                        _ => drop(at_d.recv().await),
                    }
                });
                *slot.lock().unwrap() = Some(first);
                s.spawn_named("second", async move {
                    at_a.recv().await;
                    b.send(0).await.unwrap();
                    at_c.recv().await;
                    d.send(0).unwrap();
                    match kind {
                        0 => drop(b.send(1).await),
                        1 => join_what_is_in(join).await,
                        2 => drop(one.acquire().await),
                        3 => {
                            scope(&inner, async |s| {
                                s.spawn_named("third", join_what_is_in(join));
                            })
                            .await;
                        }
                        4 => drop(at_a.recv().await),
                        _ => drop(at_c.recv().await),
                    }
                });
                let verdict = stuck(&tree).await;
                let text = verdict.to_string();
                assert!(["first", "second"].iter().all(|who| text.contains(&format!("child `{who}`"))), "{text}");
                let what = match kind {
                    0..=3 => "for the consumer of a handoff to take an item (child `second`",
                    4 => "for an item of a handoff (child `second`",
                    _ => "for an item of a queue (child `second`",
                };
                assert!(text.contains(what), "{kind}: {text}");
                s.cancel("seen");
            });
            tree.watch(work).await;
        }
    }

    /// Given a consumer who waits for its turn with a producer that waits for it, when the permit to send is somebody else's, then nobody
    /// is accused.
    o49_a_permit_that_was_given_away |ex| {
        let get = |sender: Sender<u32>| async {
            let permit = sender.reserve_owned().await.unwrap();
            (sender, permit)
        };
        another_can_send(&ex, get, |permit: OwnedPermit<u32>| async { permit.send(1).unwrap() }).await;
    }

    /// As above, when somebody else has another sender.
    o49_another_sender |ex| {
        let get = |sender: Sender<u32>| async { (sender.clone(), sender) };
        another_can_send(&ex, get, |sender: Sender<u32>| async move { sender.send(1).await.unwrap() }).await;
    }

    /// Given a producer who waits for the consumer, which waits for the producer, when somebody else has received before and will again, then
    /// nobody is accused.
    o49_a_receiver_behind_a_lock |ex| {
        let (tree, go, slot) = (Tree::new(), Signal::new(), Slot::default());
        let (join, later, shared) = (slot.clone(), go.clone(), Signal::new());
        let (shares, received) = (shared.clone(), Signal::new());
        let has_received = received.clone();
        let work = scope(&ex, async |s| {
            let (sender, receiver) = handoff::<u32>();
            let receiver = Arc::new(smol::lock::Mutex::new(receiver));
            let other = receiver.clone();
            let producer = s.spawn_named("producer", async move {
                for n in 0..3 {
                    sender.send(n).await.unwrap();
                }
            });
            *slot.lock().unwrap() = Some(producer);
            s.spawn_named("consumer", async move {
                shared.wait().await;
                receiver.lock().await.recv().await;
                has_received.fire();
                join_what_is_in(join).await;
            });
            s.spawn_named("other", async move {
                other.lock().await.recv().await;
                shares.fire();
                later.wait().await;
                other.lock().await.recv().await;
            });
            received.wait().await;
            nobody_is_accused(&tree).await;
            go.fire();
        });
        tree.watch(work).await;
    }

    /// Given a producer and a consumer who wait for each other, when somebody aborts the channel, then nobody is accused any more, though neither
    /// was polled.
    o49_an_aborted_channel |ex| {
        let (tree, slot) = (Tree::new(), Slot::default());
        let join = slot.clone();
        let work = scope(&ex, async |s| {
            let (sender, mut receiver) = handoff::<u32>();
            let aborts = sender.clone();
            *slot.lock().unwrap() = Some(s.spawn_named("producer", async move {
                sender.send(0).await.unwrap();
                assert!(sender.send(1).await.is_err());
            }));
            s.spawn_named("consumer", async move {
                receiver.recv().await;
                join_what_is_in(join).await;
                drop(receiver);
            });
            stuck(&tree).await;
            aborts.abort();
            assert!(tree.verdict().is_none(), "{}", tree.verdict().unwrap());
        });
        tree.watch(work).await;
    }
}
