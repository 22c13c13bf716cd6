//! Scopes and children have spans, on any executor, and nobody's panic breaks anything.

use super::seen::{Seen, Span};
use anyscope::{
    AdaptiveLimit, Grace,
    limit::adaptive::{Aimd, Outcome as Call},
    observe::tree::Tree,
    resilience::{CircuitBreaker, retry},
    scope,
    tracing::Spans,
    try_concurrent,
};
use std::{
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use support::{Signal, behaviour, blow_up, until, yield_now, yields};
use tracing::{
    Dispatch, Event, Instrument, Level, Metadata, Subscriber, info, info_span,
    instrument::WithSubscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer, Registry,
    filter::LevelFilter,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// Runs `work` in a tree with spans, seen by this subscriber, and waits until all of them are over.
async fn seen_by<F: Future>(seen: &Seen, spans: Spans, work: F) -> F::Output {
    let tree = Tree::builder().observer(spans).build();
    let value = tree.watch(work).with_subscriber(seen.subscriber()).await;
    // A poll on another thread may tell its end a moment later than the child's.
    until(|| seen.is_over()).await;
    value
}

fn outcome(span: &Span) -> &str {
    &span.fields["outcome"]
}

behaviour! {
    /// Given scopes in children, and a span of the user's around, then each span has that as its parent in which its scope or child is,
    /// and says who that is.
    o100_spans_are_in_what_they_are_in in [spawned, inline] |ex| {
        let seen = Seen::default();
        let line = line!() + 3;
        let inner = ex.clone();
        let work = open!(async |s| {
            s.spawn_named("outer", async move {
                let _inner = &inner;
                open!(inner, async |s| {
                    let _ = s.spawn_named("inner", async {}).await;
                })
                .await;
            });
            s.spawn(async {});
        });
        let request = async { work.instrument(info_span!("request", name = "request")).await };
        seen_by(&seen, Spans::new(), request).await;
        let (request, _) = seen.span("request");
        let [(first, scope), (second, below)] = &seen.scopes()[..] else { panic!("two scopes") };
        assert_eq!(scope.parent, Some(request));
        let ((outer, of), (_, inner)) = (seen.span("outer"), seen.span("inner"));
        assert_eq!((of.parent, below.parent, inner.parent), (Some(*first), Some(outer), Some(*second)));
        let place = format!("{}:{line}:", file!());
        assert!(of.fields["spawned_at"].starts_with(&place), "{of:?}");
        assert_eq!(of.fields["id"], format!("{}#0", scope.fields["id"]));
        assert_eq!((&*of.fields["span"], &*of.fields["level"], &*of.fields["target"]), ("child", "INFO", "anyscope"));
        assert!(!of.fields.contains_key("otel.name"));
        let unnamed = seen.spans().into_iter().filter(|(_, span)| span.parent == Some(*first));
        let unnamed: Vec<_> = unnamed.filter(|(id, _)| *id != outer).collect();
        assert!(matches!(&unnamed[..], [(_, span)] if !span.fields.contains_key("name")), "{unnamed:?}");
        assert!(seen.spans().iter().all(|(_, span)| span.follows.is_empty()));
    }

    /// Given children that yield, then their spans are entered in each poll and left at its end, on the same thread, and are closed
    /// when they have ended.
    o101_spans_are_entered_in_each_poll in [spawned, inline] |ex| {
        let seen = Seen::default();
        let work = open!(async |s| {
            for n in 0..10 {
                s.spawn_named(format!("child {n}"), yields(n));
            }
        });
        seen_by(&seen, Spans::new(), work).await;
        for n in 0..10 {
            let (_, span) = seen.span(&format!("child {n}"));
            assert_eq!(span.entered, n + 1);
            assert_eq!(outcome(&span), "returned");
        }
    }

    /// Given code in children that logs, before and after it has waited, then the events are in the spans of the children, and in spans
    /// of the user's inside these.
    o102_events_are_in_the_right_span in [spawned, inline] |ex| {
        let (seen, go) = (Seen::default(), Signal::new());
        let work = open!(async |s| {
            for name in ["a", "b"] {
                let go = go.clone();
                let work = async move {
                    info!(name, "before");
                    go.wait().await;
                    info!(name, "after");
                    async { info!(name, "inside") }.instrument(info_span!("user", name = "user")).await;
                };
                s.spawn_named(name, work.with_current_subscriber());
            }
            until(|| go.waiting() == 2).await;
            go.fire();
        });
        seen_by(&seen, Spans::new(), work).await;
        for name in ["a", "b"] {
            let (child, _) = seen.span(name);
            for message in ["before", "after"] {
                let events = seen.events(Some(child), message);
                assert!(matches!(&events[..], [(_, fields)] if fields["name"] == name), "{message}: {events:?}");
            }
            let users = seen.spans().into_iter().filter(|(_, span)| span.fields["span"] == "user");
            let user: Vec<_> = users.filter(|(_, span)| span.parent == Some(child)).collect();
            assert_eq!(seen.events(Some(user[0].0), "inside")[0].1["name"], name);
        }
    }

    /// Given a child that is spawned in another span than that of its scope, then its span is in that of the scope, and follows from
    /// the other.
    o103_a_spawn_from_elsewhere_is_a_link |ex| {
        let seen = Seen::default();
        let work = scope(&ex, async |s| {
            let sibling = s.clone();
            s.spawn_named("spawner", async move { drop(sibling.spawn_named("spawned", async {})) });
            info_span!("user", name = "user").in_scope(|| s.spawn_named("from the body", async {}));
        });
        seen_by(&seen, Spans::new(), work).await;
        let [(scope, _)] = seen.scopes()[..] else { panic!("one scope") };
        let ((spawner, first), (_, spawned)) = (seen.span("spawner"), seen.span("spawned"));
        assert_eq!((spawned.parent, &spawned.follows[..]), (Some(scope), &[spawner][..]));
        assert!(first.follows.is_empty());
        let ((user, _), (_, span)) = (seen.span("user"), seen.span("from the body"));
        assert_eq!((span.parent, &span.follows[..]), (Some(scope), &[user][..]));
    }

    /// Given children that return, fail, panic and are cancelled, then their spans say so, and so do events, with the reason and the
    /// message; and the names that OpenTelemetry reads, if they are asked for.
    o104_ends_are_seen in [spawned, inline] |ex| {
        let seen = Seen::default();
        let work = open!(async |s| {
            let _ = s.spawn_named("panics", async { blow_up::<()>("as asked") }).await;
            s.spawn_named("returns", async {}).await.unwrap();
            s.spawn_named("cancelled", pending::<()>());
            s.cancel("enough");
        });
        seen_by(&seen, Spans::new(), work).await;
        let [(scope, _)] = seen.scopes()[..] else { panic!("one scope") };
        let cancelled = seen.events(Some(scope), "cancelled");
        assert!(cancelled[0].1["reason"].starts_with("enough"), "{cancelled:?}");
        assert_eq!(cancelled[0].0, Level::DEBUG);
        let (panics, span) = seen.span("panics");
        let said = seen.events(Some(panics), "panicked");
        assert_eq!(said[0].0, Level::ERROR);
        assert!(said[0].1["panic"].contains("as asked"), "{said:?}");
        assert_eq!(outcome(&span), "panicked");
        for (name, end) in [("panics", "panicked"), ("returns", "returned"), ("cancelled", "cancelled")] {
            let (id, span) = seen.span(name);
            assert_eq!(outcome(&span), end);
            let ended = seen.events(Some(id), "ended");
            assert!(matches!(&ended[..], [(Level::DEBUG, fields)] if fields["outcome"] == end), "{ended:?}");
            assert!(!ended[0].1.contains_key("id"), "its span says it");
        }

        let seen = Seen::default();
        let failing = try_concurrent(async |s| {
            s.spawn_named("fails", async { Err::<(), _>("no") });
            s.spawn_named("waits", pending::<Result<(), _>>());
            pending::<Result<(), _>>().await
        });
        let spans = Spans::new().otel(true).target("mine").level(Level::DEBUG).event_level(Level::TRACE);
        seen_by(&seen, spans, failing).await.unwrap_err();
        let (id, span) = seen.span("fails");
        assert_eq!((outcome(&span), &*span.fields["otel.status_code"]), ("failed", "ERROR"));
        assert_eq!((&*span.fields["otel.name"], &*span.fields["target"]), ("fails", "mine"));
        assert_eq!((&*span.fields["level"], seen.events(Some(id), "ended")[0].0), ("DEBUG", Level::TRACE));
        let (_, span) = seen.span("waits");
        assert_eq!((outcome(&span), span.entered > 0), ("cancelled", true), "otherwise it has no end");
    }

    /// Given a retry, a circuit breaker and a limit that changes, then these are events in the span of the child, or in that of the
    /// user's inside it.
    o105_what_happens_is_seen |ex| {
        let seen = Seen::default();
        let limit = AdaptiveLimit::new(Aimd::default());
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            let retries = async move {
                let mut left = 1;
                let again = retry(&timer, [Duration::ZERO], || {
                    left -= 1;
                    ready(if left == 0 { Err("not yet") } else { Ok(()) })
                });
                again.instrument(info_span!("call", name = "call")).await.unwrap();
            };
            s.spawn_named("retries", retries.with_current_subscriber());
            let (limit, clock) = (limit.clone(), ex.clone());
            s.spawn_named("limits", async move { limit.start(&clock).end(Call::Dropped) });
            let breaker = CircuitBreaker::builder().build().unwrap();
            s.spawn_named("breaks", async move { breaker.force_open() });
        });
        seen_by(&seen, Spans::new(), work).await;
        let of = |name: &str, message: &str| seen.events(Some(seen.span(name).0), message);
        assert_eq!(of("call", "retries")[0].1["attempts"], "1");
        assert_eq!(of("breaks", "breaker changed")[0].1["state"], "forced open");
        assert!(of("limits", "limit changed")[0].1.contains_key("now"));
    }

    /// Given a subscriber that is not interested, by its callsites, by its level or by asking each time, then no span is made; given
    /// one that hides the children, then these are in the span of the scope.
    o106_who_is_not_interested_is_not_told in [spawned, inline] |ex| {
        for interest in [None, Some(false), Some(true)] {
            let counts = Arc::new(AtomicUsize::new(0));
            let subscriber = Dispatch::new(NotInterested { interest, told: counts.clone() });
            let work = open!(async |s| {
                s.spawn_named("child", yields(2).with_current_subscriber());
                s.cancel_with(&ex, Grace::Forever, "done");
            });
            let tree = Tree::builder().observer(Spans::new()).build();
            tree.watch(work).with_subscriber(subscriber).await;
            assert_eq!(counts.load(Relaxed), 0, "{interest:?}");
        }

        let seen = Seen::default();
        let hides = tracing_subscriber::filter::filter_fn(|known| known.name() != "child");
        let subscriber = Dispatch::new(Registry::default().with(hides).with(seen.clone()));
        let work = open!(async |s| {
            let work = async {
                yield_now().await;
                info!("said");
            };
            s.spawn_named("child", work.with_current_subscriber());
        });
        let tree = Tree::builder().observer(Spans::new()).build();
        tree.watch(work).with_subscriber(subscriber).await;
        until(|| seen.is_over()).await;
        let [(scope, _)] = seen.spans()[..] else { panic!("one span: {:?}", seen.spans()) };
        assert_eq!(seen.events(Some(scope), "said").len(), 1);
        let ids: Vec<_> = seen.events(Some(scope), "ended").into_iter().map(|(_, fields)| fields.get("id").cloned()).collect();
        assert!(ids.iter().flatten().any(|id| id.ends_with("#0")), "{ids:?}");
    }

    /// Given a subscriber that panics in whatever it is told, then the program is as it would be without, and what it was told to
    /// enter on a thread it is told to exit there.
    o107_a_failing_subscriber_breaks_nothing in [spawned, inline] |ex| {
        for at in At::ALL {
            let seen = Seen::default();
            let subscriber = Registry::default().with(seen.clone()).with(PanicsAt(at));
            let tree = Tree::builder().observer(Spans::new()).build();
            let work = open!(async |s| {
                let child = s.spawn_named("child", async {
                    yields(2).await;
                    3
                });
                s.spawn_named("cancelled", pending::<()>());
                let value = child.await.unwrap();
                s.cancel("done");
                value
            });
            tree.watch(work).with_subscriber(Dispatch::new(subscriber)).await;
            assert_eq!(tree.failed_observers(), 0, "{at:?}");
            let left = || seen.spans().iter().all(|(_, span)| span.depth.values().all(|depth| *depth == 0));
            until(left).await;
            assert!(tree.snapshot().scopes.is_empty());
        }
    }

    /// Given a storm of children that yield, some cancelled, and two observers with spans, then all are left and closed.
    o108_nothing_is_left_of_a_storm |ex| {
        let (seen, spans) = (Seen::default(), || Spans::new().target("storm"));
        let tree = Tree::builder().observer(spans()).observer(spans()).build();
        let work = scope(&ex, async |s| {
            for n in 0..40 {
                let child = s.spawn_named(format!("child {n}"), yields(n % 5));
                if n % 7 == 0 {
                    child.abort();
                }
                if n % 8 == 0 {
                    yield_now().await;
                }
            }
        });
        tree.watch(work).with_subscriber(seen.subscriber()).await;
        until(|| seen.is_over()).await;
        assert_eq!(seen.spans().len(), 2 * 41);
        assert!(seen.spans().iter().all(|(_, span)| span.fields.contains_key("outcome")));
    }
}

/// Wants nothing: says so for each callsite; or when it is asked; or by the level.
struct NotInterested {
    interest: Option<bool>,
    told: Arc<AtomicUsize>,
}

impl NotInterested {
    fn told(&self) {
        self.told.fetch_add(1, Relaxed);
    }
}

impl Subscriber for NotInterested {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        match self.interest {
            None => Interest::never(),
            Some(_) => Interest::sometimes(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        (self.interest == Some(true)).then_some(LevelFilter::ERROR)
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.told();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.told();
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        self.told();
    }

    fn event(&self, _: &Event<'_>) {
        self.told();
    }

    fn enter(&self, _: &Id) {
        self.told();
    }

    fn exit(&self, _: &Id) {
        self.told();
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    NewSpan,
    Enter,
    Exit,
    Record,
    Event,
    Close,
    Always,
}

impl At {
    const ALL: [At; 7] =
        [At::NewSpan, At::Enter, At::Exit, At::Record, At::Event, At::Close, At::Always];
}

struct PanicsAt(At);

impl PanicsAt {
    fn at(&self, at: At) {
        if self.0 == at || self.0 == At::Always {
            blow_up("a subscriber")
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for PanicsAt {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.at(At::NewSpan);
    }

    fn on_record(&self, _: &Id, _: &Record<'_>, _: Context<'_, S>) {
        self.at(At::Record);
    }

    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.at(At::Event);
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        self.at(At::Enter);
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        self.at(At::Exit);
    }

    fn on_close(&self, _: Id, _: Context<'_, S>) {
        self.at(At::Close);
    }
}
