//! Receipts of payments by e-mail: one per payment, in the customer's language, and none beside an invoice.

use std::{sync::Arc, time::Duration};

use gateway_core::{
    app::{
        App,
        invoices::mail::{self, MailError, Mailer},
        people::codes::OutgoingCode,
        receipts,
        settings::{
            invoicing,
            sites::{self, SiteSettings},
        },
    },
    domain::{
        Mode, SiteId, Tenant,
        checkout::Checkout,
        invoice::{DocumentMail, MailState},
        provider_account::ProviderKind,
        transaction::Transaction,
    },
    jobs::{lanes::HeldLanes, relay::Relay},
    store::Entity,
};
use gateway_providers::sandbox::Outcome;
use mongodb::bson::{Document, doc};
use testkit::{
    shared_mongod,
    smtp_sink::{Fate, SmtpSink},
};
use worker::mail::SmtpMailer;

use crate::{
    in_process,
    invoices::world::{choose, paid, settings, started},
    permutations::account,
};

struct Desk {
    app: App,
    tenant: Tenant,
    site: SiteId,
    relay: Relay,
    sink: SmtpSink,
    mailer: Arc<dyn Mailer>,
}

impl Desk {
    /// On a database of its own: relay and mailing look at everybody's.
    async fn open(receipt_email: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = in_process::config(&shared_mongod().await, &in_process::database_name("receipts"));
        let app = in_process::app(&config).await;
        let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
        account(&app, tenant, ProviderKind::Sandbox).await;
        in_process::colleague(&app, tenant.organization, "buyer@example.com").await;
        let wanted = SiteSettings { receipt_email: Some(receipt_email), ..SiteSettings::default() };
        sites::update(&app, tenant, site, wanted).await.unwrap();
        let sink = SmtpSink::start().await;
        let mailer = Arc::new(SmtpMailer::new(&sink.url(), "Example <gateway@example.com>").unwrap());
        let relay = Relay::new(app.clone(), Arc::new(HeldLanes::default()));
        Self { app, tenant, site, relay, sink, mailer }
    }

    async fn work(&self) {
        while self.relay.poll(200, Duration::ZERO).await.unwrap() > 0 {}
        mail::send_due(&self.app, &self.mailer).await.unwrap();
    }

    async fn mails(&self) -> Vec<DocumentMail> {
        self.app.store.for_org(self.tenant).find(doc! {}, doc! { "_id": 1 }, 0).await.unwrap()
    }

    async fn pretend(&self, collection: &str, filter: Document, set: Document) {
        let collection = self.app.store.database().collection::<Document>(collection);
        let done = collection.update_many(filter, doc! { "$set": set }).await.unwrap();
        assert!(done.matched_count > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paid_gets_one_receipt_in_their_language() {
    let desk = Desk::open(true).await;
    let transaction = started(&desk.app, desk.tenant, desk.site).await;
    let id = transaction.checkout_id;
    desk.pretend(Checkout::COLLECTION, doc! { "_id": id }, doc! { "locale": "de-DE" }).await;
    desk.work().await;
    assert!(desk.sink.mails().is_empty(), "nothing is paid yet");
    choose(&desk.app, &transaction, Outcome::Paid).await;
    desk.work().await;
    // The same news again, and other workers: the same mail.
    let store = desk.app.store.for_org(desk.tenant);
    let transaction = store.get::<Transaction>(transaction.id).await.unwrap().unwrap();
    receipts::send_on_success(&desk.app, &transaction).await.unwrap();
    desk.work().await;
    let mails = desk.sink.mails();
    assert_eq!((mails.len(), &mails[0].to), (1, &vec!["buyer@example.com".to_owned()]));
    let own = &desk.mails().await[0];
    assert_eq!((own.state, own.transaction_id), (MailState::Sent, Some(transaction.id)));
    assert_eq!(mails[0].header("Message-ID").unwrap(), format!("<{}@example.com>", own.id));
    assert!(mails[0].header("From").unwrap().contains("Example Shop"));
    for part in ["text/plain", "text/html", "Ihre Zahlung von", "Freundliche"] {
        assert!(
            mails[0].text.contains(part) || mails[0].text.contains(&part.replace(' ', "_")),
            "{part}: {}",
            mails[0].text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_was_cut_off_goes_out_again_under_the_same_name() {
    let desk = Desk::open(true).await;
    desk.sink.next(&[Fate::TakeAndCut]);
    paid(&desk.app, desk.tenant, desk.site).await;
    desk.work().await;
    assert_eq!(desk.mails().await[0].state, MailState::Waiting);
    let past = mongodb::bson::DateTime::from_millis(desk.app.now().millis() - 1000);
    desk.pretend(DocumentMail::COLLECTION, doc! {}, doc! { "due": past }).await;
    desk.work().await;
    let names: Vec<_> = desk.sink.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert!(names.len() == 2 && names[0].is_some() && names[0] == names[1], "{names:?}");
    assert_eq!(desk.mails().await[0].state, MailState::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_two_mails_about_one_payment_or_one_that_is_days_old() {
    let desk = Desk::open(true).await;
    let mut wanted = settings("DE");
    wanted.send_by_email = true;
    invoicing::put(&desk.app, desk.tenant, wanted).await.unwrap();
    paid(&desk.app, desk.tenant, desk.site).await;
    desk.work().await;
    assert!(desk.mails().await.iter().all(|mail| mail.invoice_id.is_some()), "the invoice is mailed");

    let desk = Desk::open(false).await;
    paid(&desk.app, desk.tenant, desk.site).await;
    desk.work().await;
    assert!(desk.mails().await.is_empty(), "the site wants none");

    // A mail server that was set up long after the payment.
    let desk = Desk::open(true).await;
    paid(&desk.app, desk.tenant, desk.site).await;
    while desk.relay.poll(200, Duration::ZERO).await.unwrap() > 0 {}
    let long_ago = mongodb::bson::DateTime::from_millis(desk.app.now().millis() - 3 * 24 * 3_600_000);
    let long_ago = doc! { "createdAt": long_ago, "updatedAt": long_ago };
    desk.pretend(DocumentMail::COLLECTION, doc! {}, long_ago).await;
    desk.work().await;
    assert!(desk.sink.mails().is_empty());
    assert_eq!(desk.mails().await[0].state, MailState::Failed);
}

async fn handed_to(sink: &SmtpSink, to: &str) -> Result<(), MailError> {
    let mailer = SmtpMailer::new(&sink.url(), "Example <gateway@example.com>").unwrap();
    let mail = OutgoingCode {
        id: "65".to_owned(),
        to: to.to_owned(),
        language: "en".to_owned(),
        code: None,
        page: "https://admin.example.com/login".to_owned(),
    };
    mailer.send_sign_in_code(&mail).await
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_other_scripts_are_taken_where_the_server_takes_them() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (modern, old) = (SmtpSink::start().await, SmtpSink::without_smtputf8().await);
    for sink in [&modern, &old] {
        handed_to(sink, "kunde@müller.example").await.unwrap();
        assert_eq!(sink.mails()[0].to, ["kunde@xn--mller-kva.example"]);
        assert!(!sink.mails()[0].is_international, "nothing but the domain was foreign to it");
    }
    for to in ["müller@example.com", "用户@例子.测试"] {
        handed_to(&modern, to).await.unwrap();
        let refused = handed_to(&old, to).await.unwrap_err();
        assert!(refused.is_permanent, "another try would end the same");
        assert!(refused.text.contains("does not take addresses with non-ASCII letters"), "{refused:?}");
    }
    let arrived = modern.mails();
    assert_eq!(arrived[1].to, ["müller@example.com"]);
    assert_eq!(arrived[2].to, ["用户@xn--fsqu00a.xn--0zwm56d"]);
    assert!(arrived[1].is_international && arrived[2].is_international);
    assert_eq!(old.mails().len(), 1);
}
