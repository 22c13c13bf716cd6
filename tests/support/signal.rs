//! Events to wait for, instead of sleeping.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

/// An event that happens once and can be waited for by many.
#[derive(Clone, Default)]
pub struct Signal(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    fired: bool,
    waiting: Vec<Waker>,
}

impl Signal {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it happen.
    pub fn fire(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap();
            state.fired = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub fn has_fired(&self) -> bool {
        self.0.lock().unwrap().fired
    }

    /// Waits for it.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let signal = self.clone();
        let mut place = None;
        poll_fn(move |cx| {
            let mut state = signal.0.lock().unwrap();
            if state.fired {
                return Poll::Ready(());
            }
            let State { waiting, .. } = &mut *state;
            let place = *place.get_or_insert_with(|| {
                waiting.push(Waker::noop().clone());
                waiting.len() - 1
            });
            waiting[place] = cx.waker().clone();
            Poll::Pending
        })
    }

    /// How many have found it not fired, however often: an executor may poll once more than another one.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap().waiting.len()
    }
}

/// Lets others run.
pub fn yield_now() -> impl Future<Output = ()> + Send + 'static {
    yields(1)
}

/// Lets others run, so often.
pub fn yields(mut times: usize) -> impl Future<Output = ()> + Send + 'static {
    poll_fn(move |cx| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Lets others run until a condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}
