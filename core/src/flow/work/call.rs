//! How a bounded map turns an item into work, and its output into a value.

use alloc::vec::Vec;
use core::{fmt, future::Future};

/// How a bounded map turns an item into work, and work into values.
///
/// Sealed: implemented by the types that [`map_concurrent`](crate::flow::Flow::map_concurrent) and
/// similar operations use.
pub trait Work<Item>: sealed::Work<Item> {}

impl<Item, W: sealed::Work<Item>> Work<Item> for W {}

pub(in crate::flow) mod sealed {
    use core::future::Future;

    #[allow(unnameable_types, reason = "sealed")]
    pub trait Work<Item> {
        /// The work on one item.
        type Future: Future;
        /// The value made of its output.
        type Output;

        /// Whether the items have weights; if not, [`weigh`](Self::weigh) is not called.
        const WEIGHTED: bool = false;

        fn weigh(&mut self, _: &Item) -> usize {
            1
        }

        fn start(&mut self, item: Item) -> Self::Future;

        fn finish(&mut self, output: <Self::Future as Future>::Output) -> Self::Output;

        /// Takes a value that can no longer be delivered.
        fn undelivered(&mut self, _: Self::Output) {}
    }
}

/// Calls a function with each item. Created by
/// [`map_concurrent`](crate::flow::Flow::map_concurrent).
pub struct Call<F>(pub(in crate::flow) F);

impl<Item, F, Fut> sealed::Work<Item> for Call<F>
where
    F: FnMut(Item) -> Fut,
    Fut: Future,
{
    type Future = Fut;
    type Output = Fut::Output;

    #[inline]
    fn start(&mut self, item: Item) -> Fut {
        (self.0)(item)
    }

    #[inline]
    fn finish(&mut self, output: Fut::Output) -> Fut::Output {
        output
    }
}

/// Runs each item, which is a future. Created by [`buffered`](crate::flow::Flow::buffered).
#[derive(Debug)]
pub struct Itself(pub(in crate::flow) ());

impl<Item: Future> sealed::Work<Item> for Itself {
    type Future = Item;
    type Output = Item::Output;

    fn start(&mut self, item: Item) -> Item {
        item
    }

    fn finish(&mut self, output: Item::Output) -> Item::Output {
        output
    }
}

/// Calls a function with each item, which has a weight. Created by
/// [`map_weighted`](crate::flow::Flow::map_weighted).
pub struct CallWeighted<G, F> {
    pub(in crate::flow) weigh: G,
    pub(in crate::flow) f: F,
}

impl<Item, G, F, Fut> sealed::Work<Item> for CallWeighted<G, F>
where
    G: FnMut(&Item) -> usize,
    F: FnMut(Item) -> Fut,
    Fut: Future,
{
    type Future = Fut;
    type Output = Fut::Output;

    const WEIGHTED: bool = true;

    fn weigh(&mut self, item: &Item) -> usize {
        (self.weigh)(item)
    }

    fn start(&mut self, item: Item) -> Fut {
        (self.f)(item)
    }

    fn finish(&mut self, output: Fut::Output) -> Fut::Output {
        output
    }
}

/// Calls a function with a resource and each item. Created by
/// [`map_with`](crate::flow::Flow::map_with).
pub struct CallWith<I, R, F> {
    pub(in crate::flow) init: I,
    pub(in crate::flow) idle: Vec<R>,
    pub(in crate::flow) f: F,
}

impl<Item, I, R, F, Fut, T> sealed::Work<Item> for CallWith<I, R, F>
where
    I: FnMut() -> R,
    F: FnMut(R, Item) -> Fut,
    Fut: Future<Output = (R, T)>,
{
    type Future = Fut;
    type Output = T;

    fn start(&mut self, item: Item) -> Fut {
        let resource = self.idle.pop().unwrap_or_else(&mut self.init);
        (self.f)(resource, item)
    }

    fn finish(&mut self, (resource, value): (R, T)) -> T {
        self.idle.push(resource);
        value
    }
}

/// Calls a function with the values that can no longer be delivered. Created by
/// [`on_undelivered`](crate::flow::Flow::on_undelivered).
pub struct OnUndelivered<W, G> {
    pub(in crate::flow) work: W,
    pub(in crate::flow) take: G,
}

impl<Item, W, G> sealed::Work<Item> for OnUndelivered<W, G>
where
    W: sealed::Work<Item>,
    G: FnMut(W::Output),
{
    type Future = W::Future;
    type Output = W::Output;

    const WEIGHTED: bool = W::WEIGHTED;

    fn weigh(&mut self, item: &Item) -> usize {
        self.work.weigh(item)
    }

    fn start(&mut self, item: Item) -> W::Future {
        self.work.start(item)
    }

    fn finish(&mut self, output: <W::Future as Future>::Output) -> W::Output {
        self.work.finish(output)
    }

    fn undelivered(&mut self, output: W::Output) {
        (self.take)(output);
    }
}

macro_rules! debug {
    ($($name:ident<$($param:ident),*>)+) => {$(
        impl<$($param),*> fmt::Debug for $name<$($param),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

debug! { Call<F> CallWeighted<G, F> CallWith<I, R, F> OnUndelivered<W, G> }
