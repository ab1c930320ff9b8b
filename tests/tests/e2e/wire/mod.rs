//! Bank transfers: chosen, told, confirmed by a person, in whole, in parts and late.

mod confirm;
mod correct;
mod flow;
mod kill;
mod lifecycle;
mod page;
mod panel;

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App,
        create_checkout::{NewCheckout, create_checkout},
        settings::{
            bank::NewBankAccount,
            providers::{self, ProviderSettings},
        },
        start_payment::{self, StartedPayment},
    },
    domain::{
        ProviderId, SiteId, Tenant,
        bank::TransferInstructions,
        checkout::Checkout,
        provider_account::ProviderKind,
        transaction::{NextStep, Transaction},
    },
};
use serde_json::Value;

pub const IBAN: &str = "DE89 3704 0044 0532 0130 00";

/// What customers of test mode are told in its place, and in that of its bank's code.
pub const TEST_IBAN: &str = "DE36 0000 0000 0000 0000 00";
pub const TEST_BIC: &str = "TESTDEX0";

/// A provider for transfers, with all that customers may be told.
pub async fn bank(app: &App, tenant: Tenant) -> ProviderId {
    let text = |text: &str| Some(text.to_owned());
    let bank = NewBankAccount {
        holder: text("Example Trading GmbH"),
        iban: text(IBAN),
        bic: text("COBADEFFXXX"),
        bank_name: text("Example Bank"),
        instructions: text("From an account in your own name, please."),
        days: None,
    };
    let settings = ProviderSettings { bank: Some(bank), ..ProviderSettings::default() };
    providers::create(app, tenant, ProviderKind::Wire, settings).await.unwrap().id
}

pub async fn stored(app: &App, transaction: &Transaction) -> Transaction {
    app.store.for_org(transaction.tenant()).get(transaction.id).await.unwrap().unwrap()
}

pub async fn checkout_of(app: &App, transaction: &Transaction) -> Checkout {
    app.store.for_org(transaction.tenant()).get(transaction.checkout_id).await.unwrap().unwrap()
}

/// A checkout, its transfer chosen.
pub async fn waiting(
    app: &App,
    tenant: Tenant,
    site: SiteId,
    bank: ProviderId,
    new: NewCheckout,
) -> (Transaction, TransferInstructions) {
    let reply = create_checkout(app, tenant, site, new, None).await.unwrap();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let id = reply["id"].as_str().unwrap().parse().unwrap();
    let checkout = app.store.for_org(tenant).get::<Checkout>(id).await.unwrap().unwrap();
    told(start_payment::start_payment(app, &checkout, bank, SecondPayment::Ask).await.unwrap())
}

pub fn told(started: StartedPayment) -> (Transaction, TransferInstructions) {
    let Some(NextStep::TransferInstructions(to)) = started.next else { panic!("{:?}", started.next) };
    (started.transaction, to)
}
