//! What the work on an item of an expansion returns.

use crate::flow::work::sealed;
use core::future::Future;

/// What the work on an item of [`expand`](crate::flow::expand) returns: a value, and more items.
///
/// Implemented for a pair of both; the items are anything that can be iterated over, such as a `Vec`
/// or an `Option`, and are taken out of it one by one, when they are started. Also implemented for a
/// `Result` of such a pair: an error is a value and finds nothing.
///
/// # Examples
///
/// A type of your own:
///
/// ```
/// use anyscope::flow::{self, Found};
///
/// struct Page {
///     title: &'static str,
///     links: Vec<u32>,
/// }
///
/// impl Found<u32> for Page {
///     type Value = &'static str;
///     type More = std::vec::IntoIter<u32>;
///
///     fn found(self) -> (&'static str, Option<Self::More>) {
///         (self.title, Some(self.links.into_iter()))
///     }
/// }
///
/// # smol::block_on(async {
/// let fetch = async |page| match page {
///     0 => Page { title: "home", links: vec![1] },
///     _ => Page { title: "about", links: vec![] },
/// };
/// assert_eq!(flow::expand([0], 4, fetch).collect::<Vec<_>>().await, ["home", "about"]);
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the work of an expansion returns",
    label = "not a value and more items",
    note = "return `(value, more)`, where `more` is an iterable of further items such as a `Vec`, or a `Result` of that"
)]
pub trait Found<Item> {
    /// What the flow yields for the item.
    type Value;
    /// The items that were found.
    type More: Iterator<Item = Item>;

    /// Returns the value, and the items if there are any.
    fn found(self) -> (Self::Value, Option<Self::More>);
}

impl<T, I: IntoIterator> Found<I::Item> for (T, I) {
    type Value = T;
    type More = I::IntoIter;

    #[inline]
    fn found(self) -> (T, Option<I::IntoIter>) {
        (self.0, Some(self.1.into_iter()))
    }
}

impl<Item, T: Found<Item>, E> Found<Item> for Result<T, E> {
    type Value = Result<T::Value, E>;
    type More = T::More;

    #[inline]
    fn found(self) -> (Result<T::Value, E>, Option<T::More>) {
        match self {
            Ok(found) => {
                let (value, more) = found.found();
                (Ok(value), more)
            }
            Err(error) => (Err(error), None),
        }
    }
}

/// The work of an expansion: that of the user, taken apart.
pub(super) struct Finding<W, V> {
    pub(super) work: W,
    /// Asks of a value whether it ends the expansion.
    pub(super) is_last: Option<fn(&V) -> bool>,
}

/// The value of an item whose work is done, and what it found.
pub(super) struct Finished<V, M> {
    pub(super) value: V,
    /// `None` if nothing was found, or it is in the frontier.
    pub(super) more: Option<M>,
    pub(super) is_last: bool,
    /// Whether what it found is in the frontier already.
    pub(super) is_fed: bool,
}

impl<Item, W, V, M> sealed::Work<Item> for Finding<W, V>
where
    W: sealed::Work<Item>,
    W::Output: Found<Item, Value = V, More = M>,
    M: Iterator<Item = Item>,
{
    type Future = W::Future;
    type Output = Finished<V, M>;

    #[inline]
    fn start(&mut self, item: Item) -> W::Future {
        self.work.start(item)
    }

    #[inline]
    fn finish(&mut self, output: <W::Future as Future>::Output) -> Finished<V, M> {
        let (value, more) = self.work.finish(output).found();
        let is_last = self.is_last.is_some_and(|is_last| is_last(&value));
        // An iterator that says that it is empty takes no place in the frontier.
        let more = more.filter(|more| more.size_hint().1 != Some(0));
        Finished { value, more, is_last, is_fed: false }
    }
}
