//! A subscriber that keeps what it is told.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};
use tracing::{
    Dispatch, Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

pub(crate) type Fields = BTreeMap<String, String>;

/// Keeps what it is told of spans and events.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: BTreeMap<u64, Span>,
    order: Vec<u64>,
    events: Vec<(Option<u64>, Level, Fields)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) fields: Fields,
    pub(crate) parent: Option<u64>,
    pub(crate) follows: Vec<u64>,
    /// How deeply it is entered, by thread.
    pub(crate) depth: BTreeMap<String, i32>,
    pub(crate) entered: usize,
    pub(crate) is_closed: bool,
}

impl Seen {
    pub(crate) fn subscriber(&self) -> Dispatch {
        Dispatch::new(Registry::default().with(self.clone()))
    }

    /// The span of a child or of the user with this name.
    pub(crate) fn span(&self, name: &str) -> (u64, Span) {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.spans()))
    }

    pub(crate) fn find(&self, name: &str) -> Option<(u64, Span)> {
        let is_it = |span: &Span| span.fields.get("name").is_some_and(|known| known == name);
        self.spans().into_iter().find(|(_, span)| is_it(span))
    }

    /// All spans, in the order in which they began.
    pub(crate) fn spans(&self) -> Vec<(u64, Span)> {
        let kept = self.0.lock().unwrap();
        kept.order.iter().map(|id| (*id, kept.spans[id].clone())).collect()
    }

    /// The scopes, in the order in which they began.
    pub(crate) fn scopes(&self) -> Vec<(u64, Span)> {
        let is_scope = |span: &Span| span.fields["span"] == "scope";
        self.spans().into_iter().filter(|(_, span)| is_scope(span)).collect()
    }

    /// The level and fields of events with this message in this span.
    pub(crate) fn events(&self, span: Option<u64>, message: &str) -> Vec<(Level, Fields)> {
        let kept = self.0.lock().unwrap();
        let events = kept.events.iter().filter(|(of, _, fields)| {
            *of == span && fields.get("message").is_some_and(|said| said == message)
        });
        events.map(|(_, level, fields)| (*level, fields.clone())).collect()
    }

    /// Checks that all spans are closed, and were left as often as they were entered, on the same thread.
    pub(crate) fn is_over(&self) -> bool {
        let spans = self.spans();
        let is_over = |span: &Span| span.is_closed && span.depth.values().all(|depth| *depth == 0);
        spans.iter().all(|(_, span)| is_over(span))
    }

    fn with<R>(&self, id: &Id, f: impl FnOnce(&mut Span) -> R) -> R {
        f(self.0.lock().unwrap().spans.get_mut(&id.into_u64()).unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let parent = ctx.span(id).unwrap().parent().map(|parent| parent.id().into_u64());
        let mut fields = Fields::new();
        attrs.record(&mut Keep(&mut fields));
        fields.insert("span".into(), attrs.metadata().name().into());
        fields.insert("level".into(), attrs.metadata().level().to_string());
        fields.insert("target".into(), attrs.metadata().target().into());
        let mut kept = self.0.lock().unwrap();
        kept.order.push(id.into_u64());
        kept.spans.insert(id.into_u64(), Span { fields, parent, ..Span::default() });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.with(id, |span| values.record(&mut Keep(&mut span.fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        self.with(id, |span| span.follows.push(follows.into_u64()));
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Keep(&mut fields));
        let span = ctx.event_span(event).map(|span| span.id().into_u64());
        self.0.lock().unwrap().events.push((span, *event.metadata().level(), fields));
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.with(id, |span| {
            assert!(!span.is_closed, "a span is entered when it is closed");
            *span.depth.entry(this_thread()).or_default() += 1;
            span.entered += 1;
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.with(id, |span| {
            let depth = span.depth.entry(this_thread()).or_default();
            *depth -= 1;
            assert!(*depth >= 0, "exited, and not entered");
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.with(&id, |span| span.is_closed = true);
    }
}

fn this_thread() -> String {
    let id: ThreadId = thread::current().id();
    format!("{id:?}")
}

struct Keep<'a>(&'a mut Fields);

impl Visit for Keep<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}
