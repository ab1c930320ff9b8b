//! Create: a merchant's server asks for a checkout. One insert, its idempotency record inside.

use std::time::Duration;

use mongodb::bson::{self, doc};
use serde::Serialize;

use super::{
    App, AppError, Problem, first_of_each,
    referenced_products::{self, ReferencedProducts},
    settings::clients,
    within,
};
use crate::{
    crypto::{
        KeyMode, OrganizationKeys, PrivateText, RequestDigest, idempotency_slot, normalize_email, random,
    },
    domain::{
        CheckoutId, Currency, Metadata, Mode, Money, ProductId, SiteId, Tenant, Timestamp, TransactionId,
        checkout::{
            Address, AppliedDiscount, CaptureMethod, Checkout, CheckoutStatus, Customer, Idempotency,
            IpnTarget, Item, LIFETIME_SECONDS_DEFAULT, LIFETIME_SECONDS_MAX, LIFETIME_SECONDS_MIN, Price,
            items::{self, ITEMS_MAX, QUANTITY_MAX},
        },
        metadata::{KEY_CHARS_MAX, KEYS_MAX, VALUE_CHARS_MAX},
        money::AMOUNT_MAX,
        outbox::{Changed, EventType, Outbox},
        site::Site,
        transaction::Transaction,
    },
    fault::{self, Recovery},
    outbound::parse_target,
    store::{
        Entity, InsertOutcome,
        codec::{binary, oid},
        open_with,
    },
    timing::scaled,
};

/// Longest `externalReference` and `invoiceNumber`, in bytes: IPN receivers refuse more.
const REFERENCE_BYTES_MAX: usize = 64;
/// Longest text of a customer's field or an item's name, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// A checkout is at most this large in the database, in bytes.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// How long an idempotency key is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(720);
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How long a request may run before its repetition takes over: longer than a provider call may take.
pub(super) const RUNNING_MAX: Duration = Duration::from_secs(45);
/// How long to wait for the winner of an idempotency key to become visible.
const WINNER_WAIT: Duration = Duration::from_secs(1);

/// An `Idempotency-Key` and the request that came with it.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The route's template.
    pub route: &'static str,
    /// As sent.
    pub key: String,
    /// Of method, path and raw body.
    pub digest: RequestDigest,
}

impl IdempotencyKey {
    /// The slot that the key takes in a tenant.
    pub fn slot(&self, tenant: Tenant) -> [u8; 16] {
        let mode = match tenant.mode {
            Mode::Live => KeyMode::Live,
            Mode::Test => KeyMode::Test,
        };
        idempotency_slot(&tenant.organization.to_string(), mode, self.route, &self.key)
    }

    /// Refuses a key that an intent of another transaction took. Within one transaction the compare-and-set
    /// guards; among several this look does, which two requests at the same moment could both pass.
    pub(super) async fn refuse_elsewhere(
        &self,
        app: &App,
        tenant: Tenant,
        intents: &str,
        transaction: TransactionId,
    ) -> Result<(), AppError> {
        let slot = binary::to_bson(&self.slot(tenant));
        let filter = doc! { format!("{intents}.idem.slot"): slot, "_id": { "$ne": oid(transaction) } };
        match app.store.for_org(tenant).find_one::<Transaction>(filter).await? {
            Some(_) => Err(AppError::key_reused()),
            None => Ok(()),
        }
    }

    /// The record to store.
    pub fn record(&self, app: &App, tenant: Tenant, reply: Option<String>) -> Idempotency {
        Idempotency {
            slot: self.slot(tenant),
            fingerprint: self.digest.fingerprint(app.store.keys().fingerprint()),
            reply: reply.map(Into::into),
            expires_at: app.now() + IDEMPOTENCY_KEPT,
        }
    }

    /// What a stored record answers to this request.
    pub fn replay(&self, app: &App, stored: &Idempotency) -> Result<String, AppError> {
        if !self.digest.matches(app.store.keys().fingerprint(), &stored.fingerprint) {
            return Err(AppError::key_reused());
        }
        match stored.reply.as_ref().ok_or(AppError::StillRunning)? {
            PrivateText::Clear(reply) => Ok(reply.clone()),
            PrivateText::Sealed(_) => Err(AppError::internal("a stored reply could not be opened")),
        }
    }

    /// For verbs that call a provider, whose record belongs to the intent: the stored reply, or `None` when
    /// the first request was cut off long ago and this one goes on with its intent.
    pub(super) fn resume(
        &self,
        app: &App,
        stored: Option<&Idempotency>,
        changed_at: Timestamp,
    ) -> Result<Option<String>, AppError> {
        let record = stored.ok_or(AppError::StillRunning)?;
        match self.replay(app, record) {
            Err(AppError::StillRunning) if app.now().since(changed_at) > scaled(RUNNING_MAX) => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}

/// When a checkout should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// At a moment.
    At(Timestamp),
    /// After seconds.
    In(i64),
}

/// A checkout as it is asked for. Amounts are as sent: a site's shop may send hundredths.
#[derive(Debug, Clone, Default)]
pub struct NewCheckout {
    /// What is charged; the sum of the items when absent.
    pub amount: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Lines. Those with a `product_id` are filled with a copy of the product; of them only the quantity counts.
    pub items: Vec<Item>,
    /// Shorthand for one item of this product.
    pub product_id: Option<ProductId>,
    /// Pictures of lines told on the spot: index of the line, address.
    pub image_urls: Vec<(usize, String)>,
    /// A discount code.
    pub discount_code: Option<String>,
    /// The shop's order number.
    pub external_reference: Option<String>,
    /// The shop's invoice number.
    pub invoice_number: Option<String>,
    /// Personal data.
    pub customer: Customer,
    /// The shop's id of the customer, or the id of a client.
    pub client_id: Option<String>,
    /// Where a customer who paid goes.
    pub return_url: Option<String>,
    /// Where a customer who gave up goes.
    pub cancel_url: Option<String>,
    /// Where IPNs go.
    pub ipn_url: Option<String>,
    /// The shop's own pairs.
    pub metadata: Metadata,
    /// Taken at once, or authorized.
    pub capture_method: CaptureMethod,
    /// When it ends.
    pub expiry: Option<Expiry>,
    /// BCP 47.
    pub locale: Option<String>,
    /// Whether amounts are minor units whatever the site's shop sends: a person typed them.
    pub in_minor_units: bool,
    /// What its reader found wrong already. It is refused, and all that is wrong is told at once.
    pub wrong: Vec<Problem>,
}

impl NewCheckout {
    /// The field that names the product of a line.
    pub(super) fn product_field(&self, index: usize) -> String {
        if self.product_id.is_some() { "productId".to_owned() } else { format!("items[{index}].productId") }
    }
}

/// The answer. Field order is part of "byte for byte".
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    id: CheckoutId,
    session_public_id: &'a str,
    short_code: &'a str,
    payment_url: String,
    status: &'a str,
    amount: i64,
    currency: Currency,
    expires_at: Timestamp,
}

/// Creates a checkout; answers the reply's exact JSON.
pub async fn create_checkout(
    app: &App,
    tenant: Tenant,
    site_id: SiteId,
    mut new: NewCheckout,
    idempotency: Option<&IdempotencyKey>,
) -> Result<String, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let site = app.site(tenant, site_id).await?.ok_or(AppError::NotFound("site"))?;
    let now = app.now();
    let keys = app.store.for_org(tenant).keys().await?;
    if let (None, Some(sealed)) = (&new.ipn_url, &site.default_ipn_url) {
        let (collection, id) = (Site::COLLECTION, site.id.to_string());
        let url = open_with(&keys, tenant, collection, &id, Site::DEFAULT_IPN_URL_FIELD, sealed)?;
        new.ipn_url = Some(url);
    }
    let is_asked =
        new.product_id.is_some() || ReferencedProducts::is_asked(&new) || clients::may_name_one(&new);
    let valid = match validate(app, &site, &mut new, now).await {
        // What it names may have changed since the first of these requests was answered.
        Err(error) if is_asked => return replay_first(app, tenant, idempotency, error).await,
        outcome => outcome?,
    };
    referenced_products::wish_images(app, tenant, &mut new).await;
    let mut checkout = build(app, &site, new, valid, &keys, now)?;
    announce_creation(app, &mut checkout, now).await?;
    // A code that is taken is as good as impossible (80 random bits), but a unique index says so.
    for _ in 0..3 {
        let reply = reply_of(app, &checkout);
        checkout.idem = idempotency.map(|key| key.record(app, tenant, Some(reply.clone())));
        match insert(app, &checkout).await? {
            InsertOutcome::Committed => {
                app.superseder.tell(checkout.id, checkout.site_id, &checkout.external_reference);
                return Ok(reply);
            }
            InsertOutcome::Duplicate => {
                if let Some(key) = idempotency
                    && let Some(winner) = find_winner(app, &key.slot(tenant)).await?
                {
                    return key.replay(app, &winner);
                }
                renew_codes(&mut checkout);
            }
            InsertOutcome::Rejected(message) => return Err(AppError::internal(message)),
            InsertOutcome::Unknown(message) => {
                tracing::warn!(%message, "a checkout's fate is not known");
                return Err(AppError::Busy);
            }
        }
    }
    Err(AppError::StillRunning)
}

async fn insert(app: &App, checkout: &Checkout) -> Result<InsertOutcome, AppError> {
    let document =
        bson::serialize_to_raw_document_buf(checkout).map_err(|e| AppError::internal(e.to_string()))?;
    if document.as_bytes().len() > DOCUMENT_BYTES_MAX {
        let problem = "the checkout is larger than 256 KiB in all: send fewer lines, or shorter texts";
        return Err(AppError::field("items", problem));
    }
    fault::point("create.before_insert");
    let outcome = app.store.checkout_writer().insert(oid(checkout.id), document).await;
    fault::point("create.after_insert");
    outcome.map_err(|full| crate::store::StoreError::from(full).into())
}

/// The stored reply of a request that is repeated; `error` where it is the first.
async fn replay_first(
    app: &App,
    tenant: Tenant,
    idempotency: Option<&IdempotencyKey>,
    error: AppError,
) -> Result<String, AppError> {
    let Some(key) = idempotency else { return Err(error) };
    match app.store.lookup_checkout_by_slot(&key.slot(tenant)).await?.and_then(|first| first.idem) {
        Some(record) => key.replay(app, &record),
        None => Err(error),
    }
}

/// The record that holds a slot, once a majority has it.
async fn find_winner(app: &App, slot: &[u8; 16]) -> Result<Option<Idempotency>, AppError> {
    let deadline = tokio::time::Instant::now() + WINNER_WAIT;
    loop {
        if let Some(winner) = app.store.lookup_checkout_by_slot(slot).await? {
            return Ok(winner.idem);
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn renew_codes(checkout: &mut Checkout) {
    // Sealed fields are bound to the id, which therefore stays.
    checkout.short_code = random::short_code();
    checkout.public_id = random::public_id("cs");
}

fn reply_of(app: &App, checkout: &Checkout) -> String {
    let reply = Reply {
        id: checkout.id,
        session_public_id: &checkout.public_id,
        short_code: &checkout.short_code,
        payment_url: app.payment_url(&checkout.short_code).into(),
        status: checkout.status.as_str(),
        amount: checkout.amount,
        currency: checkout.currency,
        expires_at: checkout.expires_at,
    };
    serde_json::to_string(&reply).expect("plain strings and integers always serialize")
}

/// Nothing is announced, and so nothing relayed, unless an endpoint asks for it. A total of zero needs a
/// worker's look: it completes without a provider.
async fn announce_creation(app: &App, checkout: &mut Checkout, now: Timestamp) -> Result<(), AppError> {
    let endpoints = app.enabled_endpoints(checkout.tenant()).await?;
    if checkout.amount == 0 || endpoints.iter().any(|e| e.wants(EventType::SessionCreated)) {
        let changed = vec![Changed::text("status", checkout.status.as_str())];
        checkout.outbox.push(EventType::SessionCreated, now, changed);
        app.address(checkout, 0).await?;
    }
    Ok(())
}

/// What validation works out.
struct Valid {
    amount: i64,
    currency: Currency,
    discount: Option<AppliedDiscount>,
    expires_at: Timestamp,
    ipn: Option<(String, String)>,
}

async fn validate(app: &App, site: &Site, new: &mut NewCheckout, now: Timestamp) -> Result<Valid, AppError> {
    let mut problems = std::mem::take(&mut new.wrong);
    tidy_email(&mut new.customer.email);
    clients::fill_in(app, site.tenant(), new).await?;
    match new.product_id {
        Some(_) if !new.items.is_empty() => {
            problems.push(Problem::new("productId", "must not be combined with items"));
        }
        Some(id) => new.items.push(Item { product_id: Some(id), quantity: 1, ..Item::default() }),
        None => {}
    }
    let named = ReferencedProducts::load(app, site.tenant(), new).await?;
    let currency = named.currency(new, &mut problems);
    let in_hundredths = site.amounts_in_hundredths && !new.in_minor_units;
    if let (true, Some(currency)) = (in_hundredths, currency) {
        from_hundredths(new, currency);
    }
    named.fill(&mut new.items);
    check_items(&new.items, &mut problems);
    let of_amount = ["items", "amount", "currency", "productId"];
    let is_summed = |problem: &Problem| of_amount.iter().any(|start| problem.field.starts_with(start));
    let amount = match currency {
        Some(currency) if !problems.iter().any(is_summed) => work_out_amount(new, currency, &mut problems),
        _ => None,
    };
    check_references(new, &mut problems);
    check_customer(&new.customer, &mut problems);
    check_metadata(&new.metadata, &mut problems);
    check_page_url("returnUrl", new.return_url.as_deref(), &mut problems);
    check_page_url("cancelUrl", new.cancel_url.as_deref(), &mut problems);
    let ipn = check_ipn_url(app, new.ipn_url.as_deref(), &mut problems);
    let expires_at = check_expiry(new.expiry, now, &mut problems);
    for (field, text) in [("clientId", &new.client_id), ("locale", &new.locale)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > 64) {
            problems.push(Problem::new(field, "must be at most 64 characters"));
        }
    }
    let (Some(amount), Some(currency), true) = (amount, currency, problems.is_empty()) else {
        return Err(AppError::Invalid(first_of_each(problems)));
    };
    let of = (site.tenant(), site.id);
    let (amount, discount) = named.discount(app, of, new, amount, currency, now).await?;
    Ok(Valid { amount, currency, discount, expires_at, ipn })
}

/// Both published plugins send total × 100 whatever the currency. What a division leaves over shows up as a
/// difference between sum and amount, and is taken up by the rounding line.
fn from_hundredths(new: &mut NewCheckout, currency: Currency) {
    let convert = |sent: i64| match currency.exponent() {
        0 => sent.saturating_add(if sent < 0 { -50 } else { 50 }) / 100,
        3 => sent.saturating_mul(10),
        _ => sent,
    };
    new.amount = new.amount.map(convert);
    for item in &mut new.items {
        item.unit_price = convert(item.unit_price);
    }
}

fn check_items(items: &[Item], problems: &mut Vec<Problem>) {
    for (index, item) in within("items", items, ITEMS_MAX, "lines", problems).iter().enumerate() {
        let field = |name: &str| format!("items[{index}].{name}");
        if !(1..=QUANTITY_MAX).contains(&item.quantity) {
            let text = format!("must be a whole number from 1 to {QUANTITY_MAX}");
            problems.push(Problem::new(field("quantity"), text));
        }
        if !items::fits(item.unit_price) {
            problems.push(Problem::new(field("unitPrice"), "is too large"));
        }
        if item.title().is_empty() {
            problems.push(Problem::new(field("description"), "is required (or a name)"));
        }
        for (name, text) in [("name", item.name.as_deref().unwrap_or("")), ("description", &item.description)]
        {
            if text.chars().count() > TEXT_CHARS_MAX {
                problems.push(Problem::new(field(name), "must be at most 500 characters"));
            }
        }
        if item.item_type.chars().count() > 64 {
            problems.push(Problem::new(field("itemType"), "must be at most 64 characters"));
        }
        let in_range = |rate: rust_decimal::Decimal| {
            !rate.is_sign_negative() && rate <= rust_decimal::Decimal::ONE_HUNDRED || rate.is_zero()
        };
        if item.vat_rate.is_some_and(|rate| !in_range(rate)) {
            problems.push(Problem::new(field("vatRate"), "must be a percentage from 0 to 100"));
        }
        if problems.len() > 20 {
            return;
        }
    }
}

fn work_out_amount(new: &mut NewCheckout, currency: Currency, problems: &mut Vec<Problem>) -> Option<i64> {
    let amount = match new.amount {
        Some(amount) => match items::reconcile(&mut new.items, amount) {
            Ok(()) => amount,
            Err(error) => {
                problems.push(Problem::new("amount", error.in_words(currency)));
                return None;
            }
        },
        None if new.items.is_empty() => {
            problems.push(Problem::new("amount", "is required where there are no items"));
            return None;
        }
        None => match items::totals(&new.items) {
            Ok(totals) => totals.gross,
            Err(error) => {
                problems.push(Problem::new("items", error.in_words(currency)));
                return None;
            }
        },
    };
    if !(0..=AMOUNT_MAX).contains(&amount) {
        let text = format!("must be from 0 to {}", Money::new(AMOUNT_MAX, currency));
        problems.push(Problem::new("amount", text));
        return None;
    }
    Some(amount)
}

fn check_references(new: &NewCheckout, problems: &mut Vec<Problem>) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    if !given(&new.external_reference) && !given(&new.invoice_number) && new.metadata.is_empty() {
        let text = "is required, unless an invoice number or metadata says what is paid";
        problems.push(Problem::new("externalReference", text));
    }
    for (field, text) in
        [("externalReference", &new.external_reference), ("invoiceNumber", &new.invoice_number)]
    {
        let Some(text) = text else { continue };
        if text.len() > REFERENCE_BYTES_MAX {
            problems.push(Problem::new(field, "must be at most 64 bytes"));
        }
        if text.chars().any(char::is_control) {
            problems.push(Problem::new(field, "must not hold control characters"));
        }
    }
}

/// Takes blanks off the ends of an address, which people and shops leave there; nothing but blanks is no address.
pub(super) fn tidy_email(email: &mut Option<String>) {
    *email = email.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
}

pub(super) fn check_customer(customer: &Customer, problems: &mut Vec<Problem>) {
    if let Some(email) = &customer.email {
        let plausible = email.len() <= 254
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && email.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            });
        if !plausible {
            problems.push(Problem::new("email", "is not an e-mail address"));
        }
    }
    let addresses =
        [("billingAddress", &customer.billing_address), ("shippingAddress", &customer.shipping_address)];
    for (name, address) in addresses {
        let Some(address) = address else { continue };
        for (field, text) in address_fields(address) {
            if text.is_some_and(|t| t.chars().count() > TEXT_CHARS_MAX) {
                problems.push(Problem::new(format!("{name}.{field}"), "must be at most 500 characters"));
            }
        }
    }
}

fn address_fields(address: &Address) -> [(&'static str, Option<&str>); 10] {
    [
        ("firstName", address.first_name.as_deref()),
        ("lastName", address.last_name.as_deref()),
        ("company", address.company.as_deref()),
        ("address1", address.address1.as_deref()),
        ("address2", address.address2.as_deref()),
        ("city", address.city.as_deref()),
        ("postcode", address.postcode.as_deref()),
        ("country", address.country.as_deref()),
        ("phone", address.phone.as_deref()),
        ("vatId", address.vat_id.as_deref()),
    ]
}

pub(super) fn check_metadata(metadata: &Metadata, problems: &mut Vec<Problem>) {
    if metadata.0.len() > KEYS_MAX {
        problems.push(Problem::new("metadata", format!("must have at most {KEYS_MAX} keys")));
        return;
    }
    for pair in &metadata.0 {
        if pair.k.is_empty() || pair.k.chars().count() > KEY_CHARS_MAX {
            let text = format!("a key must have 1 to {KEY_CHARS_MAX} characters");
            problems.push(Problem::new("metadata", text));
        } else if pair.v.chars().count() > VALUE_CHARS_MAX {
            let text = format!("must be at most {VALUE_CHARS_MAX} characters");
            problems.push(Problem::new(format!("metadata.{}", pair.k), text));
        }
    }
}

/// The placeholder survives: it is replaced on redirect.
fn check_page_url(field: &str, text: Option<&str>, problems: &mut Vec<Problem>) {
    let Some(text) = text else { return };
    let probe = text.replace("{transactionId}", "0");
    let is_web =
        url::Url::parse(&probe).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if text.len() > URL_BYTES_MAX {
        problems.push(Problem::new(field, "must be at most 2048 bytes"));
    } else if !is_web || text.chars().any(char::is_control) {
        problems.push(Problem::new(field, "must be an absolute http or https URL"));
    }
}

fn check_ipn_url(app: &App, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<(String, String)> {
    let text = text?;
    match parse_target(text, &app.targets) {
        Ok(url) => {
            let host = url.host_str().unwrap_or_default();
            let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            Some((text.to_owned(), host))
        }
        Err(refusal) => {
            problems.push(Problem::new("ipnUrl", refusal.to_string()));
            None
        }
    }
}

pub(super) fn check_expiry(expiry: Option<Expiry>, now: Timestamp, problems: &mut Vec<Problem>) -> Timestamp {
    let (field, seconds) = match expiry {
        None => ("expiresIn", LIFETIME_SECONDS_DEFAULT),
        Some(Expiry::In(seconds)) => ("expiresIn", seconds),
        Some(Expiry::At(at)) => ("expiresAt", at.millis().saturating_sub(now.millis()).div_euclid(1000)),
    };
    // A second of grace: the merchant's clock computed 30 minutes a moment ago.
    let range = LIFETIME_SECONDS_MIN - 1..=LIFETIME_SECONDS_MAX + 1;
    if !range.contains(&seconds) {
        problems.push(Problem::new(field, "must be between 30 minutes and 130 days from now"));
        return now;
    }
    match expiry {
        Some(Expiry::At(at)) => at,
        _ => now + Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
    }
}

fn build(
    app: &App,
    site: &Site,
    new: NewCheckout,
    valid: Valid,
    keys: &OrganizationKeys,
    now: Timestamp,
) -> Result<Checkout, AppError> {
    let tenant = site.tenant();
    let id = CheckoutId::generate();
    let name = id.to_string();
    let seal = |field: &str, text: &str| {
        crate::store::seal_with(keys, tenant, Checkout::COLLECTION, &name, field, text.as_bytes())
    };
    let email_hash = new.customer.email.as_deref().map(|email| {
        let organization = tenant.organization.to_string();
        app.store.keys().search().hash(&organization, "email", &normalize_email(email))
    });
    let customer = if new.customer.is_empty() {
        None
    } else {
        let json = serde_json::to_string(&new.customer).map_err(|e| AppError::internal(e.to_string()))?;
        Some(seal(Checkout::CUSTOMER_FIELD, &json))
    };
    let ipn = valid.ipn.map(|(url, host)| IpnTarget {
        url: seal(Checkout::IPN_URL_FIELD, &url),
        host,
        version: site.ipn_version,
    });
    Ok(Checkout {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        site_id: site.id,
        public_id: random::public_id("cs"),
        short_code: random::short_code(),
        status: CheckoutStatus::Open,
        amount: valid.amount,
        currency: valid.currency,
        items: new.items,
        discount: valid.discount,
        price: Price::Settled,
        external_reference: new.external_reference.unwrap_or_default(),
        stands_alone: !site.references_are_orders,
        invoice_number: new.invoice_number.unwrap_or_default(),
        metadata: new.metadata,
        customer,
        email_hash,
        client_id: new.client_id,
        return_url: new.return_url.map(|url| seal(Checkout::RETURN_URL_FIELD, &url)),
        cancel_url: new.cancel_url.map(|url| seal(Checkout::CANCEL_URL_FIELD, &url)),
        ipn,
        capture_method: new.capture_method,
        locale: new.locale,
        expires_at: valid.expires_at,
        expiry_due: Some(valid.expires_at),
        paid_by: None,
        paid_at: None,
        completed_at: None,
        idem: None,
        outbox: Outbox::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    })
}
