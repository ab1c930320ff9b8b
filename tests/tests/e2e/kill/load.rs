//! Shoppers who create checkouts and pay at the sandbox while things break, and the account of it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use gateway_core::{
    app::{
        bootstrap::{Plan, Wanted, bootstrap},
        settings::endpoints,
    },
    domain::Mode,
};
use mongodb::{
    bson::{Document, doc, oid::ObjectId},
    options::ReadConcern,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{Cluster, Service},
    in_process,
};

/// How long a shopper repeats a request: longer than any outage here.
const PATIENCE: Duration = Duration::from_mins(2);

/// A shop with customers.
pub struct Shop {
    cluster: Arc<Cluster>,
    name: String,
    organization: ObjectId,
    site: String,
    sandbox: String,
    api_key: String,
    numbers: AtomicU64,
    book: Mutex<Book>,
}

/// What was acknowledged.
#[derive(Default)]
struct Book {
    /// Checkout id → session.
    created: BTreeMap<String, String>,
    /// Sessions that the sandbox's page said were paid.
    paid: BTreeSet<String>,
    /// Answers that were no success, by what they were.
    troubles: BTreeMap<String, u64>,
}

impl Shop {
    /// Opens a shop.
    pub async fn open(cluster: &Arc<Cluster>) -> Arc<Self> {
        let name = in_process::database_name("shop");
        let plan = Plan {
            organization: name.clone(),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted::default(),
            gocardless: Wanted::default(),
        };
        let made = bootstrap(&cluster.app, &plan).await.unwrap();
        let settings = endpoints::EndpointSettings {
            url: Some(cluster.receiver.url(&format!("/events/{name}"))),
            ..endpoints::EndpointSettings::default()
        };
        endpoints::create(&cluster.app, made.tenant, settings).await.unwrap();
        crate::invoices::world::invoicing(&cluster.app, made.tenant).await;
        Arc::new(Self {
            cluster: Arc::clone(cluster),
            name,
            organization: made.tenant.organization.to_string().parse().unwrap(),
            site: made.site.id.to_string(),
            sandbox: made.sandbox.unwrap().id.to_string(),
            api_key: made.api_key.unwrap().expose().to_owned(),
            numbers: AtomicU64::new(0),
            book: Mutex::default(),
        })
    }

    /// Lets `count` customers order until `closing`, each finishing the order that was begun.
    pub fn customers(
        self: &Arc<Self>,
        count: usize,
        closing: &CancellationToken,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let customer = |_| {
            let (shop, closing) = (Arc::clone(self), closing.clone());
            tokio::spawn(async move {
                while !closing.is_cancelled() {
                    shop.order().await;
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            })
        };
        (0..count).map(customer).collect()
    }

    /// Sends until it is answered with 2xx or 3xx; answers `Location` and body.
    async fn insist(&self, what: &str, request: impl Fn() -> RequestBuilder) -> (String, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let trouble = match request().send().await {
                Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => {
                    let location = answer.headers().get("location").and_then(|l| l.to_str().ok());
                    let location = location.unwrap_or_default().to_owned();
                    // The head has come and the body may not: then nothing was acknowledged.
                    match answer.text().await {
                        Ok(text) => return (location, text),
                        Err(error) => error.to_string(),
                    }
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.text().await.unwrap_or_default();
                    assert!(matches!(status, 409 | 429 | 500..), "{what}: {status} {text}");
                    format!("{what} {status}")
                }
                Err(error) if error.is_timeout() => format!("{what} took too long"),
                Err(_) => format!("{what} broke off"),
            };
            assert!(Instant::now() < deadline, "{}: {trouble}, again and again", self.name);
            *self.book.lock().unwrap().troubles.entry(trouble).or_default() += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn order(&self) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let reference = format!("{}-{number}", self.name);
        let http = &self.cluster.http;
        let body = json!({
            "amount": 1000, "currency": "EUR", "externalReference": reference,
            "ipnUrl": self.cluster.receiver.url(&format!("/ipn/{}", self.name)),
        });
        let url = format!("{}/api/v1/checkouts/{}/create", self.cluster.admin_api, self.site);
        let create = || {
            let request = http.post(&url).bearer_auth(&self.api_key).header("idempotency-key", &reference);
            request.header("content-type", "application/json").body(body.to_string())
        };
        let created: Value = serde_json::from_str(&self.insist("create", create).await.1).unwrap();
        let session = created["sessionPublicId"].as_str().unwrap().to_owned();
        let id = created["id"].as_str().unwrap().to_owned();
        self.book.lock().unwrap().created.insert(id, session.clone());

        let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
        let choice = json!({ "sessionPublicId": session, "providerId": self.sandbox });
        let started = self.insist("start", || http.post(&url).json(&choice)).await.1;
        let started: Value = serde_json::from_str(&started).unwrap();
        let page = started["next"]["url"].as_str().unwrap_or_else(|| panic!("{started}"));

        let form = format!("session={session}&outcome=paid");
        let pay = || {
            let request = http.post(page).header("content-type", "application/x-www-form-urlencoded");
            request.body(form.clone())
        };
        let (location, text) = self.insist("pay", pay).await;
        assert!(location.contains("/return"), "{location} {text}");
        self.book.lock().unwrap().paid.insert(session);
    }

    async fn documents(&self, collection: &str) -> Result<Vec<Document>, mongodb::error::Error> {
        let collection = self.cluster.app.store.database().collection::<Document>(collection);
        let found = collection.find(doc! { "org": self.organization }).read_concern(ReadConcern::majority());
        found.await?.try_collect().await
    }

    /// Waits until everything has come to its end; says how much there was.
    pub async fn settles_within(&self, limit: Duration) -> String {
        let start = Instant::now();
        loop {
            let problem = match self.is_settled().await {
                Ok(summary) => return format!("{summary}, settled after {:.1?}", start.elapsed()),
                Err(problem) => problem,
            };
            if start.elapsed() > limit {
                let logs = Service::ALL.map(|s| format!("{}:\n{}\n", s.name(), self.cluster.log_tail(s, 60)));
                panic!("{}: {problem}\n{}", self.name, logs.concat());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn is_settled(&self) -> Result<String, String> {
        let read = |error: mongodb::error::Error| error.to_string();
        let checkouts = self.documents("checkouts").await.map_err(read)?;
        let transactions = self.documents("transactions").await.map_err(read)?;
        let events = self.documents("provider_events").await.map_err(read)?;
        let deliveries = self.documents("deliveries").await.map_err(read)?;
        let payments = self.documents("sandbox_payments").await.map_err(read)?;
        let invoices = self.documents("invoices").await.map_err(read)?;
        let book = self.book.lock().unwrap();
        check_orders(&book, &checkouts, &transactions, &payments)?;
        check_numbers(&invoices, transactions.len())?;
        for document in checkouts.iter().chain(&transactions).chain(&invoices) {
            let outbox = document.get_document("outbox").map_err(|e| e.to_string())?;
            if outbox.contains_key("due") || !outbox.get_array("entries").is_ok_and(Vec::is_empty) {
                return Err("announcements wait".to_owned());
            }
        }
        if let Some(event) = events.iter().find(|e| !e.get_str("state").is_ok_and(|s| s == "applied")) {
            return Err(format!("an event is {:?}: {:?}", event.get("state"), event.get("reason")));
        }
        let unknown = check_deliveries(&deliveries)?;
        self.check_messages(&book)?;
        Ok(format!(
            "{} created, {} paid, {} deliveries, {unknown} rows unknown, troubles {:?}",
            book.created.len(),
            book.paid.len(),
            deliveries.len(),
            book.troubles
        ))
    }

    /// Each paid session has its one "paid" IPN and its one `session.paid`, however often they came.
    fn check_messages(&self, book: &Book) -> Result<(), String> {
        let mut paid: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for request in self.cluster.receiver.requests_to(&format!("/ipn/{}", self.name)) {
            let body = request.json();
            if body["status"] == 1 {
                let session = body["sessionPublicId"].as_str().unwrap_or_default().to_owned();
                paid.entry(session).or_default().insert(body["deliveryId"].to_string());
            }
        }
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for request in self.cluster.receiver.requests_to(&format!("/events/{}", self.name)) {
            let body = request.json();
            if body["type"] == "session.paid" {
                let id = request.header("webhook-id").unwrap_or_default().to_owned();
                told.entry(body["data"]["id"].to_string()).or_default().insert(id);
            }
        }
        for (what, messages) in [("IPN", paid), ("session.paid", told)] {
            if messages.len() != book.paid.len() {
                return Err(format!("{} of {} have their {what}", messages.len(), book.paid.len()));
            }
            if messages.values().any(|ids| ids.len() != 1) {
                return Err(format!("two different {what} about one session"));
            }
        }
        Ok(())
    }
}

fn check_orders(
    book: &Book,
    checkouts: &[Document],
    transactions: &[Document],
    payments: &[Document],
) -> Result<(), String> {
    let stored: BTreeSet<String> =
        checkouts.iter().map(|c| c.get_object_id("_id").unwrap().to_hex()).collect();
    if let Some(lost) = book.created.keys().find(|id| !stored.contains(*id)) {
        return Err(format!("the checkout {lost} was acknowledged and is lost"));
    }
    if stored.len() != book.created.len() {
        return Err(format!("{} checkouts instead of {}", stored.len(), book.created.len()));
    }
    if transactions.len() != stored.len() || payments.len() != stored.len() {
        let (transactions, payments) = (transactions.len(), payments.len());
        return Err(format!("{transactions} transactions, {payments} payments for {} orders", stored.len()));
    }
    for checkout in checkouts {
        let session = checkout.get_str("publicId").unwrap_or_default();
        let status = checkout.get_str("status").unwrap_or_default();
        if book.paid.contains(session) && status != "completed" {
            let (id, outbox) = (checkout.get_object_id("_id"), checkout.get_document("outbox"));
            return Err(format!("the checkout {id:?} was paid and is {status}: {outbox:?}"));
        }
    }
    for transaction in transactions {
        let status = transaction.get_str("status").unwrap_or_default();
        if status != "succeeded" || transaction.contains_key("needsReview") {
            return Err(format!("a transaction is {status}, {:?}", transaction.get("needsReview")));
        }
    }
    Ok(())
}

/// Each payment has its invoice, and the numbers of each year are 1, 2, 3 … without a gap.
fn check_numbers(invoices: &[Document], payments: usize) -> Result<(), String> {
    if invoices.len() != payments {
        return Err(format!("{} invoices of {payments} payments", invoices.len()));
    }
    let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut dates: BTreeMap<i64, String> = BTreeMap::new();
    for invoice in invoices {
        let numbered = invoice.get_document("numbered").map_err(|_| "a draft has no number yet")?;
        let period = numbered.get_str("period").unwrap_or_default().to_owned();
        let sequence = numbered.get_i64("sequence").unwrap_or_default();
        numbers.entry(period).or_default().push(sequence);
        dates.insert(sequence, numbered.get_str("date").unwrap_or_default().to_owned());
    }
    for (period, mut numbers) in numbers {
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq((1..).take(numbers.len())), "gaps in {period}: {numbers:?}");
    }
    assert!(dates.values().is_sorted(), "a date goes back: {dates:?}");
    Ok(())
}

/// All have ended; answers how many rows say `unknown`.
fn check_deliveries(deliveries: &[Document]) -> Result<usize, String> {
    let mut unknown = 0;
    for delivery in deliveries {
        let state = delivery.get_str("state").unwrap_or_default();
        if !matches!(state, "delivered" | "superseded") {
            return Err(format!("a delivery is {state}: {:?}", delivery.get("reason")));
        }
        for row in delivery.get_array("attempts").into_iter().flatten().filter_map(|row| row.as_document()) {
            match row.get_str("outcome") {
                Ok("started") => return Err("an attempt is still begun".to_owned()),
                Ok("unknown") => unknown += 1,
                _ => {}
            }
        }
    }
    Ok(unknown)
}
