//! Pairs.

use super::sources::{all, slow};
use anyscope::flow::{self, OneOf2, UnequalLengths};
use futures_lite::StreamExt;
use std::cell::Cell;
use support::behaviour;

behaviour! {
    /// A zip stops at the end of the shorter one, and does not ask the other again; an item that
    /// was waiting for its partner is given back.
    m23_zip_stops_at_the_shortest |ex| {
        let _ = &ex;
        for (short, long) in [(0, 5), (3, 4), (3, 3)] {
            let taken = Cell::new(0);
            let counted = || flow::iter((0..long).inspect(|_| taken.set(taken.get() + 1)));
            let came = all(flow::stream(slow(0..short)).zip(counted())).await;
            assert_eq!(came, (0..short).map(|n| (n, n)).collect::<Vec<_>>());
            assert!(taken.replace(0) <= short + 1);
            let came = all(counted().zip(slow(0..short))).await;
            assert_eq!(came.len(), short);
            assert!(taken.get() <= (short + 1).min(long));
        }
        let taken = Cell::new(0);
        let counted = flow::iter((0..9).inspect(|_| taken.set(taken.get() + 1)));
        assert_eq!(all(flow::iter([1, 2]).zip(counted)).await.len(), 2);
        assert_eq!(taken.get(), 2);
        let mut zip = flow::stream(slow(0..1)).zip(flow::iter(5..9)).into_stream();
        assert_eq!(zip.next().await, Some((0, 5)));
        assert_eq!(zip.next().await, None);
        assert_eq!(zip.next().await, None);
        let parts = zip.into_parts();
        assert_eq!(parts.waiting.into_iter().map(OneOf2::into_inner).chain(all(flow::source(parts.two)).await).collect::<Vec<_>>(), [6, 7, 8]);
    }

    /// A strict zip of unequal lengths ends with an error, which has the item that is left.
    m23_strict_zip_fails_on_unequal_lengths |ex| {
        let _ = &ex;
        let zip = |one, two| all(flow::stream(slow(0..one)).zip_strict(slow(0..two)));
        assert_eq!(zip(3, 3).await, [Ok((0, 0)), Ok((1, 1)), Ok((2, 2))]);
        assert!(zip(0, 0).await.is_empty());
        for (one, two) in [(0, 1), (1, 0), (2, 9), (9, 2)] {
            let mut came = zip(one, two).await;
            let Some(Err(UnequalLengths { pairs, left, .. })) = came.pop() else { panic!("{came:?}") };
            let longer = if one < two { OneOf2::Second(one) } else { OneOf2::First(two) };
            assert_eq!((pairs, left, came.len()), (one.min(two), longer, one.min(two)));
        }
    }
}
