//! A tenant with a site, endpoints and receivers, a relay and a sender, on a database of its own: claims and
//! polls know no tenant.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use gateway_core::{
    app::App,
    config::{CommonConfig, MailLimits, ProviderUrls, PublicUrls},
    crypto::random,
    domain::{
        CheckoutId, Clock, EndpointId, Metadata, Mode, OrganizationId, SiteId, SystemClock, Tenant,
        Timestamp, TransactionId,
        checkout::{CaptureMethod, Checkout, CheckoutStatus, IpnTarget, Item},
        delivery::{Delivery, DeliveryState},
        endpoint::WebhookEndpoint,
        metadata::Pair,
        outbox::{EventType, Outbox},
        site::{IpnVersion, PageSettings, Site},
        transaction::{Dispute, DisputeState, Payment, PaymentState, Transaction, TransactionStatus},
    },
    jobs::{
        deliver::{Sender, SenderConfig},
        lanes::HeldLanes,
        relay::Relay,
    },
    outbound::{GuardedClient, GuardedClientConfig},
    provider::ProviderRegistry,
    store::{Entity, StoreConfig, keys::KeyConfig},
};
use mongodb::bson::{Document, doc};
use testkit::receiver::Receiver;
use tokio_util::sync::CancellationToken;

/// The machine's time and what a test adds to it.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that is so many milliseconds ahead.
    pub const fn ahead(by_ms: i64) -> Self {
        Self(AtomicI64::new(by_ms))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.0.load(Ordering::SeqCst))
    }
}

pub const SITE_SECRET: &str = "whsec_examplesecretofatestsite";

pub struct World {
    pub app: App,
    pub clock: Arc<TestClock>,
    pub relay: Relay,
    pub sender: Sender,
    pub shop: Receiver,
    pub tenant: Tenant,
    pub site: SiteId,
    pub environment: Environment,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(SenderConfig::default(), Duration::from_secs(2)).await
    }

    /// `deadline` is that of one request on the wire.
    pub async fn start_with(config: SenderConfig, deadline: Duration) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(TestClock::default());
        let environment = environment().await;
        // Nothing here asks a provider.
        let adapters = |_: &_, _: &_, _: &_| ProviderRegistry::new(Vec::new());
        let app = App::start(&common(&environment), adapters, Arc::clone(&clock) as _).await.unwrap();
        let client = GuardedClientConfig { allow_private: true, deadline, ..GuardedClientConfig::default() };
        let client = GuardedClient::new(client).unwrap();
        let held = Arc::new(HeldLanes::default());
        let sender = Sender::new(app.clone(), client, Arc::clone(&held), config);
        let relay = Relay::new(app.clone(), held);
        let tenant = Tenant::new(OrganizationId::generate(), Mode::Test);
        let shop = Receiver::start().await;
        let site = SiteId::generate();
        let ended = CancellationToken::new();
        let world =
            Self { app, clock, relay, sender, shop, tenant, site, environment, stop: ended, running: None };
        world.add_site(world.tenant, site).await;
        world
    }

    /// What a service says that is started on the same database with another clock.
    pub async fn start_refused_by(&self, clock: TestClock) -> Option<String> {
        let adapters = |_: &_, _: &_, _: &_| ProviderRegistry::new(Vec::new());
        let started = App::start(&common(&self.environment), adapters, Arc::new(clock)).await;
        started.err().map(|error| error.to_string())
    }

    /// Starts sending.
    pub fn send(&mut self) {
        self.running = Some(tokio::spawn(self.sender.clone().run(self.stop.clone())));
    }

    /// Stops sending, as a worker that is asked to.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
        self.stop = CancellationToken::new();
    }

    pub async fn add_site(&self, tenant: Tenant, id: SiteId) {
        let (store, now) = (self.app.store.for_org(tenant), self.app.now());
        let secret =
            store.seal(Site::COLLECTION, id, Site::SECRET_FIELD, SITE_SECRET.as_bytes()).await.unwrap();
        let site = Site {
            id,
            org: tenant.organization,
            mode: tenant.mode,
            name: "Example Shop".to_owned(),
            brand_color: None,
            webhook_secret: secret,
            next_webhook_secret: None,
            ipn_version: IpnVersion::V2,
            send_initiated: false,
            references_are_orders: true,
            amounts_in_hundredths: false,
            origins: Vec::new(),
            provider_ids: Vec::new(),
            default_ipn_url: None,
            page: PageSettings::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        store.insert(&site).await.unwrap();
    }

    /// An endpoint for some types, or all; answers its id and secret.
    pub async fn endpoint(&self, path: &str, types: &[EventType]) -> (EndpointId, String) {
        let (store, now, id) = (self.app.store.for_org(self.tenant), self.app.now(), EndpointId::generate());
        let secret = random::standard_webhook_secret().expose().to_owned();
        let seal = async |field, text: &str| {
            store.seal(WebhookEndpoint::COLLECTION, id, field, text.as_bytes()).await.unwrap()
        };
        let endpoint = WebhookEndpoint {
            id,
            org: self.tenant.organization,
            mode: self.tenant.mode,
            url: seal(WebhookEndpoint::URL_FIELD, &self.shop.url(path)).await,
            description: String::new(),
            event_types: types.to_vec(),
            secret: seal(WebhookEndpoint::SECRET_FIELD, &secret).await,
            previous_secret: None,
            enabled: true,
            disabled_reason: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        store.insert(&endpoint).await.unwrap();
        self.app.forget_settings(self.tenant).await;
        (id, secret)
    }

    /// A transaction that waits for nothing yet.
    pub async fn transaction(&self, reference: &str, url: &str, version: IpnVersion) -> Transaction {
        self.transaction_of(self.tenant, self.site, reference, url, version).await
    }

    pub async fn transaction_of(
        &self,
        tenant: Tenant,
        site_id: SiteId,
        reference: &str,
        url: &str,
        version: IpnVersion,
    ) -> Transaction {
        let checkout = self.checkout_of(tenant, site_id, reference, Some((url, version))).await;
        self.begin(&checkout)
    }

    /// A transaction whose shop is told nothing.
    pub async fn silent(&self, reference: &str) -> Transaction {
        let checkout = self.checkout_of(self.tenant, self.site, reference, None).await;
        self.begin(&checkout)
    }

    /// A checkout of a reference, whose shop is told at an address.
    pub async fn checkout(&self, reference: &str, path: &str, version: IpnVersion) -> Checkout {
        self.checkout_of(self.tenant, self.site, reference, Some((&self.shop.url(path), version))).await
    }

    async fn checkout_of(
        &self,
        tenant: Tenant,
        site_id: SiteId,
        reference: &str,
        ipn: Option<(&str, IpnVersion)>,
    ) -> Checkout {
        Self::make_checkout(&self.app, tenant, site_id, reference, ipn).await
    }

    /// A stored checkout of any tenant.
    pub async fn make_checkout(
        app: &App,
        tenant: Tenant,
        site_id: SiteId,
        reference: &str,
        ipn: Option<(&str, IpnVersion)>,
    ) -> Checkout {
        let (now, id) = (app.now(), CheckoutId::generate());
        let store = app.store.for_org(tenant);
        let mut checkout = checkout(id, tenant, site_id, reference, now);
        if let Some((url, version)) = ipn {
            let parsed = url::Url::parse(url).unwrap();
            let host = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
            let field = Checkout::IPN_URL_FIELD;
            let url = store.seal(Checkout::COLLECTION, id, field, url.as_bytes()).await.unwrap();
            checkout.ipn = Some(IpnTarget { url, host, version });
        }
        store.insert(&checkout).await.unwrap();
        checkout
    }

    /// A transaction of a checkout, not yet stored.
    pub fn begin(&self, checkout: &Checkout) -> Transaction {
        Self::begun(checkout, self.app.now())
    }

    /// A transaction of a checkout, not yet stored.
    pub fn begun(checkout: &Checkout, now: Timestamp) -> Transaction {
        let id = TransactionId::generate();
        let (tenant, site) = (checkout.tenant(), checkout.site_id);
        Transaction {
            session_public_id: checkout.public_id.clone(),
            external_reference: checkout.external_reference.clone(),
            open: None,
            expires_at: now + Duration::from_hours(24),
            ..Transaction::initiated(id, tenant, site, checkout.id, checkout.money(), now)
        }
    }

    /// Lets a transaction take a status with its announcement, stores it, and relays it.
    pub async fn take(
        &self,
        transaction: &mut Transaction,
        status: TransactionStatus,
        endpoints: &[EndpointId],
    ) {
        self.announce(transaction, status, endpoints).await;
        self.relay.relay(transaction).await.unwrap();
        transaction.outbox.entries.clear();
        transaction.outbox.due = None;
    }

    /// The same, without relaying.
    pub async fn announce(
        &self,
        transaction: &mut Transaction,
        status: TransactionStatus,
        endpoints: &[EndpointId],
    ) {
        let now = self.app.now();
        set_facts(transaction, status, now);
        transaction.status_version += 1;
        transaction.version += 1;
        transaction.outbox.push(status.event(), now, Vec::new());
        transaction.outbox.entries.last_mut().unwrap().endpoints = endpoints.to_vec();
        let transactions = self.app.store.database().collection::<Transaction>("transactions");
        let id = doc! { "_id": transaction.id };
        transactions.replace_one(id, &*transaction).upsert(true).await.unwrap();
    }

    pub async fn deliveries(&self, filter: Document) -> Vec<Delivery> {
        let sort = doc! { "createdAt": 1, "eventVersion": 1 };
        self.app.store.for_org(self.tenant).find::<Delivery>(filter, sort, 10_000).await.unwrap()
    }

    pub async fn states(&self, filter: Document) -> Vec<DeliveryState> {
        self.deliveries(filter).await.into_iter().map(|delivery| delivery.state).collect()
    }

    /// Waits until the deliveries that fit are in these states.
    pub async fn wait_states(&self, filter: Document, wanted: &[DeliveryState]) -> Vec<Delivery> {
        // Longer than the lease of a lane whose worker has died.
        let ended = tokio::time::Instant::now() + Duration::from_secs(45);
        loop {
            let found = self.deliveries(filter.clone()).await;
            if found.iter().map(|delivery| delivery.state).eq(wanted.iter().copied()) {
                return found;
            }
            assert!(tokio::time::Instant::now() < ended, "wanted {wanted:?}, found {found:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The facts that a status follows from.
pub fn set_facts(transaction: &mut Transaction, status: TransactionStatus, now: Timestamp) {
    use TransactionStatus as S;
    let state = match status {
        S::Initiated => PaymentState::Initiated,
        S::Pending => PaymentState::Pending,
        S::Authorized => PaymentState::Authorized,
        S::Failed => PaymentState::Failed,
        S::Cancelled => PaymentState::Cancelled,
        S::Expired => PaymentState::Expired,
        S::Succeeded | S::PartiallyRefunded | S::Refunded | S::Disputed | S::Lost => PaymentState::Succeeded,
    };
    transaction.payment = Some(Payment { state, at: now, sticky: false, failure: None });
    if state == PaymentState::Succeeded {
        transaction.captured = transaction.amount;
        transaction.succeeded_at.get_or_insert(now);
    }
    transaction.refunded = match status {
        S::Refunded => transaction.amount,
        S::PartiallyRefunded => transaction.amount / 2,
        _ => 0,
    };
    let dispute = match status {
        S::Disputed => Some(DisputeState::Open),
        S::Lost => Some(DisputeState::Lost),
        _ => None,
    };
    transaction.disputes = dispute.into_iter().map(|state| dispute_in(state, now)).collect();
    transaction.status = status;
}

/// A dispute over everything.
pub fn dispute_in(state: DisputeState, at: Timestamp) -> Dispute {
    let reference = "dp_example".to_owned();
    Dispute { reference, state, amount: None, currency: None, inquiry: false, reason: None, at }
}

/// An open checkout of two lines.
pub fn checkout(
    id: CheckoutId,
    tenant: Tenant,
    site_id: SiteId,
    reference: &str,
    now: Timestamp,
) -> Checkout {
    let item = |description: &str, quantity, unit_price| Item {
        description: description.to_owned(),
        quantity,
        unit_price,
        vat_rate: Some("23".parse().unwrap()),
        item_type: "goods".to_owned(),
        ..Item::default()
    };
    Checkout {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        site_id,
        public_id: random::public_id("cs"),
        short_code: random::short_code(),
        status: CheckoutStatus::Open,
        amount: 4900,
        currency: "EUR".parse().unwrap(),
        items: vec![item("Example product", 2, 2000), item("Example cable", 1, 900)],
        external_reference: reference.to_owned(),
        stands_alone: false,
        invoice_number: String::new(),
        metadata: Metadata(vec![Pair { k: "a.b$c".to_owned(), v: "1".to_owned() }]),
        customer: None,
        email_hash: None,
        client_id: None,
        discount: None,
        price: gateway_core::domain::checkout::Price::default(),
        return_url: None,
        cancel_url: None,
        ipn: None,
        capture_method: CaptureMethod::Automatic,
        locale: None,
        expires_at: now + Duration::from_hours(24),
        expiry_due: None,
        paid_by: None,
        paid_at: None,
        completed_at: None,
        idem: None,
        outbox: Outbox::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a worker's process needs to work on the same database.
pub type Environment = Vec<(&'static str, String)>;

async fn environment() -> Environment {
    let key = || hex::encode(random::bytes::<32>());
    let mut environment = vec![
        ("MONGODB_URI", testkit::shared_mongod().await),
        ("MONGODB_DATABASE", format!("tell_{}", hex::encode(random::bytes::<6>()))),
        ("SYSTEM_ENCRYPTION_KEY", key()),
        ("SYSTEM_SEARCH_HASH_KEY", key()),
        ("API_KEY_PEPPER", key()),
        ("IPN_ALLOW_PRIVATE_TARGETS", "true".to_owned()),
        ("WORKER_LISTEN", "127.0.0.1:0".to_owned()),
        ("WORKER_HEALTH_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    for role in ["ADMIN_FRONTEND_URL", "ADMIN_BACKEND_URL", "MAIN_FRONTEND_URL", "MAIN_BACKEND_URL"] {
        environment.push((role, "http://127.0.0.1:1/".to_owned()));
    }
    environment
}

fn common(environment: &Environment) -> CommonConfig {
    let value = |name| environment.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    let key = |name| value(name).parse().unwrap();
    let url = || "http://127.0.0.1:1/".parse().unwrap();
    CommonConfig {
        store: StoreConfig {
            uri: value("MONGODB_URI"),
            database: value("MONGODB_DATABASE"),
            app_name: "e2e".to_owned(),
            pool_size_max: 64,
        },
        keys: KeyConfig {
            system: key("SYSTEM_ENCRYPTION_KEY"),
            search: key("SYSTEM_SEARCH_HASH_KEY"),
            pepper: key("API_KEY_PEPPER"),
        },
        urls: PublicUrls {
            admin_frontend: url(),
            admin_backend: url(),
            main_frontend: url(),
            main_backend: url(),
        },
        allow_private_targets: true,
        extra_ca_file: None,
        provider_urls: ProviderUrls::default(),
        single_tenant: None,
        certified_invoicing: Vec::new(),
        mail_limits: MailLimits::default(),
    }
}
