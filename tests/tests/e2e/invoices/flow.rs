//! From money to paper, through the three services.

use std::{path::Path, process::Command, time::Duration};

use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        invoices::mail as documents_mail,
        refund::{NewRefund, refund},
        settings::{
            endpoints,
            invoicing::{self as settings_of, NewInvoiceSettings},
        },
    },
    domain::{
        Mode,
        checkout::CheckoutStatus,
        invoice::{Invoice, InvoiceStatus, MailState, PaperKind},
        transaction::{DisputeFact, DisputeState, RefundFact, RefundState, Transaction},
    },
};
use gateway_providers::sandbox::{Outcome, SandboxPayment};
use mongodb::bson::doc;
use testkit::shared_mongod;

use super::world::{
    TOTAL, assert_gapless, checkout_is, choose, credit_notes, documents, invoicing, kinds, paid, paper,
    paper_of, settings, started, states, until,
};
use crate::{
    cluster::Cluster,
    in_process,
    tools::{install, pip},
};

async fn shop(cluster: &Cluster) -> Bootstrapped {
    let plan = Plan {
        organization: in_process::database_name("seller"),
        site: "Example Shop".to_owned(),
        mode: Mode::Test,
        sandbox: Wanted { wanted: true, ..Wanted::default() },
        stripe: Wanted::default(),
        gocardless: Wanted::default(),
    };
    bootstrap(&cluster.app, &plan).await.unwrap()
}

/// Types of the webhooks that arrived, in order.
fn heard(cluster: &Cluster, path: &str) -> Vec<String> {
    let requests = cluster.receiver.requests_to(path);
    requests.iter().map(|request| request.json()["type"].as_str().unwrap().to_owned()).collect()
}

async fn give_back(cluster: &Cluster, transaction: &Transaction, amount: Option<i64>) {
    let new = NewRefund { amount, reason: Some("Damaged".to_owned()) };
    let tenant = transaction.tenant();
    refund(&cluster.app, tenant, transaction.id, new, None, &|_, _| String::new()).await.unwrap();
}

fn credited(notes: &[Invoice]) -> Vec<i64> {
    let mut amounts: Vec<i64> = notes.iter().map(|note| note.total).collect();
    amounts.sort_unstable();
    amounts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paper_follows_the_money() {
    let cluster = Cluster::start(&shared_mongod().await, "invoices").await;
    tokio::join!(
        paid_checkout_gets_its_invoice_before_it_is_completed(&cluster),
        without_the_switch_nothing_is_made(&cluster),
        refunds_become_credit_notes(&cluster),
        lost_dispute_becomes_a_credit_note(&cluster),
        refund_that_bounced_is_flagged_and_never_credited_twice(&cluster),
        payment_that_fails_late_leaves_its_invoice_open(&cluster),
        portugal_gets_a_receipt(&cluster),
        second_payment_is_no_second_sale(&cluster),
        files_come_from_the_typesetter(&cluster),
        document_goes_to_its_buyer_by_mail(&cluster),
    );
    let all = documents_of_all(&cluster).await;
    assert!(all > 8, "{all}");
}

async fn documents_of_all(cluster: &Cluster) -> u64 {
    let invoices = cluster.app.store.database().collection::<mongodb::bson::Document>("invoices");
    invoices.count_documents(doc! {}).await.unwrap()
}

async fn paid_checkout_gets_its_invoice_before_it_is_completed(cluster: &Cluster) {
    let (app, shop) = (&cluster.app, shop(cluster).await);
    let tenant = shop.tenant;
    invoicing(app, tenant).await;
    let path = "/events/flow";
    let endpoint = endpoints::EndpointSettings {
        url: Some(cluster.receiver.url(path)),
        ..endpoints::EndpointSettings::default()
    };
    endpoints::create(app, tenant, endpoint).await.unwrap();
    // Settings are read from memory for a while.
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let mut payments = Vec::new();
    for _ in 0..5 {
        payments.push(paid(app, tenant, shop.site.id).await);
    }
    for payment in &payments {
        let invoice = paper_of(app, tenant, payment.id, InvoiceStatus::Settled).await;
        let checkout = checkout_is(app, payment, CheckoutStatus::Completed).await;
        assert!(checkout.completed_at.unwrap() >= invoice.issued_at.unwrap());
    }
    let all = documents(app, tenant, doc! {}).await;
    assert_eq!((assert_gapless(&all), all.len()), (5, 5));
    let paper = paper(app, &all[0]).await;
    assert_eq!((paper.totals.gross, paper.totals.paid, paper.totals.due), (TOTAL, TOTAL, 0));
    assert_eq!((paper.totals.net, paper.totals.tax), (1500, 225));
    assert_eq!((paper.buyer.name.as_str(), paper.your_reference.as_str()), ("Example Buyer", "WC-77"));
    assert_eq!(paper.lines.len(), 2);
    assert!(paper.test && paper.number.as_deref().unwrap().starts_with("INV-"));

    let last = until("all webhooks", async || {
        let heard = heard(cluster, path);
        let ends = ["session.completed", "order.completed"];
        let all = ends.iter().all(|end| heard.iter().filter(|kind| kind == end).count() == 5);
        all.then_some(heard)
    })
    .await;
    for kind in ["invoice.issued", "invoice.settled", "session.paid", "session.completed"] {
        assert_eq!(last.iter().filter(|heard| *heard == kind).count(), 5, "{kind}: {last:?}");
    }
    let told = cluster.receiver.requests_to(path);
    let issued = told.iter().map(testkit_json).find(|body| body["type"] == "invoice.issued").unwrap();
    assert_eq!(issued["data"]["status"], "issued");
    assert!(issued["data"]["number"].as_str().unwrap().starts_with("INV-"));
    assert_eq!(issued["data"]["document"]["totals"]["gross"], TOTAL);
}

fn testkit_json(request: &testkit::receiver::Received) -> serde_json::Value {
    request.json()
}

async fn without_the_switch_nothing_is_made(cluster: &Cluster) {
    let (app, shop) = (&cluster.app, shop(cluster).await);
    let payment = paid(app, shop.tenant, shop.site.id).await;
    checkout_is(app, &payment, CheckoutStatus::Completed).await;
    assert!(documents(app, shop.tenant, doc! {}).await.is_empty());
    // What was paid before the switch stays another's business, a refund after it included.
    invoicing(app, shop.tenant).await;
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    give_back(cluster, &payment, None).await;
    let after = paid(app, shop.tenant, shop.site.id).await;
    paper_of(app, shop.tenant, after.id, InvoiceStatus::Settled).await;
    assert_eq!(documents(app, shop.tenant, doc! {}).await.len(), 1);
}

async fn invoiced(cluster: &Cluster) -> (Bootstrapped, Transaction, Invoice) {
    let shop = shop(cluster).await;
    invoicing(&cluster.app, shop.tenant).await;
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let payment = paid(&cluster.app, shop.tenant, shop.site.id).await;
    let invoice = paper_of(&cluster.app, shop.tenant, payment.id, InvoiceStatus::Settled).await;
    (shop, payment, invoice)
}

/// Bytes of a file of a document from the Admin API, as soon as it is made.
async fn file(cluster: &Cluster, key: &str, invoice: &Invoice, kind: &str) -> Vec<u8> {
    let url = format!("{}/v1/invoices/{}/{kind}", cluster.admin_api, invoice.id);
    until("the file", async || {
        let answer = cluster.http.get(&url).bearer_auth(key).send().await.unwrap();
        match answer.status().as_u16() {
            200 => Some(answer.bytes().await.unwrap().to_vec()),
            409 => None,
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
    })
    .await
}

async fn files_come_from_the_typesetter(cluster: &Cluster) {
    let (shop, _, invoice) = invoiced(cluster).await;
    let key = shop.api_key.unwrap().expose().to_owned();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let xml = String::from_utf8(file(cluster, &key, &invoice, "xml").await).unwrap();
    let number = invoice.number().unwrap();
    assert!(xml.contains("CrossIndustryInvoice") && xml.contains(number), "{xml}");
    let pdf = file(cluster, &key, &invoice, "pdf").await;
    assert!(pdf.starts_with(b"%PDF-") && holds(&pdf, "factur-x.xml"), "a PDF with the XML inside");
    let draft = super::world::queued_or_not(&cluster.app, shop.tenant, false).await;
    let preview = file(cluster, &key, &draft, "pdf").await;
    assert!(preview.starts_with(b"%PDF-") && !holds(&preview, "factur-x.xml"), "a draft is no invoice yet");
}

/// With `sendByEmail`, once it is issued: to the address of the checkout, with the very files that the API serves.
async fn document_goes_to_its_buyer_by_mail(cluster: &Cluster) {
    let (app, shop) = (&cluster.app, shop(cluster).await);
    let tenant = shop.tenant;
    settings_of::put(app, tenant, NewInvoiceSettings { send_by_email: true, ..settings("DE") })
        .await
        .unwrap();
    in_process::colleague(app, tenant.organization, "buyer@example.com").await;
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let payment = paid(app, tenant, shop.site.id).await;
    let invoice = paper_of(app, tenant, payment.id, InvoiceStatus::Settled).await;
    let mail = until("the mail", async || cluster.mails.mails().into_iter().next()).await;
    assert_eq!(mail.to, ["buyer@example.com"]);
    let number = invoice.number().unwrap();
    assert!(mail.header("Subject").unwrap().contains(number), "{:?}", mail.header("Subject"));
    let key = shop.api_key.unwrap().expose().to_owned();
    let mut files = Vec::new();
    for kind in ["pdf", "xml"] {
        files.push((format!("{number}.{kind}"), file(cluster, &key, &invoice, kind).await));
    }
    assert!(mail.attachments() == files, "other files than the API's are attached: {}", mail.text);
    let text = read_pdf(files[0].1.clone()).await;
    for part in [number, "Example Buyer", "Example GmbH", "Example product"] {
        assert!(text.contains(part), "{part} cannot be read in {text}");
    }
    // Nobody else switched it on, and nothing is sent twice.
    until("it is written down", async || {
        let mails = documents_mail::mails(app, tenant, invoice.id).await.unwrap();
        mails.iter().any(|mail| mail.state == MailState::Sent).then_some(())
    })
    .await;
    assert_eq!(cluster.mails.mails().len(), 1);
}

/// The text of a PDF as another library reads it.
async fn read_pdf(pdf: Vec<u8>) -> String {
    const SCRIPT: &str = "import sys, pypdfium2\n\
        pages = pypdfium2.PdfDocument(sys.argv[1])\n\
        print(''.join(page.get_textpage().get_text_range() for page in pages))";
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/documents/tests/truth");
    let read = move || {
        let libraries = install("papers", &sources, &["requirements.txt"], pip).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("document.pdf");
        std::fs::write(&path, pdf).unwrap();
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).arg(&path).env("PYTHONPATH", libraries);
        let output = python.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

async fn refunds_become_credit_notes(cluster: &Cluster) {
    let (app, (shop, payment, invoice)) = (&cluster.app, invoiced(cluster).await);
    give_back(cluster, &payment, Some(500)).await;
    paper_of(app, shop.tenant, payment.id, InvoiceStatus::PartiallyRefunded).await;
    let first = credit_notes(app, &invoice, 1).await;
    give_back(cluster, &payment, None).await;
    let invoice = paper_of(app, shop.tenant, payment.id, InvoiceStatus::Refunded).await;
    let notes = credit_notes(app, &invoice, 2).await;
    assert_eq!(credited(&notes), [500, TOTAL - 500]);
    assert_eq!(invoice.creditable().amount(), 0);
    let original = paper(app, &invoice).await;
    let mut tax = 0;
    for note in &notes {
        let paper = paper(app, note).await;
        assert_eq!(paper.preceding.as_ref().unwrap().number, original.number.clone().unwrap());
        assert_eq!(paper.taxes.len(), 2);
        assert_eq!(paper.notes, ["Damaged"]);
        assert!(paper.number.as_deref().unwrap().starts_with("CN-"));
        tax += paper.totals.tax;
    }
    assert_eq!(tax, original.totals.tax, "the last credit note takes exactly the rest");
    assert_eq!(first[0].numbered.as_ref().unwrap().sequence, 1);
    assert_gapless(&documents(app, shop.tenant, doc! {}).await);
}

async fn lost_dispute_becomes_a_credit_note(cluster: &Cluster) {
    let (app, (shop, payment, invoice)) = (&cluster.app, invoiced(cluster).await);
    let dispute = |state| DisputeFact {
        reference: "dp_1".to_owned(),
        amount: Some(TOTAL),
        currency: None,
        inquiry: false,
        state,
        reason: Some("fraudulent".to_owned()),
    };
    states(app, &payment, |update| update.disputes = vec![dispute(DisputeState::Open)]).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(documents(app, shop.tenant, doc! {}).await.len(), 1, "an open dispute decides nothing");
    states(app, &payment, |update| update.disputes = vec![dispute(DisputeState::Lost)]).await;
    paper_of(app, shop.tenant, payment.id, InvoiceStatus::Refunded).await;
    let notes = credit_notes(app, &invoice, 1).await;
    assert_eq!(credited(&notes), [TOTAL]);
    // Nothing was credited before: the whole invoice is taken back, line by line.
    assert_eq!(paper(app, &notes[0]).await.lines.len(), 2);
}

async fn refund_that_bounced_is_flagged_and_never_credited_twice(cluster: &Cluster) {
    let (app, (shop, payment, invoice)) = (&cluster.app, invoiced(cluster).await);
    give_back(cluster, &payment, Some(500)).await;
    credit_notes(app, &invoice, 1).await;
    let current = app.store.for_org(shop.tenant).get::<Transaction>(payment.id).await.unwrap().unwrap();
    let fact = RefundFact {
        reference: current.refunds[0].reference.clone().unwrap(),
        refund_id: Some(current.refunds[0].id),
        amount: Some(500),
        state: RefundState::Failed,
        failure: None,
        at: None,
    };
    // The sandbox's own word comes with the next refund, and must be the same.
    let payments = app.store.database().collection::<SandboxPayment>(SandboxPayment::COLLECTION);
    let bounced = doc! { "$set": { "refunds.0.state": "failed" }, "$inc": { "version": 1_i64 } };
    let changed = payments.update_one(doc! { "transactionId": payment.id }, bounced).await.unwrap();
    assert_eq!(changed.modified_count, 1);
    states(app, &payment, |update| update.refunds = vec![fact]).await;
    let flagged = until("the bounced refund is flagged", async || {
        let found = documents(app, shop.tenant, doc! { "needsReview": { "$exists": true } }).await;
        found.into_iter().next()
    })
    .await;
    assert_eq!(flagged.id, invoice.id);
    assert_eq!(flagged.needs_review.as_ref().unwrap().reason, "refund_bounced");
    assert_eq!(flagged.status, InvoiceStatus::Settled);
    // The money goes back another way: the credit note of the first try covers it.
    give_back(cluster, &payment, Some(700)).await;
    let notes = credit_notes(app, &invoice, 2).await;
    assert_eq!(credited(&notes), [200, 500]);
}

async fn payment_that_fails_late_leaves_its_invoice_open(cluster: &Cluster) {
    let (app, shop) = (&cluster.app, shop(cluster).await);
    invoicing(app, shop.tenant).await;
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let payment = started(app, shop.tenant, shop.site.id).await;
    choose(app, &payment, Outcome::LateFailure).await;
    let invoice = paper_of(app, shop.tenant, payment.id, InvoiceStatus::Open).await;
    assert_eq!((invoice.money.paid, invoice.credited()), (0, 0));
    assert_eq!(documents(app, shop.tenant, doc! {}).await.len(), 1);
}

async fn portugal_gets_a_receipt(cluster: &Cluster) {
    let (app, shop) = (&cluster.app, shop(cluster).await);
    settings_of::put(app, shop.tenant, settings("PT")).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let payment = paid(app, shop.tenant, shop.site.id).await;
    let receipt = paper_of(app, shop.tenant, payment.id, InvoiceStatus::Settled).await;
    assert_eq!(receipt.kind, PaperKind::PaymentReceipt);
    assert!(receipt.number().unwrap().starts_with("REC-"));
    give_back(cluster, &payment, None).await;
    paper_of(app, shop.tenant, payment.id, InvoiceStatus::Refunded).await;
    assert_eq!(kinds(&documents(app, shop.tenant, doc! {}).await), [PaperKind::PaymentReceipt]);
    checkout_is(app, &payment, CheckoutStatus::Completed).await;

    let mut certified = settings("PT");
    certified.certified_software = true;
    // Goods of these tests are taxed as in Germany.
    certified.vat_rates = vec!["19".parse().unwrap(), "7".parse().unwrap()];
    settings_of::put(app, shop.tenant, certified).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let payment = paid(app, shop.tenant, shop.site.id).await;
    let invoice = paper_of(app, shop.tenant, payment.id, InvoiceStatus::Settled).await;
    assert_eq!(invoice.kind, PaperKind::Invoice);
}

/// The projection says which payment paid the checkout; what came beside it is to be given back.
async fn second_payment_is_no_second_sale(cluster: &Cluster) {
    let (app, (shop, payment, _)) = (&cluster.app, invoiced(cluster).await);
    let store = app.store.for_org(shop.tenant);
    let mut second = store.get::<Transaction>(payment.id).await.unwrap().unwrap();
    second.id = gateway_core::domain::TransactionId::generate();
    second.refs.clear();
    second.outbox = gateway_core::domain::outbox::Outbox::default();
    second.outbox.push(gateway_core::domain::outbox::EventType::TransactionSucceeded, app.now(), Vec::new());
    store.insert(&second).await.unwrap();
    until("the second payment is flagged", async || {
        let found = store.get::<Transaction>(second.id).await.unwrap().unwrap();
        found.needs_review.filter(|_| found.outbox.entries.is_empty())
    })
    .await;
    assert_eq!(documents(app, shop.tenant, doc! {}).await.len(), 1);
}
