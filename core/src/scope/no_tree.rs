//! What is around a scope: a context. Without thread-locals, or in a model, there are no trees.

use super::shared::Shared;
use crate::values::Context;
use core::task::{Poll, Waker};

pub(crate) struct Surroundings(Context);

impl Surroundings {
    pub(super) fn context(&self) -> &Context {
        &self.0
    }
}

pub(super) type InTree = ();

pub(super) fn in_tree<P, K>(_: bool, _: &Shared<P, K>) -> InTree {}

pub(super) fn around<T>((): &InTree, _: &Waker, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    poll()
}

impl<P, K> Shared<P, K> {
    pub(super) fn surroundings(
        &self,
        context: Context,
        _: fn() -> &'static str,
        _: fn() -> &'static str,
    ) -> Surroundings {
        Surroundings(context)
    }

    pub(super) fn is_watched(&self) -> bool {
        false
    }

    pub(super) fn pends(&self, _: &Waker) {}

    pub(super) fn tells_cancel(&self, _: &str) {}

    pub(super) fn tells_dropped_live(&self) {}

    pub(super) fn leave_tree(&self) {}
}
