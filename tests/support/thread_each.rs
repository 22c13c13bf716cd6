//! An executor whose children may hold their threads.

use anyscope::{Child, Spawn};
use std::{
    future::{Future, poll_fn},
    num::NonZeroUsize,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// A thread for each child.
#[derive(Clone, Default)]
pub struct ThreadEach {
    asleep: Arc<AtomicUsize>,
}

impl ThreadEach {
    /// How many children have been polled without having ended, at least once.
    pub fn asleep(&self) -> usize {
        self.asleep.load(SeqCst)
    }
}

impl Spawn for ThreadEach {
    fn spawn(&self, mut child: Child) {
        let asleep = self.asleep.clone();
        thread::spawn(move || {
            let mut first = true;
            futures_lite::future::block_on(poll_fn(|cx| {
                let polled = Pin::new(&mut child).poll(cx);
                if std::mem::take(&mut first) {
                    asleep.fetch_add(1, SeqCst);
                }
                polled
            }));
        });
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}
