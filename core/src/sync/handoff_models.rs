//! Models of the place between one giver and one taker; see [`crate::model`].

use super::handoff::Handoff;
use crate::model::{Census, Probe, block_on_fresh, check, poll_once, spawn};
use alloc::sync::Arc;
use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};

/// Gives `values`, each when it is wanted, then ends.
fn give_all<T: 'static>(
    exchange: &Handoff<T>,
    values: impl IntoIterator<Item = T>,
) -> impl Future<Output = ()> {
    let mut values = values.into_iter();
    poll_fn(move |cx| {
        loop {
            if exchange.is_wanted() {
                let Some(value) = values.next() else {
                    exchange.end().map(Waker::wake);
                    return Poll::Ready(());
                };
                exchange.give(value).map(Waker::wake);
                continue;
            }
            exchange.register_giver(cx.waker());
            if !exchange.is_wanted() {
                return Poll::Pending;
            }
        }
    })
}

fn take<T>(exchange: &Handoff<T>) -> impl Future<Output = Option<T>> {
    poll_fn(|cx| exchange.poll_take(cx))
}

/// Each value comes over whole, in order, and the end after the last.
#[test]
fn give_or_take() {
    check("exchange: give or take", || {
        let census = Census::default();
        let exchange = Arc::new(Handoff::<(usize, Probe)>::new());
        let (ours, probes) = (exchange.clone(), [0, 1].map(|n| (n, census.probe())));
        let giving = spawn(move || {
            probes.iter().for_each(|(_, probe)| probe.touch());
            block_on_fresh(give_all(&ours, probes));
        });
        block_on_fresh(async {
            for n in 0..2 {
                let (number, probe) = take(&exchange).await.expect("not at its end");
                probe.touch();
                assert_eq!(number, n);
            }
            assert!(take(&exchange).await.is_none());
            assert!(take(&exchange).await.is_none());
        });
        giving.join();
        assert_eq!(census.alive(), 0);
    });
}

/// The giver goes away while the taker asks: it gets a value or the end, and does not wait.
#[test]
fn end_or_take() {
    check("exchange: end or take", || {
        let census = Census::default();
        let exchange = Arc::new(Handoff::new());
        let (ours, probe) = (exchange.clone(), census.probe());
        let ending = spawn(move || {
            if ours.is_wanted() {
                ours.give(probe).map(Waker::wake);
            }
            ours.end().map(Waker::wake);
        });
        let value = block_on_fresh(take(&exchange));
        let taken = value.is_some();
        if let Some(probe) = value {
            probe.touch();
            assert!(block_on_fresh(take(&exchange)).is_none());
        }
        ending.join();
        drop(exchange);
        assert_eq!(census.alive(), 0, "a value that nobody took goes with it: {taken}");
    });
}

/// Who finds the end sees what the giver has done before. Fails if the end publishes nothing.
#[test]
fn end_or_look() {
    check("exchange: end or look", || {
        let census = Census::default();
        let (exchange, probe) = (Arc::new(Handoff::<()>::new()), Arc::new(census.probe()));
        let (ours, theirs) = (exchange.clone(), probe.clone());
        let ending = spawn(move || {
            theirs.touch();
            drop(theirs);
            ours.end().map(Waker::wake);
        });
        if poll_once(&mut pin!(take(&exchange))).is_ready() {
            probe.touch();
        }
        ending.join();
    });
}

/// A taker that asks, goes away and asks again with another waker loses nothing.
#[test]
fn give_or_ask_again() {
    check("exchange: give or ask again", || {
        let census = Census::default();
        let exchange = Arc::new(Handoff::new());
        let (ours, probe) = (exchange.clone(), census.probe());
        let giving = spawn(move || block_on_fresh(give_all(&ours, [probe])));
        let early = poll_once(&mut pin!(take(&exchange)));
        block_on_fresh(async {
            let probe = match early {
                Poll::Ready(value) => value,
                Poll::Pending => take(&exchange).await,
            };
            probe.expect("not at its end").touch();
            assert!(take(&exchange).await.is_none());
        });
        giving.join();
        assert_eq!(census.alive(), 0);
    });
}
