//! The executors of one thread, and the macro that runs a behaviour on both.

use anyscope::{
    BlockOn, SpawnLocal,
    smol::{SmolLocal, SmolLocalHandle},
    tokio::{TokioLocal, TokioLocalHandle},
};
use std::future::Future;

/// A kind of executor whose children stay on the test's thread.
pub trait UnderLocal {
    type Handle: SpawnLocal + Clone + 'static;

    /// Runs `test` on a new one.
    fn run<F: Future>(test: impl FnOnce(Self::Handle) -> F) -> F::Output;
}

/// smol's `LocalExecutor`.
pub struct SmolOfThread;

impl UnderLocal for SmolOfThread {
    type Handle = SmolLocalHandle;

    fn run<F: Future>(test: impl FnOnce(SmolLocalHandle) -> F) -> F::Output {
        let owner = SmolLocal::new();
        owner.block_on(test(owner.handle()))
    }
}

/// tokio's `LocalSet`, in a runtime of the test's thread.
pub struct TokioOfThread;

impl UnderLocal for TokioOfThread {
    type Handle = TokioLocalHandle;

    fn run<F: Future>(test: impl FnOnce(TokioLocalHandle) -> F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let owner = TokioLocal::new();
        runtime.block_on(owner.run_until(test(owner.handle())))
    }
}

/// As [`behaviour!`](crate::behaviour), for children that are not `Send`.
///
/// `open!` and `try_open!` are `scope_local` and `try_scope_local` on `ex` for `spawned`,
/// `concurrent_local` and `try_concurrent_local` for `inline`.
#[macro_export]
macro_rules! local_behaviour {
    ($($(#[$doc:meta])* $name:ident in [$($kind:ident),+] |$ex:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            $($crate::local_behaviour! { @$kind |$ex| $body })+
        }
    )+};

    (@spawned |$ex:ident| $body:block) => {
        $crate::local_behaviour! {
            @kind spawned scope_local(&$ex,) try_scope_local(&$ex,) |$ex| $body
        }
    };
    (@inline |$ex:ident| $body:block) => {
        $crate::local_behaviour! {
            @kind inline concurrent_local() try_concurrent_local() |$ex| $body
        }
    };
    (
        @kind $kind:ident $open:ident($($by:tt)*) $try_open:ident($($try_by:tt)*)
        |$ex:ident| $body:block
    ) => {
        mod $kind {
            #[allow(unused_imports)]
            use super::super::*;

            async fn show<E: anyscope::SpawnLocal + Clone + 'static>($ex: E) {
                let _ = &$ex;
                #[allow(unused_macros)]
                macro_rules! open {
                    ($b:expr) => {
                        anyscope::$open($($by)* $b)
                    };
                }
                #[allow(unused_macros)]
                macro_rules! try_open {
                    ($b:expr) => {
                        anyscope::$try_open($($try_by)* $b)
                    };
                }
                $body
            }

            #[test]
            fn smol_local() {
                use $crate::local::{SmolOfThread, UnderLocal};
                SmolOfThread::run(show);
            }

            #[test]
            fn tokio_local() {
                use $crate::local::{TokioOfThread, UnderLocal};
                TokioOfThread::run(show);
            }
        }
    };
}
