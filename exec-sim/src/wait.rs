//! Asking futures what they wait for.

use anyscope_core::observe::listen_to_waits;
use std::{cell::RefCell, fmt};

thread_local! {
    /// The answers, while somebody asks.
    static ANSWERS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Calls `f`, and collects what the futures polled in it say.
pub(crate) fn collect<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    let _listening = listen_to_waits(tell);
    ANSWERS.set(Some(Vec::new()));
    let result = f();
    (result, ANSWERS.take().unwrap_or_default())
}

/// An answer, if somebody asks.
pub(crate) fn tell(what: fmt::Arguments<'_>) {
    ANSWERS.with_borrow_mut(|answers| {
        if let Some(answers) = answers {
            answers.push(what.to_string());
        }
    });
}
