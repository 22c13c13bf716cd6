//! Models of what is read of a child while it is polled.

use super::{Wait, Watch};
use crate::sync::Arc;
use loom::thread;

/// A reader meets two polls: what it takes for the waits of a poll are waits of that poll, none of them half. Fails if a
/// wait is written without its version, or a poll begins before the waits of the last one are gone.
#[test]
fn waits_belong_to_the_poll_that_they_are_read_with() {
    loom::model(|| {
        let watch = Arc::new(Watch::new());
        let writer = watch.clone();
        let polls = thread::spawn(move || {
            writer.begin_poll();
            writer.note(Wait::Permits { of: 1, count: 1, limit: 1, is_live: false }, false);
            writer.begin_poll();
            writer.note(Wait::Permits { of: 2, count: 2, limit: 2, is_live: false }, false);
        });
        let facts = watch.facts();
        let poll = facts.polls;
        match facts.waits[..] {
            [] => {}
            [wait] => assert_eq!(
                wait,
                Wait::Permits { of: poll, count: poll, limit: poll, is_live: false }
            ),
            _ => panic!("{facts:?}"),
        }
        polls.join().unwrap();
    });
}
