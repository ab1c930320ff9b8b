//! How long a transfer is waited for, and what ends it.

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{App, apply, checkouts, create_checkout::create_checkout, start_payment},
    domain::{
        ConfirmationId, Currency, Mode, ProviderId, SiteId, Tenant, Timestamp,
        checkout::{Checkout, CheckoutStatus},
        provider_account::ProviderKind,
        transaction::{Confirmation, Overpayment, Transaction, TransactionStatus as S},
    },
};
use mongodb::bson::{Document, doc};
use std::time::Duration;
use testkit::shared_mongod;

use super::{bank, checkout_of, stored, told, waiting};
use crate::{
    in_process::{self, ten_euros},
    permutations::account,
};

/// On a database of its own: sweeps look at everybody's.
struct Desk {
    app: App,
    tenant: Tenant,
    site: SiteId,
    bank: ProviderId,
}

impl Desk {
    async fn open() -> Self {
        let config = in_process::config(&shared_mongod().await, &in_process::database_name("wire"));
        let app = in_process::app(&config).await;
        let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
        let bank = bank(&app, tenant).await;
        Self { app, tenant, site, bank }
    }

    async fn waiting(&self, reference: &str) -> Transaction {
        waiting(&self.app, self.tenant, self.site, self.bank, ten_euros(reference)).await.0
    }

    fn past(&self) -> Timestamp {
        Timestamp::from_millis(self.app.now().millis() - 1_000)
    }

    async fn set(&self, transaction: &Transaction, set: Document) {
        let store = self.app.store.for_org(self.tenant);
        store.update::<Transaction>(transaction.id, doc! {}, doc! { "$set": set }).await.unwrap();
    }

    /// The checkout's time is over.
    async fn expire_checkout(&self, transaction: &Transaction) {
        let past = doc! { "$set": { "expiresAt": self.past(), "expiryDue": self.past() } };
        let store = self.app.store.for_org(self.tenant);
        store.update::<Checkout>(transaction.checkout_id, doc! {}, past).await.unwrap();
        checkouts::expire_due(&self.app).await.unwrap();
    }

    /// The transfer's time is over, and the reconciler looks.
    async fn run_out(&self, transaction: &Transaction) {
        self.set(transaction, doc! { "expiresAt": self.past() }).await;
        self.reconcile(transaction).await;
    }

    async fn reconcile(&self, transaction: &Transaction) {
        self.set(transaction, doc! { "reconcile": { "due": self.past(), "step": 0_i64 } }).await;
        assert!(apply::reconcile_due(&self.app).await.unwrap() > 0);
    }
}

fn money(amount: i64, at: Timestamp) -> Confirmation {
    let id = ConfirmationId::generate();
    Confirmation {
        id,
        amount,
        received_at: at,
        bank_reference: None,
        note: None,
        reverses: None,
        idem: None,
        created_at: at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_outlives_its_checkouts_time_but_not_its_own() {
    let desk = Desk::open().await;
    let transfer = desk.waiting("ORD-1").await;
    assert_eq!(transfer.status, S::Pending);
    let days = transfer.expires_at.since(transfer.created_at).as_secs().div_ceil(24 * 3600);
    assert!((14..=15).contains(&days), "{days}");
    desk.expire_checkout(&transfer).await;
    assert_eq!(stored(&desk.app, &transfer).await.status, S::Pending);
    assert_eq!(checkout_of(&desk.app, &transfer).await.status, CheckoutStatus::Open);
    // The reconciler asks nobody, finds nothing, and leaves it.
    desk.reconcile(&transfer).await;
    let after = stored(&desk.app, &transfer).await;
    assert_eq!((after.status, after.needs_review.is_none()), (S::Pending, true));
    desk.set(&transfer, doc! { "expiresAt": desk.past() }).await;
    desk.expire_checkout(&transfer).await;
    assert_eq!(stored(&desk.app, &transfer).await.status, S::Expired);
    assert_eq!(checkout_of(&desk.app, &transfer).await.status, CheckoutStatus::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_did_not_come_leaves_its_checkout_to_another_try() {
    let desk = Desk::open().await;
    let transfer = desk.waiting("ORD-1").await;
    desk.run_out(&transfer).await;
    assert_eq!(stored(&desk.app, &transfer).await.status, S::Expired);
    let checkout = checkout_of(&desk.app, &transfer).await;
    assert_eq!(checkout.status, CheckoutStatus::Open);
    let (second, to) = told(
        start_payment::start_payment(&desk.app, &checkout, desk.bank, SecondPayment::Ask).await.unwrap(),
    );
    assert_ne!(second.id, transfer.id);
    assert_eq!(second.reference("creditor_reference"), Some(to.reference.as_str()));
    assert_ne!(second.reference("creditor_reference"), transfer.reference("creditor_reference"));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_transfer_is_left_to_a_person() {
    let desk = Desk::open().await;
    let transfer = desk.waiting("ORD-1").await;
    let mut current = stored(&desk.app, &transfer).await;
    current.confirm(money(400, desk.app.now()), Overpayment::Allowed, desk.app.now()).unwrap();
    desk.app.store.for_org(desk.tenant).save(&mut current).await.unwrap();
    desk.run_out(&transfer).await;
    desk.expire_checkout(&transfer).await;
    let after = stored(&desk.app, &transfer).await;
    assert_eq!((after.status, after.needs_review.unwrap().reason.as_str()), (S::Pending, "underpaid"));
    assert_eq!(checkout_of(&desk.app, &transfer).await.status, CheckoutStatus::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_was_cut_off_reaches_its_checkout() {
    let desk = Desk::open().await;
    let transfer = desk.waiting("ORD-1").await;
    // Saved, and then the process was gone.
    let mut current = stored(&desk.app, &transfer).await;
    current.confirm(money(1000, desk.app.now()), Overpayment::Allowed, desk.app.now()).unwrap();
    assert!(current.reconcile.is_some());
    desk.app.store.for_org(desk.tenant).save(&mut current).await.unwrap();
    assert_eq!(checkout_of(&desk.app, &transfer).await.status, CheckoutStatus::Open);
    desk.reconcile(&transfer).await;
    assert_eq!(checkout_of(&desk.app, &transfer).await.status, CheckoutStatus::Paid);
    assert!(stored(&desk.app, &transfer).await.reconcile.is_none(), "one look is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_or_a_newer_checkout_ends_a_transfer() {
    let desk = Desk::open().await;
    let sandbox = account(&desk.app, desk.tenant, ProviderKind::Sandbox).await;
    let first = desk.waiting("ORD-1").await;
    // The same again is the same; another method takes its place.
    let checkout = checkout_of(&desk.app, &first).await;
    let (same, _) = told(
        start_payment::start_payment(&desk.app, &checkout, desk.bank, SecondPayment::Ask).await.unwrap(),
    );
    assert_eq!(same.id, first.id);
    start_payment::start_payment(&desk.app, &checkout, sandbox, SecondPayment::Ask).await.unwrap();
    assert_eq!(stored(&desk.app, &first).await.status, S::Cancelled);
    let second = desk.waiting("ORD-2").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    create_checkout(&desk.app, desk.tenant, desk.site, ten_euros("ORD-2"), None).await.unwrap();
    desk.reconcile(&second).await;
    assert_eq!(stored(&desk.app, &second).await.status, S::Cancelled);
    // The merchant ends a checkout, and its transfer with it.
    let third = desk.waiting("ORD-3").await;
    checkouts::cancel(&desk.app, desk.tenant, third.checkout_id).await.unwrap();
    assert_eq!(stored(&desk.app, &third).await.status, S::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_offered_for_its_currencies_alone() {
    let desk = Desk::open().await;
    let mut new = ten_euros("ORD-1");
    for (currency, count) in [("EUR", 1), ("CHF", 0)] {
        new.currency = Some(currency.to_owned());
        let reply = create_checkout(&desk.app, desk.tenant, desk.site, new.clone(), None).await.unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let code = reply["shortCode"].as_str().unwrap();
        let checkout = desk.app.store.lookup_checkout_by_code(code).await.unwrap().unwrap();
        assert_eq!(checkout.currency, currency.parse::<Currency>().unwrap());
        let offered = start_payment::offered_providers(&desk.app, &checkout).await.unwrap();
        assert_eq!(offered.len(), count, "{currency}");
    }
}
