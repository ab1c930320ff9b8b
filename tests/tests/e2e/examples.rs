//! The examples of docs/api.md: the document shows the files as they are, and the files work against the real
//! binaries, with real messages and with forged ones.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        deliveries,
        settings::endpoints::{self, EndpointSettings},
    },
    crypto::signature::{ipn_signature, standard_webhooks},
    domain::{Clock, Mode, SystemClock, delivery::DeliveryState, outbox::EventType},
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use testkit::{
    process::{Child, Spec, free_port, workspace_binary},
    receiver::Received,
    shared_mongod,
    tools::{self, Tool},
};

use crate::{cluster::Cluster, in_process};

/// How long a payment may take until the shop has been told.
const PATIENCE: Duration = Duration::from_secs(30);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

#[test]
fn the_guide_shows_the_examples_as_they_are() {
    let guide = std::fs::read_to_string(folder().join("api.md")).unwrap();
    let mut shown = Vec::new();
    // A block follows its marker: `<!-- examples/node/receive.mjs -->`.
    for part in guide.split("<!-- examples/").skip(1) {
        let (name, rest) = part.split_once(" -->\n").unwrap();
        let block = rest.trim_start().strip_prefix("```").unwrap_or_else(|| panic!("no block for {name}"));
        let code = block.split_once('\n').unwrap().1.split_once("\n```").unwrap().0;
        let file = std::fs::read_to_string(folder().join("examples").join(name)).unwrap();
        assert_eq!(code, file.trim_end(), "docs/api.md shows another {name} than docs/examples/{name} holds");
        shown.push(name.to_owned());
    }
    let mut files = Vec::new();
    for language in std::fs::read_dir(folder().join("examples")).unwrap().map(Result::unwrap) {
        for file in std::fs::read_dir(language.path()).unwrap().map(Result::unwrap) {
            files.push(format!("{}/{}", language.file_name().display(), file.file_name().display()));
        }
    }
    shown.sort();
    files.sort();
    assert_eq!(shown, files);
}

/// A shop of its own, whose server listens on a port.
struct Shop<'a> {
    gateway: &'a Cluster,
    seed: Bootstrapped,
    port: u16,
    webhook_secret: String,
}

impl<'a> Shop<'a> {
    async fn open(gateway: &'a Cluster, port: u16) -> Self {
        let plan = Plan {
            organization: in_process::database_name("example"),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted::default(),
            gocardless: Wanted::default(),
        };
        let seed = bootstrap(&gateway.app, &plan).await.unwrap();
        let settings = EndpointSettings {
            url: Some(format!("http://127.0.0.1:{port}/webhooks")),
            event_types: Some(vec![EventType::SessionPaid]),
            ..EndpointSettings::default()
        };
        let (_, secret) = endpoints::create(&gateway.app, seed.tenant, settings).await.unwrap();
        Self { gateway, seed, port, webhook_secret: secret.expose().to_owned() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What the examples are configured with.
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TOLLGATE_API", self.gateway.admin_api.clone()),
            ("TOLLGATE_KEY", self.seed.api_key.as_ref().unwrap().expose().to_owned()),
            ("TOLLGATE_SITE", self.seed.site.id.to_string()),
            ("SHOP_URL", self.url("")),
            ("ORDER", "ORD-1001".to_owned()),
            ("IPN_SECRET", self.seed.site_webhook_secret.expose().to_owned()),
            ("WEBHOOK_SECRET", self.webhook_secret.clone()),
            ("PORT", self.port.to_string()),
        ]
    }

    /// Runs an example that creates a checkout; twice, for the idempotency key.
    async fn create(&self, command: &[&str]) -> Value {
        let [first, again] = [run(command, &self.variables(), &[]), run(command, &self.variables(), &[])];
        assert!(first.status.success(), "{command:?}: {first:?}");
        let answer: Value = serde_json::from_slice(&first.stdout).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap(), answer, "{command:?}");
        assert_eq!((&answer["status"], &answer["amount"]), (&"open".into(), &4900.into()), "{command:?}");
        let page = self.gateway.http.get(answer["paymentUrl"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let mut foreign = self.variables();
        foreign.iter_mut().find(|(name, _)| *name == "TOLLGATE_KEY").unwrap().1.push('x');
        let refused = run(command, &foreign, &[]);
        assert!(!refused.status.success() && !refused.stderr.is_empty(), "{command:?}: {refused:?}");
        answer
    }

    /// The customer presses "paid" in the sandbox.
    async fn pay(&self, checkout: &Value) {
        let session = &checkout["sessionPublicId"];
        let provider = self.seed.sandbox.as_ref().unwrap().id.to_string();
        let start = format!("{}/api/v1/transactions/create", self.gateway.runtime);
        let body = json!({ "sessionPublicId": session, "providerId": provider });
        let started = self.gateway.http.post(start).json(&body).send().await.unwrap();
        let started: Value = started.json().await.unwrap();
        let page = started["next"]["url"].as_str().unwrap_or_else(|| panic!("{started}"));
        let form = [("session", session.as_str().unwrap()), ("outcome", "paid")];
        let pressed = self.gateway.http.post(page).form(&form).send().await.unwrap();
        assert!(pressed.status().is_redirection(), "{}", pressed.status());
    }

    async fn get(&self, path: &str) -> Value {
        let key = self.seed.api_key.as_ref().unwrap().expose();
        let request = self.gateway.http.get(format!("{}{path}", self.gateway.admin_api)).bearer_auth(key);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Waits until IPN and webhook have been delivered; answers their bodies.
    async fn told(&self) -> [String; 2] {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let list = self.get("/v1/deliveries").await;
            let rows = list["data"].as_array().unwrap();
            let id = |kind: &str| {
                let row = rows.iter().find(|row| row["kind"] == kind && row["state"] == "delivered")?;
                row["id"].as_str().map(str::to_owned)
            };
            if let [Some(ipn), Some(webhook)] = [id("ipn"), id("webhook")] {
                let mut bodies = [ipn, webhook];
                for body in &mut bodies {
                    let delivery = self.get(&format!("/v1/deliveries/{body}")).await;
                    delivery["body"].as_str().unwrap().clone_into(body);
                }
                return bodies;
            }
            assert!(tokio::time::Instant::now() < deadline, "not delivered: {list:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The gateway's own test message is taken like any other.
    async fn hears_a_test(&self) {
        let (app, tenant) = (&self.gateway.app, self.seed.tenant);
        let url = self.url("/ipn");
        let sent = deliveries::send_test_ipn(app, tenant, self.seed.site.id, Some(&url)).await.unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = deliveries::get(app, tenant, sent.id).await.unwrap();
            if found.state == DeliveryState::Delivered {
                assert_eq!(found.attempts.len(), 1, "{:?}", found.attempts);
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "not taken: {:?}", found.attempts);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Runs a command to its end.
fn run(command: &[&str], variables: &[(&'static str, String)], input: &[u8]) -> Output {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        // What a script calls may be in the cache folder.
        .env("PATH", tools::path())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // One that refuses early does not read its input.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
    child.wait_with_output().unwrap()
}

/// A message as a receiver would get it, and whether it must accept it.
struct Message {
    what: &'static str,
    path: &'static str,
    timestamp: i64,
    signature: String,
    body: String,
    genuine: bool,
}

/// Bodies that were delivered, signed well and signed badly.
fn messages(secrets: [&str; 2], [ipn, webhook]: &[String; 2]) -> Vec<Message> {
    let now = SystemClock.now().seconds();
    let tampered = |body: &str| body.replacen("ORD-1001", "ORD-1002", 1);
    let foreign = standard_webhooks::generate_secret();
    let mut messages = Vec::new();
    for (what, ours, age, tampers) in [
        ("genuine", true, 0, false),
        ("tampered", true, 0, true),
        ("signed with another secret", false, 0, false),
        ("too old", true, 330, false),
        ("of the future", true, -330, false),
    ] {
        let secret = |index: usize| if ours { secrets[index] } else { foreign.expose() };
        let timestamp = now - age;
        let shown = |body: &str| if tampers { tampered(body) } else { body.to_owned() };
        assert_ne!(&tampered(ipn), ipn);
        assert_ne!(&tampered(webhook), webhook);
        messages.push(Message {
            what,
            path: "/ipn",
            timestamp,
            signature: ipn_signature(secret(0), timestamp, ipn.as_bytes()),
            body: shown(ipn),
            genuine: what == "genuine",
        });
        let signed = |secrets: &[&str]| {
            standard_webhooks::sign(secrets, "msg_1", timestamp, webhook.as_bytes()).unwrap()
        };
        messages.push(Message {
            what,
            path: "/webhooks",
            timestamp,
            signature: signed(&[secret(1)]),
            body: shown(webhook),
            genuine: what == "genuine",
        });
        if what == "genuine" {
            let rotating = signed(&[foreign.expose(), secrets[1]]);
            let previous = messages.last().unwrap();
            let (body, path) = (previous.body.clone(), previous.path);
            let what = "signed with two secrets";
            messages.push(Message { what, path, timestamp, signature: rotating, body, genuine: true });
        }
    }
    messages
}

/// Creates with `create`, then pays, and looks what the server `receive` accepts.
async fn plays_the_shop(gateway: &Cluster, create: &[&str], receive: &[&str]) {
    let shop = Shop::open(gateway, free_port()).await;
    let logs = workspace_binary("main-backend").with_file_name("e2e-logs");
    let log = logs.join(format!("example-{}.log", shop.port));
    let port = format!("127.0.0.1:{}", shop.port);
    let arguments = receive[1..].iter().map(|argument| argument.replace("{address}", &port));
    let spec = Spec::new(receive[0], receive[0], log).args(arguments).envs(shop.variables());
    let mut child = Child::spawn(&spec).unwrap();
    child.wait_listening(port.parse().unwrap(), PATIENCE).await.unwrap();

    let checkout = shop.create(create).await;
    shop.pay(&checkout).await;
    // That they were delivered proves that the example verified the gateway's own signatures.
    let delivered = shop.told().await;
    shop.hears_a_test().await;

    let secrets = [shop.seed.site_webhook_secret.expose(), shop.webhook_secret.as_str()];
    for message in messages(secrets, &delivered) {
        let mut headers = HeaderMap::new();
        let timestamp = message.timestamp.to_string();
        let pairs = match message.path {
            "/ipn" => {
                vec![("x-signature-timestamp", timestamp), ("x-signature-hmac-sha256", message.signature)]
            }
            _ => vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", message.signature),
            ],
        };
        for (name, value) in pairs {
            headers.insert(name, value.parse().unwrap());
        }
        let sent = shop.gateway.http.post(shop.url(message.path)).headers(headers).body(message.body);
        let status = sent.send().await.unwrap().status().as_u16();
        let wanted = if message.genuine { 200 } else { 400 };
        assert_eq!(status, wanted, "{receive:?}: {} {}", message.what, message.path);
    }
    // Nothing signed at all.
    for path in ["/ipn", "/webhooks"] {
        let sent = shop.gateway.http.post(shop.url(path)).body(delivered[0].clone());
        assert_eq!(sent.send().await.unwrap().status(), 400, "{receive:?}: unsigned {path}");
    }
}

fn example(file: &str) -> String {
    folder().join("examples").join(file).display().to_string()
}

/// The example in a language plays the shop.
async fn example_of(program: &str, create: &str, receive: &[&str]) {
    let gateway = Cluster::start(&shared_mongod().await, "examples").await;
    // Whatever an interpreter warns of is an error here.
    let strict = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/strict.php");
    let strict = format!("auto_prepend_file={}", strict.display());
    let flags: &[&str] = match program {
        "node" => &["--throw-deprecation"],
        "python3" => &["-W", "error"],
        _ => &["-d", "error_reporting=-1", "-d", &strict],
    };
    let program = tools::locate(program).unwrap().display().to_string();
    let files: Vec<String> = receive
        .iter()
        .map(|word| if word.contains('/') { example(word) } else { (*word).to_owned() })
        .collect();
    let create = example(create);
    let start: Vec<&str> = [program.as_str()].into_iter().chain(flags.iter().copied()).collect();
    let create = [start.clone(), vec![&create]].concat();
    let receive = [start, files.iter().map(String::as_str).collect()].concat();
    plays_the_shop(&gateway, &create, &receive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_node_plays_the_shop() {
    if tools::need(Tool::Node) {
        example_of("node", "node/create-checkout.mjs", &["node/receive.mjs"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_php_plays_the_shop() {
    if tools::need(Tool::Php) {
        example_of("php", "php/create-checkout.php", &["-S", "{address}", "php/receive.php"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_python_plays_the_shop() {
    example_of("python3", "python/create_checkout.py", &["python/receive.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_rust_plays_the_shop() {
    let gateway = Cluster::start(&shared_mongod().await, "examples").await;
    let [create, receive] = ["examples/create_checkout", "examples/receive"]
        .map(|name| workspace_binary(name).display().to_string());
    let (create, receive) = ([create.as_str()], [receive.as_str()]);
    plays_the_shop(&gateway, &create, &receive).await;
}

/// curl creates; openssl verifies what a recording receiver got.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_curl_plays_the_shop() {
    if !tools::need(Tool::Curl) || !tools::need(Tool::Openssl) {
        return;
    }
    let gateway = Cluster::start(&shared_mongod().await, "examples").await;
    let kept = testkit::receiver::Receiver::start().await;
    let shop = Shop::open(&gateway, kept.port()).await;
    let checkout = shop.create(&["bash", &example("curl/create-checkout.sh")]).await;
    shop.pay(&checkout).await;
    let delivered = shop.told().await;
    let verify = |kind: &str, timestamp: &str, signature: &str, id: &str, body: &[u8]| {
        let script = example("curl/verify.sh");
        let command = ["bash", &script, kind, timestamp, signature, id];
        run(&command, &shop.variables(), body).status.success()
    };
    // As the gateway sent them.
    let find = |path: &str| -> Received { kept.requests().into_iter().find(|r| r.path == path).unwrap() };
    let (ipn, webhook) = (find("/ipn"), find("/webhooks"));
    let of = |received: &Received, name: &str| received.header(name).unwrap().to_owned();
    let [timestamp, signature] = ["x-signature-timestamp", "x-signature-hmac-sha256"].map(|n| of(&ipn, n));
    assert!(verify("ipn", &timestamp, &signature, "", &ipn.body));
    let [timestamp, signature] = ["webhook-timestamp", "webhook-signature"].map(|n| of(&webhook, n));
    assert!(verify("webhook", &timestamp, &signature, &of(&webhook, "webhook-id"), &webhook.body));
    let secrets = [shop.seed.site_webhook_secret.expose(), shop.webhook_secret.as_str()];
    for message in messages(secrets, &delivered) {
        let kind = if message.path == "/ipn" { "ipn" } else { "webhook" };
        let (timestamp, body) = (message.timestamp.to_string(), message.body.as_bytes());
        let accepted = verify(kind, &timestamp, &message.signature, "msg_1", body);
        assert_eq!(accepted, message.genuine, "{kind} {}", message.what);
    }
}
