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
    replace(Some(Vec::new()));
    let result = f();
    (result, replace(None).unwrap_or_default())
}

fn replace(answers: Option<Vec<String>>) -> Option<Vec<String>> {
    ANSWERS.try_with(|all| all.replace(answers)).ok().flatten()
}

/// An answer, if somebody asks.
pub(crate) fn tell(what: fmt::Arguments<'_>) {
    // The destructors of a thread that ends may come after that of the answers.
    let _ = ANSWERS.try_with(|answers| {
        if let Some(answers) = &mut *answers.borrow_mut() {
            answers.push(what.to_string());
        }
    });
}
