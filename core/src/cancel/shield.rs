//! Keeping cancels off for a while.

use crate::{
    child::{Cancelled, current, shields::Shields},
    set::set_once::SetOnce,
    sync::Arc,
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Runs `future` to its end, even if the child that awaits it is cancelled meanwhile.
///
/// The child, and every child around it that is polled by the same task, is not dropped between the
/// first poll of the shield and its end: not by a cancel or a failure of its scope, nor by its
/// handle, nor by a deadline. A cancel that comes in that time takes effect when the shield ends: the
/// child is dropped the next time it waits. So is the body of a fail-fast scope shielded.
///
/// What is cancelled *inside* the shield is: a scope in there has its own cancels, deadlines and
/// failures. Children that are spawned in there into a scope outside are not shielded.
///
/// Nothing keeps a future that is dropped: a shield ends with the future of the scope, if that is
/// dropped, and with the executor. For cleanup that must run see
/// [`Scope::defer`](crate::Scope::defer).
///
/// A whole child is behind its shields: what it runs beside them at the same time is shielded too.
///
/// # Cancel safety
///
/// Dropping the returned future drops `future`.
///
/// # Cost
///
/// An allocation the first time in each child, and one for each shield.
///
/// # Examples
///
/// ```
/// # use anyscope_smol::Smol;
/// # smol::block_on(async {
/// use anyscope_core::{scope, shield};
/// use smol::future::yield_now;
/// use std::sync::{Arc, Mutex};
///
/// let written = Arc::new(Mutex::new(Vec::new()));
/// scope(&Smol, async |s| {
///     let (written, s2) = (written.clone(), s.clone());
///     s.spawn(async move {
///         shield(async {
///             written.lock().unwrap().push("debit");
///             s2.cancel("not in the middle of this");
///             yield_now().await;
///             written.lock().unwrap().push("credit");
///         })
///         .await;
///         yield_now().await;
///         unreachable!("cancelled where it waits next");
///     });
/// })
/// .await;
/// assert_eq!(*written.lock().unwrap(), ["debit", "credit"]);
/// # });
/// ```
pub fn shield<F: Future>(future: F) -> Shield<F> {
    Shield { future, raised: None, restore: None }
}

/// A [`shield`] in which some parts can be cancelled after all: those that are run by
/// [`Restore::run`].
///
/// # Examples
///
/// Waiting for a message may be cancelled, dealing with it may not:
///
/// ```
/// # use anyscope_smol::Smol;
/// # smol::block_on(async {
/// use anyscope_core::{scope, shield_with};
///
/// let (send, receive) = smol::channel::unbounded();
/// send.send("hello").await.unwrap();
/// let dealt_with = scope(&Smol, async |s| {
///     let s2 = s.clone();
///     s.spawn(shield_with(async move |restore| {
///         let mut dealt_with = 0;
///         while let Ok(_message) = restore.run(receive.recv()).await {
///             dealt_with += 1;
///             s2.cancel("after this one");
///         }
///         dealt_with
///     }))
///     .await
/// })
/// .await;
/// assert!(dealt_with.unwrap_err().is_cancelled());
/// # });
/// ```
pub fn shield_with<F: Future>(body: impl FnOnce(Restore) -> F) -> Shield<F> {
    let restore = Restore { raised: Arc::new(SetOnce::new()) };
    Shield { future: body(restore.clone()), raised: None, restore: Some(restore) }
}

/// Goes on unless the child that runs here is to end.
///
/// For loops that compute, in children and in closures of
/// [`spawn_blocking`](crate::Scope::spawn_blocking). It asks of the innermost child, then of those
/// around it that are polled by the same task; a [`shield`] hides the rest. A
/// [grace](crate::Scope::cancel_with) is a request too. Outside of all scopes it never fails.
///
/// It looks through the children that this thread is polling. A [`CancelToken`](crate::CancelToken)
/// need not, and can be asked about scopes whose children run elsewhere.
///
/// # Errors
///
/// [`Cancelled`], with who asked and why, each time from then on.
///
/// # Examples
///
/// ```
/// # use anyscope_smol::Smol;
/// # smol::block_on(async {
/// use anyscope_core::{Cancelled, checkpoint, scope};
///
/// scope(&Smol, async |s| {
///     let child = s.spawn_blocking(|| -> Result<(), Cancelled> {
///         loop {
///             checkpoint()?;
///         }
///     });
///     s.cancel("enough");
///     // It had begun, and ended by itself; or it had not, and never will.
///     let _ = child.await;
/// })
/// .await;
/// # });
/// ```
pub fn checkpoint() -> Result<(), Cancelled> {
    current::asked_to_end().map_or(Ok(()), Err)
}

pin_project! {
    /// Future of [`shield`] and [`shield_with`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Shield<F> {
        #[pin]
        future: F,
        // None before the first poll, and when it is over. After the future, which is dropped behind
        // its shield.
        raised: Option<Raised>,
        restore: Option<Restore>,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.raised.is_none() {
            let raised = Raised(current::raise_all());
            if let Some(restore) = this.restore {
                let _ = restore.raised.set(raised.0.clone());
            }
            *this.raised = Some(raised);
        }
        let poll = this.future.poll(cx);
        if poll.is_ready() {
            *this.raised = None;
        }
        poll
    }
}

impl<F> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("up", &self.raised.is_some()).finish_non_exhaustive()
    }
}

/// What a shield has raised, and lowers.
struct Raised(Vec<Arc<Shields>>);

impl Drop for Raised {
    fn drop(&mut self) {
        lower(&self.0);
    }
}

fn lower(all: &[Arc<Shields>]) {
    for shields in all {
        shields.lower(current::has(shields));
    }
}

/// Lets cancels through a shield; see [`shield_with`].
#[derive(Clone)]
pub struct Restore {
    /// What the shield has raised, once it has.
    raised: Arc<SetOnce<Vec<Arc<Shields>>>>,
}

impl Restore {
    /// Runs `future` as if the shield were not there. Other shields, around it or inside, are.
    ///
    /// A cancel that came before takes effect where `future` waits for the first time.
    pub fn run<F: Future>(&self, future: F) -> Restored<F> {
        Restored { future, restore: self.clone(), lowered: None }
    }
}

impl fmt::Debug for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restore(..)")
    }
}

pin_project! {
    /// Future of [`Restore::run`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Restored<F> {
        #[pin]
        future: F,
        restore: Restore,
        lowered: Option<Lowered>,
    }
}

impl<F: Future> Future for Restored<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.lowered.is_none() {
            if let Some(raised) = this.restore.raised.get() {
                lower(raised);
                *this.lowered = Some(Lowered(this.restore.raised.clone()));
            }
        }
        let poll = this.future.poll(cx);
        if poll.is_ready() {
            *this.lowered = None;
        }
        poll
    }
}

impl<F> fmt::Debug for Restored<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restored(..)")
    }
}

/// What is lowered, and raised again.
struct Lowered(Arc<SetOnce<Vec<Arc<Shields>>>>);

impl Drop for Lowered {
    fn drop(&mut self) {
        self.0.get().into_iter().flatten().for_each(|shields| shields.raise());
    }
}
