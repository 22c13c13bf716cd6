//! Shields: code that a cancel does not interrupt.

use super::{
    Cancelled,
    current::{self, Mark},
    shields::{Openings, Shields},
};
use crate::sync::{Arc, Wakers, once_box::OnceBox};
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
/// child is dropped the next time it waits. The body of a fail-fast scope is shielded in the same
/// way.
///
/// A shield does not affect cancels *inside* it: a scope in there has its own cancels, deadlines and
/// failures. Children that are spawned in there into a scope outside are not shielded.
///
/// A shield cannot keep a future that is dropped: it ends when the future of the scope is dropped,
/// or the executor. For cleanup that must run, see [`Scope::defer`](crate::Scope::defer).
///
/// A shield covers the whole child: what the child runs beside it at the same time is shielded too.
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
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::{scope, shield};
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

/// Runs `body` as [`shield`] does, except that the parts run by [`Restore::run`] can be cancelled.
///
/// # Cancel safety
///
/// Dropping the returned future drops the future of `body`.
///
/// # Examples
///
/// Waiting for a message may be cancelled, handling it may not:
///
/// ```
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::{scope, shield_with};
///
/// let (send, receive) = smol::channel::unbounded();
/// send.send("hello").await.unwrap();
/// let handled = scope(&Smol, async |s| {
///     let s2 = s.clone();
///     s.spawn(shield_with(async move |restore| {
///         let mut handled = 0;
///         while let Ok(_message) = restore.run(receive.recv()).await {
///             handled += 1;
///             s2.cancel("after this one");
///         }
///         handled
///     }))
///     .await
/// })
/// .await;
/// assert!(handled.unwrap_err().is_cancelled());
/// # });
/// ```
pub fn shield_with<F: Future>(body: impl FnOnce(Restore) -> F) -> Shield<F> {
    let restore =
        Restore { region: Arc::new(Region { raised: OnceBox::new(), openings: Openings::new() }) };
    Shield { future: body(restore.clone()), raised: None, restore: Some(restore) }
}

/// Returns `Ok` unless the child that runs here is to end.
///
/// For loops that compute, in children and in closures of
/// [`spawn_blocking`](crate::Scope::spawn_blocking). It checks the innermost child, then the
/// children around it, whichever task polls them; a [`shield`] hides the child that it shields, and
/// those around it. A [grace](crate::Scope::cancel_with) counts as a request to end. Outside of all
/// scopes, this never fails.
///
/// It checks the children that this thread is polling, and the token around the scope of each: see
/// [`Scope::token`](crate::Scope::token) for which token that is. A shield that a child raises hides
/// a request from that child, and from scopes that are first polled behind the shield, but not from
/// children of a scope that was there before. A child that is cancelled by its handle sees the
/// request; children of scopes in it that run elsewhere do not: they are dropped with it.
///
/// # Errors
///
/// Returns [`Cancelled`], with what asked and why, on every call from then on.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::{Cancelled, checkpoint, scope};
///
/// scope(&Smol, async |s| {
///     let child = s.spawn_blocking(|| -> Result<(), Cancelled> {
///         loop {
///             checkpoint()?;
///         }
///     });
///     s.cancel("enough");
///     // It had begun, and returns an error; or it had not begun, and never will.
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
        // None before the first poll, and once the future is ready. Declared after `future`, so that
        // the future is dropped while its shield is still up.
        raised: Option<Raised>,
        restore: Option<Restore>,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.raised.is_none() {
            let shields = current::raise_all();
            // Taken only once: a shield that is polled after its end has no parts that can be
            // cancelled.
            *this.raised = Some(match this.restore.take() {
                None => Raised::Whole(shields),
                Some(Restore { region }) => {
                    let _ = region.raised.set(shields);
                    Raised::Region(region)
                }
            });
        }
        let mark = Mark::Shield(match this.raised {
            Some(Raised::Region(region)) => Arc::as_ptr(region).addr(),
            _ => 0,
        });
        let poll = current::marked(mark, || this.future.poll(cx));
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

/// The counters that a shield has raised, and lowers when dropped.
enum Raised {
    Whole(Vec<Arc<Shields>>),
    /// With parts that can be cancelled.
    Region(Arc<Region>),
}

impl Drop for Raised {
    fn drop(&mut self) {
        match self {
            Raised::Whole(shields) => lower(shields),
            Raised::Region(region) => region.open(),
        }
    }
}

/// The counters that a shield has raised, and the parts in it that can be cancelled.
struct Region {
    /// Set when the shield has raised them.
    raised: OnceBox<Vec<Arc<Shields>>>,
    openings: Openings,
}

impl Region {
    fn raised(&self) -> &[Arc<Shields>] {
        self.raised.get().map_or(&[], Vec::as_slice)
    }

    fn open(&self) {
        self.openings.open(|| lower(self.raised()));
    }

    fn close(&self) {
        let raise = || self.raised().iter().for_each(|shields| shields.raise());
        self.openings.close(raise, || lower(self.raised()));
    }
}

/// Lowers all, then wakes the children whose last shield that was.
fn lower(all: &[Arc<Shields>]) {
    let mut wakers = Wakers::new();
    for shields in all {
        wakers.add(shields.lower(current::has(shields)));
    }
    wakers.fire_and_resume();
}

/// Lets cancels through a shield; see [`shield_with`].
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, shield_with};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn(shield_with(async |restore| {
///         // .. begin a transaction, which must be ended one way or the other ..
///         restore.run(pending::<()>()).await; // the wait may be cancelled
///     }));
///     smol::future::yield_now().await;
///     assert!(child.cancel().await.unwrap_err().is_cancelled());
/// })
/// .await;
/// # });
/// ```
#[derive(Clone)]
pub struct Restore {
    region: Arc<Region>,
}

impl Restore {
    /// Runs `future` as if this shield were not there. Other shields, around it or inside, stay up.
    ///
    /// A cancel that came before takes effect where `future` waits for the first time.
    ///
    /// The shield is down from the first poll to the end of `future`. There may be several such
    /// parts, one inside another or at the same time: the shield is up again when all of them have
    /// ended. Like the shield, its absence covers the whole child: what the child runs beside such a
    /// part can be cancelled too.
    ///
    /// Before the first poll of the shield and after its end there is no shield, and `future` just
    /// runs. If the shield ends before such a part, the end of the part changes nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`; the part has then ended.
    ///
    /// # Examples
    ///
    /// See [`shield_with`].
    pub fn run<F: Future>(&self, future: F) -> Restored<F> {
        Restored { future, lowered: None, restore: self.clone() }
    }

    /// Returns the number that tells its shield from others.
    fn number(&self) -> usize {
        Arc::as_ptr(&self.region).addr()
    }
}

impl fmt::Debug for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restore(..)")
    }
}

pin_project! {
    /// Future of [`Restore::run`].
    ///
    /// See [`shield_with`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Restored<F> {
        #[pin]
        future: F,
        // Declared after `future`, so that the future is dropped while the shield is still down.
        lowered: Option<Lowered>,
        restore: Restore,
    }
}

impl<F: Future> Future for Restored<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.lowered.is_none() {
            let region = &this.restore.region;
            if region.raised.get().is_some() {
                // Stored first, as the wakers that `open` fires may panic.
                let lowered = this.lowered.insert(Lowered(region.clone()));
                lowered.0.open();
            }
        }
        let mark = Mark::Lifted(this.restore.number());
        let poll = current::marked(mark, || this.future.poll(cx));
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

/// A part that can be cancelled, until it ends.
struct Lowered(Arc<Region>);

impl Drop for Lowered {
    fn drop(&mut self) {
        self.0.close();
    }
}
