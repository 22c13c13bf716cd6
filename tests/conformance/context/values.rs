//! Who sees which values.

use anyscope::{
    Limit, OwnedScope, Spawn, block_scope,
    context::{self, Context},
    flow, scope, scope_limited, try_scope,
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Log, behaviour, blocking, blow_up, on_drop, panic_in, panic_of, yield_now};

/// The number that the running code sees.
fn number() -> Option<u32> {
    context::with_current(|context| context.get().copied())
}

fn with(number: u32) -> Context {
    Context::new().with(number)
}

/// The number before and after a yield, which may be on two threads.
async fn twice() -> [Option<u32>; 2] {
    let before = number();
    yield_now().await;
    [before, number()]
}

const SEVEN: [Option<u32>; 2] = [Some(7); 2];
const NONE: [Option<u32>; 2] = [None; 2];

behaviour! {
    /// Given a context around a scope, then its body, its children, and children of scopes in them
    /// see it, before and after a yield; code outside sees none.
    body_children_and_scopes_inside_see_what_is_around_a_scope in [spawned, inline] |ex| {
        let inner = ex.clone();
        let scope = open!(async |s| {
            let child = s.spawn(async move {
                let inside = scope(&inner, async |s| [twice().await, s.spawn(twice()).await.unwrap()]);
                [twice().await; 1].into_iter().chain(inside.await).collect::<Vec<_>>()
            });
            let body = twice().await;
            let mut all = child.await.unwrap();
            all.push(body);
            all
        });
        assert_eq!(with(7).around(scope).await, [SEVEN; 4]);
        assert_eq!(number(), None);
    }

    /// The same for a scope that fails fast, one with a limit, and work of a flow.
    all_kinds_of_scopes_take_the_context_over |ex| {
        let failing = try_scope(&ex, async |s| {
            let child = s.spawn(async { Ok::<_, ()>(twice().await) });
            Ok([twice().await, child.value().await])
        });
        assert_eq!(with(7).around(failing).await.unwrap(), [SEVEN; 2]);
        let limited = scope_limited(&ex, Limit::new(1), async |s| {
            s.try_spawn(twice()).unwrap().await.unwrap()
        });
        assert_eq!(with(7).around(limited).await, SEVEN);
        let mapped = flow::iter(0..9).map_on(&ex, Limit::new(3), |_| twice());
        let all: Vec<_> = with(7).around(mapped.try_collect()).await.unwrap();
        assert_eq!(all, [SEVEN; 9]);
    }

    /// Given a context around one child, or around a block, then nobody else sees it: neither the
    /// siblings, nor the parent, nor a child that is spawned in the block.
    what_is_around_a_child_or_a_block_stays_there in [spawned, inline] |ex| {
        let all = open!(async |s| {
            let child = s.spawn(with(1).around(twice()));
            let sibling = s.spawn(twice());
            let block = with(2).around(async {
                let spawned = s.spawn(twice());
                (twice().await, spawned.await.unwrap())
            });
            let block = block.await;
            [child.await.unwrap(), sibling.await.unwrap(), block.0, block.1, twice().await]
        })
        .await;
        assert_eq!(all, [[Some(1); 2], NONE, [Some(2); 2], NONE, NONE]);
    }

    /// Given a value added inside, then the others are there too, and outside nothing has changed.
    more_is_added_inside in [spawned, inline] |ex| {
        let work = async {
            let more = context::current().with("name");
            let scope = open!(async |s| {
                let child = s.spawn(async {
                    yield_now().await;
                    context::with_current(|now| (now.get::<u32>().copied(), now.get::<&str>().copied()))
                });
                child.await.unwrap()
            });
            let inside = more.around(scope).await;
            (inside, context::current().get::<&str>().is_none())
        };
        assert_eq!(with(7).around(work).await, ((Some(7), Some("name")), true));
    }

    /// Given an owned scope, then its children see what was around the call that made it, not what
    /// is around those that spawn.
    children_of_an_owned_scope_see_what_was_around_its_maker |ex| {
        let owned = with(7).enter(|| OwnedScope::new(&ex));
        let child = with(8).enter(|| owned.spawn(twice()));
        assert_eq!(child.await.unwrap(), SEVEN);
        let without = OwnedScope::new(&ex);
        let child = with(8).enter(|| without.spawn(twice()));
        assert_eq!(child.await.unwrap(), NONE);
        owned.close().await;
        without.close().await;
    }

    /// Given a finalizer, then it sees what the children of its scope see: also if the scope is
    /// dropped and the executor runs it, and if an owned scope is closed where something else is
    /// around.
    finalizers_see_the_context_of_their_scope |ex| {
        let log = Log::new();
        let defers = |s: &anyscope::Scope<_>| {
            let log = log.clone();
            s.defer(async move { log.add(format!("{:?}", twice().await)) });
        };
        with(7).around(scope(&ex, async |s| defers(&s))).await;
        {
            let dropped = with(7).around(scope(&ex, async |s| {
                defers(&s);
                std::future::pending::<()>().await;
            }));
            assert!(support::poll_once(pin!(dropped)).is_pending());
        }
        support::until(|| log.events().len() == 2).await;
        let owned = with(7).enter(|| OwnedScope::new(&ex));
        defers(&owned);
        with(8).around(owned.close()).await;
        assert_eq!(log.events(), vec![format!("{SEVEN:?}"); 3]);
    }

    /// Given a future that is dropped, or panics, with a context around it, then the code around it
    /// sees what it saw before, and the last one drops the values.
    nothing_stays_behind |ex| {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = drops.clone();
        let context = Context::new().with(on_drop(move || _ = counted.fetch_add(1, SeqCst)));
        let panics = scope(&ex, async |s| {
            let child = s.spawn(async { blow_up::<()>("child") });
            assert!(child.await.is_err());
            blow_up::<()>("body");
        });
        assert_eq!(panic_of(context.around(panics)).await, "body");
        assert!(context::current().is_empty());
        {
            let mut dropped = pin!(context.around(std::future::pending::<()>()));
            assert!(support::poll_once(dropped.as_mut()).is_pending());
        }
        assert!(context::current().is_empty());
        drop(context);
        // Children hold none, and scopes are gone when they have returned.
        support::until(|| drops.load(SeqCst) == 1).await;
    }
}

blocking! {
    /// Given a call with a context around it, then the children of a scope that blocks see it.
    a_scope_that_blocks_takes_the_context_over |owner| {
        let seen = with(7).enter(|| {
            block_scope(owner, async |s| {
                let child = s.spawn(twice());
                [twice().await, child.await.unwrap()]
            })
        });
        assert_eq!(seen, [SEVEN; 2]);
        assert_eq!(number(), None);
    }
}

/// Given an executor that polls a child of another scope inside of a poll with a context around it,
/// then that child does not see it.
#[test]
fn a_child_that_is_polled_by_chance_inside_sees_nothing() {
    let (ex, log) = (support::Hoard::default(), Log::new());
    let mut other = pin!(scope(&ex, async |s| {
        let log = log.clone();
        drop(s.spawn(async move { log.add(format!("{:?}", number())) }));
    }));
    assert!(support::poll_once(other.as_mut()).is_pending());
    let mut child = ex.take().pop().unwrap();
    with(7).enter(|| assert!(support::poll_once(pin!(&mut child)).is_ready()));
    assert!(support::poll_once(other).is_ready());
    assert_eq!(log.events(), ["None"]);
}

/// Given a value whose destructor panics, then the panic comes out where the last count is dropped.
#[test]
fn a_value_may_panic_when_it_is_dropped() {
    let context = Context::new().with(on_drop(|| blow_up::<()>("value")));
    let clone = context.clone();
    drop(context);
    assert_eq!(panic_in(|| drop(clone)), "value");
    let context = Context::new().with(on_drop(|| blow_up::<()>("value")));
    let work = scope(&anyscope::smol::Smol, async |s| s.spawn(twice()).await.unwrap());
    let future = context.around(work);
    drop(context);
    assert_eq!(panic_in(|| drop(future)), "value");
}

/// Given a context, then it says what it has, what is missing, and what to do.
#[test]
fn what_is_missing_is_said() {
    let empty = Context::new().require::<u32>().unwrap_err();
    assert_eq!(
        empty.to_string(),
        "no value of type `u32` in this context, which is empty: put one around this code with \
         `Context::around`",
    );
    assert_eq!(empty.type_name(), "u32");
    let other = with(1).with("a").require::<u64>().unwrap_err();
    assert_eq!(
        other.to_string(),
        "no value of type `u64` in this context: add it with `.with(value)`. It has Context [u32, \
         &str]",
    );
    assert_eq!(with(1).require::<u32>().unwrap(), &1);
    assert_eq!(format!("{:?}", Context::new()), "Context []");
}

fn _unsized_executors_too(ex: &Arc<dyn Spawn + Send + Sync>) {
    drop(with(7).around(scope(ex, async |_| ())));
}
