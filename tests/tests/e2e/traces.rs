//! Traces and request ids across the three services, seen by a collector and in their logs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        settings::{
            endpoints::{self, EndpointSettings},
            providers::NewCredentials,
        },
    },
    domain::{Mode, checkout::Checkout},
};
use mongodb::bson::doc;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
};
use prost::Message;
use serde_json::{Value, json};
use testkit::{
    process::{Child, ScratchFolder, Spec, free_port, workspace_binary},
    receiver::{Answer, Receiver},
    shared_mongod,
    sim::DeliveryPolicy,
};

use crate::{
    cluster::{Cluster, Extra, Service},
    in_process::database_name,
    secrets::{contains, forms},
};

const STRIPE_SECRET: &str = "whsec_example_secret_of_traces";
/// A caller's own trace, and the span that it calls us in.
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// How long spans may take to the collector, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

fn variables(pairs: &[(&str, &str)]) -> Extra {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A span as a collector reads it.
#[derive(Debug, Clone)]
struct Told {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    links: Vec<String>,
    events: usize,
    fields: BTreeMap<String, String>,
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn fields(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|field| (field.key, text(field.value))).collect()
}

/// Every span in what a collector was sent.
fn read(body: &[u8]) -> Vec<Told> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut told = Vec::new();
    for resource in request.resource_spans {
        let of = fields(resource.resource.unwrap().attributes);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            told.push(Told {
                service: of["service.name"].clone(),
                name: span.name,
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                links: span.links.into_iter().map(|link| hex::encode(link.trace_id)).collect(),
                events: span.events.len(),
                fields: fields(span.attributes),
            });
        }
    }
    told
}

/// A merchant and the three services, which send their spans to `collector`.
struct World {
    cluster: Cluster,
    seed: Bootstrapped,
}

impl World {
    async fn start(what: &str, extra: Extra) -> Self {
        let cluster = Cluster::start_with(&shared_mongod().await, what, extra).await;
        cluster.stripe.configure(|config| "sk_test_seeded_in_no_span".clone_into(&mut config.api_key));
        let credentials = NewCredentials {
            api_key: Some("sk_test_seeded_in_no_span".to_owned()),
            webhook_secrets: Some(vec![STRIPE_SECRET.to_owned()]),
        };
        let plan = Plan {
            organization: database_name(what),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted::default(),
            stripe: Wanted { wanted: true, credentials },
            gocardless: Wanted::default(),
        };
        let seed = bootstrap(&cluster.app, &plan).await.unwrap();
        let url = cluster.receiver.url("/events?token=seeded-endpoint-token");
        let settings = EndpointSettings { url: Some(url), ..EndpointSettings::default() };
        endpoints::create(&cluster.app, seed.tenant, settings).await.unwrap();
        Self { cluster, seed }
    }

    fn bearer(&self) -> String {
        self.seed.api_key.as_ref().unwrap().expose().to_owned()
    }

    async fn create(&self, request_id: &str) -> Value {
        let url = format!("{}/api/v1/checkouts/{}/create", self.cluster.admin_api, self.seed.site.id);
        let body = json!({
            "amount": 4900, "currency": "EUR", "externalReference": request_id,
            "email": "seeded-person@example.com", "billingAddress": { "country": "DE", "lastName": "Seededname" },
            "returnUrl": "https://shop.example.com/thanks?token=seeded-return-token",
            "ipnUrl": self.cluster.receiver.url("/ipn?token=seeded-ipn-token"),
        });
        let request = self.cluster.http.post(url).bearer_auth(self.bearer()).header("traceparent", CALLER);
        let answer = request.header("x-request-id", request_id).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A customer pays at Stripe, which tells of it; answers the transaction's id.
    async fn pay(&self, created: &Value) -> String {
        let (stripe, sim) = (self.seed.stripe.as_ref().unwrap().id, &self.cluster.stripe);
        sim.set_delivery(DeliveryPolicy::hold());
        let body = json!({ "sessionPublicId": created["sessionPublicId"], "providerId": stripe.to_string() });
        let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
        let started = self.cluster.http.post(&url).json(&body).send().await.unwrap();
        let started: Value = serde_json::from_str(&started.text().await.unwrap()).unwrap();
        sim.pay(&sim.sessions().pop().unwrap()).unwrap();
        let hook = format!("{}/hooks/stripe/{stripe}?key=seeded-query-of-a-hook", self.cluster.runtime);
        sim.set_webhook(&hook, STRIPE_SECRET);
        for event in sim.take_events() {
            assert_eq!(sim.deliver(&event).await.unwrap(), 200);
        }
        started["transactionId"].as_str().unwrap().to_owned()
    }

    async fn refund(&self, transaction: &str, request_id: &str) {
        let url = format!("{}/api/v1/transactions/{transaction}/refund", self.cluster.admin_api);
        let request = self.cluster.http.post(url).bearer_auth(self.bearer());
        let request = request.header("x-request-id", request_id).json(&json!({ "amount": 4900 }));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Lines of a service's log that fit, waited for.
    async fn lines(&self, service: Service, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.cluster.log_tail(service, usize::MAX);
            let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
            let found: Vec<Value> = lines.filter(|line| fits(line)).collect();
            if !found.is_empty() {
                return found;
            }
            assert!(Instant::now() < deadline, "no such line: {}", self.cluster.log_tail(service, 40));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Waits for a span that fits.
async fn span(collector: &Receiver, what: &str, fits: impl Fn(&Told) -> bool) -> Told {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let requests = collector.requests_to("/v1/traces");
        let spans: Vec<Told> = requests.iter().flat_map(|request| read(&request.body)).collect();
        if let Some(found) = spans.iter().find(|told| fits(told)) {
            return found.clone();
        }
        assert!(Instant::now() < deadline, "no {what} among {spans:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn is(told: &Told, service: &str, name: &str) -> bool {
    told.service == service && told.name == name
}

/// The span of what the worker sent because of a request, and that of relaying it.
async fn told_by_worker(collector: &Receiver, request: &Told, event: &str) -> Told {
    let of_worker =
        |told: &Told, name: &str| is(told, "tollgate-worker", name) && told.trace == request.trace;
    let relay = span(collector, "relay", |told| of_worker(told, "relay")).await;
    assert_eq!(relay.fields["tollgate.request_id"], request.fields["tollgate.request_id"]);
    let fits = |told: &Told| of_worker(told, "deliver") && told.fields["tollgate.event"] == event;
    let deliver = span(collector, "delivery", fits).await;
    assert_eq!(deliver.fields["tollgate.outcome"], "succeeded");
    assert_eq!(deliver.fields["http.response.status_code"], "200");
    assert_eq!(deliver.fields["tollgate.request_id"], request.fields["tollgate.request_id"]);
    deliver
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_each_cause_to_what_the_shop_is_told() {
    let collector = Receiver::start().await;
    let world = World::start(
        "traces",
        variables(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url("/")),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=seeded-key-of-the-collector"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ("RUST_LOG", "info,gateway_core::jobs=debug"),
            // What the shop is told is to come from the webhook and not from the provider's list of events.
            ("TOLLGATE_WITHOUT", "catch_up"),
        ]),
    )
    .await;
    // From the API call to its webhook.
    let created = world.create("req-create").await;
    let call = span(&collector, "call", |told| {
        is(told, "tollgate-admin-api", "POST /api/v1/checkouts/{siteId}/create")
    });
    let call = call.await;
    assert_eq!(call.fields["tollgate.request_id"], "req-create");
    assert_eq!(call.fields["http.response.status_code"], "200");
    assert_eq!(call.parent, "", "a caller's word begins no trace of ours");
    assert_eq!(call.links, [CALLER[3..35].to_owned()], "but is linked to");
    let deliver = told_by_worker(&collector, &call, "session.created").await;
    assert_eq!(deliver.parent, call.id);

    // From the provider's webhook to the notification.
    let transaction = world.pay(&created).await;
    let start = span(&collector, "start", |told| told.name == "POST /api/v1/transactions/create").await;
    let asked = |told: &Told| is(told, "tollgate-main-backend", "provider call") && told.trace == start.trace;
    assert_eq!(span(&collector, "provider call", asked).await.fields["server.address"], "127.0.0.1");
    // Several webhooks come for one payment, and each is applied; one of them is what the shop is told of.
    let of_payment = |told: &Told| {
        is(told, "tollgate-worker", "deliver")
            && told.fields["tollgate.event"] == "ipn"
            && ![&call.trace, &start.trace].contains(&&told.trace)
    };
    let told = span(&collector, "notification", of_payment).await;
    let applied = |span: &Told| {
        is(span, "tollgate-main-backend", "apply")
            && span.trace == told.trace
            && span.fields.get("tollgate.outcome").is_some_and(|o| o == "applied")
    };
    let apply = span(&collector, "apply", applied).await;
    let hook = span(&collector, "hook", |told| told.id == apply.parent).await;
    assert_eq!((hook.name.as_str(), &hook.trace), ("POST /hooks/{type}/{provider}", &apply.trace));
    told_by_worker(&collector, &hook, "ipn").await;

    // The request of an API call in the worker's log of the notification that it led to.
    world.refund(&transaction, "req-refund").await;
    let of_refund = |line: &Value| line["message"] == "delivery tried" && line["request_id"] == "req-refund";
    let lines = world.lines(Service::Worker, |line| of_refund(line) && line["span"]["event"] == "ipn").await;
    let refund = span(&collector, "refund", |told| {
        told.fields.get("tollgate.request_id").is_some_and(|id| id == "req-refund")
            && told.service == "tollgate-admin-api"
    });
    let refund = refund.await;
    assert_eq!(lines[0]["trace_id"], refund.trace);
    assert_eq!(lines[0]["span_id"].as_str().unwrap().len(), 16);
    assert_eq!((&lines[0]["outcome"], &lines[0]["status"]), (&json!("succeeded"), &json!(200)));

    nothing_seeded(&collector, &world, &created);
    // Neither shops nor providers learn of our traces.
    let received = world.cluster.receiver.requests();
    assert!(received.len() >= 4 && received.iter().all(|request| request.header("traceparent").is_none()));
}

/// No span, no log line and no resource holds what is nobody's business.
fn nothing_seeded(collector: &Receiver, world: &World, created: &Value) {
    let bodies: Vec<u8> = collector.requests().iter().flat_map(|request| request.body.clone()).collect();
    assert!(contains(&bodies, b"req-create"), "what is there is found by the same search");
    let site_secret = world.seed.site_webhook_secret.expose().to_owned();
    let bearer = world.bearer();
    let secrets = [
        "seeded",
        "Seededname",
        STRIPE_SECRET,
        &site_secret,
        bearer.rsplit('.').next().unwrap(),
        created["shortCode"].as_str().unwrap(),
        created["sessionPublicId"].as_str().unwrap(),
    ];
    for secret in secrets {
        for form in forms(secret) {
            assert!(!contains(&bodies, &form), "a span holds {secret}");
        }
    }
    for request in collector.requests() {
        assert_eq!(request.header("x-collector-key"), Some("seeded-key-of-the-collector"));
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert!(read(&request.body).iter().all(|told| told.events == 0 && !told.name.contains("/health")));
    }
    for service in Service::ALL {
        let log = world.cluster.log_tail(service, usize::MAX);
        assert!(!log.contains("seeded-key-of-the-collector"), "{}", service.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_sent_and_ids_still_lead_back() {
    let collector = Receiver::start().await;
    let extra = variables(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url("/v1/traces")),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("RUST_LOG", "info,gateway_core::jobs=debug"),
    ]);
    let world = World::start("untraced", extra).await;
    world.create("req-untraced").await;
    let told = |line: &Value| line["message"] == "delivery tried" && line["request_id"] == "req-untraced";
    let lines = world.lines(Service::Worker, told).await;
    assert_eq!(lines[0].get("trace_id"), None, "{}", lines[0]);
    let store = world.cluster.app.store.for_org(world.seed.tenant);
    let deliveries = store.find::<gateway_core::domain::delivery::Delivery>(doc! {}, doc! { "_id": 1 }, 10);
    let trail = deliveries.await.unwrap()[0].trail.clone().unwrap();
    assert_eq!((trail.request.as_deref(), trail.trace), (Some("req-untraced"), None));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(collector.requests().len(), 0);
}

/// What was stored by a version that knew no trails is read, relayed and sent.
#[tokio::test(flavor = "multi_thread")]
async fn documents_without_a_trail_are_worked_on() {
    let world = World::start("trailless", Vec::new()).await;
    world.cluster.kill9(Service::Worker).await;
    let created = world.create("req-old").await;
    let checkouts = world.cluster.app.store.database().collection::<Checkout>("checkouts");
    let unset = doc! { "$unset": { "outbox.entries.$[].trail": "" } };
    assert_eq!(checkouts.update_many(doc! {}, unset).await.unwrap().modified_count, 1);
    world.cluster.restart(Service::Worker, Vec::new()).await;
    let received = world.cluster.receiver.wait_for(1, PATIENCE).await.unwrap();
    assert_eq!(received[0].json()["data"]["id"], created["id"]);
}

/// Checkouts are made as fast as ever, and each service ends in time.
async fn is_not_felt(world: &World) {
    let started = Instant::now();
    for number in 0..40 {
        world.create(&format!("req-{number}")).await;
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(20), "40 checkouts took {took:?}");
    for service in Service::ALL {
        let took = world.cluster.stop(service).await;
        assert!(took < Duration::from_secs(10), "{} took {took:?} to end", service.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_is_not_felt() {
    let collector = Receiver::start().await;
    collector.always("/v1/traces", Answer::hang());
    let endpoint = collector.url("/");
    let extra = variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")]);
    let world = World::start("hanging", extra).await;
    is_not_felt(&world).await;
    assert!(!collector.requests().is_empty(), "it was asked");
    let log = world.cluster.log_tail(Service::Admin, usize::MAX);
    assert!(log.contains("the last spans may not have been sent"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_is_not_felt_and_is_told_of_once() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let extra = variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")]);
    let world = World::start("gone", extra).await;
    world.create("req-first").await;
    world
        .lines(Service::Admin, |line| {
            line["message"].as_str().is_some_and(|m| m.starts_with("spans were lost"))
        })
        .await;
    is_not_felt(&world).await;
    let log = world.cluster.log_tail(Service::Admin, usize::MAX);
    assert_eq!(log.matches("spans were lost").count(), 1, "one line in a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_at_start_with_all_others() {
    let folder = ScratchFolder::new(&std::env::temp_dir(), "tollgate-traces-").unwrap();
    for service in Service::ALL {
        let log = folder.path().join(format!("{}.log", service.name()));
        let spec = Spec::new(service.name(), workspace_binary(service.name()), log).envs(variables(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4317"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("MONGODB_URI", ""),
        ]));
        let mut child = Child::spawn(&spec).unwrap();
        assert_eq!(child.wait().await, 1);
        let text = child.log_text();
        for problem in ["MONGODB_URI is missing", "OTEL_EXPORTER_OTLP_ENDPOINT: ", "OTEL_TRACES_SAMPLER: "] {
            assert!(text.contains(problem), "{problem} is missing: {text}");
        }
    }
}
