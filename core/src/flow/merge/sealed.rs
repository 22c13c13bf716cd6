//! What a merge requires of its sources. Sealed.

use core::{
    pin::Pin,
    task::{Context, Poll},
};

#[allow(unnameable_types, reason = "sealed")]
pub trait Inputs {
    type Item;

    fn len(&self) -> usize;

    fn rules(&self) -> &Rules;

    /// The rules, to change them.
    fn rules_mut(&mut self) -> &mut Rules;

    fn poll_item(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>>;

    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    fn end_at(self: Pin<&mut Self>, is_last: fn(&Self::Item) -> bool);

    /// Returns how many items all sources have left.
    fn size_hint(&self) -> (usize, Option<usize>);

    fn is_over(&self) -> bool;
}

/// When a merge ends, and which source it prefers.
#[allow(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub ends: Ends,
    pub biased: bool,
}

impl Rules {
    /// Those of a merge that nothing special was asked of.
    pub const PLAIN: Rules = Rules { ends: Ends::All, biased: false };
}

/// When a merge ends.
#[allow(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// When all sources have ended.
    All,
    /// When any source has ended.
    Any,
    /// When the source at this place has ended.
    One(usize),
}

impl Ends {
    /// Returns whether a merge ends with the source at this place.
    #[inline]
    pub fn with(self, place: usize) -> bool {
        match self {
            Ends::All => false,
            Ends::Any => true,
            Ends::One(one) => one == place,
        }
    }
}
