//! What is allocated, and when it goes.

use crate::support::*;
use anyscope_core::{join, maybe, race, race_ok, try_join};
use std::{future::ready, hint::black_box, pin::pin, task::Poll};

type Outcome = Result<usize, usize>;

fn ends<F: Future>(group: std::pin::Pin<&mut F>) {
    assert!(black_box(poll(group)).is_ready());
}

/// Tuples, arrays and options allocate nothing.
#[test]
fn tuples_and_arrays_allocate_nothing() {
    let fine = || ready(Outcome::Ok(1));
    let failed = || ready(Outcome::Err(1));
    let before = allocations();
    ends(pin!(join((fine(), failed(), maybe(fine())))));
    ends(pin!(join([fine(), failed()])));
    ends(pin!(join(Some(fine()))));
    ends(pin!(try_join((fine(), failed()))));
    ends(pin!(try_join([fine(), failed()])));
    ends(pin!(race((fine(), failed()))));
    ends(pin!(race([fine(), failed()])));
    ends(pin!(race_ok((fine(), failed()))));
    ends(pin!(race_ok([failed(), failed()])));
    ends(pin!(join((join([fine(), fine()]), race((fine(), fine()))))));
    assert_eq!(allocations() - before, 0);
}

/// Others allocate what their docs say: for few, one block for members and one for values; in a race
/// nothing. For many, four and one for each 32, and one for the values.
#[test]
fn others_allocate_as_their_docs_say() {
    fn allocated<F: Future>(
        group: impl FnOnce(Vec<std::future::Ready<Outcome>>) -> F,
        n: usize,
    ) -> usize {
        let members = (0..n).map(|_| ready(Outcome::Ok(1))).collect();
        let before = allocations();
        let mut group = pin!(group(members));
        let task = Task::new();
        while task.poll(group.as_mut()).is_pending() {}
        // Without that of the task.
        allocations() - before - 1
    }
    for n in [2, 16] {
        assert!(allocated(join, n) <= 2, "{}", allocated(join, n));
        assert!(allocated(try_join, n) <= 2);
        assert_eq!(allocated(race, n), 0);
        assert!(allocated(race_ok, n) <= 1);
    }
    for n in [17, 32] {
        assert_eq!(allocated(join, n), 5);
        assert_eq!(allocated(race_ok, n), 6);
    }
    let many = allocated(join, 6400);
    assert!(many <= 220, "{many}");
}

/// Nothing is left of a group: ready, dropped before, or after a panic.
#[test]
fn nothing_is_left() {
    let task = Task::new();
    for n in SIZES {
        for end in 0..4 {
            let before = blocks();
            {
                let remotes: Remotes<Outcome> = Remotes::new(n);
                let mut all = pin!(try_join(remotes.members()));
                assert!(task.run(all.as_mut()).is_pending());
                match end {
                    0 => {
                        (0..n).for_each(|number| remotes.finish(number, Ok(number)));
                        assert!(matches!(task.run(all.as_mut()), Poll::Ready(Ok(_))));
                    }
                    1 => {
                        remotes.finish(n / 2, Err(1));
                        assert!(matches!(task.run(all.as_mut()), Poll::Ready(Err(_))));
                    }
                    2 => {
                        remotes.blow_up(n / 2);
                        assert_eq!(panic_of(|| task.run(all.as_mut())), Some(n / 2));
                    }
                    _ => {}
                }
                remotes.forget_wakers();
            }
            assert_eq!(blocks(), before, "of {n}, end {end}");
        }
    }
}
