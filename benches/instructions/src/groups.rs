//! Several futures awaited as one: all of them, or the first.

use crate::{
    meter::counted,
    rows::Rows,
    work::{Child, Kind, Task, children, forget, wake},
};
use anyscope::{join, race};
use futures_concurrency::future::{Join as _, Race as _};
use futures_lite::future::{or, zip};
use futures_util::future::{join_all, select, select_all};
use std::{future::Future, hint::black_box};

/// How many groups are counted in a row of small ones.
const GROUPS: usize = 1000;

pub(crate) fn rows<K: Kind>(rows: &mut Rows, name: &str) {
    join_tuples::<K>(rows, name);
    joins::<K, 2>(rows, name);
    joins::<K, 10>(rows, name);
    join_of_many::<K>(rows, name, 10_000);
    race_tuples::<K>(rows, name);
    races::<K, 2>(rows, name);
    races::<K, 10>(rows, name);
}

/// `$f` of ten futures of an array: what a tuple and a macro of a peer take.
macro_rules! of_ten {
    (|$a:ident, $b:ident, $c:ident, $d:ident, $e:ident, $f:ident, $g:ident, $h:ident, $i:ident, $j:ident| $joined:expr) => {
        |[$a, $b, $c, $d, $e, $f, $g, $h, $i, $j]| $joined
    };
}

fn join_tuples<K: Kind>(rows: &mut Rows, name: &str) {
    rows.path(format!("join/tuple of 2/{name}"))
        .floor(|| grouped::<K, 2, _>(one_after_the_other))
        .own(|| grouped::<K, 2, _>(|[a, b]| join((a, b))))
        .peer("futures-util join!", || {
            grouped::<K, 2, _>(|[a, b]| async { futures_util::join!(a, b) });
        })
        .peer("tokio::join!", || grouped::<K, 2, _>(|[a, b]| async { tokio::join!(a, b) }))
        .peer("futures-lite zip", || grouped::<K, 2, _>(|[a, b]| zip(a, b)))
        .peer("futures-concurrency join", || grouped::<K, 2, _>(|[a, b]| (a, b).join()));
    rows.path(format!("join/tuple of 10/{name}"))
        .floor(|| grouped::<K, 10, _>(one_after_the_other))
        .own(|| {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| join((
                a, b, c, d, e, f, g, h, i, j
            ))));
        })
        .peer("futures-util join!", || {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| async {
                futures_util::join!(a, b, c, d, e, f, g, h, i, j)
            }));
        })
        .peer("tokio::join!", || {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| async {
                tokio::join!(a, b, c, d, e, f, g, h, i, j)
            }));
        })
        .peer("futures-concurrency join", || {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| {
                (a, b, c, d, e, f, g, h, i, j).join()
            }));
        });
}

fn joins<K: Kind, const N: usize>(rows: &mut Rows, name: &str) {
    rows.path(format!("join/array of {N}/{name}"))
        .floor(|| grouped::<K, N, _>(one_after_the_other))
        .own(|| grouped::<K, N, _>(join))
        .peer("futures-util join_all", || grouped::<K, N, _>(join_all))
        .peer("futures-concurrency join", || grouped::<K, N, _>(|all| all.join()));
    rows.path(format!("join/Vec of {N}/{name}"))
        .floor(|| grouped::<K, N, _>(one_after_the_other))
        .own(|| grouped::<K, N, _>(|all| join(Vec::from(all))))
        .peer("futures-util join_all", || grouped::<K, N, _>(|all| join_all(Vec::from(all))))
        .peer("futures-buffered join_all", || {
            grouped::<K, N, _>(|all| futures_buffered::join_all(Vec::from(all)));
        })
        .peer("futures-concurrency join", || grouped::<K, N, _>(|all| Vec::from(all).join()));
}

/// What each of very many costs.
fn join_of_many<K: Kind>(rows: &mut Rows, name: &str, n: usize) {
    fn run<K: Kind, F: Future>(n: usize, join: impl Fn(Vec<Child<K>>) -> F) {
        let task = Task::new();
        counted(n, || drop(black_box(task.run(join(children(n).collect()), || wake::<K>(|_| {})))));
    }
    rows.path(format!("join/Vec of {n}/{name}"))
        .own(move || run::<K, _>(n, join))
        .peer("futures-util join_all", move || run::<K, _>(n, join_all))
        .peer("futures-buffered join_all", move || {
            run::<K, _>(n, futures_buffered::join_all);
        })
        .peer("futures-concurrency join", move || run::<K, _>(n, |all| all.join()));
}

fn race_tuples<K: Kind>(rows: &mut Rows, name: &str) {
    rows.path(format!("race/tuple of 2/{name}"))
        .own(|| grouped::<K, 2, _>(|[a, b]| race((a, b))))
        .peer("futures-util select", || grouped::<K, 2, _>(|[a, b]| select(a, b)))
        .peer("futures-lite or", || grouped::<K, 2, _>(|[a, b]| or(a, b)))
        .peer("tokio::select!, biased", || {
            grouped::<K, 2, _>(|[a, b]| async {
                tokio::select! {
                    biased;
                    a = a => a,
                    b = b => b,
                }
            });
        })
        .peer("futures-concurrency race", || grouped::<K, 2, _>(|[a, b]| (a, b).race()));
    rows.path(format!("race/tuple of 10/{name}"))
        .own(|| {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| race((
                a, b, c, d, e, f, g, h, i, j
            ))));
        })
        .peer("tokio::select!, biased", || {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| async {
                tokio::select! {
                    biased;
                    a = a => a,
                    b = b => b,
                    c = c => c,
                    d = d => d,
                    e = e => e,
                    f = f => f,
                    g = g => g,
                    h = h => h,
                    i = i => i,
                    j = j => j,
                }
            }));
        })
        .peer("futures-concurrency race", || {
            grouped::<K, 10, _>(of_ten!(|a, b, c, d, e, f, g, h, i, j| {
                (a, b, c, d, e, f, g, h, i, j).race()
            }));
        });
}

fn races<K: Kind, const N: usize>(rows: &mut Rows, name: &str) {
    rows.path(format!("race/array of {N}/{name}"))
        .own(|| grouped::<K, N, _>(race))
        .peer("futures-util select_all", || grouped::<K, N, _>(select_all))
        .peer("futures-concurrency race", || grouped::<K, N, _>(|all| all.race()));
    rows.path(format!("race/Vec of {N}/{name}"))
        .own(|| grouped::<K, N, _>(|all| race(Vec::from(all))))
        .peer("futures-util select_all", || grouped::<K, N, _>(|all| select_all(Vec::from(all))))
        .peer("futures-concurrency race", || grouped::<K, N, _>(|all| Vec::from(all).race()));
}

async fn one_after_the_other<K: Kind, const N: usize>(all: [Child<K>; N]) -> u64 {
    let mut sum = 0_u64;
    for child in all {
        sum = sum.wrapping_add(child.await);
    }
    sum
}

fn grouped<K: Kind, const N: usize, F: Future>(group: impl Fn([Child<K>; N]) -> F) {
    let task = Task::new();
    counted(GROUPS, || {
        for _ in 0..GROUPS {
            let all = std::array::from_fn(Child::new);
            drop(black_box(task.run(group(all), || wake::<K>(|_| {}))));
            // Of those who have lost.
            forget();
        }
    });
}
