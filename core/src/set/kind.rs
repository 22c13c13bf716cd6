//! What a set or map is of: futures or streams.

use core::{convert::Infallible, future::Future};

/// Marks sets and maps of futures: each yields one output, and is dropped then.
///
/// See [`FutureSet`](crate::FutureSet).
#[derive(Clone, Copy, Debug)]
pub struct Futures(());

/// Marks sets and maps of streams: each yields its items, and is dropped when it ends.
///
/// See [`StreamSet`](crate::StreamSet).
#[derive(Clone, Copy, Debug)]
pub struct Streams(());

/// [`Futures`] or [`Streams`]. Sealed.
///
/// See [`FutureSet`](crate::FutureSet) and [`StreamSet`](crate::StreamSet).
pub trait Kind: sealed::Names {}

impl Kind for Futures {}
impl Kind for Streams {}

/// What a child of type `T` leaves behind in a set or map of this kind. Sealed.
///
/// [`Futures`] leave their outputs: a [wait](super::PollMap::wait) that is dropped before it has
/// returned leaves those in the set that it has gathered. [`Streams`] leave nothing.
pub trait Leaves<T>: Kind {
    /// The output of a future; nothing that exists for a stream.
    type Output;
}

impl<F: Future> Leaves<F> for Futures {
    type Output = F::Output;
}

impl<S> Leaves<S> for Streams {
    type Output = Infallible;
}

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
