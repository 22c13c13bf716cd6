//! The callsites of our spans and events.
//!
//! The macros of `tracing` make them of constants. Target and level of these are known at run time, so they are made
//! when they are first used, once for each target and levels, and stay.

use ::tracing::{
    Callsite, Level, Metadata,
    callsite::{self, Identifier},
    dispatcher,
    field::{FieldSet, Value, ValueSet},
    level_filters::{LevelFilter, STATIC_MAX_LEVEL},
    metadata::Kind,
    subscriber::Interest,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    array, fmt,
    sync::atomic::{AtomicU8, Ordering},
};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The callsites of spans and events with this target and these levels.
#[derive(Debug)]
pub(super) struct Sites {
    target: &'static str,
    levels: (Level, Level),
    pub(super) scope: &'static Site,
    pub(super) child: &'static Site,
    pub(super) event: &'static Site,
    pub(super) panic: &'static Site,
}

/// The fields of a span. Those that are not set are not shown.
const SPAN: &[&str] = &["id", "name", "spawned_at", "outcome", "otel.name", "otel.status_code"];

/// The fields of an event.
const EVENT: &[&str] =
    &["message", "id", "reason", "panic", "attempts", "delay", "state", "before", "now", "outcome"];

/// How many of them have a value at most.
const MOST: usize = 4;

impl Sites {
    pub(super) fn of(target: &'static str, levels: (Level, Level)) -> &'static Sites {
        static ALL: Mutex<Vec<&'static Sites>> = Mutex::new(Vec::new());
        let known = |all: &[&'static Sites]| {
            all.iter().copied().find(|sites| (sites.target, sites.levels) == (target, levels))
        };
        if let Some(sites) = known(&ALL.lock().unwrap_or_else(PoisonError::into_inner)) {
            return sites;
        }
        // Without the lock, as subscribers are asked. Of two threads, one makes some that are not used.
        let sites = Box::leak(Box::new(Sites {
            target,
            levels,
            scope: Site::register("scope", target, levels.0, SPAN, Kind::SPAN),
            child: Site::register("child", target, levels.0, SPAN, Kind::SPAN),
            event: Site::register("event", target, levels.1, EVENT, Kind::EVENT),
            panic: Site::register("panic", target, Level::ERROR, EVENT, Kind::EVENT),
        }));
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        known(&all).unwrap_or_else(|| {
            all.push(sites);
            sites
        })
    }
}

/// A callsite, and whether anybody is interested in it.
pub(super) struct Site {
    metadata: OnceLock<Metadata<'static>>,
    interest: AtomicU8,
}

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

impl Site {
    fn register(
        name: &'static str,
        target: &'static str,
        level: Level,
        fields: &'static [&'static str],
        kind: Kind,
    ) -> &'static Site {
        let site: &'static Site =
            Box::leak(Box::new(Site { metadata: OnceLock::new(), interest: AtomicU8::new(NEVER) }));
        let fields = FieldSet::new(fields, Identifier(site));
        let module = Some(module_path!());
        let metadata = Metadata::new(name, target, level, None, None, module, fields, kind);
        site.metadata.get_or_init(|| metadata);
        callsite::register(site);
        site
    }

    /// Returns `false` if no subscriber of the process wants to see it. That costs one read.
    #[inline]
    pub(super) fn may_be_enabled(&self) -> bool {
        if self.interest.load(Ordering::Relaxed) == NEVER {
            return false;
        }
        let level = *self.known().level();
        level <= STATIC_MAX_LEVEL && level <= LevelFilter::current()
    }

    /// Returns whether the subscriber of this thread wants to see it. Has to be asked before each span and event:
    /// filters remember the answer.
    pub(super) fn is_enabled(&self) -> bool {
        self.may_be_enabled()
            && (self.interest.load(Ordering::Relaxed) == ALWAYS
                || dispatcher::get_default(|subscriber| subscriber.enabled(self.known())))
    }

    pub(super) fn known(&self) -> &Metadata<'static> {
        self.metadata.get().expect("set before anybody knows of it")
    }

    /// Calls `f` with values of some fields of this callsite, by name.
    pub(super) fn with_values<'v, R>(
        &'static self,
        values: impl IntoIterator<Item = (&'v str, &'v dyn Value)>,
        f: impl FnOnce(&'static Metadata<'static>, &ValueSet<'_>) -> R,
    ) -> R {
        let fields = self.known().fields();
        let mut values = values.into_iter().map(|(name, value)| {
            let field = fields.field(name).expect("one of its fields");
            (field, Some(value))
        });
        let mut next =
            || values.next().unwrap_or_else(|| (fields.field("id").expect("in all"), None));
        let values: [_; MOST] = array::from_fn(|_| next());
        let values = values.each_ref().map(|(field, value)| (field, *value));
        // Not in its documentation, but what its macros expand to: it stays as long as the version does.
        f(self.known(), &fields.value_set(&values))
    }
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        let interest = match () {
            () if interest.is_never() => NEVER,
            () if interest.is_always() => ALWAYS,
            () => SOMETIMES,
        };
        self.interest.store(interest, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.known()
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(self.known()).finish()
    }
}
