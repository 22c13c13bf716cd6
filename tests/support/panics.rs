//! Panics, thrown and caught.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook},
    pin::pin,
    rc::Rc,
    sync::Once,
    task::Poll,
};

/// Panics without a word from the panic hook.
pub fn blow_up<T>(message: &'static str) -> T {
    resume_unwind(Box::new(message))
}

/// Awaits a future that must panic, and returns the message.
pub async fn panic_of<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(_)) => panic!("a panic was expected"),
        Err(payload) => Poll::Ready(message_of(&*payload)),
    })
    .await
}

/// Calls what must panic, and returns the message.
pub fn panic_in<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("a panic was expected"),
        Err(payload) => message_of(&*payload),
    }
}

/// Calls what must panic, and returns the message, and the place that the panic hook is told.
pub fn place_of_panic_in<R>(f: impl FnOnce() -> R) -> (String, String) {
    let place = Rc::new(RefCell::default());
    let told = place.clone();
    let hears = move |info: &PanicHookInfo<'_>| {
        told.replace(info.location().map(ToString::to_string));
    };
    let message = while_panics(hears, || panic_in(f));
    (message, place.take().unwrap_or_default())
}

/// Calls `f`. At each panic on this thread meanwhile, `hears` is called before anything is unwound.
pub fn while_panics<R>(
    hears: impl FnMut(&PanicHookInfo<'_>) + 'static,
    f: impl FnOnce() -> R,
) -> R {
    type Hears = Box<dyn FnMut(&PanicHookInfo<'_>)>;
    static HOOK: Once = Once::new();
    thread_local! { static HEARS: RefCell<Option<Hears>> = const { RefCell::new(None) } }
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            // Taken out meanwhile: what it does may panic, too.
            if let Some(mut hears) = HEARS.take() {
                hears(info);
                HEARS.set(Some(hears));
            }
            before(info);
        }));
    });
    HEARS.set(Some(Box::new(hears)));
    let value = f();
    HEARS.set(None);
    value
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&'static str>().map(|message| (*message).into());
    literal.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "no message".into())
}
