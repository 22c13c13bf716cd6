//! The macros that run a behaviour on every executor.

/// Makes one `#[test]` for every executor, of `$run` (a function of [`executors`](crate::executors), generic
/// over [`Under`](crate::executors::Under)) and `$show`. With `threads`, none for the simulation, which has only one; with `virtual_time`, only
/// for those whose clocks jump.
#[macro_export]
macro_rules! on_each {
    ($run:ident, $show:ident) => {
        $crate::on_each! { $run, $show, anywhere }
        $crate::on_each! { @one simulated Simulated $run $show }
    };
    ($run:ident, $show:ident, threads) => {
        $crate::on_each! { $run, $show, anywhere }
    };
    ($run:ident, $show:ident, virtual_time) => {
        $crate::on_each! { @one tokio_paused TokioPaused $run $show }
        $crate::on_each! { @one simulated Simulated $run $show }
    };
    ($run:ident, $show:ident, anywhere) => {
        $crate::on_each! { @one smol SmolGlobal $run $show }
        $crate::on_each! { @one smol_own SmolOwn $run $show }
        $crate::on_each! { @one tokio_current TokioCurrent $run $show }
        $crate::on_each! { @one tokio_multi TokioMulti $run $show }
        $crate::on_each! { @one threads Threads $run $show }
        $crate::on_each! { @one no_threads NoThreads $run $show }
    };
    (@one $name:ident $under:ident $run:ident $show:ident) => {
        #[test]
        fn $name() {
            $crate::executors::$run::<$crate::executors::$under>($show);
        }
    };
}

/// Shows a behaviour on every executor, and in every kind of scope that is named.
///
/// ```ignore
/// behaviour! {
///     /// Given .., when .., then ..
///     s1_scope_waits_for_last_child in [spawned, inline] |ex| {
///         open!(async |s| { .. s.spawn(..) .. }).await;
///     }
/// }
/// ```
///
/// In the body, `ex` is a handle of the executor (see [`Exec`](crate::executors::Exec)), `open!(body)` opens a scope of
/// the kind in question and `try_open!(body)` a fail-fast one: for `spawned` these are `scope` and
/// `try_scope` on `ex`, for `inline` they are `concurrent` and `try_concurrent`, polled by a task
/// of the executor. `open!(ex, body)` takes the executor from a variable: a child has to bring its
/// own. Without a list of kinds, the body runs once for each executor and opens what it likes.
///
/// `name with threads in ..` leaves the simulation out: the body blocks threads or starts some.
/// `name with tasks in ..` leaves [`Latent`](anyscope::Latent) out: the body counts polls, and a child is polled once
/// more there, when it becomes a task.
/// `name with virtual_time in ..` leaves real clocks out: the body sleeps, and knows to the
/// nanosecond what time it is.
#[macro_export]
macro_rules! behaviour {
    ($($behaviours:tt)*) => {
        $crate::each_behaviour! { @behaviours erased $($behaviours)* }
    };
}

/// As [`behaviour!`](crate::behaviour), compiled for the handle of each executor. That takes seven
/// times as long, so it is for those that show what types can make a difference to.
#[macro_export]
macro_rules! typed_behaviour {
    ($($behaviours:tt)*) => {
        $crate::each_behaviour! { @behaviours typed $($behaviours)* }
    };
}

/// What [`behaviour!`](crate::behaviour) and [`typed_behaviour!`](crate::typed_behaviour) expand to.
#[doc(hidden)]
#[macro_export]
macro_rules! each_behaviour {
    (@behaviours $types:ident $(
        $(#[$doc:meta])* $name:ident $(with $on:ident)? $(in [$($kind:ident),+])? |$ex:ident| $body:block
    )+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::each_behaviour! {
                @kinds $types [$($($kind),+)?] [$($on)?] |$ex| $body
            }
        }
    )+};

    (@kinds $types:ident [] [$($on:ident)?] |$ex:ident| $body:block) => {
        async fn show<E: $crate::executors::Exec>($ex: E) $body

        $crate::each_behaviour! { @run $types $($on)? }
    };
    (@kinds $types:ident [$($kind:ident),+] $on:tt |$ex:ident| $body:block) => {$(
        mod $kind {
            #[allow(unused_imports)]
            use super::*;

            $crate::each_behaviour! { @$kind |$ex| $body }

            $crate::each_behaviour! { @each $types $on }
        }
    )+};

    (@each $types:ident [$($on:ident)?]) => {
        $crate::each_behaviour! { @run $types $($on)? }
    };

    (@run erased $($on:ident)?) => {
        fn erased(ex: $crate::AnyExec) -> $crate::executors::Shown {
            Box::pin(show(ex))
        }

        $crate::each_behaviour! { @run_on $($on)? }
    };
    (@run_on tasks) => {
        $crate::on_each!(run, erased);
    };
    (@run_on virtual_time) => {
        $crate::on_each!(run, erased, virtual_time);
    };
    (@run_on $($on:ident)?) => {
        $crate::on_each!(run, erased $(, $on)?);
        $crate::on_each! { @one latent LatentThreads run erased }
    };
    (@run typed $($on:ident)?) => {
        $crate::on_each!(run_typed, show $(, $on)?);
    };

    (@spawned |$ex:ident| $body:block) => {
        async fn show<E: $crate::executors::Exec>($ex: E) {
            #[allow(unused_macros)]
            macro_rules! open {
                ($b:expr) => {
                    anyscope::scope(&$ex, $b)
                };
                ($on:expr, $b:expr) => {
                    anyscope::scope(&$on, $b)
                };
            }
            #[allow(unused_macros)]
            macro_rules! try_open {
                ($b:expr) => {
                    anyscope::try_scope(&$ex, $b)
                };
                ($on:expr, $b:expr) => {
                    anyscope::try_scope(&$on, $b)
                };
            }
            $body
        }
    };
    (@inline |$ex:ident| $body:block) => {
        async fn show<E: $crate::executors::Exec>($ex: E) {
            let _ = &$ex;
            #[allow(unused_macros)]
            macro_rules! open {
                ($b:expr) => {
                    anyscope::concurrent($b)
                };
                ($on:expr, $b:expr) => {{
                    let _ = &$on;
                    anyscope::concurrent($b)
                }};
            }
            #[allow(unused_macros)]
            macro_rules! try_open {
                ($b:expr) => {
                    anyscope::try_concurrent($b)
                };
                ($on:expr, $b:expr) => {{
                    let _ = &$on;
                    anyscope::try_concurrent($b)
                }};
            }
            $body
        }
    };
}

/// Shows a behaviour of `block_scope` on every executor: `owner` is its owner, and the body runs
/// on a thread of its own, outside of it.
///
/// ```ignore
/// blocking! {
///     /// Given .., when .., then ..
///     block_scope_borrows |owner| {
///         block_scope(owner, async |s| { .. });
///     }
/// }
/// ```
#[macro_export]
macro_rules! blocking {
    ($($(#[$doc:meta])* $name:ident $(with $threads:ident)? |$owner:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn show<O>($owner: &O)
            where
                O: anyscope::BlockOn + anyscope::Spawn + anyscope::SpawnBlocking + Sync,
            $body

            $crate::on_each!(run_outside, show $(, $threads)?);
        }
    )+};
}

/// Shows a behaviour on the simulation only, in every round, and that nothing is left of it: no
/// task, no timer, no waker.
///
/// ```ignore
/// simulated! {
///     /// Given .., when .., then ..
///     t1_no_timer_is_left |sim| {
///         timeout(&sim, SECOND, async {}).await.unwrap();
///     }
/// }
/// ```
#[macro_export]
macro_rules! simulated {
    ($($(#[$doc:meta])* $name:ident |$sim:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn show($sim: anyscope::sim::SimHandle) $body

            #[test]
            fn simulated() {
                $crate::executors::run_simulated(|sim| Box::pin(show(sim)));
            }
        }
    )+};
}
