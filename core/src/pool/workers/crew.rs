//! The workers of a pool as one: how they are ended, whatever polls them.

use crate::{exec::Spawn, scope::OwnedScope};
use alloc::boxed::Box;
use core::{future::Future, pin::Pin};

pub(super) type Closing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// All workers. Those of an executor end when this is dropped.
pub(super) trait Crew: Send + Sync {
    /// Drops all workers, with the jobs that they do.
    fn cancel(&self);

    /// Waits until no worker is left.
    fn close(&self) -> Closing<'_>;
}

impl<E: Spawn + Clone + Send + Sync> Crew for OwnedScope<E> {
    fn cancel(&self) {
        (**self).cancel("its pool drops all jobs");
    }

    fn close(&self) -> Closing<'_> {
        Box::pin(self.close())
    }
}
