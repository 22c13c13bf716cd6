//! What a join returns, and how it ends when one of its members fails or panics.

use anyscope::{concurrent, join, maybe, race, scope, try_join};
use std::{
    collections::{BTreeMap, HashMap},
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Signal, behaviour, blow_up, on_drop, panic_of, yields};

/// How many, on both sides of the limit above which only those who were woken are polled.
const SIZES: [usize; 4] = [2, 10, 17, 300];

/// Counts those of its members that are gone.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicUsize>);

impl Gone {
    async fn holds<T>(self, f: impl Future<Output = T>) -> T {
        let _gone = on_drop(move || _ = self.0.fetch_add(1, SeqCst));
        f.await
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

behaviour! {
    /// Given futures that are ready in any order, then their values come in the shape and the order of the futures.
    w1_values_have_the_shape_of_the_futures |ex| {
        scope(&ex, async |s| {
            for n in SIZES {
                let slow = move |number: usize| async move {
                    yields((n - number) % 7).await;
                    number
                };
                let joined = s.spawn(async move { join((0..n).map(slow)).await });
                assert_eq!(joined.await.unwrap(), (0..n).collect::<Vec<_>>());
                let keyed: BTreeMap<_, _> = (0..n).map(|number| (number, slow(number))).collect();
                assert_eq!(s.spawn(join(keyed)).await.unwrap(), (0..n).map(|n| (n, n)).collect());
                let keyed: HashMap<_, _> = (0..n).map(|number| (number, slow(number))).collect();
                assert_eq!(s.spawn(join(keyed)).await.unwrap(), (0..n).map(|n| (n, n)).collect());
            }
            let nested = join((race((yields(1), pending())), join([1, 2].map(ready)), async { 3 }));
            assert_eq!(s.spawn(nested).await.unwrap(), ((), [1, 2], 3));
        })
        .await;
    }

    /// Given one that fails while others wait, or are done, then all are dropped before the error is returned, which
    /// says whose it is.
    w2_siblings_are_gone_when_an_error_returns |ex| {
        scope(&ex, async |s| {
            for n in SIZES {
                let gone = Gone::default();
                let member = |number: usize| gone.clone().holds(async move {
                    yields(2).await;
                    match number {
                        0 => Ok(()),
                        _ if number == n - 1 => Err("no"),
                        _ => pending().await,
                    }
                });
                let joined = s.spawn(try_join((0..n).map(member).collect::<Vec<_>>()));
                let failed = joined.await.unwrap().unwrap_err();
                assert_eq!((failed.index(), *failed.error()), (n - 1, "no"));
                assert_eq!(gone.count(), n);
                let keyed: HashMap<_, _> = (0..n).map(|number| (number.to_string(), member(number))).collect();
                let failed = s.spawn(try_join(keyed)).await.unwrap().unwrap_err();
                assert_eq!(failed.into_parts(), ((n - 1).to_string(), "no"));
                assert_eq!(gone.count(), 2 * n);
            }
        })
        .await;
    }

    /// Given no futures, then a join is ready at once.
    w4_none_are_ready_at_once |ex| {
        let _ = &ex;
        type Nobody = std::future::Ready<u8>;
        assert_eq!(join(Vec::<Nobody>::new()).await, []);
        assert_eq!(join(None::<Nobody>).await, None);
        assert_eq!(join([0_u8; 0].map(std::future::ready)).await, []);
        assert!(join(BTreeMap::<u8, Nobody>::new()).await.is_empty());
        assert!(join(HashMap::<u8, Nobody>::new()).await.is_empty());
    }

    /// Given a member that nobody waits for, then it runs beside the others, and is dropped when they are done.
    maybes_go_with_the_others |ex| {
        scope(&ex, async |s| {
            let gone = Gone::default();
            let spins = gone.clone().holds(async { loop { yields(1).await } });
            let (answer, spun): (u8, Option<()>) =
                s.spawn(join((async { yields(5).await; 42 }, maybe(spins)))).await.unwrap();
            assert_eq!((answer, spun, gone.count()), (42, None, 1));
            let joined = s.spawn(join((maybe(async { 1 }), async { yields(1).await; 2 })));
            assert_eq!(joined.await.unwrap(), (Some(1), 2));
            let failed = s.spawn(try_join((async { pending::<Result<u8, u8>>().await }, maybe(async { Err::<u8, _>(7) }))));
            assert_eq!(failed.await.unwrap().unwrap_err().into_parts(), (1, 7));
        })
        .await;
    }

    /// Given a member that panics, then the others are dropped first, and the panic is that of the task.
    a_panic_comes_when_the_others_are_gone |ex| {
        scope(&ex, async |s| {
            for n in SIZES {
                let gone = Gone::default();
                let member = |number: usize| gone.clone().holds(async move {
                    yields(2).await;
                    if number == n / 2 { blow_up("boom") }
                    pending::<()>().await;
                });
                let joined = s.spawn(join((0..n).map(member).collect::<Vec<_>>()));
                assert!(joined.await.unwrap_err().is_panic());
                assert_eq!(gone.count(), n);
            }
        })
        .await;
    }

    /// Given a group of handles of children, then their outcomes come as the children end, in order.
    groups_of_handles |ex| {
        scope(&ex, async |s| {
            let handles: Vec<_> = (0..20).map(|n| s.spawn(async move { yields(20 - n).await; n })).collect();
            let outcomes = join(handles).await;
            assert!(outcomes.into_iter().map(Result::unwrap).eq(0..20));
            let go = Signal::new();
            let (late, soon) = (s.spawn(go.wait()), s.spawn(async { 1 }));
            let (_, soon) = join((async { go.fire(); late.await.unwrap() }, soon)).await;
            assert_eq!(soon.unwrap(), 1);
        })
        .await;
        let sums = concurrent(async |s| join([1, 2].map(|n| s.spawn(async move { n }))).await).await;
        assert_eq!(sums.map(Result::unwrap), [1, 2]);
    }

    /// Given a group that is over, then another poll panics and says so.
    a_poll_after_the_end_panics |ex| {
        let _ = &ex;
        for n in SIZES {
            let mut joined = Box::pin(join((0..n).map(|_| yields(1))));
            joined.as_mut().await;
            let again = panic_of(async { joined.as_mut().await }).await;
            assert!(again.contains("polled after it was ready"), "{again}");
        }
    }
}
