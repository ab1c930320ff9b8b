//! An organization that invoices, and what it looks at.

use std::time::{Duration, Instant};

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App, apply,
        create_checkout::create_checkout,
        invoices::{
            create::{Created, NewInvoice, create},
            follow,
        },
        settings::invoicing::{self, NewInvoiceSettings},
        start_payment,
    },
    domain::{
        Currency, Tenant, TransactionId,
        checkout::{AmountType, Checkout, CheckoutStatus, Item},
        invoice::{
            Invoice, InvoiceStatus, Paper, PaperKind,
            compose::Heading,
            paper::{PaperLook, Party},
            tax::Sale,
        },
        transaction::{ProviderUpdate, Source, Transaction},
    },
};
use gateway_providers::sandbox::{self, Outcome, SandboxPayment};
use mongodb::bson::{Document, doc};

use crate::in_process;

/// A seller with everything that is asked for.
pub fn seller(country: &str) -> Party {
    Party {
        name: "Example GmbH".to_owned(),
        address: vec!["Example Street 1".to_owned()],
        postcode: "10115".to_owned(),
        city: "Example City".to_owned(),
        country: country.to_owned(),
        vat_id: Some("DE123456789".to_owned()),
        ..Party::default()
    }
}

/// Settings that switch invoicing on.
pub fn settings(country: &str) -> NewInvoiceSettings {
    NewInvoiceSettings {
        seller: seller(country),
        look: PaperLook { color: Some("#0a7d5c".to_owned()), ..PaperLook::default() },
        enabled: true,
        send_by_email: false,
        certified_software: false,
        seller_kind: None,
        language: None,
        time_zone: Some("Europe/Berlin".to_owned()),
        default_vat_rate: None,
        untaxed: None,
        vat_rates: Vec::new(),
        exchange_rates: Vec::new(),
    }
}

/// Switches invoicing on.
pub async fn invoicing(app: &App, tenant: Tenant) {
    invoicing::put(app, tenant, settings("DE")).await.unwrap();
}

fn item(name: &str, quantity: i64, unit_price: i64, rate: &str) -> Item {
    Item {
        name: Some(name.to_owned()),
        description: String::new(),
        quantity,
        unit_price,
        vat_rate: Some(rate.parse().unwrap()),
        item_type: "goods".to_owned(),
        amount_type: AmountType::Gross,
        ..Item::default()
    }
}

/// Two kinds of goods over 17.25 in all, with 19 and 7 percent.
pub fn items() -> Vec<Item> {
    vec![item("Example product", 2, 595, "19"), item("Example book", 1, 535, "7")]
}

/// What [`items`] come to.
pub const TOTAL: i64 = 1725;

/// A line for an invoice by hand: 11.90 with 19 percent.
pub fn by_hand() -> NewInvoice {
    NewInvoice {
        currency: Some(Currency::EUR),
        lines: vec![Sale::of(&item("Example work", 1, 1190, "19"))],
        heading: Heading {
            language: "de".to_owned(),
            buyer: Party { name: "Example Buyer".to_owned(), country: "DE".to_owned(), ..Party::default() },
            due_date: Some("2031-01-31".to_owned()),
            ..Heading::default()
        },
        issue: true,
        ..NewInvoice::default()
    }
}

/// A draft by hand that waits for its number.
pub async fn queued(app: &App, tenant: Tenant) -> Invoice {
    queued_or_not(app, tenant, true).await
}

/// A draft by hand.
pub async fn queued_or_not(app: &App, tenant: Tenant, issue: bool) -> Invoice {
    let new = NewInvoice { issue, ..by_hand() };
    match create(app, tenant, new, None, &|_, _| String::new()).await.unwrap() {
        Created::Done(invoice) => *invoice,
        Created::Replay(_) => panic!("no key was given"),
    }
}

/// A checkout whose payment at the sandbox has been started.
pub async fn started(app: &App, tenant: Tenant, site: gateway_core::domain::SiteId) -> Transaction {
    let reference = in_process::database_name("order");
    let mut new = in_process::ten_euros(&reference);
    (new.amount, new.items) = (None, items());
    new.invoice_number = Some("WC-77".to_owned());
    new.customer = serde_json::from_value(serde_json::json!({
        "email": "buyer@example.com",
        "billingAddress": { "firstName": "Example", "lastName": "Buyer", "address1": "Example Road 2",
            "city": "Example Town", "postcode": "10117", "country": "DE" },
    }))
    .unwrap();
    let reply = create_checkout(app, tenant, site, new, None).await.unwrap();
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let id = reply["id"].as_str().unwrap().parse().unwrap();
    let checkout = app.store.for_org(tenant).get::<Checkout>(id).await.unwrap().unwrap();
    let providers = app.enabled_providers(tenant).await.unwrap();
    start_payment::start_payment(app, &checkout, providers[0].id, SecondPayment::Ask)
        .await
        .unwrap()
        .transaction
}

/// The customer chooses at the sandbox.
pub async fn choose(app: &App, transaction: &Transaction, outcome: Outcome) {
    let payments = app.store.database().collection::<SandboxPayment>(SandboxPayment::COLLECTION);
    let found = payments.find_one(doc! { "transactionId": transaction.id }).await.unwrap().unwrap();
    sandbox::choose(app, found.id, &found.token, outcome).await.unwrap();
}

/// A payment that has come in.
pub async fn paid(app: &App, tenant: Tenant, site: gateway_core::domain::SiteId) -> Transaction {
    let transaction = started(app, tenant, site).await;
    choose(app, &transaction, Outcome::Paid).await;
    transaction
}

/// The provider states something about a payment.
pub async fn states(app: &App, transaction: &Transaction, change: impl FnOnce(&mut ProviderUpdate)) {
    let store = app.store.for_org(transaction.tenant());
    let current = store.get::<Transaction>(transaction.id).await.unwrap().unwrap();
    let id = in_process::database_name("event");
    let mut update = ProviderUpdate::new(Source::Event(id), app.now());
    update.transaction_id = Some(transaction.id);
    change(&mut update);
    apply::take_answer(app, &current, update).await.unwrap();
}

pub async fn documents(app: &App, tenant: Tenant, filter: Document) -> Vec<Invoice> {
    app.store.for_org(tenant).find::<Invoice>(filter, doc! { "_id": 1 }, 0).await.unwrap()
}

pub async fn paper(app: &App, invoice: &Invoice) -> Paper {
    gateway_core::app::invoices::open_paper(app, invoice).await.unwrap()
}

/// Waits for something to be so.
pub async fn until<T, F: AsyncFn() -> Option<T>>(what: &str, look: F) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came about: {what}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// Waits for a payment's paper to take a status.
pub async fn paper_of(app: &App, tenant: Tenant, id: TransactionId, status: InvoiceStatus) -> Invoice {
    until(&format!("the paper of {id} is {status}"), async || {
        let found = follow::of_transaction(app, tenant, id).await.unwrap();
        found.filter(|invoice| invoice.status == status)
    })
    .await
}

/// Waits for so many issued credit notes on an invoice.
pub async fn credit_notes(app: &App, invoice: &Invoice, count: usize) -> Vec<Invoice> {
    until(&format!("{count} credit notes"), async || {
        let filter = doc! { "corrects": invoice.id, "status": "issued" };
        let found = documents(app, invoice.tenant(), filter).await;
        (found.len() == count).then_some(found)
    })
    .await
}

pub async fn checkout_is(app: &App, transaction: &Transaction, status: CheckoutStatus) -> Checkout {
    let store = app.store.for_org(transaction.tenant());
    until(&format!("the checkout is {}", status.as_str()), async || {
        let found = store.get::<Checkout>(transaction.checkout_id).await.unwrap().unwrap();
        (found.status == status).then_some(found)
    })
    .await
}

/// Fails unless the numbers of each series and period rise by one from its start, dates never go back, and the
/// printed numbers are all different. Answers how many there are.
#[track_caller]
pub fn assert_gapless(invoices: &[Invoice]) -> usize {
    let mut numbered: Vec<_> = invoices.iter().filter_map(|invoice| invoice.numbered.as_ref()).collect();
    let count = numbered.len();
    numbered.sort_by_key(|n| (n.series_id, n.period.clone(), n.sequence));
    for pair in numbered.windows(2) {
        let [before, after] = pair else { unreachable!() };
        if before.series_id == after.series_id {
            assert!(after.date >= before.date, "the date goes back: {before:?}, {after:?}");
            if before.period == after.period {
                assert_eq!(after.sequence, before.sequence + 1, "a gap: {before:?}, {after:?}");
            } else {
                assert_eq!(after.sequence, 1, "a period that begins late: {after:?}");
            }
        } else {
            assert_eq!(after.sequence, 1, "{after:?}");
        }
    }
    if let Some(first) = numbered.first() {
        assert_eq!(first.sequence, 1, "{first:?}");
    }
    let mut texts: Vec<_> = numbered.iter().map(|n| n.number.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count, "a number stands twice");
    count
}

/// Waits until nothing waits for a number any more.
pub async fn all_numbered(app: &App, tenant: Tenant, count: usize) -> Vec<Invoice> {
    until(&format!("{count} numbers"), async || {
        let found = documents(app, tenant, doc! { "numbered": { "$exists": true } }).await;
        (found.len() >= count).then_some(found)
    })
    .await
}

pub fn kinds(invoices: &[Invoice]) -> Vec<PaperKind> {
    invoices.iter().map(|invoice| invoice.kind).collect()
}
