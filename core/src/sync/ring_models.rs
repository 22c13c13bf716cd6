//! Models of the last values of a thread, read while they are pushed.

use super::ring::ring;
use crate::model::{check, spawn};

/// A reader meets pushes that overwrite: what it reads is whole, has no gap, and begins where its count of lost values
/// says. Fails if a slot is written without its version, or counted before it is written.
#[test]
fn what_is_read_is_whole_and_without_a_gap() {
    check("ring: pushes that overwrite what is read", || {
        let (mut writer, reader) = ring(2);
        writer.push([0, 0]);
        let pushes = spawn(move || {
            for n in 1..4 {
                writer.push([n, n]);
            }
        });
        let last = reader.last();
        for (at, value) in last.values.iter().enumerate() {
            let number = last.lost + at as u64;
            assert_eq!(*value, [number, number], "{last:?}");
        }
        pushes.join();
        assert_eq!(reader.last().values, [[2, 2], [3, 3]]);
    });
}

/// If nobody pushes meanwhile, the newest is there.
#[test]
fn what_was_counted_is_there() {
    check("ring: a push or a read", || {
        let (mut writer, reader) = ring(2);
        let push = spawn(move || _ = writer.push([7]));
        let seen = reader.pushed();
        let last = reader.last();
        assert!(last.values.len() as u64 >= seen && last.lost == 0, "{last:?}");
        push.join();
    });
}
