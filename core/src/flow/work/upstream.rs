//! What a source was asked last, for operations that ask one.
//!
//! An operation with a limit asks its source for an item ([`poll_next`](futures_core::Stream)) when
//! there is room for one, and to go on without an item ([`poll_progress`](crate::flow::Source))
//! when there is none. It asks when it has a reason, and not each time it is polled:
//!
//! | asked last | there is room | there is none |
//! |---|---|---|
//! | nothing: it yielded an item, or was never asked | for an item | to go on |
//! | for an item, for which it will wake us | when it has woken us | to go on when it has woken us |
//! | to go on | for an item | to go on when it has woken us |
//! | it has ended | nothing | nothing |
//!
//! Three rules keep wakes from being lost; code that asks a source by these methods keeps the first
//! two.
//!
//! - **A wake counts from the moment the source is asked**: what came before is forgotten first, and
//!   what comes while it is asked has it asked again. A wake that comes while it yields an item is
//!   for what it does next.
//! - **Asked to go on for the first time, it is asked twice if it has woken us**: the first call
//!   after an item says no more than that no other is wanted yet, and for a plain stream does nothing
//!   else ([`FromStream`](crate::flow::FromStream)). The wake was for the second.
//! - **Whether it has anything left to do does not matter to the caller**: it is asked for an item
//!   as soon as there is room, also if it has not woken us since.

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
    /// For an item, for which it will wake us.
    Item,
    /// To go on without an item, for which it will wake us.
    ToGoOn,
    /// To go on, and it has nothing to do until it is asked for an item.
    ToGoOnInVain,
    /// For an item, and there is no more.
    Ended,
}

impl Upstream {
    pub(in crate::flow) const fn new() -> Self {
        Upstream { asked: Asked::Nothing, woken: false }
    }

    /// One that was asked this ([`Asked`] as a number), and has woken us or not.
    #[inline]
    pub(in crate::flow) fn resumed(asked: usize, woken: bool) -> Self {
        let asked = match asked {
            0 => Asked::Nothing,
            1 => Asked::Item,
            2 => Asked::ToGoOn,
            3 => Asked::ToGoOnInVain,
            _ => Asked::Ended,
        };
        Upstream { asked, woken }
    }

    #[inline]
    pub(in crate::flow) fn asked(self) -> Asked {
        self.asked
    }

    /// Whether there are no more items.
    #[inline]
    pub(in crate::flow) fn has_ended(self) -> bool {
        self.asked == Asked::Ended
    }

    /// The source is not asked any more.
    pub(in crate::flow) fn end(&mut self) {
        self.asked = Asked::Ended;
    }

    /// The source has woken us.
    #[inline]
    pub(in crate::flow) fn wake(&mut self) {
        self.woken = true;
    }

    /// Whether the source is to be asked for something: for an item if there is room, otherwise to
    /// go on.
    #[inline]
    pub(in crate::flow) fn is_due(self, room: impl FnOnce() -> bool) -> bool {
        let asked = self.asked;
        let due = || asked == Asked::Nothing || asked != Asked::Item && room();
        asked != Asked::Ended && (self.woken || due())
    }

    /// Asks for an item, with a poll of the source.
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

    /// Asks to go on, with a poll of the source, or two.
    pub(in crate::flow) fn go_on(&mut self, mut poll: impl FnMut() -> Poll<()>) {
        if mem::take(&mut self.woken) && self.asked == Asked::Nothing {
            let _ = poll();
        }
        self.asked = if poll().is_ready() { Asked::ToGoOnInVain } else { Asked::ToGoOn };
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
        upstream.go_on(|| Poll::Ready(()));
        check(Asked::ToGoOnInVain, upstream);
        upstream.go_on(|| Poll::Pending);
        check(Asked::ToGoOn, upstream);
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
                Asked::ToGoOn | Asked::ToGoOnInVain => [true, false],
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
            asked.go_on(|| Poll::Pending);
            assert!(!asked.is_due(|| false), "{state:?}");
        });
    }

    #[test]
    fn it_is_asked_twice_to_go_on_if_it_had_woken_us_before_the_first_time() {
        in_each_state(|state, upstream| {
            for woken in [false, true] {
                let (mut asked, mut polls) = (upstream, 0);
                if woken {
                    asked.wake();
                }
                asked.go_on(|| {
                    polls += 1;
                    Poll::Pending
                });
                let twice = woken && state == Asked::Nothing;
                assert_eq!(polls, 1 + usize::from(twice), "{state:?}");
            }
        });
    }
}
