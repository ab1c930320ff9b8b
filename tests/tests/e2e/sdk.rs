//! Our signatures against other people's libraries, and theirs against ours.
//!
//! The scripts and the pinned libraries are in `tests/sdk`; they are installed once into `target/sdk`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    sync::LazyLock,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway_core::{
    crypto::{Secret, SignatureRejection, signature},
    domain::{
        Clock, SystemClock, delivery::DeliveryState, endpoint::WebhookEndpoint, outbox::EventType,
        site::IpnVersion, transaction::TransactionStatus,
    },
    store::Entity,
};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::{receiver::Received, tools as programs};

use crate::{
    tell::world::{SITE_SECRET, World},
    tools::{install, npm, pip},
};

/// Bodies that tell bytes from text and rendering from receiving.
const BODIES: [&[u8]; 4] = [
    br#"{"id":"evt_1","object":"event"}"#,
    b"{\n  \"id\": \"evt_1\",\n  \"object\": \"event\"\n}\n",
    "{\"id\":\"evt_1\",\"object\":\"event\",\"name\":\"Café \u{1f375} – ½\"}".as_bytes(),
    br#"{"id":"evt_1","object":"event","escaped":"\u00e9\/\"","amount":-0}"#,
];

/// A language's interpreter, the script, and the folder of its libraries.
struct Tool {
    program: &'static str,
    script: PathBuf,
    path_variable: &'static str,
    /// Or what is missing.
    libraries: Result<PathBuf, String>,
}

static SOURCES: LazyLock<PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk"));

static NODE: LazyLock<Tool> = LazyLock::new(|| Tool {
    program: "node",
    script: SOURCES.join("check.js"),
    path_variable: "NODE_PATH",
    libraries: install("npm", &SOURCES, &["package.json", "package-lock.json", ".npmrc"], npm)
        .map(|folder| folder.join("node_modules")),
});

static PYTHON: LazyLock<Tool> = LazyLock::new(|| Tool {
    program: "python3",
    script: SOURCES.join("check.py"),
    path_variable: "PYTHONPATH",
    libraries: install("python", &SOURCES, &["requirements.txt"], pip),
});

impl Tool {
    /// Asks all of it in one process; one answer per question.
    fn ask(&self, questions: &[Value]) -> Vec<Value> {
        let libraries = self.libraries.as_ref().unwrap_or_else(|missing| panic!("{missing}"));
        let mut child = programs::command(self.program)
            .arg(&self.script)
            .env(self.path_variable, libraries)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.program));
        child.stdin.take().unwrap().write_all(&serde_json::to_vec(questions).unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{} ended with {}", self.script.display(), output.status);
        let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answers.len(), questions.len());
        answers
    }

    /// Asks and expects `ok` or a refusal, as each question's second part says.
    fn expect(&self, questions: &[(Value, bool)]) {
        let asked: Vec<Value> = questions.iter().map(|(question, _)| question.clone()).collect();
        for ((question, accepted), answer) in questions.iter().zip(self.ask(&asked)) {
            assert_eq!(answer.get("ok").is_some(), *accepted, "{}: {question} → {answer}", self.program);
        }
    }
}

fn with(mut question: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        question[name] = value.clone();
    }
    question
}

fn now() -> i64 {
    SystemClock.now().seconds()
}

fn encoded(body: &[u8]) -> String {
    STANDARD.encode(body)
}

/// The body with one byte changed in its middle.
fn tampered(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let middle = body.len() / 2;
    body[middle] ^= 1;
    body
}

/// The question about an IPN, and the ways in which it must be refused.
fn ipn_questions(secret: &str, timestamp: &str, signature: &str, body: &[u8]) -> Vec<(Value, bool)> {
    let question = json!({
        "operation": "ipn.verify", "secret": secret, "timestamp": timestamp, "signature": signature,
        "body": encoded(body),
    });
    let without_prefix = secret.trim_start_matches("whsec_");
    let later = (timestamp.parse::<i64>().unwrap() + 1).to_string();
    vec![
        (with(question.clone(), &json!({ "body": encoded(&tampered(body)) })), false),
        (with(question.clone(), &json!({ "timestamp": later })), false),
        (with(question.clone(), &json!({ "secret": without_prefix })), false),
        (question, true),
    ]
}

#[test]
fn ipn_signatures_hold_for_the_standard_libraries_of_python_and_node() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let secret = gateway_core::crypto::random::site_webhook_secret();
    let mut questions = Vec::new();
    for body in BODIES {
        let signed = signature::ipn_signature(secret.expose(), now(), body);
        questions.extend(ipn_questions(secret.expose(), &now().to_string(), &signed, body));
    }
    PYTHON.expect(&questions);
    NODE.expect(&questions);
}

fn standard_question(secret: &str, id: &str, timestamp: i64, signature: &str, body: &[u8]) -> Value {
    json!({
        "operation": "standard.verify", "secret": secret, "body": encoded(body),
        "headers": {
            "webhook-id": id, "webhook-timestamp": timestamp.to_string(), "webhook-signature": signature,
        },
    })
}

#[test]
fn our_webhooks_hold_for_the_standard_webhooks_libraries() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let [current, previous, foreign] = [(); 3].map(|()| signature::standard_webhooks::generate_secret());
    let (current, previous, foreign) = (current.expose(), previous.expose(), foreign.expose());
    let now = now();
    let sign = |secrets: &[&str], at, body: &[u8]| {
        signature::standard_webhooks::sign(secrets, "msg_1", at, body).unwrap()
    };
    let mut questions = Vec::new();
    for body in BODIES {
        let alone = sign(&[current], now, body);
        let overlap = sign(&[current, previous], now, body);
        questions.extend([
            (standard_question(current, "msg_1", now, &alone, body), true),
            (standard_question(previous, "msg_1", now, &alone, body), false),
            (standard_question(current, "msg_1", now, &overlap, body), true),
            (standard_question(previous, "msg_1", now, &overlap, body), true),
            (standard_question(foreign, "msg_1", now, &overlap, body), false),
            (standard_question(current, "msg_1", now, &alone, &tampered(body)), false),
            (standard_question(current, "msg_2", now, &alone, body), false),
            (standard_question(current, "msg_1", now - 1, &alone, body), false),
        ]);
        for stale in [now - 400, now + 400] {
            let signed = sign(&[current], stale, body);
            questions.push((standard_question(current, "msg_1", stale, &signed, body), false));
        }
    }
    NODE.expect(&questions);
    PYTHON.expect(&questions);
}

#[test]
fn signatures_of_the_standard_webhooks_libraries_hold_for_us() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let secrets = [(); 2].map(|()| signature::standard_webhooks::generate_secret());
    let now = now();
    let verify = |secrets: &[&str], id: &str, header: &str, body: &[u8], at: i64| {
        signature::standard_webhooks::verify(secrets, id, &now.to_string(), header, body, at)
    };
    let question = |secret: &Secret, body: &[u8]| {
        json!({
            "operation": "standard.sign", "secret": secret.expose(), "id": "msg_1", "timestamp": now,
            "body": encoded(body),
        })
    };
    let questions: Vec<Value> =
        BODIES.iter().flat_map(|body| secrets.each_ref().map(|secret| question(secret, body))).collect();
    let (first, second) = (secrets[0].expose(), secrets[1].expose());
    for answers in [NODE.ask(&questions), PYTHON.ask(&questions)] {
        for (body, pair) in BODIES.iter().zip(answers.chunks(2)) {
            let signatures = [&pair[0], &pair[1]].map(|answer| answer["ok"].as_str().unwrap());
            assert_eq!(verify(&[first], "msg_1", signatures[0], body, now), Ok(now));
            let overlap = signatures.join(" ");
            assert_eq!(verify(&[first], "msg_1", &overlap, body, now), Ok(now));
            assert_eq!(verify(&[second], "msg_1", &overlap, body, now), Ok(now));
            let mismatch = Err(SignatureRejection::Mismatch);
            assert_eq!(verify(&[second], "msg_1", signatures[0], body, now), mismatch);
            assert_eq!(verify(&[first], "msg_1", &overlap, &tampered(body), now), mismatch);
            assert_eq!(verify(&[first], "msg_2", &overlap, body, now), mismatch);
            let stale = verify(&[first], "msg_1", &overlap, body, now + 400);
            assert_eq!(stale, Err(SignatureRejection::TooOld { age_s: 400 }));
        }
    }
}

#[test]
fn stripe_signatures_agree_with_the_official_sdk_both_ways() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let (secret, now) = ("whsec_examplesecretofanendpoint", now());
    let verify = |header: &str, body: &[u8]| json!({ "operation": "stripe.verify", "secret": secret, "header": header, "body": encoded(body) });
    let sign = |at: i64, body: &[u8]| json!({ "operation": "stripe.sign", "secret": secret, "timestamp": at, "body": encoded(body) });
    let mut questions = Vec::new();
    for body in BODIES {
        let ours = signature::stripe::sign(secret, now, body);
        let simulators = testkit::stripe_sim::signature_header(secret, now, body);
        let of_two_secrets = format!("{ours},v1={}", "00".repeat(32));
        for header in [&ours, &simulators, &of_two_secrets] {
            questions.push((verify(header, body), true));
            questions.push((verify(header, &tampered(body)), false));
        }
        questions.push((with(verify(&ours, body), &json!({ "secret": "whsec_another" })), false));
        questions.push((verify(&ours.replace(&format!("t={now}"), &format!("t={}", now - 1)), body), false));
        questions.push((verify(&signature::stripe::sign(secret, now - 400, body), body), false));
    }
    NODE.expect(&questions);

    let asked: Vec<Value> = BODIES.iter().flat_map(|body| [sign(now, body), sign(now - 400, body)]).collect();
    let answers = NODE.ask(&asked);
    for (body, pair) in BODIES.iter().zip(answers.chunks(2)) {
        let (fresh, stale) = (pair[0]["ok"].as_str().unwrap(), pair[1]["ok"].as_str().unwrap());
        assert_eq!(signature::stripe::verify(secret, fresh, body, now), Ok(now));
        let refused = |secret, header, body: &[u8]| signature::stripe::verify(secret, header, body, now);
        assert_eq!(refused(secret, fresh, &tampered(body)), Err(SignatureRejection::Mismatch));
        assert_eq!(refused("whsec_another", fresh, body), Err(SignatureRejection::Mismatch));
        assert_eq!(refused(secret, stale, body), Err(SignatureRejection::TooOld { age_s: 400 }));
    }
}

#[test]
fn gocardless_signatures_agree_with_the_official_sdk_both_ways() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let secret = "example-endpoint-secret";
    let batches: [&[u8]; 3] = [
        b"{\"events\":[{\"id\":\"EV1\"},{\"id\":\"EV2\"}],\"meta\":{\"webhook_id\":\"WB1\"}}\n",
        br#"{"events":[]}"#,
        "{\"events\":[{\"id\":\"EV1\",\"details\":{\"description\":\"Débito – não\"}}]}".as_bytes(),
    ];
    let question = |operation: &str, header: &str, body: &[u8]| json!({ "operation": operation, "secret": secret, "header": header, "body": encoded(body) });
    let mut questions = Vec::new();
    for body in batches {
        let ours = signature::gocardless::sign(secret, body);
        assert_eq!(ours, testkit::gocardless_sim::signature(secret, body));
        let without_newline = body.strip_suffix(b"\n").unwrap_or(&body[..body.len() - 1]);
        let verify = |header: &str, body: &[u8]| question("gocardless.verify", header, body);
        questions.push((verify(&ours, body), true));
        questions.push((verify(&ours, &tampered(body)), false));
        questions.push((verify(&ours, without_newline), false));
        questions.push((with(verify(&ours, body), &json!({ "secret": "another" })), false));
        questions.push((verify("", body), false));
    }
    NODE.expect(&questions);

    let asked: Vec<Value> = batches.iter().map(|body| question("gocardless.sign", "", body)).collect();
    for (body, answer) in batches.iter().zip(NODE.ask(&asked)) {
        let header = answer["ok"].as_str().unwrap();
        assert_eq!(signature::gocardless::verify(secret, header, body), Ok(()));
        let refused = |secret, body: &[u8]| signature::gocardless::verify(secret, header, body);
        assert_eq!(refused(secret, &tampered(body)), Err(SignatureRejection::Mismatch));
        assert_eq!(refused("another", body), Err(SignatureRejection::Mismatch));
    }
}

/// The questions about a webhook as it came over the wire.
fn delivered_question(request: &Received, secret: &str) -> Value {
    let header = |name| request.header(name).unwrap().to_owned();
    let (id, signature) = (header("webhook-id"), header("webhook-signature"));
    let timestamp = header("webhook-timestamp").parse().unwrap();
    standard_question(secret, &id, timestamp, &signature, &request.body)
}

#[tokio::test]
async fn what_the_worker_sends_holds_for_other_peoples_libraries() {
    if !programs::need(programs::Tool::Node) {
        return;
    }
    let mut world = World::start().await;
    let (endpoint, secret) = world.endpoint("/hook", &[EventType::TransactionSucceeded]).await;
    let previous = gateway_core::crypto::random::standard_webhook_secret();
    let store = world.app.store.for_org(world.tenant);
    let (field, sealed) = (WebhookEndpoint::PREVIOUS_SECRET_FIELD, previous.expose().as_bytes());
    let sealed = store.seal(WebhookEndpoint::COLLECTION, endpoint, field, sealed).await.unwrap();
    let sealed = mongodb::bson::serialize_to_bson(&sealed).unwrap();
    let until = world.app.now() + Duration::from_hours(1);
    let update = doc! { "$set": { "previousSecret": { "secret": sealed, "until": until } } };
    assert!(store.update::<WebhookEndpoint>(endpoint, doc! {}, update).await.unwrap());
    world.app.forget_settings(world.tenant).await;
    world.send();
    for (reference, version) in [("ORD-½", IpnVersion::V1), ("ORD-¾", IpnVersion::V2)] {
        let mut transaction = world.transaction(reference, &world.shop.url("/ipn"), version).await;
        world.take(&mut transaction, TransactionStatus::Succeeded, &[endpoint]).await;
    }
    world.wait_states(doc! {}, &[DeliveryState::Delivered; 4]).await;
    let (ipns, hooks) = (world.shop.requests_to("/ipn"), world.shop.requests_to("/hook"));
    assert_eq!((ipns.len(), hooks.len()), (2, 2));
    let mut questions = Vec::new();
    for request in &ipns {
        let header = |name| request.header(name).unwrap();
        let (timestamp, signed) = (header("x-signature-timestamp"), header("x-signature-hmac-sha256"));
        questions.extend(ipn_questions(SITE_SECRET, timestamp, signed, &request.body));
    }
    let foreign = signature::standard_webhooks::generate_secret();
    for request in &hooks {
        questions.push((delivered_question(request, &secret), true));
        questions.push((delivered_question(request, previous.expose()), true));
        questions.push((delivered_question(request, foreign.expose()), false));
        let changed = json!({ "body": encoded(&tampered(&request.body)) });
        questions.push((with(delivered_question(request, &secret), &changed), false));
    }
    let ask = move || {
        NODE.expect(&questions);
        PYTHON.expect(&questions);
    };
    tokio::task::spawn_blocking(ask).await.unwrap();
}
