//! One order, from its creation to its last notification, as merchant, customer and provider live it: they
//! repeat what was not answered, and note what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        invoices::render::{File, FileKind, file},
        settings::{
            endpoints,
            invoicing::{self, NewInvoiceSettings},
            providers::NewCredentials,
        },
    },
    domain::Mode,
    store::due,
};
use mongodb::bson::{Document, doc, oid::ObjectId};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{sim::DeliveryPolicy, smtp_sink::Mail, stripe_sim::StripeEffects};

use crate::{cluster::Cluster, in_process, invoices::world::settings};

/// What a checkout is over, in minor units.
pub const AMOUNT: i64 = 1000;
/// What a refund is over, so that two of them would fit.
pub const REFUND: i64 = 400;

/// How long somebody repeats what is not answered.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(60);

/// Who repeats, and what of the provider's events gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// Merchant and customer repeat what was not answered.
    pub clients_repeat: bool,
    /// The provider repeats a webhook until it is answered with 2xx.
    pub provider_repeats: bool,
    /// Which events the provider sends.
    pub events: Events,
}

/// Which events the provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// All, in the order of a seed, some twice.
    All(u64),
    /// One alone, so that no later event mends what the first left undone.
    Decisive,
    /// None at all.
    Lost,
}

impl Habits {
    /// Everybody does as they should.
    pub const fn good(seed: u64) -> Self {
        Self { clients_repeat: true, provider_repeats: true, events: Events::All(seed) }
    }
}

/// An organization of its own with one order.
pub struct Case<'a> {
    pub cluster: &'a Cluster,
    pub name: String,
    pub habits: Habits,
    manual_capture: bool,
    bootstrapped: Bootstrapped,
    api_key: String,
    before: StripeEffects,
    /// The reply to the create that was acknowledged.
    pub created: Option<Value>,
    /// The transaction's id.
    pub transaction: Option<String>,
    /// Ids of events that were answered with 2xx.
    acknowledged: BTreeSet<String>,
    /// What the merchant asked to give back.
    refunded: i64,
    /// The delivery that was asked for again.
    resent: Option<String>,
    /// Credit notes that must be there in the end; none at all where the organization does not invoice.
    credit_notes: Option<usize>,
    /// Whether the invoice goes to its buyer by mail.
    by_mail: bool,
    /// The files as they were once: sealed anew they would be others.
    files: Vec<Document>,
}

/// Why somebody did not get what they asked for.
pub type Refusal = String;

impl<'a> Case<'a> {
    /// Makes the organization, its site, providers, key and endpoint.
    pub async fn new(cluster: &'a Cluster, what: &str, habits: Habits, manual_capture: bool) -> Self {
        let name = in_process::database_name(&what.replace('.', "_"));
        let key = "sk_test_simulated".to_owned();
        let secret = format!("whsec_{name}");
        let credentials = NewCredentials { api_key: Some(key), webhook_secrets: Some(vec![secret.clone()]) };
        let plan = Plan {
            organization: name.clone(),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted { wanted: true, credentials },
            gocardless: Wanted::default(),
        };
        let bootstrapped = bootstrap(&cluster.app, &plan).await.unwrap();
        let settings = endpoints::EndpointSettings {
            url: Some(cluster.receiver.url(&format!("/events/{name}"))),
            ..endpoints::EndpointSettings::default()
        };
        endpoints::create(&cluster.app, bootstrapped.tenant, settings).await.unwrap();
        let provider = bootstrapped.stripe.as_ref().unwrap().id;
        cluster.stripe.take_events();
        cluster.stripe.set_delivery(DeliveryPolicy::hold());
        cluster.stripe.set_webhook(format!("{}/hooks/stripe/{provider}", cluster.runtime), secret);
        Self {
            cluster,
            habits,
            manual_capture,
            api_key: bootstrapped.api_key.as_ref().unwrap().expose().to_owned(),
            bootstrapped,
            before: cluster.stripe.effects(),
            name,
            created: None,
            transaction: None,
            acknowledged: BTreeSet::new(),
            refunded: 0,
            resent: None,
            credit_notes: None,
            by_mail: false,
            files: Vec::new(),
        }
    }

    /// Switches invoicing on.
    pub async fn invoice(&mut self, by_mail: bool) {
        let settings = NewInvoiceSettings { send_by_email: by_mail, ..settings("DE") };
        invoicing::put(&self.cluster.app, self.bootstrapped.tenant, settings).await.unwrap();
        if by_mail {
            let organization = self.bootstrapped.tenant.organization;
            in_process::colleague(&self.cluster.app, organization, &self.buyer()).await;
        }
        self.credit_notes = Some(0);
        self.by_mail = by_mail;
    }

    /// Notes what files there are by now.
    pub async fn note_files(&mut self) {
        self.files = self.documents("invoice_files").await;
    }

    /// The buyer's address.
    fn buyer(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// Sends until it is answered with 2xx, if this one repeats at all.
    async fn insist(&self, what: &str, request: impl Fn() -> RequestBuilder) -> Result<Value, Refusal> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let problem = match request().send().await {
                Ok(answer) => {
                    let status = answer.status();
                    let text = answer.text().await.unwrap_or_default();
                    if status.is_success() {
                        return serde_json::from_str(&text).map_err(|e| format!("{what}: {e}: {text}"));
                    }
                    let again = status.is_server_error()
                        || matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
                    if !again {
                        return Err(format!("{what}: {status} {text}"));
                    }
                    format!("{status} {text}")
                }
                Err(error) => error.to_string(),
            };
            if !self.habits.clients_repeat || Instant::now() > deadline {
                return Err(format!("{what}: {problem}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn merchant(&self, path: &str, step: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.cluster.admin_api);
        let key = format!("{step}-{}", self.name);
        let request = self.cluster.http.post(url).bearer_auth(&self.api_key).header("idempotency-key", key);
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// The merchant creates a checkout.
    pub async fn create(&mut self) -> Result<(), Refusal> {
        let body = json!({
            "amount": AMOUNT,
            "currency": "EUR",
            "email": self.buyer(),
            "externalReference": self.name,
            "metadata": { "case": self.name },
            "captureMethod": if self.manual_capture { "manual" } else { "automatic" },
            "ipnUrl": self.cluster.receiver.url(&format!("/ipn/{}", self.name)),
            "returnUrl": "https://shop.example.com/thanks",
        });
        let path = format!("/checkouts/{}/create", self.bootstrapped.site.id);
        let created = self.insist("create", || self.merchant(&path, "create", &body)).await?;
        self.created = Some(created);
        Ok(())
    }

    fn session(&self) -> &str {
        self.created.as_ref().and_then(|created| created["sessionPublicId"].as_str()).unwrap_or_default()
    }

    /// The customer chooses Stripe.
    pub async fn start(&mut self) -> Result<(), Refusal> {
        let provider = self.bootstrapped.stripe.as_ref().unwrap().id.to_string();
        let body = json!({ "sessionPublicId": self.session(), "providerId": provider });
        let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
        let started = self.insist("start", || self.cluster.http.post(&url).json(&body)).await?;
        if started["next"]["type"] != "redirect" {
            return Err(format!("start: nowhere to go: {started}"));
        }
        self.transaction = started["transactionId"].as_str().map(str::to_owned);
        Ok(())
    }

    /// The session at Stripe that belongs to the transaction.
    fn stripe_session(&self) -> Option<String> {
        let wanted = self.transaction.as_deref()?;
        let of = |id: &String| {
            self.cluster.stripe.object(id).is_some_and(|session| {
                session["metadata"].as_object().is_some_and(|m| m.values().any(|v| v == wanted))
            })
        };
        self.cluster.stripe.sessions().into_iter().rev().find(of)
    }

    /// The customer pays at Stripe, and Stripe tells of it.
    pub async fn pay(&mut self) -> Result<(), Refusal> {
        let session = self.stripe_session().ok_or("pay: Stripe knows no such session")?;
        self.cluster.stripe.pay(&session).map_err(|error| format!("pay: {error}"))?;
        self.send_events("checkout.session.completed").await
    }

    /// The merchant takes the authorized money.
    pub async fn capture(&mut self) -> Result<(), Refusal> {
        self.on_transaction("capture", &json!({})).await?;
        self.send_events("payment_intent.succeeded").await
    }

    /// The merchant gives some money back.
    pub async fn refund(&mut self, amount: i64) -> Result<(), Refusal> {
        self.refunded += amount;
        self.credit_notes = self.credit_notes.map(|count| count + 1);
        let answered = self.on_transaction("refund", &json!({ "amount": amount })).await;
        self.send_events("charge.refunded").await?;
        answered
    }

    /// The merchant asks for the last IPN again.
    pub async fn resend(&mut self) -> Result<(), Refusal> {
        let ipns = self.documents("deliveries").await;
        let ipn = ipns.iter().rfind(|delivery| delivery.get_str("kind").is_ok_and(|kind| kind == "ipn"));
        let id = ipn.ok_or("there is no IPN")?.get_object_id("_id").unwrap().to_hex();
        let path = format!("/deliveries/{id}/resend");
        self.resent = Some(id);
        self.insist("resend", || self.merchant(&path, "resend", &json!({}))).await.map(|_| ())
    }

    /// The merchant credits part of the invoice.
    pub async fn credit(&mut self, amount: i64) -> Result<(), Refusal> {
        let invoices = self.documents("invoices").await;
        let invoice = invoices.first().ok_or("there is no invoice")?;
        let path = format!("/invoices/{}/credit", invoice.get_object_id("_id").unwrap().to_hex());
        self.credit_notes = self.credit_notes.map(|count| count + 1);
        let body = json!({ "amount": amount });
        self.insist("credit", || self.merchant(&path, "credit", &body)).await.map(|_| ())
    }

    /// Waits until no worker holds a lane of this organization or is about to look at one.
    pub async fn lanes_asleep(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.documents("lanes").await.iter().any(|lane| lane.contains_key("next")) {
            assert!(Instant::now() < deadline, "{}: its lanes do not fall asleep", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn on_transaction(&self, verb: &str, body: &Value) -> Result<(), Refusal> {
        let id = self.transaction.as_deref().unwrap_or_default();
        let path = format!("/transactions/{id}/{verb}");
        let step = format!("{verb}-{}", self.refunded);
        self.insist(verb, || self.merchant(&path, &step, body)).await.map(|_| ())
    }

    /// Stripe sends what has happened, and notes what is acknowledged.
    pub async fn send_events(&mut self, decisive: &str) -> Result<(), Refusal> {
        let mut events = self.cluster.stripe.take_events();
        match self.habits.events {
            Events::All(seed) => shuffle(&mut events, seed),
            Events::Decisive => events.retain(|event| event["type"] == decisive),
            Events::Lost => events.clear(),
        }
        for event in events {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let answer = self.cluster.stripe.deliver(&event).await;
                if let Ok(200..300) = answer {
                    self.acknowledged.insert(event["id"].as_str().unwrap_or_default().to_owned());
                    break;
                }
                if !self.habits.provider_repeats {
                    break;
                }
                if Instant::now() > deadline {
                    return Err(format!("a webhook was never taken: {answer:?}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}

/// Another order, and every third one twice: providers promise neither order nor once.
fn shuffle(events: &mut Vec<Value>, seed: u64) {
    use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
    let twice: Vec<Value> =
        events.iter().skip(usize::try_from(seed % 3).unwrap_or(0)).step_by(3).cloned().collect();
    events.extend(twice);
    events.shuffle(&mut StdRng::seed_from_u64(seed));
}

/// How an order must stand in the end.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Status integers of the IPNs, in order.
    pub ipns: &'static [i64],
    /// Status of the transaction.
    pub status: &'static str,
    /// Captures that the merchant asked for.
    pub captures: u64,
    /// Refunds that the merchant asked for.
    pub refunds: u64,
}

impl Case<'_> {
    async fn documents(&self, collection: &str) -> Vec<Document> {
        let organization: ObjectId = self.bootstrapped.tenant.organization.to_string().parse().unwrap();
        let collection = self.cluster.app.store.database().collection::<Document>(collection);
        let found = collection.find(doc! { "org": organization }).sort(doc! { "_id": 1 }).await;
        found.unwrap().try_collect().await.unwrap()
    }

    /// Whether everything has come to its end, nothing acknowledged is lost, and nothing was done twice.
    pub async fn is_settled(&self, end: End) -> Result<(), Refusal> {
        let checkouts = self.documents("checkouts").await;
        let transactions = self.documents("transactions").await;
        self.check_order(&checkouts, &transactions, end)?;
        self.check_events(&self.documents("provider_events").await)?;
        let invoices = self.documents("invoices").await;
        self.check_papers(&invoices)?;
        if self.by_mail {
            self.check_files(&invoices).await?;
        }
        for document in checkouts.iter().chain(&transactions).chain(&invoices) {
            let outbox = document.get_document("outbox").map_err(|e| e.to_string())?;
            let waiting = outbox.get_array("entries").map_or(0, Vec::len);
            if waiting > 0 || outbox.contains_key("due") {
                return Err(format!(
                    "{waiting} announcements of {} wait",
                    document.get_object_id("_id").unwrap()
                ));
            }
        }
        self.check_deliveries(&self.documents("deliveries").await)?;
        self.check_ipns(end)?;
        self.check_webhooks()?;
        self.check_effects(end)
    }

    /// One invoice and its credit notes, each with the next number of its series.
    fn check_papers(&self, invoices: &[Document]) -> Result<(), Refusal> {
        let Some(credit_notes) = self.credit_notes else {
            return if invoices.is_empty() { Ok(()) } else { Err("an invoice nobody asked for".to_owned()) };
        };
        let numbers = |kind: &str| -> Vec<i64> {
            let of_kind = invoices.iter().filter(|invoice| invoice.get_str("kind").is_ok_and(|k| k == kind));
            let sequence =
                |invoice: &Document| invoice.get_document("numbered").ok()?.get_i64("sequence").ok();
            let mut all: Vec<i64> = of_kind.map(|invoice| sequence(invoice).unwrap_or(-1)).collect();
            all.sort_unstable();
            all
        };
        let wanted: Vec<i64> = (1..).take(credit_notes).collect();
        let found = (numbers("invoice"), numbers("credit_note"));
        if found == (vec![1], wanted) { Ok(()) } else { Err(format!("numbers of papers: {found:?}")) }
    }

    /// Files that were made once, and a mail with them to the buyer: once, or where a crash hides what became of
    /// it again under the same Message-ID.
    async fn check_files(&self, invoices: &[Document]) -> Result<(), Refusal> {
        let app = &self.cluster.app;
        let [invoice] = invoices else { return Err(format!("{} invoices", invoices.len())) };
        let id = invoice.get_object_id("_id").unwrap().to_hex().parse().unwrap();
        let pdf = match file(app, self.bootstrapped.tenant, id, FileKind::Pdf).await {
            Ok(File::Ready(pdf)) => pdf,
            other => return Err(format!("the invoice's PDF: {other:?}")),
        };
        let files = self.documents("invoice_files").await;
        if files.len() != 1 || (!self.files.is_empty() && self.files != files) {
            return Err("the files were made a second time".to_owned());
        }
        let mails = self.documents("invoice_mails").await;
        let [mail] = &mails[..] else { return Err(format!("{} mails", mails.len())) };
        let rows = mail.get_array("attempts").cloned().unwrap_or_default();
        let outcomes: Vec<_> =
            rows.iter().filter_map(|row| row.as_document()?.get_str("outcome").ok()).collect();
        let all = self.cluster.mails.mails();
        let arrived: Vec<_> = all.iter().filter(|mail| mail.to == [self.buyer()]).collect();
        if outcomes.last() != Some(&"sent") {
            return Err(format!("the mail is not sent: {outcomes:?}, {} arrived", arrived.len()));
        }
        if arrived.len() > outcomes.len()
            || (arrived.len() < outcomes.len() && !outcomes.contains(&"unknown"))
        {
            return Err(format!("{} mails arrived, {outcomes:?} are written down", arrived.len()));
        }
        let names: BTreeSet<_> = arrived.iter().map(|mail| mail.header("Message-ID")).collect();
        let carries = |mail: &&Mail| mail.attachments().iter().any(|(_, content)| *content == pdf);
        if names.len() != 1 || !arrived.iter().copied().all(|mail| carries(&mail)) {
            return Err(format!("not one mail with the PDF: {names:?}"));
        }
        Ok(())
    }

    fn check_order(
        &self,
        checkouts: &[Document],
        transactions: &[Document],
        end: End,
    ) -> Result<(), Refusal> {
        let [checkout] = checkouts else { return Err(format!("{} checkouts", checkouts.len())) };
        let created = self.created.as_ref().ok_or("no create was acknowledged")?;
        let id = checkout.get_object_id("_id").unwrap().to_hex();
        if created["id"] != id {
            return Err(format!("the acknowledged checkout {} is not {id}", created["id"]));
        }
        let [transaction] = transactions else { return Err(format!("{} transactions", transactions.len())) };
        let text = |document: &Document, field: &str| document.get_str(field).unwrap_or_default().to_owned();
        let status = text(transaction, "status");
        if status != end.status {
            return Err(format!("the transaction is {status}, not {}", end.status));
        }
        if transaction.contains_key("needsReview") {
            return Err(format!("needs review: {:?}", transaction.get("needsReview")));
        }
        let status = text(checkout, "status");
        let wanted = if end.ipns.contains(&1) { "completed" } else { "open" };
        if status != wanted {
            return Err(format!("the checkout is {status}, not {wanted}"));
        }
        for part in ["refunds", "operations"] {
            let parts = transaction.get_array(part).cloned().unwrap_or_default();
            let all: Vec<_> = parts.iter().filter_map(|p| p.as_document()?.get_str("state").ok()).collect();
            if all.iter().any(|state| *state != "succeeded") {
                return Err(format!("{part}: {all:?}"));
            }
        }
        Ok(())
    }

    fn check_events(&self, events: &[Document]) -> Result<(), Refusal> {
        let stored: BTreeSet<&str> =
            events.iter().filter_map(|event| event.get_str("eventId").ok()).collect();
        if stored.len() != events.len() {
            return Err("an event is stored twice".to_owned());
        }
        if let Some(lost) = self.acknowledged.iter().find(|id| !stored.contains(id.as_str())) {
            return Err(format!("the event {lost} was acknowledged and is lost"));
        }
        match events.iter().find(|event| !matches!(event.get_str("state"), Ok("applied" | "ignored"))) {
            Some(event) => Err(format!("an event is {:?}: {:?}", event.get("state"), event.get("reason"))),
            None => Ok(()),
        }
    }

    /// Every delivery has ended, and each request on the wire has its row.
    fn check_deliveries(&self, deliveries: &[Document]) -> Result<(), Refusal> {
        let requests = self.requests_by_delivery();
        for delivery in deliveries {
            let id = delivery.get_object_id("_id").unwrap().to_hex();
            let state = delivery.get_str("state").unwrap_or_default();
            if !matches!(state, "delivered" | "superseded") {
                return Err(format!("the delivery {id} is {state}: {:?}", delivery.get("reason")));
            }
            let rows = delivery.get_array("attempts").cloned().unwrap_or_default();
            let outcomes: Vec<_> =
                rows.iter().filter_map(|row| row.as_document()?.get_str("outcome").ok()).collect();
            if outcomes.contains(&"started") {
                return Err(format!("an attempt of {id} is still begun: {outcomes:?}"));
            }
            let on_wire = outcomes.iter().filter(|outcome| **outcome != "refused").count();
            let arrived = requests.get(&id).copied().unwrap_or(0);
            if arrived > on_wire || (arrived < on_wire && !outcomes.contains(&"unknown")) {
                return Err(format!("{arrived} requests of {id} arrived, {outcomes:?} are written down"));
            }
        }
        if let Some(id) = self.resent.as_ref().filter(|id| requests.get(*id).is_none_or(|count| *count < 2)) {
            return Err(format!("{id} was asked for again and has not come twice"));
        }
        let known: BTreeSet<String> =
            deliveries.iter().map(|d| d.get_object_id("_id").unwrap().to_hex()).collect();
        match requests.keys().find(|id| !known.contains(*id)) {
            Some(id) => Err(format!("a request of {id} has no delivery")),
            None => Ok(()),
        }
    }

    /// Rows that say `unknown`.
    pub async fn unknown_rows(&self) -> usize {
        let deliveries = self.documents("deliveries").await;
        let rows =
            deliveries.iter().flat_map(|delivery| delivery.get_array("attempts").into_iter().flatten());
        rows.filter(|row| {
            row.as_document()
                .is_some_and(|row| row.get_str("outcome").is_ok_and(|outcome| outcome == "unknown"))
        })
        .count()
    }

    fn requests_by_delivery(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let receiver = &self.cluster.receiver;
        for request in receiver.requests_to(&format!("/ipn/{}", self.name)) {
            let id = request.header("x-ipn-delivery-id").unwrap_or_default().to_owned();
            *counts.entry(id).or_default() += 1;
        }
        for request in receiver.requests_to(&format!("/events/{}", self.name)) {
            let id = request.header("webhook-id").unwrap_or_default().trim_start_matches("msg_").to_owned();
            *counts.entry(id).or_default() += 1;
        }
        counts
    }

    /// Each IPN's first arrival, in order of arrival: delivery id, event version, status.
    fn ipns(&self) -> Vec<(String, i64, i64)> {
        let mut seen = BTreeSet::new();
        let requests = self.cluster.receiver.requests_to(&format!("/ipn/{}", self.name));
        let read = |body: Value| {
            let id = body["deliveryId"].as_str().unwrap_or_default().to_owned();
            (id, body["eventVersion"].as_i64().unwrap_or_default(), body["status"].as_i64().unwrap_or(-99))
        };
        let all = requests.iter().map(|request| read(request.json()));
        all.filter(|(id, ..)| seen.insert(id.clone())).collect()
    }

    /// In order, the ones wanted; "paid" exactly once. What came between may have been superseded.
    fn check_ipns(&self, end: End) -> Result<(), Refusal> {
        let ipns = self.ipns();
        if !ipns.is_sorted_by(|a, b| a.1 < b.1) {
            return Err(format!("IPNs out of order: {ipns:?}"));
        }
        let statuses: Vec<i64> = ipns.iter().map(|(_, _, status)| *status).collect();
        let complete = statuses.last() == end.ipns.last();
        let expected = statuses.iter().all(|status| end.ipns.contains(status));
        let paid = statuses.iter().filter(|status| **status == 1).count();
        let paid_wanted = usize::from(end.ipns.contains(&1));
        if complete && expected && paid == paid_wanted {
            Ok(())
        } else {
            Err(format!("IPNs said {statuses:?} instead of {:?}", end.ipns))
        }
    }

    /// One message id per event of the session.
    fn check_webhooks(&self) -> Result<(), Refusal> {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for request in self.cluster.receiver.requests_to(&format!("/events/{}", self.name)) {
            let kind = request.json()["type"].as_str().unwrap_or_default().to_owned();
            ids.entry(kind).or_default().insert(request.header("webhook-id").unwrap_or_default().to_owned());
        }
        let wanted = ["session.created", "session.paid", "session.completed", "order.completed"];
        let invoice = self.credit_notes.map(|_| "invoice.issued");
        for kind in wanted.into_iter().chain(invoice) {
            let count = ids.get(kind).map_or(0, BTreeSet::len);
            if count != 1 {
                return Err(format!("{count} messages of {kind}"));
            }
        }
        Ok(())
    }

    /// What really happened at Stripe.
    fn check_effects(&self, end: End) -> Result<(), Refusal> {
        let (before, after) = (self.before, self.cluster.stripe.effects());
        let seen = (
            after.sessions_created - before.sessions_created,
            after.captures - before.captures,
            after.refunds_created - before.refunds_created,
            after.amount_refunded - before.amount_refunded,
        );
        let wanted = (1, end.captures, end.refunds, self.refunded);
        if seen == wanted {
            Ok(())
        } else {
            Err(format!("Stripe did (sessions, captures, refunds, refunded) {seen:?} instead of {wanted:?}"))
        }
    }

    /// Waits until nothing is on its way, so that the next fault meets the next step and no straggler.
    pub async fn quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let invoices = self.documents("invoices").await;
            let numbered = invoices.iter().all(|invoice| invoice.contains_key("numbered"));
            let sources =
                [self.documents("checkouts").await, self.documents("transactions").await, invoices].concat();
            let relayed = sources.iter().all(|source| {
                source.get_document("outbox").is_ok_and(|o| o.get_array("entries").is_ok_and(Vec::is_empty))
            });
            let deliveries = self.documents("deliveries").await;
            let sent = deliveries.iter().all(|d| !matches!(d.get_str("state"), Ok("pending" | "sending")));
            if relayed && sent && numbered && !deliveries.is_empty() && self.papers_are_made().await {
                return;
            }
            assert!(Instant::now() < deadline, "{}: it does not become quiet", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether no file and no mail of any order waits: one of the order before would take this one's fault.
    async fn papers_are_made(&self) -> bool {
        let app = &self.cluster.app;
        let ever = app.now() + Duration::from_hours(24 * 365);
        let none_waits = async |waits| app.store.due(waits, ever, &[], 1).await.unwrap().is_empty();
        none_waits(due::RENDERINGS).await && none_waits(due::MAILS).await
    }

    /// How many checkouts there are.
    pub async fn checkouts(&self) -> usize {
        self.documents("checkouts").await.len()
    }

    /// Waits until it is settled; the last problem after `limit`.
    pub async fn settles_within(&self, end: End, limit: Duration) -> Result<Duration, Refusal> {
        let start = Instant::now();
        loop {
            match self.is_settled(end).await {
                Ok(()) => return Ok(start.elapsed()),
                Err(problem) if start.elapsed() > limit => return Err(problem),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}
