//! Observers are told what happens, when it happens, and cannot break anything.

use anyscope::{
    AdaptiveLimit, ScopeError, concurrent,
    limit::adaptive::{Aimd, Outcome as Call},
    observe::{Begin, Happening, Observer, Outcome, PollEnd, Subject, Who, labelled, tree::Tree},
    resilience::{CircuitBreaker, retry},
    scope, try_concurrent,
};
use std::{
    collections::BTreeMap,
    future::{pending, ready},
    panic::Location,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use support::{Signal, behaviour, until, yield_now, yields};

/// Keeps what it is told, in words, for each subject by name.
#[derive(Clone, Default)]
struct Log {
    inner: Arc<Mutex<Kept>>,
    wants_wakes: bool,
}

#[derive(Default)]
struct Kept {
    names: Vec<(Who, String)>,
    events: BTreeMap<Who, Vec<String>>,
    polled_on: BTreeMap<Who, thread::ThreadId>,
    places: BTreeMap<Who, &'static Location<'static>>,
}

impl Log {
    fn tree(&self) -> Tree {
        Tree::builder().observer(self.clone()).build()
    }

    fn add(&self, subject: Subject, event: String) {
        let mut kept = self.inner.lock().unwrap();
        let (who, _) = kept.names[usize::try_from(subject.mark).unwrap()];
        assert_eq!(who, subject.who, "the mark is that of another");
        kept.events.entry(who).or_default().push(event);
    }

    fn name(&self, subject: Subject) -> String {
        self.inner.lock().unwrap().names[usize::try_from(subject.mark).unwrap()].1.clone()
    }

    fn who(&self, name: &str) -> Who {
        let kept = self.inner.lock().unwrap();
        let found = kept.names.iter().find(|(_, known)| known == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", kept.names)).0
    }

    fn of(&self, name: &str) -> Vec<String> {
        let who = self.who(name);
        self.inner.lock().unwrap().events[&who].clone()
    }

    fn has(&self, name: &str, event: &str) -> bool {
        let kept = self.inner.lock().unwrap();
        let who = kept.names.iter().find(|(_, known)| known == name).map(|(who, _)| *who);
        let events = who.and_then(|who| kept.events.get(&who));
        events.is_some_and(|events| events.iter().any(|known| known == event))
    }

    /// What was told of it without polls and wakes.
    fn rest_of(&self, name: &str) -> Vec<String> {
        let is_rest = |event: &String| !event.starts_with("poll") && !event.starts_with("woken");
        self.of(name).into_iter().filter(is_rest).collect()
    }

    /// The names of the scopes, in the order in which they began.
    fn scopes(&self) -> Vec<String> {
        let kept = self.inner.lock().unwrap();
        let scopes = kept.names.iter().filter(|(who, _)| matches!(who, Who::Scope(_)));
        scopes.map(|(_, name)| name.clone()).collect()
    }
}

impl Observer for Log {
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let parent = begin.parent.map(|parent| self.name(parent));
        let name = match begin.who {
            Who::Scope(number) => format!("scope {number}"),
            Who::Child { .. } => begin.name.unwrap_or("?").to_string(),
        };
        let mut kept = self.inner.lock().unwrap();
        if let Some(place) = begin.spawned_at {
            kept.places.insert(begin.who, place);
        }
        let begins = format!("begins in {}", parent.as_deref().unwrap_or("nothing"));
        kept.events.entry(begin.who).or_default().push(begins);
        kept.names.push((begin.who, name));
        kept.names.len() as u64 - 1
    }

    fn poll_begins(&self, subject: Subject) {
        let mut kept = self.inner.lock().unwrap();
        let before = kept.polled_on.insert(subject.who, thread::current().id());
        assert!(before.is_none(), "two polls at once");
    }

    fn poll_ends(&self, subject: Subject, end: PollEnd) {
        let began = self.inner.lock().unwrap().polled_on.remove(&subject.who);
        assert_eq!(began, Some(thread::current().id()));
        self.add(
            subject,
            match end {
                PollEnd::Pending(Some(parked)) => format!("poll: {parked}"),
                PollEnd::Pending(None) => "poll: pending".into(),
                PollEnd::Ready => "poll: ready".into(),
                _ => unreachable!(),
            },
        );
    }

    fn wakes(&self, subject: Subject, by: Option<Subject>) {
        let by = by.map_or("nobody".into(), |by| self.name(by));
        self.add(subject, format!("woken by {by}"));
    }

    fn happens(&self, subject: Subject, what: Happening<'_>) {
        self.add(subject, what.to_string());
    }

    fn ends(&self, subject: Subject, outcome: Outcome) {
        self.add(subject, outcome.to_string());
    }

    fn wants_wakes(&self) -> bool {
        self.wants_wakes
    }
}

behaviour! {
    /// Given a child that waits and returns, then its observer is told where it began, of each poll with its end, and how it ended; of
    /// its scope too.
    o70_a_life_is_told in [spawned, inline] |ex| {
        let (log, go) = (Log::default(), Signal::new());
        let line = line!() + 2;
        let work = open!(async |s| {
            let child = s.spawn_named("child", labelled("the signal", go.wait()));
            until(|| log.has("child", "poll: the signal")).await;
            go.fire();
            child.await.unwrap();
        });
        log.tree().watch(work).await;
        let [scope] = &log.scopes()[..] else { panic!("one scope") };
        let told = log.of("child");
        assert_eq!(told[..2], [format!("begins in {scope}"), "poll: the signal".into()], "{told:?}");
        assert_eq!(told[told.len() - 2..], ["poll: ready", "returned"], "{told:?}");
        let who = log.who("child");
        let place = log.inner.lock().unwrap().places[&who];
        assert_eq!((place.file(), place.line()), (file!(), line));
        let told = log.of(scope);
        assert_eq!((&*told[0], &**told.last().unwrap()), ("begins in nothing", "returned"));
        assert!(told.iter().any(|event| event == "poll: ready"), "{told:?}");
        assert!(log.inner.lock().unwrap().polled_on.is_empty());
    }

    /// Given a scope in a child, and one in the body of a scope, then each begins in what it is in.
    o71_scopes_begin_where_they_are |ex| {
        let log = Log::default();
        let inner = ex.clone();
        let work = scope(&ex, async |s| {
            s.spawn_named("outer", async move {
                scope(&inner, async |s| {
                    let _ = s.spawn_named("inner", async {}).await;
                })
                .await;
            });
        });
        log.tree().watch(work).await;
        let scopes = log.scopes();
        assert_eq!(log.of(&scopes[1])[0], "begins in outer");
        assert_eq!(log.of("inner")[0], format!("begins in {}", scopes[1]));
        log.tree().watch(concurrent(async |_| concurrent(async |_| ()).await)).await;
        let scopes = log.scopes();
        assert_eq!(log.of(&scopes[3])[0], format!("begins in {}", scopes[2]));
    }

    /// Given children that return, fail, panic, are cancelled one by one or with their scope, then each has its outcome, once, and a
    /// panic and a cancel are told with their texts.
    o72_outcomes_are_told in [spawned, inline] |ex| {
        let log = Log::default();
        let work = open!(async |s| {
            let _ = s.spawn_named("panics", async { panic!("as asked") }).await;
            let cancelled = s.spawn_named("cancelled", pending::<()>());
            until(|| log.has("cancelled", "poll: pending")).await;
            let _ = cancelled.cancel().await;
            s.spawn_named("with its scope", pending::<()>());
            until(|| log.has("with its scope", "poll: pending")).await;
            s.cancel("enough");
            assert_eq!(s.spawn_named("late", async {}).await.ok(), None);
        });
        log.tree().watch(work).await;
        let [scope] = &log.scopes()[..] else { panic!("one scope") };
        let in_scope = format!("begins in {scope}");
        let panics = log.rest_of("panics");
        assert!(panics[1].starts_with("child `panics` panicked: as asked"), "{panics:?}");
        assert_eq!(panics[2..], ["panicked"]);
        assert_eq!(log.rest_of("cancelled"), [&*in_scope, "cancelled"]);
        assert_eq!(log.rest_of("with its scope"), [&*in_scope, "cancelled"]);
        let told = log.rest_of(scope);
        assert_eq!((&*told[0], &*told[2], told.len()), ("begins in nothing", "cancelled", 3), "{told:?}");
        assert!(told[1].starts_with("cancelled: enough"), "{told:?}");

        let log = Log::default();
        let failing = try_concurrent(async |s| {
            s.spawn_named("fails", async { Err::<(), _>("no") });
            pending().await
        });
        let failed: Result<(), _> = log.tree().watch(failing).await;
        assert!(matches!(failed, Err(ScopeError::Failed { first: "no", .. })), "{failed:?}");
        let [scope] = &log.scopes()[..] else { panic!("one scope") };
        assert_eq!(log.rest_of("fails").last().unwrap(), "failed");
        assert_eq!(log.rest_of(scope).last().unwrap(), "failed");
    }

    /// Given a child that another one wakes, and an observer that wants to know, then it is told by whom; a child that wakes itself
    /// too.
    o73_wakes_are_told in [spawned, inline] |ex| {
        let (log, go) = (Log { wants_wakes: true, ..Log::default() }, Signal::new());
        let fire = go.clone();
        let work = open!(async |s| {
            let sleeper = s.spawn_named("sleeper", labelled("the signal", go.wait()));
            until(|| log.has("sleeper", "poll: the signal")).await;
            s.spawn_named("waker", async move {
                yield_now().await;
                fire.fire();
            });
            sleeper.await.unwrap();
        });
        log.tree().watch(work).await;
        assert!(log.has("sleeper", "woken by waker"), "{:?}", log.of("sleeper"));
        assert!(log.has("waker", "woken by waker"), "{:?}", log.of("waker"));
    }

    /// Given an observer that panics in whatever it is told, then the program is as it would be without, the other observer is told
    /// everything, and the tree knows that one is off.
    o74_a_failing_observer_breaks_nothing in [spawned, inline] |ex| {
        for at in At::ALL {
            let log = Log::default();
            let tree = Tree::builder().observer(PanicsAt(at)).observer(log.clone()).build();
            let work = open!(async |s| {
                let child = s.spawn_named("child", yields(2));
                let _ = s.spawn_named("cancelled", pending::<()>()).cancel().await;
                child.await.unwrap();
                s.cancel("done");
                7
            });
            let value = tree.watch(work).await;
            let _ = value;
            assert_eq!(tree.failed_observers(), 1, "{at:?}");
            assert_eq!(log.of("child").last().unwrap(), "returned", "{at:?}");
            assert_eq!(log.rest_of("cancelled").last().unwrap(), "cancelled", "{at:?}");
            assert!(tree.snapshot().scopes.is_empty());
        }
    }

    /// Given a retry, a circuit breaker and a limit that changes, then the child in which that happens is told of.
    o75_retries_breakers_and_limits_are_told |ex| {
        let log = Log::default();
        let limit = AdaptiveLimit::new(Aimd::default());
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            s.spawn_named("retries", async move {
                let mut left = 1;
                let again = retry(&timer, [Duration::ZERO], || {
                    left -= 1;
                    ready(if left == 0 { Err("not yet") } else { Ok(()) })
                });
                again.await.unwrap();
            });
            let (limit, clock) = (limit.clone(), ex.clone());
            s.spawn_named("limits", async move { limit.start(&clock).end(Call::Dropped) });
            let breaker = CircuitBreaker::builder().build().unwrap();
            s.spawn_named("breaks", async move { breaker.force_open() });
        });
        log.tree().watch(work).await;
        assert!(log.has("breaks", "the circuit breaker is forced open"), "{:?}", log.of("breaks"));
        let told = log.of("limits");
        assert!(told.iter().any(|event| event.starts_with("the limit is ")), "{told:?}");
        let told = log.of("retries");
        assert!(told.iter().any(|event| event.starts_with("attempt 1 failed")), "{told:?}");
    }

    /// Given a storm of children that yield, some cancelled, then each has one begin, one end after it and balanced polls.
    o76_nothing_is_lost_in_a_storm |ex| {
        let log = Log::default();
        let names: Vec<_> = (0..40).map(|n| format!("child {n}")).collect();
        let work = scope(&ex, async |s| {
            for (n, name) in names.iter().enumerate() {
                let child = s.spawn_named(name.clone(), yields(n % 5));
                if n % 7 == 0 {
                    child.abort();
                }
                if n % 8 == 0 {
                    yield_now().await;
                }
            }
        });
        log.tree().watch(work).await;
        for name in &names {
            let told = log.rest_of(name);
            assert_eq!(told.len(), 2, "{name}: {told:?}");
            assert!(["returned", "cancelled"].contains(&&*told[1]), "{name}: {told:?}");
            assert_eq!(log.of(name).last(), told.last(), "{name}");
        }
        assert!(log.inner.lock().unwrap().polled_on.is_empty());
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Begins,
    PollBegins,
    PollEnds,
    Wakes,
    Happens,
    Ends,
}

impl At {
    const ALL: [At; 6] =
        [At::Begins, At::PollBegins, At::PollEnds, At::Wakes, At::Happens, At::Ends];
}

struct PanicsAt(At);

impl PanicsAt {
    fn at(&self, at: At) {
        if self.0 == at {
            std::panic::resume_unwind(Box::new("an observer"));
        }
    }
}

impl Observer for PanicsAt {
    fn begins(&self, _: &Begin<'_>) -> u64 {
        self.at(At::Begins);
        0
    }

    fn poll_begins(&self, _: Subject) {
        self.at(At::PollBegins);
    }

    fn poll_ends(&self, _: Subject, _: PollEnd) {
        self.at(At::PollEnds);
    }

    fn wakes(&self, _: Subject, _: Option<Subject>) {
        self.at(At::Wakes);
    }

    fn happens(&self, _: Subject, _: Happening<'_>) {
        self.at(At::Happens);
    }

    fn ends(&self, _: Subject, _: Outcome) {
        self.at(At::Ends);
    }

    fn wants_wakes(&self) -> bool {
        true
    }
}
