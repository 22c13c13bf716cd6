//! Hides panics from the panic hook, because the failing run will be repeated with the hook.
//!
//! A run that fails is one of many, on one of several threads, perhaps beside other runs that fail.
//! If each printed its panic and a backtrace, a reader would not know which one is reported.

use std::{
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
    thread,
};

thread_local! {
    /// The message of the first panic on this thread, while panics are hidden.
    static FIRST: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Calls `f` without calling the panic hook on this thread. Returns the result, and the message of
/// the first panic.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> (R, Option<String>) {
    install();
    let outer = replace(Some(None));
    // `f` catches the panics of a test. A panic of this crate would end the test or the process
    // anyway.
    let result = f();
    (result, replace(outer).flatten())
}

fn replace(first: Option<Option<String>>) -> Option<Option<String>> {
    // Fails on a thread that is ending. Then panics are not hidden.
    FIRST.try_with(|now| now.replace(first)).ok().flatten()
}

/// Installs a hook that calls the previous hook unless panics are hidden. If user code replaces it,
/// panics of runs that are repeated later are printed too.
fn install() {
    static INSTALLED: Once = Once::new();
    if thread::panicking() {
        // The hook cannot be changed during a panic.
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

/// Returns whether panics are hidden on this thread, and keeps the message of the first.
fn is_quiet(info: &PanicHookInfo<'_>) -> bool {
    let quiet = FIRST.try_with(|first| {
        let mut first = first.try_borrow_mut().ok()?;
        let first = first.as_mut()?;
        first.get_or_insert_with(|| info.to_string());
        Some(())
    });
    quiet.is_ok_and(|quiet| quiet.is_some())
}
