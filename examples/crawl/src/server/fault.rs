//! What goes wrong for no reason.

use super::site::mix;
use std::{ops::Range, time::Duration};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Served,
    /// Status 500.
    Error,
    /// There is never an answer.
    Hangs,
    /// The connection is reset.
    Reset,
}

pub(crate) struct Faults {
    pub(crate) per_mille: u32,
    pub(crate) seed: u64,
    /// When all requests fail, since the start.
    pub(crate) down: Option<Range<Duration>>,
}

impl Faults {
    /// Of the request that has this number at its host, `at` so long after the start.
    pub(super) fn of(&self, number: u64, at: Duration) -> Fate {
        if self.down.as_ref().is_some_and(|down| down.contains(&at)) {
            return Fate::Error;
        }
        let dice = mix(self.seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
        if dice % 1000 >= u64::from(self.per_mille) {
            return Fate::Served;
        }
        match dice / 1000 % 5 {
            0 => Fate::Hangs,
            1 | 2 => Fate::Reset,
            _ => Fate::Error,
        }
    }
}

/// Some pages are gone for good.
pub(super) fn is_gone(page: u32) -> bool {
    page % 211 == 210
}

/// And of some, requests always fail.
pub(super) fn is_broken(page: u32) -> bool {
    page % 307 == 306
}
