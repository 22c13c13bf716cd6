//! Asks futures what they wait for.

use anyscope_core::observe::listen_to_waits;
use std::{cell::RefCell, fmt};

thread_local! {
    /// The answers, while `collect` runs.
    static ANSWERS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Calls `f`. Returns its result, and what the futures that it polled wait for.
pub(crate) fn collect<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    let _listening = listen_to_waits(tell);
    replace(Some(Vec::new()));
    let result = f();
    (result, replace(None).unwrap_or_default())
}

fn replace(answers: Option<Vec<String>>) -> Option<Vec<String>> {
    ANSWERS.try_with(|all| all.replace(answers)).ok().flatten()
}

/// Adds an answer, if `collect` runs on this thread.
pub(crate) fn tell(what: fmt::Arguments<'_>) {
    // Fails on a thread that is ending, in destructors that run after that of the answers.
    let _ = ANSWERS.try_with(|answers| {
        if let Some(answers) = &mut *answers.borrow_mut() {
            answers.push(what.to_string());
        }
    });
}
