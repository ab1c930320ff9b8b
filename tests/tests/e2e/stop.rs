//! SIGTERM: nothing new is taken, what was begun is finished, and the process says so and ends with code 0.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        create_checkout::create_checkout,
        settings::providers::NewCredentials,
    },
    domain::Mode,
};
use gateway_providers::sandbox::Outcome;
use mongodb::bson::{Document, doc};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{
    mongod::{Mongod, Options},
    process::{Child, Signal, free_port},
    receiver::Answer,
};
use tokio::net::TcpStream;

use crate::{
    cluster::{Cluster, Extra, Service},
    in_process,
    invoices::world::{choose, invoicing, queued_or_not, until},
};

/// How long what is slow on purpose takes.
const SLOW: Duration = Duration::from_secs(3);
/// When the signal comes.
const IN_THE_MIDDLE: Duration = Duration::from_millis(800);
/// A process that has nothing more to wait for ends within this; the tests run side by side on few cores.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Requests to one receiver on the wire at once.
const ON_WIRE: usize = 8;
/// Messages that wait behind them.
const WAITING: usize = 4;

/// Recovery's waits and the grace of a stop as they are in production.
fn unhurried() -> Extra {
    vec![("TOLLGATE_TIMING_SCALE_PERMILLE".to_owned(), "1000".to_owned())]
}

struct Scene {
    mongod: Mongod,
    cluster: Cluster,
    seed: Bootstrapped,
    key: String,
}

impl Scene {
    async fn open(what: &str) -> Self {
        let mongod = Mongod::start(Options::default()).await.unwrap();
        let cluster = Cluster::start(&mongod.uri(), what).await;
        let credentials = NewCredentials {
            api_key: Some("sk_test_simulated".to_owned()),
            webhook_secrets: Some(vec!["whsec_example_secret".to_owned()]),
        };
        let plan = Plan {
            organization: in_process::database_name(what),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted { wanted: true, credentials },
            gocardless: Wanted::default(),
        };
        let seed = bootstrap(&cluster.app, &plan).await.unwrap();
        let key = seed.api_key.as_ref().unwrap().expose().to_owned();
        Self { mongod, cluster, seed, key }
    }

    async fn checkout(&self, number: usize) -> Value {
        let mut new = in_process::ten_euros(&format!("ORD-{number}"));
        new.ipn_url = Some(self.cluster.receiver.url("/ipn"));
        let (app, tenant) = (&self.cluster.app, self.seed.tenant);
        let reply = create_checkout(app, tenant, self.seed.site.id, new, None).await.unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    /// A call that asks Stripe something before it is answered.
    async fn slow_by_stripe(&self, service: Service) -> RequestBuilder {
        let stripe = self.seed.stripe.as_ref().unwrap().id;
        if service == Service::Admin {
            let url = format!("{}/api/v1/providers/{stripe}/test", self.cluster.admin_api);
            return self.cluster.http.post(url).bearer_auth(&self.key);
        }
        let checkout = self.checkout(0).await;
        let body =
            json!({ "sessionPublicId": checkout["sessionPublicId"], "providerId": stripe.to_string() });
        self.cluster.http.post(format!("{}/api/v1/transactions/create", self.cluster.runtime)).json(&body)
    }

    /// A draft that is rendered by the worker, which finds nothing quickly.
    async fn slow_by_mongodb(&self) -> RequestBuilder {
        let (app, tenant) = (&self.cluster.app, self.seed.tenant);
        invoicing(app, tenant).await;
        let draft = queued_or_not(app, tenant, false).await;
        let block_ms = i32::try_from(SLOW.as_millis()).unwrap();
        let slow = doc! { "blockConnection": true, "blockTimeMS": block_ms, "appName": "tollgate-worker" };
        self.mongod.fail_command(&["find"], 1000, slow).await.unwrap();
        let path = format!("/documents/{}/preview", draft.id);
        let (organization, mode) = (tenant.organization.to_string(), tenant.mode.as_str());
        let token =
            app.store.keys().service_tokens().issue((&organization, mode), &path, app.now().seconds());
        let url = format!("{}{path}?organization={organization}&mode={mode}", self.cluster.worker);
        self.cluster.http.get(url).bearer_auth(token)
    }

    fn listener(&self, service: Service) -> SocketAddr {
        let url = match service {
            Service::Admin => &self.cluster.admin_api,
            Service::Main => &self.cluster.runtime,
            Service::Worker => &self.cluster.worker,
        };
        url.trim_start_matches("http://").parse().unwrap()
    }

    async fn deliveries(&self) -> Vec<Document> {
        let all = self.cluster.app.store.database().collection::<Document>("deliveries");
        all.find(doc! {}).await.unwrap().try_collect().await.unwrap()
    }

    async fn in_state(&self, state: &str) -> usize {
        let all = self.deliveries().await;
        all.iter().filter(|delivery| delivery.get_str("state").is_ok_and(|found| found == state)).count()
    }
}

/// Waits for the end, which must come within a limit.
async fn ends_within(child: &mut Child, limit: Duration) -> i32 {
    let ended = tokio::time::timeout(limit, child.wait()).await;
    ended.unwrap_or_else(|_| panic!("{} has not ended after {limit:?}:\n{}", child.name(), child.log_text()))
}

/// Whether a line of the log since `from` bytes says so.
fn says(child: &Child, from: usize, words: &str) -> bool {
    child.log_text()[from..].lines().any(|line| line.contains(&format!("\"message\":\"{words}")))
}

/// SIGTERM while a request is being served: it is answered, nobody else is let in, and the end is a clean one.
async fn request_is_finished(scene: &Scene, service: Service, request: RequestBuilder) -> StatusCode {
    let mut child = scene.cluster.take(service).await;
    let log = child.log_text().len();
    let asking = tokio::spawn(request.send());
    tokio::time::sleep(IN_THE_MIDDLE).await;
    child.signal(Signal::Term);
    let address = scene.listener(service);
    until("new connections are refused", async || TcpStream::connect(address).await.err()).await;
    assert!(!asking.is_finished(), "{}: it was not in the middle", service.name());
    let status = asking.await.unwrap().unwrap().status();
    let code = ends_within(&mut child, AT_ONCE + SLOW).await;
    assert_eq!(code, 0, "{}", child.log_text());
    for words in ["stopping", "stopped"] {
        assert!(says(&child, log, words), "{} does not say that it is {words}", service.name());
    }
    assert!(!says(&child, log, "grace period over"), "{}", child.log_text());
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_is_being_served_is_finished() {
    let scene = Scene::open("stop_serving").await;
    scene.cluster.stripe.set_latency(SLOW, Duration::ZERO);
    for service in [Service::Admin, Service::Main] {
        scene.cluster.restart(service, unhurried()).await;
        let request = scene.slow_by_stripe(service).await;
        assert_eq!(request_is_finished(&scene, service, request).await, StatusCode::OK);
    }
    scene.cluster.restart(Service::Worker, unhurried()).await;
    let request = scene.slow_by_mongodb().await;
    assert_eq!(request_is_finished(&scene, Service::Worker, request).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_on_the_wire_is_finished_and_the_lane_given_back() {
    let scene = Scene::open("stop_sending").await;
    let cluster = &scene.cluster;
    cluster.restart(Service::Worker, unhurried()).await;
    cluster.receiver.always("/ipn", Answer::ok().with_delay(SLOW));
    let mut worker = cluster.take(Service::Worker).await;
    let log = worker.log_text().len();
    stream::iter(0..ON_WIRE + WAITING).for_each_concurrent(4, |number| pay(&scene, number)).await;
    until("all messages are there", async || {
        (scene.deliveries().await.len() == ON_WIRE + WAITING).then_some(())
    })
    .await;
    cluster.receiver.wait_for(ON_WIRE, AT_ONCE).await.unwrap();
    let arrived = cluster.receiver.requests().len();
    worker.signal(Signal::Term);
    assert_eq!(ends_within(&mut worker, AT_ONCE + SLOW).await, 0, "{}", worker.log_text());
    assert!(says(&worker, log, "stopping") && says(&worker, log, "stopped"), "{}", worker.log_text());

    assert_eq!(cluster.receiver.requests().len(), arrived, "nothing new was sent");
    assert_eq!((scene.in_state("delivered").await, scene.in_state("sending").await), (arrived, 0));
    for delivery in scene.deliveries().await {
        let rows = delivery.get_array("attempts").cloned().unwrap_or_default();
        let was_sent = delivery.get_str("state").is_ok_and(|state| state == "delivered");
        assert_eq!(rows.len(), usize::from(was_sent), "{delivery}");
    }
    let lanes = cluster.app.store.database().collection::<Document>("lanes");
    let held = lanes.count_documents(doc! { "token": { "$exists": true } }).await.unwrap();
    assert_eq!(held, 0, "a lane was not given back");

    // Its lease would have held the rest up for half a minute.
    cluster.receiver.always("/ipn", Answer::ok());
    cluster.restart(Service::Worker, unhurried()).await;
    let ready = Instant::now();
    until("the rest is delivered", async || {
        (scene.in_state("delivered").await == ON_WIRE + WAITING).then_some(())
    })
    .await;
    assert!(ready.elapsed() < AT_ONCE, "{:?}", ready.elapsed());
    assert_eq!(cluster.receiver.requests().len(), ON_WIRE + WAITING, "each once");
}

async fn pay(scene: &Scene, number: usize) {
    let app = &scene.cluster.app;
    let code = scene.checkout(number).await;
    let checkout = app.store.lookup_checkout_by_code(code["shortCode"].as_str().unwrap()).await.unwrap();
    let provider = scene.seed.sandbox.as_ref().unwrap().id;
    let started = gateway_core::app::start_payment::start_payment(
        app,
        &checkout.unwrap(),
        provider,
        SecondPayment::Ask,
    )
    .await;
    choose(app, &started.unwrap().transaction, Outcome::Paid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_by_itself_is_ended() {
    let scene = Scene::open("stop_hanging").await;
    let cluster = &scene.cluster;
    cluster.stripe.hang_next(1000);
    cluster.receiver.always("/ipn", Answer::hang());
    for service in [Service::Admin, Service::Main] {
        // A second signal ends it at once, long before its limit.
        cluster.restart(service, unhurried()).await;
        hangs(&scene, service).await;
        let mut child = cluster.take(service).await;
        let log = child.log_text().len();
        child.signal(Signal::Term);
        until("it is stopping", async || says(&child, log, "stopping").then_some(())).await;
        child.signal(Signal::Term);
        assert_eq!(ends_within(&mut child, AT_ONCE).await, 1, "{}", child.log_text());
        assert!(says(&child, log, "second signal"), "{}", child.log_text());
    }
    for service in Service::ALL {
        // The limit ends it, which is a twentieth of production's here.
        cluster.restart(service, Vec::new()).await;
        hangs(&scene, service).await;
        let mut child = cluster.take(service).await;
        let log = child.log_text().len();
        child.signal(Signal::Term);
        assert_eq!(ends_within(&mut child, AT_ONCE).await, 0, "{}", child.log_text());
        assert!(says(&child, log, "grace period over"), "{}", child.log_text());
    }
}

/// Gives a service something to do that does not end.
async fn hangs(scene: &Scene, service: Service) {
    if service == Service::Worker {
        pay(scene, 1).await;
        scene.cluster.receiver.wait_for(1, AT_ONCE).await.unwrap();
        return;
    }
    let before = scene.cluster.stripe.journal().len();
    tokio::spawn(scene.slow_by_stripe(service).await.send());
    until("it hangs", async || (scene.cluster.stripe.journal().len() > before).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_during_the_start_ends_the_start() {
    let cluster = Cluster::start(&testkit::shared_mongod().await, "stop_starting").await;
    for service in Service::ALL {
        drop(cluster.take(service).await);
        let nobody = format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", free_port());
        let spec = cluster.spec(service, &vec![("MONGODB_URI".to_owned(), nobody)]);
        let mut child = Child::spawn(&spec).unwrap();
        until("signals are heard", async || hears_sigterm(child.pid()).then_some(())).await;
        child.signal(Signal::Term);
        assert_eq!(ends_within(&mut child, AT_ONCE).await, 0, "{}", child.log_text());
        assert!(says(&child, 0, "stopped before it was ready"), "{}", child.log_text());
    }
}

/// Whether a process has a handler for SIGTERM, which is signal 15.
fn hears_sigterm(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(caught.trim(), 16).unwrap() >> 14 & 1 == 1
}
