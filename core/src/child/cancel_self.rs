//! A child that ends itself.

use crate::cancel::current;
use core::{error::Error, fmt};

/// Asks for the end of the child in which this is called: it is dropped when it is next pending.
///
/// The innermost child of a scope around the caller is meant, whoever polls it. Its handle says
/// [`Cancelled`](crate::JoinError::Cancelled) by [`Handle`](crate::CancelledBy::Handle), as if its
/// handle had cancelled it, and its scope and its siblings go on. If the child returns a value before
/// it is pending, that value counts. A [`shield`](crate::shield()) defers the end.
///
/// To say why, return an error instead.
///
/// # Errors
///
/// [`NotInChild`] outside of the children of scopes, in the body of a scope too: that ends itself by
/// returning, and its children with [`cancel`](crate::Scope::cancel). And in work that shares its child
/// with others: that of an operation on an executor, such as [`map_on`](crate::flow::Flow::map_on), or a job of
/// a [`Pool`](crate::pool::Pool).
///
/// # Examples
///
/// ```
/// use anyscope::{CancelledBy, NotInChild, cancel_self, concurrent};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn(async {
///         cancel_self().unwrap();
///         pending::<()>().await // here it ends
///     });
///     assert!(child.await.unwrap_err().is_cancelled());
/// })
/// .await;
/// assert_eq!(cancel_self(), Err(NotInChild));
/// # });
/// ```
pub fn cancel_self() -> Result<(), NotInChild> {
    if current::cancel_self() { Ok(()) } else { Err(NotInChild) }
}

/// [`cancel_self`] was called outside of the children of scopes, or in work that shares its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInChild;

impl fmt::Display for NotInChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this code is not part of a child of a scope, or shares it with other work; \
             a body or a piece of work ends itself by returning",
        )
    }
}

impl Error for NotInChild {}
