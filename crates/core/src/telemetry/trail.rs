//! Which request is served: in its own task, and later where what it caused is done.

use std::sync::Arc;

use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::domain::trail::Trail;

/// The header by which a trace goes on in another process (<https://www.w3.org/TR/trace-context/>).
pub const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

/// Runs a future as part of a request. Tasks that it spawns do not inherit the id.
pub async fn with_request_id<F: Future>(id: Arc<str>, future: F) -> F::Output {
    REQUEST_ID.scope(id, future).await
}

/// The id of the request that is served, or that caused what is done.
pub fn request_id() -> Option<Arc<str>> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// The active span as a `traceparent`; `None` where traces are switched off.
pub fn traceparent() -> Option<String> {
    Context::map_current(|context| write(context.span().span_context()))
}

/// What to store with an effect that others bring about.
pub fn trail() -> Option<Trail> {
    let trail = Trail { request: request_id().map(|id| id.as_ref().to_owned()), trace: traceparent() };
    (trail != Trail::default()).then_some(trail)
}

/// Does what a request caused: in `span`, which goes on with the request's trace, and under its id. The span
/// names it in a field `request_id`, where it has one.
pub fn follow<F: Future>(
    trail: Option<&Trail>,
    span: Span,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    if let Some(trace) = trail.and_then(|trail| trail.trace.as_deref()) {
        continue_from(&span, trace);
    }
    let id: Option<Arc<str>> = trail.and_then(|trail| trail.request.as_deref()).map(Arc::from);
    if let Some(id) = &id {
        span.record("request_id", &**id);
    }
    // Boxed, since each future around a large one holds it once more.
    let work = Box::pin(work.instrument(span));
    async move {
        match id {
            Some(id) => with_request_id(id, work).await,
            None => work.await,
        }
    }
}

/// Makes a span that has not begun the child of one in another process. Only for the word of our own
/// processes: whoever is believed here chooses our trace's id, and whether it is recorded.
pub fn continue_from(span: &Span, traceparent: &str) {
    if let Some(parent) = read(traceparent) {
        // An error means that there is no trace to go on with here.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Notes a span of somebody else's trace beside ours.
pub fn link_to(span: &Span, traceparent: &str) {
    if let Some(other) = read(traceparent) {
        span.add_link(other);
    }
}

fn write(span: &SpanContext) -> Option<String> {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    span.is_valid().then(|| format!("00-{trace}-{id}-{flags:02x}"))
}

/// Reads version 00, and of later versions what version 00 has, as the standard asks.
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let mut hex = |digits: usize| {
        let part = parts.next()?;
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (part.len() == digits && part.bytes().all(lower)).then_some(part)
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE)).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_back() {
        assert_eq!(write(&read(EXAMPLE).unwrap()).unwrap(), EXAMPLE);
        let later = EXAMPLE.replace("00-4b", "cc-4b") + "-what-comes-then";
        assert_eq!(write(&read(&later).unwrap()).unwrap(), EXAMPLE);
        // Flags that this version does not know are not passed on.
        assert_eq!(write(&read(&EXAMPLE.replace("-01", "-ff")).unwrap()).unwrap(), EXAMPLE);
    }

    #[test]
    fn what_is_no_traceparent_is_nothing() {
        let zero_trace = EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = EXAMPLE.replace("00f067aa0ba902b7", &"0".repeat(16));
        let (upper, forbidden) = (EXAMPLE.to_uppercase(), EXAMPLE.replace("00-4b", "ff-4b"));
        let (longer, shorter) = (format!("{EXAMPLE}-00"), EXAMPLE[..54].to_owned());
        for text in [zero_trace, zero_span, upper, forbidden, longer, shorter, String::new(), "é".repeat(55)]
        {
            assert!(read(&text).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_trail_names_the_request_wherever_its_effect_is_done() {
        assert_eq!(trail(), None);
        let stored = with_request_id("r1".into(), async { trail() }).await;
        assert_eq!(stored, Some(Trail { request: Some("r1".to_owned()), trace: None }));
        let seen = follow(stored.as_ref(), Span::none(), async { request_id() }).await;
        assert_eq!(seen.as_deref(), Some("r1"));
        assert_eq!(follow(None, Span::none(), async { request_id() }).await, None);
    }
}
