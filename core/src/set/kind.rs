//! What a set or map is of: futures or streams.

/// Marks sets and maps of futures: each yields one output, and is dropped then.
#[derive(Clone, Copy, Debug)]
pub struct Futures(());

/// Marks sets and maps of streams: each yields its items, and is dropped when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Streams(());

/// [`Futures`] or [`Streams`]. Sealed.
pub trait Kind: sealed::Names {}

impl Kind for Futures {}
impl Kind for Streams {}

mod sealed {
    use super::{Futures, Streams};

    /// The names that `{:?}` prints: those of the aliases, which are what users write.
    pub trait Names {
        const SET: &'static str;
        const MAP: &'static str;
        const FIXED_SET: &'static str;
    }

    impl Names for Futures {
        const SET: &'static str = "FutureSet";
        const MAP: &'static str = "FutureMap";
        const FIXED_SET: &'static str = "FixedFutureSet";
    }

    impl Names for Streams {
        const SET: &'static str = "StreamSet";
        const MAP: &'static str = "StreamMap";
        const FIXED_SET: &'static str = "FixedStreamSet";
    }
}
