//! What a source was asked last, for operations that read one source.
//!
//! An operation with a limit asks its source for an item ([`poll_next`](futures_core::Stream)) when
//! there is room for one, and to make progress without an item
//! ([`poll_progress`](crate::flow::Source)) when there is no room. It asks only if it has a reason,
//! not each time it is polled:
//!
//! | asked last | asked next if there is room | asked next if there is no room |
//! |---|---|---|
//! | nothing: the source yielded an item, or was never asked | for an item | for progress |
//! | for an item, and it will wake us | for an item, when it has woken us | for progress, when it has woken us |
//! | for progress | for an item | for progress, when it has woken us |
//! | it has ended | nothing | nothing |
//!
//! Three rules keep wakes from being lost. Code that asks a source through these methods follows
//! the first two.
//!
//! - **A wake counts from the moment the source is asked.** Earlier wakes are forgotten first. A
//!   wake that comes while the source is asked makes us ask again. A wake that comes while the
//!   source yields an item is for what the source does next.
//! - **Asked for progress for the first time, a source that has woken us is asked twice.** The
//!   first call after an item only says that no other item is wanted yet, and does nothing else for
//!   a plain stream ([`FromStream`](crate::flow::sources::FromStream)). The wake was for the second call.
//! - **Whether the source has anything left to do does not matter to the operation.** It asks for
//!   an item as soon as there is room, also if the source has not woken us since.

use core::{mem, task::Poll};

/// What was asked last, and whether the source has woken us since.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Upstream {
    asked: Asked,
    woken: bool,
}

/// What a source was asked last, and how it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::flow) enum Asked {
    /// Nothing since it yielded an item, or ever.
    Nothing,
    /// For an item. The source will wake us for it.
    Item,
    /// For progress without an item. The source will wake us for it.
    Progress,
    /// For progress, and the source has nothing to do until it is asked for an item.
    Settled,
    /// For an item, and the source has ended.
    Ended,
}

impl Upstream {
    pub(in crate::flow) const fn new() -> Self {
        Upstream { asked: Asked::Nothing, woken: false }
    }

    /// Creates the state of a source that was asked this ([`Asked`] as a number), and has woken us
    /// or not.
    #[inline]
    pub(in crate::flow) fn resumed(asked: usize, woken: bool) -> Self {
        let asked = match asked {
            0 => Asked::Nothing,
            1 => Asked::Item,
            2 => Asked::Progress,
            3 => Asked::Settled,
            _ => Asked::Ended,
        };
        Upstream { asked, woken }
    }

    #[inline]
    pub(in crate::flow) fn asked(self) -> Asked {
        self.asked
    }

    /// Returns whether the source has ended.
    #[inline]
    pub(in crate::flow) fn has_ended(self) -> bool {
        self.asked == Asked::Ended
    }

    /// Notes that the source must not be asked again.
    pub(in crate::flow) fn end(&mut self) {
        self.asked = Asked::Ended;
    }

    /// Notes that the source has woken us.
    #[inline]
    pub(in crate::flow) fn wake(&mut self) {
        self.woken = true;
    }

    /// Returns whether the source should be asked: for an item if there is room, otherwise for
    /// progress.
    #[inline]
    pub(in crate::flow) fn is_due(self, room: impl FnOnce() -> bool) -> bool {
        let asked = self.asked;
        let due = || asked == Asked::Nothing || asked != Asked::Item && room();
        asked != Asked::Ended && (self.woken || due())
    }

    /// Asks for an item, by one call of `poll`.
    #[inline]
    pub(in crate::flow) fn next<T>(&mut self, poll: impl FnOnce() -> Poll<Option<T>>) -> Option<T> {
        self.woken = false;
        let (asked, item) = match poll() {
            Poll::Ready(Some(item)) => (Asked::Nothing, Some(item)),
            Poll::Ready(None) => (Asked::Ended, None),
            Poll::Pending => (Asked::Item, None),
        };
        self.asked = asked;
        item
    }

    /// Asks for progress, by one or two calls of `poll`.
    pub(in crate::flow) fn progress(&mut self, mut poll: impl FnMut() -> Poll<()>) {
        if mem::take(&mut self.woken) && self.asked == Asked::Nothing {
            let _ = poll();
        }
        self.asked = if poll().is_ready() { Asked::Settled } else { Asked::Progress };
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    /// A source in each state that it can be in.
    fn in_each_state(mut check: impl FnMut(Asked, Upstream)) {
        let mut upstream = Upstream::new();
        check(Asked::Nothing, upstream);
        assert_eq!(upstream.next(|| Poll::Ready(Some(7))), Some(7));
        check(Asked::Nothing, upstream);
        upstream.progress(|| Poll::Ready(()));
        check(Asked::Settled, upstream);
        upstream.progress(|| Poll::Pending);
        check(Asked::Progress, upstream);
        assert_eq!(upstream.next(|| Poll::<Option<()>>::Pending), None);
        check(Asked::Item, upstream);
        assert_eq!(upstream.next(|| Poll::<Option<()>>::Ready(None)), None);
        check(Asked::Ended, upstream);
    }

    #[test]
    fn it_is_asked_as_the_table_says() {
        let due = |upstream: Upstream| [true, false].map(|room| upstream.is_due(|| room));
        in_each_state(|state, mut upstream| {
            assert_eq!(upstream.asked(), state);
            assert_eq!(upstream.has_ended(), state == Asked::Ended);
            assert_eq!(due(Upstream::resumed(state as usize, false)), due(upstream));
            let asleep = match state {
                Asked::Nothing => [true, true],
                Asked::Progress | Asked::Settled => [true, false],
                Asked::Item | Asked::Ended => [false, false],
            };
            assert_eq!(due(upstream), asleep, "{state:?}");
            upstream.wake();
            assert_eq!(due(upstream), [state != Asked::Ended; 2], "{state:?} and woken");
            upstream.end();
            assert_eq!(due(upstream), [false, false]);
        });
    }

    #[test]
    fn a_wake_is_forgotten_when_it_is_asked() {
        in_each_state(|state, upstream| {
            let mut asked = upstream;
            asked.wake();
            assert_eq!(asked.next(|| Poll::<Option<()>>::Pending), None);
            assert!(!asked.is_due(|| true), "{state:?}");
            let mut asked = upstream;
            asked.wake();
            asked.progress(|| Poll::Pending);
            assert!(!asked.is_due(|| false), "{state:?}");
        });
    }

    #[test]
    fn it_makes_progress_twice_if_it_had_woken_us_before_the_first_time() {
        in_each_state(|state, upstream| {
            for woken in [false, true] {
                let (mut asked, mut polls) = (upstream, 0);
                if woken {
                    asked.wake();
                }
                asked.progress(|| {
                    polls += 1;
                    Poll::Pending
                });
                let twice = woken && state == Asked::Nothing;
                assert_eq!(polls, 1 + usize::from(twice), "{state:?}");
            }
        });
    }
}
