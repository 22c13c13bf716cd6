//! A value that one thread at a time works on, with requests that carry something.
//!
//! A thread that finds the value taken leaves its request on a stack, and the thread that works on the value applies
//! it before it is done: flat combining (D. Hendler, I. Incze, N. Shavit and M. Tzafrir, "Flat Combining and
//! the Synchronization-Parallelism Tradeoff", 2010), with a stack in place of their publication list. That there is
//! something on the stack is a request to the [`Desk`], so nothing is left behind.
//!
//! Requests of one thread are applied in their order. So are those of two threads if the second one made its request
//! after the first one's call had returned: what was left is applied before the value is free.

use super::{desk::Desk, stack::Stack};

/// See the desk: any bit but the lowest.
const LEFT: usize = 2;

/// A value and the requests to whoever works on it; see the [module](self).
pub(crate) struct Combiner<T, R> {
    desk: Desk<T>,
    left: Stack<R>,
}

impl<T, R> Combiner<T, R> {
    pub(crate) fn new(value: T) -> Self {
        Combiner { desk: Desk::new(value), left: Stack::new() }
    }

    /// Applies `request`, or leaves it to the thread that works on the value. Applies the requests that other
    /// threads have left. `apply` must not run user code, nor panic.
    #[inline]
    pub(crate) fn run(&self, request: R, mut apply: impl FnMut(R, &mut T)) {
        let mut request = Some(request);
        self.desk.visit(0, |requests, value| match request.take() {
            Some(request) => apply(request, value),
            None => self.serve(requests, value, &mut apply),
        });
        if let Some(request) = request {
            // Before anybody is told of it.
            self.left.push(request);
            self.desk.visit(LEFT, |_, value| self.serve(LEFT, value, &mut apply));
        }
    }

    #[inline(never)]
    fn serve(&self, requests: usize, value: &mut T, apply: &mut impl FnMut(R, &mut T)) {
        debug_assert_eq!(requests, LEFT);
        self.left.take().into_iter().for_each(|request| apply(request, value));
    }
}
