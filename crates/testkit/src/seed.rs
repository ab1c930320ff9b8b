//! Example data in bulk: checkouts and transactions of months, written in one go, so that lists and sums can be
//! looked at as they are after a while.
//!
//! Nothing of it ever was at a provider, so a refund of an example fails. All of it is plainly made up.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use gateway_core::{
    app::{create_checkout::IDEMPOTENCY_KEPT, people::session},
    config::{CommonConfig, MailLimits, ProviderUrls, PublicUrls},
    crypto::{OrganizationKeys, normalize_email},
    domain::{
        CheckoutId, Currency, Metadata, Mode, Money, OrganizationId, PersonId, ProviderId, RefundId, SiteId,
        Tenant, Timestamp, TransactionId,
        checkout::{CaptureMethod, Checkout, CheckoutStatus, Customer, Item},
        metadata::Pair,
        outbox::Outbox,
        person::Person,
        provider_account::{ProviderAccount, ProviderKind},
        role::Role,
        site::Site,
        transaction::{
            Failure, Payment, PaymentState, ProviderRef, Refund, RefundState, Review, StatusChange,
            Transaction, TransactionStatus,
        },
    },
    store::{Entity, Store, StoreConfig, StoreError, keys::KeyConfig, seal_with},
};
use mongodb::bson::{RawDocumentBuf, doc, serialize_to_raw_document_buf};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Documents in one insert.
const BATCH: usize = 1000;
/// Inserts at the same time.
const AT_ONCE: usize = 4;

/// What to fill.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose examples.
    pub tenant: Tenant,
    /// How many transactions, each with its checkout.
    pub transactions: u64,
    /// Over how many days, the last being today.
    pub days: u32,
    /// The end of it.
    pub now: Timestamp,
}

/// Where a database is, and what opens it: for programs that do not know the core.
#[derive(Debug, Clone)]
pub struct Access {
    /// Connection string.
    pub uri: String,
    /// Database name.
    pub database: String,
    /// `SYSTEM_ENCRYPTION_KEY`, `SYSTEM_SEARCH_HASH_KEY`, `API_KEY_PEPPER`.
    pub keys: BTreeMap<String, String>,
    /// The organization's id.
    pub organization: String,
}

/// Why there are no examples.
pub type SeedError = Box<dyn std::error::Error + Send + Sync>;

fn keys_of(access: &Access) -> Result<KeyConfig, SeedError> {
    let key = |name: &str| -> Result<_, SeedError> {
        Ok(access.keys.get(name).ok_or_else(|| format!("{name} is missing"))?.parse()?)
    };
    Ok(KeyConfig {
        system: key("SYSTEM_ENCRYPTION_KEY")?,
        search: key("SYSTEM_SEARCH_HASH_KEY")?,
        pepper: key("API_KEY_PEPPER")?,
    })
}

fn store_config(access: &Access, app_name: &str) -> StoreConfig {
    StoreConfig {
        uri: access.uri.clone(),
        database: access.database.clone(),
        app_name: app_name.to_owned(),
        pool_size_max: 16,
    }
}

/// Fills an organization's test mode.
pub async fn fill_named(access: &Access, transactions: u64, days: u32) -> Result<(), SeedError> {
    let store = Store::connect(&store_config(access, "seed"), keys_of(access)?).await?;
    gateway_core::store::indexes::ensure(&store).await?;
    let organization: OrganizationId =
        access.organization.parse().map_err(|error| format!("the organization {error}"))?;
    let now = gateway_core::domain::SystemClock::shared().now();
    let plan = Plan { tenant: Tenant::new(organization, Mode::Test), transactions, days, now };
    fill(&store, &plan).await?;
    Ok(())
}

/// Makes an Admin of the organization and signs them in; answers what their browser's cookie holds.
pub async fn sign_in(access: &Access) -> Result<String, SeedError> {
    let config = CommonConfig {
        store: store_config(access, "seed"),
        keys: keys_of(access)?,
        urls: PublicUrls {
            admin_frontend: "http://127.0.0.1:5000".parse()?,
            admin_backend: "http://127.0.0.1:5001".parse()?,
            main_frontend: "http://127.0.0.1:7000".parse()?,
            main_backend: "http://127.0.0.1:7001".parse()?,
        },
        allow_private_targets: true,
        extra_ca_file: None,
        provider_urls: ProviderUrls::default(),
        single_tenant: None,
        certified_invoicing: Vec::new(),
        mail_limits: MailLimits::default(),
    };
    let app = gateway_providers::start(&config).await?;
    let (id, now) = (PersonId::generate(), app.now());
    let (email, name) = (format!("{id}@example.com"), "Example Person".to_owned());
    let mut person = Person::new(id, email, name, "en".to_owned(), now);
    person.put_membership(access.organization.parse()?, Role::Admin, now);
    app.store.for_org(Person::TENANT).insert(&person).await?;
    let (token, _) = session::open(&app, &person, &session::Client::default()).await?;
    Ok(token.expose().to_owned())
}

/// Fills an organization that has a site and a provider.
pub async fn fill(store: &Store, plan: &Plan) -> Result<(), StoreError> {
    let of = store.for_org(plan.tenant);
    let sites = of.find::<Site>(doc! {}, doc! { "_id": 1 }, 20).await?;
    let providers = of.find::<ProviderAccount>(doc! {}, doc! { "_id": 1 }, 20).await?;
    if sites.is_empty() || providers.is_empty() {
        return Err(StoreError::Unsafe("the organization needs a site and a provider first".to_owned()));
    }
    let maker = Maker {
        store,
        plan,
        keys: of.keys().await?,
        sites: sites.iter().map(|site| site.id).collect(),
        providers: providers.iter().map(|one| (one.id, one.kind)).collect(),
    };
    let batch = u64::try_from(BATCH).unwrap_or(u64::MAX);
    let starts = (0..plan.transactions).step_by(BATCH);
    let inserts = starts.map(|start| maker.insert(start, batch.min(plan.transactions - start)));
    stream::iter(inserts).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

struct Maker<'a> {
    store: &'a Store,
    plan: &'a Plan,
    keys: OrganizationKeys,
    sites: Vec<SiteId>,
    providers: Vec<(ProviderId, ProviderKind)>,
}

impl Maker<'_> {
    async fn insert(&self, start: u64, count: u64) -> Result<(), StoreError> {
        let mut random = StdRng::seed_from_u64(start ^ u64::from(rand::random::<u32>()));
        let (mut checkouts, mut transactions) = (Vec::new(), Vec::new());
        for index in start..start + count {
            let (checkout, transaction) = self.make(index, &mut random);
            checkouts.push(raw(&checkout)?);
            transactions.push(raw(&transaction)?);
        }
        let database = self.store.database();
        let collection = |name: &str| database.collection::<RawDocumentBuf>(name);
        collection(Checkout::COLLECTION).insert_many(checkouts).ordered(false).await?;
        collection(Transaction::COLLECTION).insert_many(transactions).ordered(false).await?;
        Ok(())
    }

    /// One of each, spread evenly over the days.
    fn make(&self, index: u64, random: &mut StdRng) -> (Checkout, Transaction) {
        let span = u64::from(self.plan.days) * 24 * 3600 * 1000;
        let back = span - span * index / self.plan.transactions.max(1);
        let at = self.plan.now - Duration::from_millis(back);
        let currency = ["EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD", "GBP"];
        let currency: Currency =
            currency[random.random_range(0..currency.len())].parse().unwrap_or(Currency::EUR);
        let price = [490, 990, 1500, 1990, 2490, 4900, 12900][random.random_range(0..7)];
        let quantity = random.random_range(1..4);
        let money = Money::new(price * quantity, currency);
        let site = self.sites[random.random_range(0..self.sites.len())];
        let mut checkout = self.checkout(index, site, money, at);
        checkout.items = vec![Item {
            description: format!("Example product {}", price / 100),
            quantity,
            unit_price: price,
            ..Item::default()
        }];
        let provider = self.providers[random.random_range(0..self.providers.len())];
        let mut transaction = transaction_of(&checkout, provider, at);
        settle(&mut checkout, &mut transaction, random);
        (checkout, transaction)
    }

    fn checkout(&self, index: u64, site: SiteId, money: Money, at: Timestamp) -> Checkout {
        let tenant = self.plan.tenant;
        let id = CheckoutId::from_bytes(id_at(at));
        let email = format!("customer{}@example.com", index % 5000);
        let customer = Customer { email: Some(email.clone()), ..Customer::default() };
        let json = serde_json::to_string(&customer).unwrap_or_default();
        let sealed = seal_with(
            &self.keys,
            tenant,
            Checkout::COLLECTION,
            &id.to_string(),
            Checkout::CUSTOMER_FIELD,
            json.as_bytes(),
        );
        let organization = tenant.organization.to_string();
        Checkout {
            price: gateway_core::domain::checkout::Price::default(),
            id,
            org: tenant.organization,
            mode: tenant.mode,
            site_id: site,
            public_id: gateway_core::crypto::random::public_id("cs"),
            short_code: gateway_core::crypto::random::short_code(),
            status: CheckoutStatus::Open,
            amount: money.minor,
            currency: money.currency,
            items: Vec::new(),
            discount: None,
            external_reference: format!("EX-{index:06}"),
            stands_alone: false,
            invoice_number: String::new(),
            metadata: Metadata(vec![Pair { k: "campaign".to_owned(), v: format!("example-{}", index % 40) }]),
            customer: Some(sealed),
            email_hash: Some(self.store.keys().search().hash(
                &organization,
                "email",
                &normalize_email(&email),
            )),
            client_id: Some(format!("client-{}", index % 5000)),
            return_url: None,
            cancel_url: None,
            ipn: None,
            capture_method: CaptureMethod::Automatic,
            locale: None,
            expires_at: at + IDEMPOTENCY_KEPT,
            expiry_due: None,
            paid_by: None,
            paid_at: None,
            completed_at: None,
            idem: None,
            outbox: Outbox::default(),
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }
}

fn transaction_of(checkout: &Checkout, provider: (ProviderId, ProviderKind), at: Timestamp) -> Transaction {
    let id = TransactionId::from_bytes(id_at(at));
    Transaction {
        session_public_id: checkout.public_id.clone(),
        provider_id: Some(provider.0),
        provider_kind: Some(provider.1),
        external_reference: checkout.external_reference.clone(),
        metadata: checkout.metadata.clone(),
        client_id: checkout.client_id.clone(),
        refs: vec![ProviderRef::new("example", &format!("ex_{id}"))],
        open: None,
        ..Transaction::initiated(id, checkout.tenant(), checkout.site_id, checkout.id, checkout.money(), at)
    }
}

/// What became of it: most are paid, some are not, a few come back.
fn settle(checkout: &mut Checkout, transaction: &mut Transaction, random: &mut StdRng) {
    let status = match random.random_range(0..1000) {
        0..=849 => TransactionStatus::Succeeded,
        850..=909 => TransactionStatus::Failed,
        910..=939 => TransactionStatus::Expired,
        940..=949 => TransactionStatus::Cancelled,
        950..=969 => TransactionStatus::PartiallyRefunded,
        970..=991 => TransactionStatus::Refunded,
        992..=996 => TransactionStatus::Disputed,
        _ => TransactionStatus::Lost,
    };
    let at = transaction.created_at + Duration::from_secs(random.random_range(5..300));
    let state = match status {
        TransactionStatus::Failed => PaymentState::Failed,
        TransactionStatus::Expired => PaymentState::Expired,
        TransactionStatus::Cancelled => PaymentState::Cancelled,
        _ => PaymentState::Succeeded,
    };
    let declined = || Failure::new("card_declined", "Example: declined");
    let failure = (state == PaymentState::Failed).then(declined);
    transaction.payment = Some(Payment { state, at, sticky: true, failure });
    transaction.history = vec![StatusChange { status, at, source: "example".to_owned() }];
    transaction.status = status;
    transaction.status_version = 2;
    transaction.updated_at = at;
    checkout.status = CheckoutStatus::Expired;
    checkout.updated_at = at;
    if state != PaymentState::Succeeded {
        return;
    }
    transaction.captured = transaction.amount;
    transaction.succeeded_at = Some(at);
    checkout.status = CheckoutStatus::Completed;
    checkout.paid_by = Some(transaction.id);
    (checkout.paid_at, checkout.completed_at) = (Some(at), Some(at));
    let back = match status {
        TransactionStatus::PartiallyRefunded => transaction.amount / 3,
        TransactionStatus::Refunded => transaction.amount,
        _ => 0,
    };
    if back > 0 {
        transaction.refunded = back;
        transaction.refunds = vec![refund(back, at + Duration::from_hours(1))];
    }
    if random.random_range(0..500) == 0 {
        let (reason, detail) = ("late_success".to_owned(), "Example: money came late".to_owned());
        transaction.needs_review = Some(Review { reason, detail: detail.into(), at });
    }
}

fn refund(amount: i64, at: Timestamp) -> Refund {
    Refund {
        id: RefundId::generate(),
        reference: None,
        amount,
        state: RefundState::Succeeded,
        reason: Some("Example".to_owned()),
        failure: None,
        imported: true,
        idem: None,
        at,
        created_at: at,
        updated_at: at,
    }
}

/// An id as the driver would have made it at a moment.
fn id_at(at: Timestamp) -> [u8; 12] {
    let mut id: [u8; 12] = rand::random();
    let seconds = u32::try_from(at.seconds()).unwrap_or_default();
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    id
}

fn raw(document: &impl serde::Serialize) -> Result<RawDocumentBuf, StoreError> {
    serialize_to_raw_document_buf(document).map_err(|error| StoreError::Malformed(error.to_string()))
}
