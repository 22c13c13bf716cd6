//! Panics that nobody is told of, as they will be repeated aloud.
//!
//! A run that fails is one of many, on one of several threads, perhaps beside others that fail: if
//! each told its panic, with a backtrace, a reader would not know which one it is about.

use std::{
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
    thread,
};

thread_local! {
    /// The first panic on this thread, while it is to be quiet.
    static FIRST: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Calls `f`. The panic hook is not called meanwhile on this thread; this is what the first panic
/// had to say.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> (R, Option<String>) {
    install();
    let outer = replace(Some(None));
    // A test's panic is caught in `f`; one of ours would end the process or the test anyway.
    let result = f();
    (result, replace(outer).flatten())
}

fn replace(first: Option<Option<String>>) -> Option<Option<String>> {
    // A thread that ends may have dropped it: then panics are told.
    FIRST.try_with(|now| now.replace(first)).ok().flatten()
}

/// Puts a hook before whichever there is. Where a hook of the user's replaces it, panics are told
/// more often than they need be.
fn install() {
    static INSTALLED: Once = Once::new();
    if thread::panicking() {
        // Hooks cannot be changed now.
        return;
    }
    INSTALLED.call_once(|| {
        let theirs = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_quiet(info) {
                theirs(info);
            }
        }));
    });
}

fn is_quiet(info: &PanicHookInfo<'_>) -> bool {
    let quiet = FIRST.try_with(|first| {
        let mut first = first.try_borrow_mut().ok()?;
        let first = first.as_mut()?;
        first.get_or_insert_with(|| info.to_string());
        Some(())
    });
    quiet.is_ok_and(|quiet| quiet.is_some())
}
