//! Where traces go, by OpenTelemetry's own variables
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::Reader;

/// The only protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// Every one.
    All,
    /// None.
    None,
    /// This part of them, 0 to 1, chosen by the trace's id.
    Part(f64),
}

/// How traces are sent.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    /// The collector's address for traces.
    pub(super) endpoint: Url,
    /// Headers for the collector, such as a key; never logged.
    pub(super) headers: Vec<(String, String)>,
    /// How long a batch may take.
    pub(super) timeout: Duration,
    /// Whether batches are compressed.
    pub(super) gzip: bool,
    /// The service's name, where it is not ours.
    pub(super) service: Option<String>,
    /// What else is told of this process.
    pub(super) attributes: Vec<(String, String)>,
    /// Which traces begin here.
    pub(super) choice: Choice,
    /// Whether what another of our processes has decided counts more than `choice`.
    pub(super) follows_parent: bool,
}

impl TraceConfig {
    /// Reads the variables; `None` where there is no endpoint, and where something is wrong.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        reader.text("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let endpoint =
            reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT").and_then(|base| traces_of(base, reader));
        if reader.text("OTEL_EXPORTER_OTLP_PROTOCOL").is_some_and(|protocol| protocol.trim() != PROTOCOL) {
            reader.problem(format!("OTEL_EXPORTER_OTLP_PROTOCOL: {PROTOCOL} is what can be spoken"));
        }
        let gzip = match reader.text("OTEL_EXPORTER_OTLP_COMPRESSION").as_deref().map(str::trim) {
            None | Some("none") => false,
            Some("gzip") => true,
            Some(_) => {
                reader.problem("OTEL_EXPORTER_OTLP_COMPRESSION: use gzip or none");
                false
            }
        };
        let timeout_ms = reader.optional("OTEL_EXPORTER_OTLP_TIMEOUT").unwrap_or(10_000);
        if timeout_ms == 0 {
            reader.problem("OTEL_EXPORTER_OTLP_TIMEOUT: at least 1 (milliseconds)");
        }
        let headers = pairs(reader, "OTEL_EXPORTER_OTLP_HEADERS");
        let fits = |(name, value): &(String, String)| {
            HeaderName::try_from(name.as_str()).is_ok() && HeaderValue::try_from(value.as_str()).is_ok()
        };
        if !headers.iter().all(fits) {
            reader.problem("OTEL_EXPORTER_OTLP_HEADERS: a name or value that no header can have");
        }
        let (choice, follows_parent) = sampler(reader);
        // Before the question mark below: all that is wrong is told at once.
        let attributes = pairs(reader, "OTEL_RESOURCE_ATTRIBUTES");
        Some(Self {
            endpoint: endpoint?,
            headers,
            timeout: Duration::from_millis(timeout_ms),
            gzip,
            service: reader.text("OTEL_SERVICE_NAME"),
            attributes,
            choice,
            follows_parent,
        })
    }
}

/// The base address and `/v1/traces`, as the standard has it.
fn traces_of(base: Url, reader: &mut Reader) -> Option<Url> {
    let mut url = base;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        reader.problem("OTEL_EXPORTER_OTLP_ENDPOINT: an address of http or https");
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        reader.problem("OTEL_EXPORTER_OTLP_ENDPOINT: a key belongs in OTEL_EXPORTER_OTLP_HEADERS");
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "traces"]);
    Some(url)
}

/// `name=value,name=value`, values percent-encoded. What cannot be read is not repeated: it may be a key.
fn pairs(reader: &mut Reader, variable: &str) -> Vec<(String, String)> {
    let text = reader.text(variable).unwrap_or_default();
    let mut found = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let read = pair.split_once('=').and_then(|(name, value)| {
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let name = name.trim();
            (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
        });
        match read {
            Some(pair) => found.push(pair),
            None => reader.problem(format!("{variable}: use name=value,name=value")),
        }
    }
    found
}

fn sampler(reader: &mut Reader) -> (Choice, bool) {
    let name = reader.text("OTEL_TRACES_SAMPLER");
    let name = name.as_deref().map_or("parentbased_always_on", str::trim);
    let (name, follows_parent) = match name.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (name, false),
    };
    let part = reader.optional::<f64>("OTEL_TRACES_SAMPLER_ARG").unwrap_or(1.0);
    if !(0.0..=1.0).contains(&part) {
        reader.problem("OTEL_TRACES_SAMPLER_ARG: a part between 0 and 1");
    }
    let choice = match name {
        "always_on" => Choice::All,
        "always_off" => Choice::None,
        "traceidratio" => Choice::Part(part),
        _ => {
            reader.problem(
                "OTEL_TRACES_SAMPLER: use always_on, always_off or traceidratio, or one of them after parentbased_",
            );
            Choice::None
        }
    };
    (choice, follows_parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Option<TraceConfig>, Vec<String>) {
        let mut reader = Reader::of(variables);
        let config = TraceConfig::read(&mut reader);
        (config, reader.problems().to_vec())
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn nothing_is_sent_without_an_endpoint() {
        let (config, problems) = read(&[("OTEL_SERVICE_NAME", "a"), ("OTEL_TRACES_SAMPLER", "nonsense")]);
        assert!(config.is_none() && problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn the_standard_variables_are_read() {
        let (config, problems) = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com/otlp/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20dXNlcg%3D%3D, x-scope=a"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let config = config.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.endpoint.as_str(), "https://collector.example.com/otlp/v1/traces");
        let headers = [("authorization", "Basic dXNlcg=="), ("x-scope", "a")];
        assert!(config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(headers));
        assert!(config.gzip && config.follows_parent);
        assert_eq!((config.choice, config.timeout), (Choice::Part(0.25), Duration::from_secs(10)));
        assert_eq!(config.attributes[0].0, "deployment.environment.name");
    }

    #[test]
    fn wrong_settings_are_named_and_not_repeated() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://127.0.0.1:4317"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:seeded@127.0.0.1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc-seeded"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "seeded"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=seeded"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "seeded"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_TRACES_SAMPLER", "seeded"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=seeded"),
        ] {
            let (_, problems) = read(&[ENDPOINT, (name, value)]);
            assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
            assert!(problems[0].starts_with(name) && !problems[0].contains("seeded"), "{problems:?}");
        }
        let arguments = [ENDPOINT, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert_eq!(read(&arguments).1.len(), 1);
    }
}
