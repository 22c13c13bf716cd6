//! A value that one thread at a time works on, and that no thread waits for.
//!
//! A thread that finds the value taken leaves its request on a stack, and the thread that works on the value looks
//! at the stack before it is done: flat combining (D. Hendler, I. Incze, N. Shavit and M. Tzafrir, "Flat Combining and
//! the Synchronization-Parallelism Tradeoff", 2010), with a stack in place of their publication list.
//!
//! Requests of one thread are applied in their order. So are those of two threads if the second one made its request
//! after the first one's call had returned: what was left is applied before the request of whoever takes the value next.
//!
//! A pair of fences makes sure that no request is left behind: a thread that finds the value taken leaves its request, then
//! tries again; the thread that held the value frees it, then looks for requests. With a weaker order, both could
//! read what was there before the other's write.

use super::{Ordering, fence, stack::Stack, try_lock::TryLock};

/// A value and the requests to whoever works on it; see the [module](self).
pub(crate) struct Combiner<T, R> {
    value: TryLock<T>,
    requests: Stack<R>,
}

impl<T, R> Combiner<T, R> {
    pub(crate) fn new(value: T) -> Self {
        Combiner { value: TryLock::new(value), requests: Stack::new() }
    }

    /// Applies `request`, or leaves it to the thread that works on the value. Applies the requests that other
    /// threads have left. `apply` must not run user code, nor panic.
    pub(crate) fn run(&self, request: R, mut apply: impl FnMut(R, &mut T)) {
        let mut request = Some(request);
        loop {
            let free = self.value.try_with(|value| {
                let left = self.requests.take();
                for request in left.into_iter().chain(request.take()) {
                    apply(request, value);
                }
            });
            if free.is_none() {
                // Pushed before, and the value is still taken: the thread that holds it will find the request.
                let Some(request) = request.take() else { return };
                self.requests.push(request);
            }
            // See the module: both sides of the pair pass this fence, whoever left a request and whoever freed the
            // value.
            fence(Ordering::SeqCst);
            if self.requests.is_empty() {
                return;
            }
        }
    }
}
