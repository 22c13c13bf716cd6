//! What receives the spans: a list in this process.

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Keeps the spans that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<SpanData>>>,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Collector {
    /// Returns the spans that were received, each below the one that it is in.
    pub(crate) fn tree(&self) -> String {
        let mut spans = self.spans.lock().unwrap().clone();
        spans.sort_by_key(|span| span.start_time);
        let mut tree = String::new();
        below(&spans, SpanId::INVALID, 0, &mut tree);
        tree
    }
}

fn below(spans: &[SpanData], parent: SpanId, depth: usize, tree: &mut String) {
    for span in spans.iter().filter(|span| span.parent_span_id == parent) {
        let took = span.end_time.duration_since(span.start_time).unwrap_or(Duration::ZERO);
        let outcome = span.attributes.iter().find(|attribute| attribute.key.as_str() == "outcome");
        let outcome = outcome.map_or(String::new(), |outcome| format!(" {}", outcome.value));
        let indent = "  ".repeat(depth);
        writeln!(tree, "{:>6} ms  {indent}{}{outcome}", took.as_millis(), span.name).unwrap();
        for event in span.events.iter().filter(|event| event.name != "ended") {
            writeln!(tree, "{:11}{indent}- {}", "", event.name).unwrap();
        }
        below(spans, span.span_context.span_id(), depth + 1, tree);
    }
}
