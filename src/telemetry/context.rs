//! Where we are in a trace, as W3C `traceparent` text: taken from callers, kept with runs, given to providers. Without
//! an endpoint there are no traces, and all of this does nothing.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header, and the only part that is kept with runs.
const TRACEPARENT: &str = "traceparent";

/// The current span, to be kept with work that is done later. `None` outside of a trace.
pub fn current_traceparent() -> Option<String> {
    current_headers().remove(TRACEPARENT)
}

/// Adds `traceparent` and `tracestate` of the current span to `headers`; outside of a trace nothing.
pub fn inject(headers: &mut HeaderMap) {
    for (name, value) in current_headers() {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// Makes `span`, which nobody has entered yet, a child of the span that `traceparent` names. Other text is ignored: it
/// comes from callers, and no call fails because of it.
pub fn set_parent(span: &Span, traceparent: &str) {
    adopt(span, &One(traceparent));
}

/// The same with the headers of a call; tonic's metadata gives them as `metadata.as_ref()`.
pub fn set_parent_from(span: &Span, headers: &HeaderMap) {
    adopt(span, &Headers(headers));
}

/// Links `span` to the span that `traceparent` names: work that was asked for there, and is done here later.
pub fn link(span: &Span, traceparent: &str) {
    let context = extracted(&One(traceparent));
    let there = context.span().span_context().clone();
    if there.is_valid() {
        span.add_link(there);
    }
}

fn current_headers() -> HashMap<String, String> {
    let mut headers = HashMap::new();
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, &mut headers);
        headers.retain(|_, value| !value.is_empty());
    }
    headers
}

fn extracted(from: &dyn Extractor) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), from)
}

fn adopt(span: &Span, from: &dyn Extractor) {
    let context = extracted(from);
    if context.span().span_context().is_valid() {
        // It fails where there are no traces; then there is nothing to be part of.
        let _ = span.set_parent(context);
    }
}

struct One<'a>(&'a str);

impl Extractor for One<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
