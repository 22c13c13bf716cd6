//! The observer that makes spans.

use super::{
    entered,
    site::{Site, Sites},
};
use crate::{
    marks::Marks,
    observe::{Begin, Happening, Observer, Outcome, PollEnd, Subject, Who},
};
use ::tracing::{
    Dispatch, Event, Level, Metadata, Span, dispatcher,
    field::{self, Value, ValueSet},
    level_filters::LevelFilter,
};
use alloc::sync::Arc;
use core::{
    fmt::Display,
    mem,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
};
use std::{panic::catch_unwind, sync::OnceLock};

/// An [`Observer`] that makes a span for each scope and child, and enters it around each poll. See the [module](super).
///
/// Where the level, or a filter of the whole subscriber, hides the span of a child, its polls are in the span of what it is in. A span is made, and
/// entered, in the subscriber of what it is in; so one that was set for a thread
/// (`set_default`) sees the children too, wherever they run. What the code of these children logs goes, as ever, to the
/// subscriber of the thread that it runs on.
///
/// A child that was spawned in another span than that of its scope [follows](Span::follows_from) from it.
///
/// If the subscriber panics, the program goes on, after the panic hook has seen it. There are no more spans then; those that are entered are exited.
///
/// # Cost
///
/// If no subscriber is interested, some reads for each child. Otherwise what the subscriber takes, a lock that is rarely met
/// for each begin, end and poll, and what an [`Observer`] takes.
///
/// # Examples
///
/// ```
/// use anyscope::{observe::tree::Tree, tracing::Spans};
/// use tracing::Level;
///
/// let spans = Spans::new().target("shop::tasks").level(Level::DEBUG).event_level(Level::TRACE);
/// let tree = Tree::builder().observer(spans).build();
/// # let _ = tree;
/// ```
#[derive(Debug)]
pub struct Spans {
    target: &'static str,
    level: Level,
    event_level: Level,
    is_otel: bool,
    sites: OnceLock<&'static Sites>,
    open: Marks<Span>,
    /// The subscriber has panicked.
    is_off: AtomicBool,
}

/// In a mark: it is that of what this is in, as this has no span itself.
const LENT: u64 = 1 << 63;

impl Spans {
    /// Returns an observer whose spans have the level `INFO`, its events `DEBUG`, and all of them the target `anyscope`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree, tracing::Spans};
    ///
    /// let tree = Tree::builder().observer(Spans::new()).build();
    /// let sum = smol::block_on(tree.watch(concurrent(async |s| {
    ///     s.spawn_named("feed", async { 1 }).await.unwrap() // its polls are in a span
    /// })));
    /// assert_eq!(sum, 1);
    /// ```
    pub fn new() -> Self {
        Spans {
            target: "anyscope",
            level: Level::INFO,
            event_level: Level::DEBUG,
            is_otel: false,
            sites: OnceLock::new(),
            open: Marks::new(),
            is_off: AtomicBool::new(false),
        }
    }

    /// Sets the target of spans and events.
    ///
    /// # Examples
    ///
    /// See [`Spans`].
    pub fn target(self, target: &'static str) -> Self {
        Spans { target, ..self }
    }

    /// Sets the level of spans.
    ///
    /// # Examples
    ///
    /// See [`Spans`].
    pub fn level(self, level: Level) -> Self {
        Spans { level, ..self }
    }

    /// Sets the level of events, but for panics, which are errors.
    ///
    /// # Examples
    ///
    /// See [`Spans`].
    pub fn event_level(self, event_level: Level) -> Self {
        Spans { event_level, ..self }
    }

    /// Adds what `tracing-opentelemetry` reads: `otel.name`, the name of the child, and `otel.status_code`, `ERROR` for
    /// one that failed or panicked. Not by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{observe::tree::Tree, tracing::Spans};
    ///
    /// let tree = Tree::builder().observer(Spans::new().otel(true)).build();
    /// assert!(tree.snapshot().scopes.is_empty());
    /// ```
    pub fn otel(self, is_otel: bool) -> Self {
        Spans { is_otel, ..self }
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Spans {
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let sites = self.sites();
        let is_child = matches!(begin.who, Who::Child { .. });
        let site = if is_child { sites.child } else { sites.scope };
        let outer = begin.parent.map_or(0, |parent| parent.mark);
        if !self.may_say(site) {
            return lent(outer);
        }
        let around = self.open.get(outer & !LENT);
        let made = self.guarded(|| {
            in_subscriber(around.as_deref().and_then(subscriber_of).as_ref(), || {
                site.is_enabled().then(|| match around.as_deref() {
                    Some(around) if is_child => self.span(site, begin, |known, values| {
                        Span::child_of(around.id(), known, values)
                    }),
                    // Of a scope, what it is in is entered, and perhaps spans of the user's in that.
                    _ => self.span(site, begin, Span::new),
                })
            })
        });
        let Some(span) = made.flatten() else { return lent(outer) };
        if let (Some(around), true) = (&around, is_child) {
            self.guarded(|| follow(&span, around));
        }
        self.open.insert(Arc::new(span))
    }

    fn poll_begins(&self, subject: Subject) {
        if subject.mark == 0 || self.is_off.load(Ordering::Relaxed) {
            return;
        }
        let Some(span) = self.open.get(subject.mark & !LENT) else { return };
        // Before it is entered: if the subscriber panics in the middle of that, it is told of the exit, too.
        entered::push(subject.mark, span.clone());
        self.guarded(|| span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
    }

    fn poll_ends(&self, subject: Subject, _: PollEnd) {
        if subject.mark == 0 {
            return;
        }
        let Some(span) = entered::pop(subject.mark) else { return };
        self.guarded(|| span.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
        self.close(span);
    }

    fn happens(&self, subject: Subject, what: Happening<'_>) {
        let (event, panicked) = (self.sites().event, self.sites().panic);
        match what {
            Happening::Cancelled { reason } => {
                self.say(event, subject, "cancelled", &[("reason", &field::display(reason))]);
            }
            Happening::Panicked { panic } => {
                self.say(panicked, subject, "panicked", &[("panic", &field::display(panic))]);
            }
            Happening::Retry { attempts, delay } => {
                let values: [(_, &dyn Value); 2] =
                    [("attempts", &attempts), ("delay", &field::debug(delay))];
                self.say(event, subject, "retries", &values);
            }
            Happening::Breaker { state } => {
                self.say(event, subject, "breaker changed", &[("state", &field::display(state))]);
            }
            Happening::Limit { before, now } => {
                let values: [(_, &dyn Value); 2] = [("before", &before), ("now", &now)];
                self.say(event, subject, "limit changed", &values);
            }
            _ => self.say(event, subject, what, &[]),
        }
    }

    fn ends(&self, subject: Subject, outcome: Outcome) {
        let said = field::display(outcome);
        self.say(self.sites().event, subject, "ended", &[("outcome", &said)]);
        if subject.mark & LENT != 0 {
            return;
        }
        let Some(span) = self.open.remove(subject.mark) else { return };
        let is_failed = matches!(outcome, Outcome::Failed | Outcome::Panicked);
        if !self.is_off.load(Ordering::Relaxed) {
            self.guarded(|| {
                span.record("outcome", &said);
                if self.is_otel && is_failed {
                    span.record("otel.status_code", "ERROR");
                }
            });
        }
        // There, a span ends when it is left for the last time; who is cancelled has waited since then.
        if self.is_otel && outcome == Outcome::Cancelled && !self.is_off.load(Ordering::Relaxed) {
            self.guarded(|| span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
            self.guarded(|| span.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
        }
        self.close(span);
    }

    fn wants_children(&self) -> bool {
        if LevelFilter::current() == LevelFilter::OFF {
            return false;
        }
        let sites = self.sites();
        [sites.scope, sites.child, sites.event, sites.panic].iter().any(|site| self.may_say(site))
    }
}

impl Spans {
    fn sites(&self) -> &'static Sites {
        self.sites.get().copied().unwrap_or_else(|| {
            let sites = Sites::of(self.target, (self.level, self.event_level));
            let _ = self.sites.set(sites);
            sites
        })
    }

    #[inline]
    fn may_say(&self, site: &Site) -> bool {
        site.may_be_enabled() && !self.is_off.load(Ordering::Relaxed)
    }

    /// Makes a span for what begins.
    fn span(
        &self,
        site: &'static Site,
        begin: &Begin<'_>,
        make: impl FnOnce(&'static Metadata<'static>, &ValueSet<'_>) -> Span,
    ) -> Span {
        let is_child = matches!(begin.who, Who::Child { .. });
        let otel_name = begin.name.filter(|_| self.is_otel && is_child);
        let values: [(_, &dyn Value); 4] = [
            ("id", &field::display(begin.who)),
            ("name", &begin.name),
            ("spawned_at", &begin.spawned_at.map(field::display)),
            ("otel.name", &otel_name),
        ];
        site.with_values(values, make)
    }

    /// Makes an event about `subject`.
    fn say(
        &self,
        site: &'static Site,
        subject: Subject,
        message: impl Display,
        values: &[(&str, &dyn Value)],
    ) {
        if !self.may_say(site) {
            return;
        }
        let span = self.open.get(subject.mark & !LENT);
        let is_own = span.is_some() && subject.mark & LENT == 0;
        // Then there may be spans of the user's in it, which say more.
        let is_here = subject.mark == 0 || entered::is_innermost(subject.mark);
        self.guarded(|| {
            in_subscriber(span.as_deref().and_then(subscriber_of).as_ref(), || {
                if !site.is_enabled() {
                    return;
                }
                let id = (!is_own).then(|| field::display(subject.who));
                let head: [(_, &dyn Value); 2] =
                    [("message", &field::display(message)), ("id", &id)];
                let values = head.into_iter().chain(values.iter().copied());
                site.with_values(values, |known, values| match &span {
                    Some(span) if !is_here => Event::child_of(span.id(), known, values),
                    _ => Event::dispatch(known, values),
                });
            });
        });
        if let Some(span) = span {
            self.close(span);
        }
    }

    /// Drops a share of a span. Registries count on being the subscriber of the thread when that was the last.
    fn close(&self, span: Arc<Span>) {
        let Some(span) = Arc::into_inner(span) else { return };
        let subscriber = subscriber_of(&span);
        in_subscriber(subscriber.as_ref(), || self.guarded(|| drop(span)));
    }

    /// Calls the subscriber. If that panics, it is not called any more, but for exits.
    ///
    /// Panics do not leave this observer, as it would be told of no end of a poll then.
    fn guarded<R>(&self, call: impl FnOnce() -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(returned) => Some(returned),
            Err(payload) => {
                self.is_off.store(true, Ordering::Relaxed);
                // Its destructor may panic, too.
                mem::forget(payload);
                None
            }
        }
    }
}

/// Returns the mark of what has no span itself, and is in what has this mark.
fn lent(outer: u64) -> u64 {
    if outer == 0 { 0 } else { outer | LENT }
}

/// Notes in which span a child was spawned, if that is not the span of its scope.
fn follow(span: &Span, scope: &Span) {
    let spawner = span.with_subscriber(|(_, subscriber)| subscriber.current_span().id().cloned());
    let spawner = spawner.flatten().filter(|spawner| scope.id().as_ref() != Some(spawner));
    if let Some(spawner) = spawner {
        span.follows_from(spawner);
    }
}

fn subscriber_of(span: &Span) -> Option<Dispatch> {
    span.with_subscriber(|(_, subscriber)| subscriber.clone())
}

/// Calls `f` with this subscriber as that of the thread.
fn in_subscriber<R>(subscriber: Option<&Dispatch>, f: impl FnOnce() -> R) -> R {
    match subscriber {
        Some(subscriber) => dispatcher::with_default(subscriber, f),
        None => f(),
    }
}
