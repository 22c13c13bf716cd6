//! The adapters of anyscope, and one from nothing.

mod own;

use anyscope::{
    smol::{Smol, SmolExecutor, SmolHandle, SmolStatic},
    threads::{ThreadPool, ThreadPoolHandle},
    tokio::{TokioHandle, TokioRuntime},
};
use anyscope_conformance::{Adapter, suite};

macro_rules! adapter {
    ($module:ident $owner:ty, $handle:ty, $start:expr, $($more:ident),*) => {
        adapter!(@ $module $owner, $handle, $start, |owner: &$owner| owner.handle(), $($more),*);
    };
    // An owner that lives as long as the process is its own handle.
    (for_ever $module:ident $both:ty, $start:expr, $($more:ident),*) => {
        adapter!(@ $module $both, $both, $start, |both: &$both| *both, $($more),*);
    };
    (@ $module:ident $owner:ty, $handle:ty, $start:expr, $handle_of:expr, $($more:ident),*) => {
        mod $module {
            use super::*;

            struct This;

            impl Adapter for This {
                type Owner = $owner;
                type Handle = $handle;

                fn start() -> ($owner, $handle) {
                    let owner: $owner = $start;
                    let handle = ($handle_of)(&owner);
                    (owner, handle)
                }
            }

            suite!(This: $($more),*);
        }
    };
}

adapter!(smol SmolExecutor, SmolHandle, SmolExecutor::new(), owner, shutdown, blocking, time);
adapter!(threads ThreadPool, ThreadPoolHandle, ThreadPool::new(2), owner, shutdown, blocking, time);
adapter!(no_threads ThreadPool, ThreadPoolHandle, ThreadPool::new(0), owner, shutdown, blocking, time);
adapter!(tokio_current TokioRuntime, TokioHandle, runtime(tokio::runtime::Builder::new_current_thread()), owner, shutdown, blocking, time);
adapter!(tokio_multi TokioRuntime, TokioHandle, runtime(tokio::runtime::Builder::new_multi_thread()), owner, shutdown, blocking, time);
adapter!(for_ever smol_global Smol, Smol, owner, blocking, time);
adapter!(for_ever smol_static SmolStatic, SmolStatic::new(), owner, blocking, time);
adapter!(from_nothing own::Pool, own::Handle, own::Pool::new(2), shutdown);

fn runtime(mut builder: tokio::runtime::Builder) -> TokioRuntime {
    TokioRuntime::from(builder.enable_time().build().unwrap())
}
