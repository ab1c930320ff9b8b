//! Log lines with the ids by which they are found: of the request that is served or was the cause, and of
//! the active span.

use std::fmt;

use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::trail;

/// Adds `request_id`, `trace_id` and `span_id` to the object that the inner format writes. At its top, under
/// one name in all services, because the spans around a line are others in each.
pub(super) struct WithIds<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithIds<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(512);
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let Some(open) = line.trim_end().strip_suffix('}') else { return writer.write_str(&line) };
        writer.write_str(open)?;
        if let Some(id) = trail::request_id() {
            // As a JSON text: one that was read from the database is not trusted to keep to its alphabet.
            write!(writer, ",\"request_id\":{}", serde_json::Value::from(&*id))?;
        }
        let span = Context::map_current(|context| context.span().span_context().clone());
        if span.is_valid() {
            write!(writer, ",\"trace_id\":\"{}\",\"span_id\":\"{}\"", span.trace_id(), span.span_id())?;
        }
        writer.write_str("}\n")
    }
}
