//! Which spans are entered on this thread, by us.

use ::tracing::Span;
use alloc::{sync::Arc, vec::Vec};
use core::cell::RefCell;

std::thread_local! {
    /// The innermost last. Nobody's code runs while it is borrowed.
    static ENTERED: RefCell<Vec<(u64, Arc<Span>)>> = const { RefCell::new(Vec::new()) };
}

/// Notes that the span with this mark is entered, so that the end of the poll finds it, whatever has become of the
/// child meanwhile.
pub(super) fn push(mark: u64, span: Arc<Span>) {
    let _ = ENTERED.try_with(|entered| entered.borrow_mut().push((mark, span)));
}

/// Returns the span that was entered last with this mark, which is so no longer.
///
/// It is the last of all, unless a tree has several observers: these are told of the end in the order of the begin.
pub(super) fn pop(mark: u64) -> Option<Arc<Span>> {
    let pop = |entered: &RefCell<Vec<(u64, Arc<Span>)>>| {
        let mut entered = entered.borrow_mut();
        let last = entered.iter().rposition(|(known, _)| *known == mark)?;
        Some(entered.remove(last).1)
    };
    ENTERED.try_with(pop).ok().flatten()
}

/// Returns whether what runs on this thread is what has this mark.
pub(super) fn is_innermost(mark: u64) -> bool {
    let is_last = |entered: &RefCell<Vec<(u64, Arc<Span>)>>| {
        entered.borrow().last().is_some_and(|(known, _)| *known == mark)
    };
    ENTERED.try_with(is_last).unwrap_or(false)
}
