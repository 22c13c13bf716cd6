//! The phases of a shutdown, and what moves it from one to the next.

use super::{Report, Running};
use crate::{
    Accept, CancelReason, CancelToken, ChildId, FailFast, Grace, Policy, ScopeHandle, Supervise,
    Timer, context,
    kind::{ChildOf, FinalizerOf, Kind},
    observe::tree::Tree,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, future::Future, pin::Pin};
use std::{
    eprintln,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// The end of a program, in phases. Cheap to clone; clones are the same shutdown.
///
/// [`signals`](super::signals) returns one that signals begin. One from [`new`](Self::new) begins when
/// [`signal`](Self::signal) is called: in tests, or where something else tells of the end.
///
/// # Examples
///
/// ```
/// use anyscope::{Grace, scope, shutdown::Shutdown, sim::Sim};
/// use std::time::Duration;
///
/// let said = Sim::new(0).run(async |sim| {
///     let shutdown = Shutdown::new();
///     scope(&sim, async |s| {
///         shutdown.phase("workers", &s, &sim, Grace::For(Duration::from_secs(10)));
///         let token = s.token();
///         let worker = s.spawn_named("worker", async move {
///             token.cancelled().await;
///             "goodbye"
///         });
///         shutdown.signal("the test is over");
///         worker.await.unwrap()
///     })
///     .await
/// });
/// assert_eq!(said.unwrap(), "goodbye");
/// ```
#[derive(Clone)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Cancelled at the first signal.
    begun: CancelToken,
    /// Cancelled at the second.
    forced: CancelToken,
    on_report: OnceLock<Observer>,
}

type Observer = Box<dyn Fn(&Report) + Send + Sync>;

#[derive(Default)]
struct State {
    signals: usize,
    /// That of the first signal.
    reason: Option<CancelReason>,
    added: u64,
    /// Those whose scope has not ended, in the order in which they were added.
    phases: Vec<Entry>,
}

struct Entry {
    number: u64,
    /// Cancelled when it is this phase's turn to end.
    turn: CancelToken,
}

impl Shutdown {
    /// Creates a shutdown that nothing but [`signal`](Self::signal) begins.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::shutdown::Shutdown;
    ///
    /// let shutdown = Shutdown::new();
    /// assert!(!shutdown.has_begun());
    /// assert_eq!(shutdown.signal("the service manager says so"), 1);
    /// assert!(shutdown.has_begun());
    /// ```
    pub fn new() -> Self {
        let shared = Shared {
            state: Mutex::default(),
            begun: CancelToken::new(),
            forced: CancelToken::new(),
            on_report: OnceLock::new(),
        };
        Shutdown { shared: Arc::new(shared) }
    }

    /// Adds the scope `s` as a phase, which ends before all phases that were added earlier.
    ///
    /// When it is its turn, `s` is asked to end with [`cancel_with`](ScopeHandle::cancel_with) and `grace`,
    /// for the reason of the signal. When half of the grace has passed and children are left, they are
    /// [reported](Self::on_report). A second signal, also one that came before, ends the grace. The phase is over
    /// when the scope has ended, by itself or so, and the finalizers that were deferred after this call have run.
    ///
    /// The body of a supervised scope is no child and keeps running, as after any
    /// [`cancel`](ScopeHandle::cancel): what it awaits is to be awaited through the scope's token.
    ///
    /// Call it first in the body, so that it is there whatever happens later. A phase that is added when the
    /// shutdown has begun is asked at once.
    ///
    /// # Cost
    ///
    /// A daemon and a finalizer of `s`; one timer, from when it is asked on.
    ///
    /// # Examples
    ///
    /// See [`Shutdown`].
    #[track_caller]
    pub fn phase<K, P, T>(
        &self,
        name: impl Into<String>,
        s: &ScopeHandle<'static, K, P>,
        timer: &T,
        grace: Grace,
    ) where
        K: Kind + Clone + 'static,
        P: Watched + Accept<P::Done> + 'static,
        Watch<P>: ChildOf<'static, K, P, Output = P::Done> + FinalizerOf<'static, K, P>,
        T: Timer<Sleep: ChildOf<'static, K, P> + Send> + Clone + Send + Sync + 'static,
        ScopeHandle<'static, K, P>: Send,
    {
        let (number, turn) = self.shared.add();
        // The last finalizer that runs, as it is deferred first.
        let end = End { shared: self.shared.clone(), number };
        s.defer::<Watch<P>>(Box::pin(async move {
            drop(end);
            P::done()
        }));
        let own = Arc::new(OnceLock::new());
        let scope = Asked { scope: s.clone(), timer: timer.clone(), grace };
        let turn = Turn {
            shutdown: self.clone(),
            name: name.into(),
            scope: Box::new(scope),
            grace,
            turn,
            own: own.clone(),
        };
        let timer = timer.clone();
        let daemon = s.spawn_daemon::<Watch<P>>(Box::pin(async move {
            turn.run(timer).await;
            P::done()
        }));
        let _ = own.set(daemon.id());
    }

    /// Does what a signal does, and returns how many there have been, this one included.
    ///
    /// The first begins the shutdown, for this reason; the second forces it. Later ones do nothing here.
    ///
    /// # Examples
    ///
    /// See [`Shutdown`].
    #[track_caller]
    pub fn signal(&self, reason: impl Into<CancelReason>) -> usize {
        let reason = reason.into();
        let (signals, turn) = {
            let mut state = self.shared.lock();
            state.signals = state.signals.saturating_add(1);
            state.reason.get_or_insert_with(|| reason.clone());
            (state.signals, state.turn())
        };
        match signals {
            1 => self.shared.begun.cancel(reason),
            2 => self.shared.forced.cancel(reason),
            _ => {}
        }
        if signals == 1 {
            take(turn);
        }
        signals
    }

    /// Returns a token that is cancelled by the first signal, with its reason.
    ///
    /// For what is to end at once, whatever its phase: a loop that accepts requests. Cancelling it
    /// begins no shutdown.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, shutdown::Shutdown};
    ///
    /// # smol::block_on(async {
    /// let shutdown = Shutdown::new();
    /// concurrent(async |s| {
    ///     let stop = shutdown.token();
    ///     let accepting = s.spawn(async move { stop.run_until_cancelled(std::future::pending::<()>()).await });
    ///     shutdown.signal("closing");
    ///     assert_eq!(accepting.await.unwrap().unwrap_err().reason().unwrap().message(), "closing");
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn token(&self) -> CancelToken {
        self.shared.begun.child_token()
    }

    /// Returns a token that is cancelled by the second signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::shutdown::Shutdown;
    ///
    /// let shutdown = Shutdown::new();
    /// let forced = shutdown.forced();
    /// shutdown.signal("closing");
    /// assert!(!forced.is_cancelled());
    /// shutdown.signal("at once"); // Ctrl-C for the second time
    /// assert!(forced.is_cancelled());
    /// ```
    pub fn forced(&self) -> CancelToken {
        self.shared.forced.child_token()
    }

    /// Returns whether there was a signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::shutdown::Shutdown;
    ///
    /// /// What a load balancer is told.
    /// fn health(shutdown: &Shutdown) -> u16 {
    ///     if shutdown.has_begun() { 503 } else { 200 }
    /// }
    ///
    /// let shutdown = Shutdown::new();
    /// assert_eq!(health(&shutdown), 200);
    /// shutdown.signal("closing");
    /// assert_eq!(health(&shutdown), 503);
    /// ```
    pub fn has_begun(&self) -> bool {
        self.shared.begun.is_cancelled()
    }

    /// Installs `observer`, which is told of children that still run when half of a grace has passed, instead of
    /// a print to stderr. Returns false, and changes nothing, if there is an observer already.
    ///
    /// It is called in a daemon of the phase's scope: if it panics, that is the panic of a child of that scope.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::shutdown::Shutdown;
    ///
    /// let shutdown = Shutdown::new();
    /// assert!(shutdown.on_report(|report| eprintln!("{} left", report.running.len())));
    /// assert!(!shutdown.on_report(|_| {}), "there is one already");
    /// ```
    pub fn on_report(&self, observer: impl Fn(&Report) + Send + Sync + 'static) -> bool {
        self.shared.on_report.set(Box::new(observer)).is_ok()
    }

    fn report(&self, report: &Report) {
        match self.shared.on_report.get() {
            Some(observer) => observer(report),
            None => eprintln!("{report}"),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (signals, phases) = {
            let state = self.shared.lock();
            (state.signals, state.phases.len())
        };
        let mut out = f.debug_struct("Shutdown");
        out.field("signals", &signals).field("phases", &phases).finish_non_exhaustive()
    }
}

/// A policy of scopes that can be phases: [`Supervise`] and [`FailFast`].
///
/// A bound of [`Shutdown::phase`].
pub trait Watched: Policy {
    /// What the daemon of a phase returns, which is no failure.
    #[doc(hidden)]
    type Done: Send + 'static;

    #[doc(hidden)]
    fn done() -> Self::Done;
}

impl Watched for Supervise {
    type Done = ();

    fn done() {}
}

impl<E: Send + 'static> Watched for FailFast<E> {
    type Done = Result<(), E>;

    fn done() -> Result<(), E> {
        Ok(())
    }
}

/// What a scope has of a phase: a daemon and a finalizer.
///
/// See [`Shutdown::phase`].
pub type Watch<P> = Pin<Box<dyn Future<Output = <P as Watched>::Done> + Send>>;

/// The daemon of a phase.
struct Turn {
    shutdown: Shutdown,
    name: String,
    scope: Box<dyn Ends + Send>,
    grace: Grace,
    turn: CancelToken,
    /// The daemon's own number.
    own: Arc<OnceLock<ChildId>>,
}

impl Turn {
    async fn run<T: Timer<Sleep: Send> + Send>(self, timer: T) {
        let Turn { shutdown, name, scope, grace, turn, own } = self;
        let reason = reason_of(turn).await;
        scope.ask(reason);
        let forced = shutdown.forced();
        if let Grace::For(grace) = grace {
            let half = grace / 2;
            let sleep = timer.sleep(half);
            if forced.run_until_cancelled(sleep).await.is_ok() {
                let mut running = scope.running();
                running.retain(|child| Some(&child.id) != own.get());
                if !running.is_empty() {
                    let (since, left) = (half, grace - half);
                    let tree = context::current().get::<Tree>().map(Tree::snapshot);
                    shutdown.report(&Report { phase: name, since, left, running, tree });
                }
            }
        }
        let reason = reason_of(forced).await;
        scope.stop(reason);
    }
}

/// A scope that is a phase, of whatever kind. Not a type parameter of the daemon: the compiler cannot prove an
/// `async` block `Send` that holds a handle of any kind of scope.
trait Ends {
    fn ask(&self, reason: CancelReason);
    fn stop(&self, reason: CancelReason);
    fn running(&self) -> Vec<Running>;
}

struct Asked<K: Kind, P: Policy, T> {
    scope: ScopeHandle<'static, K, P>,
    timer: T,
    grace: Grace,
}

impl<K, P, T> Ends for Asked<K, P, T>
where
    K: Kind,
    P: Policy,
    T: Timer<Sleep: ChildOf<'static, K, P>>,
{
    fn ask(&self, reason: CancelReason) {
        self.scope.cancel_with(&self.timer, self.grace, reason);
    }

    fn stop(&self, reason: CancelReason) {
        self.scope.cancel(reason);
    }

    fn running(&self) -> Vec<Running> {
        let mut running = Vec::new();
        self.scope.each_child(|child| running.push(child.into()));
        running
    }
}

async fn reason_of(token: CancelToken) -> CancelReason {
    token.cancelled().await;
    token.reason().cloned().unwrap_or_else(|| CancelReason::new("shutting down"))
}

/// Dropped when the scope of a phase has ended.
struct End {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.remove(self.number);
    }
}

impl Shared {
    fn add(&self) -> (u64, CancelToken) {
        let token = CancelToken::new();
        let mut state = self.lock();
        let number = state.added;
        state.added += 1;
        state.phases.push(Entry { number, turn: token.clone() });
        let turn = state.turn();
        drop(state);
        take(turn);
        (number, token)
    }

    fn remove(&self, number: u64) {
        let mut state = self.lock();
        let at = state.phases.iter().position(|phase| phase.number == number);
        let entry = at.map(|at| state.phases.remove(at));
        let turn = state.turn();
        drop(state);
        drop(entry);
        take(turn);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs under it, so nothing panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The phase whose turn it is to end, and why; none before the first signal.
    fn turn(&self) -> Option<(CancelToken, CancelReason)> {
        let reason = self.reason.as_ref()?;
        let last = self.phases.last()?;
        Some((last.turn.clone(), reason.clone()))
    }
}

/// Tells a phase, outside the lock: this fires wakers.
fn take(turn: Option<(CancelToken, CancelReason)>) {
    if let Some((turn, reason)) = turn {
        turn.cancel(reason);
    }
}
