//! Rotation of keys: moving what is stored from an old key to the current one while the services run, and
//! proving that nothing is left behind.
//!
//! Every stored value names the version of its key. A pass walks each organization's documents and rewrites
//! what names another version than the current one by compare-and-set: the filter holds the old bytes, and
//! versioned documents get a new version, so that a writer in between reads again.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Binary, Bson, Document, doc, oid::ObjectId, spec::BinarySubtype};

use super::{App, AppError, discount_claims, settings::clients, start_payment};
use crate::{
    crypto::{
        CryptoError, FieldContext, Fingerprint, OrganizationKeys, Sealed, SearchHash, TokenHash,
        normalize_email,
    },
    domain::{
        ClientId, DiscountClaimId, Mode, OrganizationId, Tenant, api_key::ApiKey, checkout::Checkout,
        client::Client, discount::DiscountClaim, invoice::Invoice, person::Person, transaction::Transaction,
    },
    store::{Entity, StoreError},
};

/// Services may seal with a key that was replaced this long ago: they keep keys in memory for a minute.
pub const KEYS_IN_MEMORY: Duration = Duration::from_secs(65);
/// Documents read at once.
const BATCH: i64 = 200;
/// Passes over a collection until no writer came between.
const PASSES_MAX: usize = 10;

/// A sealed field: where it stands, and the name under which it was sealed.
#[derive(Clone, Copy)]
struct Field {
    path: &'static str,
    name: &'static str,
}

/// Sealed fields of a collection.
struct Place {
    collection: &'static str,
    /// Whether its documents carry a version.
    versioned: bool,
    fields: &'static [Field],
    /// Fields sealed under the checkout that the document belongs to.
    of_checkout: &'static [Field],
}

/// Private texts of transactions, all sealed under one name.
const TEXTS: Place = Place {
    collection: "transactions",
    versioned: true,
    fields: &{
        let mut fields = [field(Transaction::TEXTS_FIELD); Transaction::TEXT_PATHS.len()];
        let mut index = 0;
        while index < fields.len() {
            fields[index].path = Transaction::TEXT_PATHS[index];
            index += 1;
        }
        fields
    },
    of_checkout: &[],
};

const fn field(path: &'static str) -> Field {
    Field { path, name: path }
}

/// Every sealed field there is; a test compares this list with the domain's types.
const PLACES: &[Place] = &[
    Place {
        collection: "checkouts",
        versioned: true,
        fields: &[field("customer"), field("returnUrl"), field("cancelUrl"), field("ipn.url")],
        of_checkout: &[],
    },
    Place {
        collection: "transactions",
        versioned: true,
        fields: &[field("next")],
        of_checkout: &[field("ipn.url")],
    },
    Place {
        collection: "sites",
        versioned: true,
        fields: &[
            field("webhookSecret"),
            Field { path: "nextWebhookSecret.secret", name: "nextWebhookSecret" },
            field("defaultIpnUrl"),
        ],
        of_checkout: &[],
    },
    Place { collection: "providers", versioned: true, fields: &[field("credentials")], of_checkout: &[] },
    Place {
        collection: "webhook_endpoints",
        versioned: true,
        fields: &[
            field("url"),
            field("secret"),
            Field { path: "previousSecret.secret", name: "previousSecret" },
        ],
        of_checkout: &[],
    },
    Place { collection: "clients", versioned: true, fields: &[field("profile")], of_checkout: &[] },
    Place { collection: "invoices", versioned: true, fields: &[field("paper")], of_checkout: &[] },
    Place { collection: "invoice_settings", versioned: true, fields: &[field("profile")], of_checkout: &[] },
    Place { collection: "invoice_looks", versioned: false, fields: &[field("look")], of_checkout: &[] },
    Place {
        collection: "invoice_files",
        versioned: false,
        fields: &[field("pdf"), field("xml")],
        of_checkout: &[],
    },
    Place { collection: "invoice_mails", versioned: true, fields: &[field("to")], of_checkout: &[] },
    Place { collection: "invitations", versioned: true, fields: &[field("mail.token")], of_checkout: &[] },
    // Of the installation, which has a data key like an organization.
    Place { collection: "people", versioned: true, fields: &[field("totp.secret")], of_checkout: &[] },
    Place { collection: "provider_events", versioned: false, fields: &[field("raw")], of_checkout: &[] },
    Place {
        collection: "deliveries",
        versioned: false,
        fields: &[field("url"), field("body"), Field { path: "attempts.response", name: "response" }],
        of_checkout: &[],
    },
];

/// Where fingerprints of requests stand; they expire by themselves.
const FINGERPRINTS: &[(&str, &str)] = &[
    ("checkouts", "idem.fingerprint"),
    ("transactions", "refunds.idem.fingerprint"),
    ("transactions", "operations.idem.fingerprint"),
    ("transactions", "confirmations.idem.fingerprint"),
    ("invoices", "idem.fingerprint"),
    ("invoices", "credits.idem.fingerprint"),
    ("form_submissions", "fingerprint"),
];

/// Everything that has a data key: the organizations, and the installation with its people.
pub async fn key_holders(app: &App) -> Result<Vec<OrganizationId>, AppError> {
    let organizations = app.store.organizations().await?;
    let ids = organizations.into_iter().map(|organization| organization.id);
    Ok(std::iter::once(Tenant::INSTALLATION.organization).chain(ids).collect())
}

/// What is still on an old key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Organizations whose data keys are wrapped by an old system key.
    pub system: u64,
    /// Fields sealed with an old data key.
    pub sealed: u64,
    /// Blind indexes under an old search key.
    pub search: u64,
    /// Usable API keys whose hash is under an old pepper: each moves when it is next used.
    pub api_keys: u64,
    /// Fingerprints of requests under an old pepper. They are needed for as long as `Idempotency-Key`s are
    /// kept.
    pub fingerprints: u64,
    /// Recovery codes of people under an old pepper: their holders must make new ones. Sessions and links under
    /// it end by themselves.
    pub recovery_codes: u64,
}

impl Leftovers {
    /// Whether every old key can be taken out.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Seals every field of an organization with its current data key; answers how many were rewritten.
pub async fn reseal(app: &App, organization: OrganizationId) -> Result<u64, AppError> {
    let keys = app.store.keys().of(organization).await?;
    let mut rewritten = 0;
    for mode in [Mode::Live, Mode::Test] {
        for place in PLACES.iter().chain([&TEXTS]) {
            rewritten += reseal_place(app, Tenant::new(organization, mode), &keys, place).await?;
        }
    }
    Ok(rewritten)
}

async fn reseal_place(
    app: &App,
    tenant: Tenant,
    keys: &OrganizationKeys,
    place: &Place,
) -> Result<u64, AppError> {
    let mut rewritten = 0;
    for _ in 0..PASSES_MAX {
        let (mut missed, mut after) = (0, None);
        loop {
            let batch = read(app, tenant, place.collection, &paths(place), after).await?;
            let Some(last) = batch.last() else { break };
            after = last.get_object_id("_id").ok();
            for document in &batch {
                let changes = resealed(tenant, keys, place, document)?;
                if changes.is_empty() {
                    continue;
                }
                if swap(app, place, document, &changes).await? { rewritten += 1 } else { missed += 1 }
            }
        }
        if missed == 0 {
            return Ok(rewritten);
        }
    }
    Err(AppError::Busy)
}

/// A value that is to take another's place.
struct Change {
    path: String,
    old: Binary,
    new: Vec<u8>,
}

fn resealed(
    tenant: Tenant,
    keys: &OrganizationKeys,
    place: &Place,
    document: &Document,
) -> Result<Vec<Change>, AppError> {
    let organization = tenant.organization.to_string();
    let mut changes = Vec::new();
    let own = place.fields.iter().map(|field| (field, place.collection, "_id"));
    let of_checkout = place.of_checkout.iter().map(|field| (field, Checkout::COLLECTION, "checkoutId"));
    for (field, collection, id) in own.chain(of_checkout) {
        for (path, old) in values(document, field.path) {
            let sealed =
                Sealed::from_bytes(&old.bytes).map_err(CryptoError::from).map_err(StoreError::from)?;
            let id = document.get_object_id(id).map(ObjectId::to_hex).unwrap_or_default();
            let context =
                FieldContext { organization: &organization, collection, id: &id, field: field.name };
            if let Some(new) = keys.reseal(&context, &sealed).map_err(StoreError::from)? {
                changes.push(Change { path, old: old.clone(), new: new.to_bytes() });
            }
        }
    }
    Ok(changes)
}

/// Rewrites unless the document has changed since it was read.
async fn swap(app: &App, place: &Place, document: &Document, changes: &[Change]) -> Result<bool, AppError> {
    let mut filter = doc! { "_id": document.get("_id").cloned().unwrap_or(Bson::Null) };
    let mut set = Document::new();
    for change in changes {
        filter.insert(change.path.clone(), change.old.clone());
        set.insert(change.path.clone(), binary(change.new.clone()));
    }
    let mut update = doc! { "$set": set };
    if place.versioned {
        update.insert("$inc", doc! { "version": 1_i64 });
    }
    let collection = app.store.database().collection::<Document>(place.collection);
    Ok(collection.update_one(filter, update).await.map_err(StoreError::from)?.matched_count == 1)
}

fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

/// Hashes every e-mail address and every customer of a discount of an organization under the current search key; answers how many.
pub async fn rehash_search(app: &App, organization: OrganizationId) -> Result<u64, AppError> {
    let current = app.store.keys().search().current_version();
    let mut rewritten = 0;
    for mode in [Mode::Live, Mode::Test] {
        let tenant = Tenant::new(organization, mode);
        for collection in HASHED {
            rewritten += rehash_collection(app, tenant, collection, current).await?;
        }
        rewritten += rehash_claims(app, tenant).await?;
        rewritten += rehash_clients(app, tenant).await?;
    }
    Ok(rewritten)
}

/// The same for the customers of discounts' uses, told by their checkouts.
async fn rehash_claims(app: &App, tenant: Tenant) -> Result<u64, AppError> {
    let current = app.store.keys().search().current_version();
    let store = app.store.for_org(tenant);
    let (mut rewritten, mut after) = (0, None);
    loop {
        let batch = read(app, tenant, DiscountClaim::COLLECTION, &["customer"], after).await?;
        let Some(last) = batch.last() else { return Ok(rewritten) };
        after = last.get_object_id("_id").ok();
        for document in &batch {
            let old = values(document, "customer").into_iter().next().map(|(_, old)| old);
            let Some(old) = old.filter(|old| version_of(old) != current) else { continue };
            let Ok(id) = document.get_object_id("_id") else { continue };
            let id = DiscountClaimId::from_bytes(id.bytes());
            let Some(claim) = store.get::<DiscountClaim>(id).await? else { continue };
            let Some(checkout) = store.get::<Checkout>(claim.checkout_id).await? else { continue };
            let customer = start_payment::customer_of(app, &checkout).await?;
            let hash = discount_claims::customer_hash(app, &checkout, &customer);
            let update = if let Some(hash) = hash {
                doc! { "$set": { "customer": binary(hash.to_bytes().to_vec()) } }
            } else {
                doc! { "$unset": { "customer": "", "customerSlot": "" } }
            };
            if store.update::<DiscountClaim>(id, doc! { "customer": old.clone() }, update).await? {
                rewritten += 1;
            }
        }
    }
}

/// Where the hashes stand that clients are found by.
const CLIENT_HASHES: [&str; 2] = ["emailHash", "nameHashes"];

/// The same for clients, who are found by their names, too.
async fn rehash_clients(app: &App, tenant: Tenant) -> Result<u64, AppError> {
    let current = app.store.keys().search().current_version();
    let (mut rewritten, mut after) = (0, None);
    loop {
        let batch = read(app, tenant, Client::COLLECTION, &CLIENT_HASHES, after).await?;
        let Some(last) = batch.last() else { return Ok(rewritten) };
        after = last.get_object_id("_id").ok();
        for document in &batch {
            let mut hashes = CLIENT_HASHES.iter().flat_map(|field| values(document, field));
            if hashes.any(|(_, hash)| version_of(hash) != current)
                && let Ok(id) = document.get_object_id("_id")
            {
                clients::rehash(app, tenant, ClientId::from_bytes(id.bytes())).await?;
                rewritten += 1;
            }
        }
    }
}

/// Collections whose documents are found by e-mail address.
const HASHED: [&str; 2] = [Checkout::COLLECTION, Invoice::COLLECTION];

async fn rehash_collection(
    app: &App,
    tenant: Tenant,
    collection: &'static str,
    current: u32,
) -> Result<u64, AppError> {
    let (mut rewritten, mut after) = (0, None);
    loop {
        let batch = read(app, tenant, collection, &["emailHash"], after).await?;
        let Some(last) = batch.last() else { return Ok(rewritten) };
        after = last.get_object_id("_id").ok();
        for document in &batch {
            if let Some((_, old)) = values(document, "emailHash").into_iter().next()
                && version_of(old) != current
                && let Ok(id) = document.get_object_id("_id")
            {
                let moved = match collection {
                    Checkout::COLLECTION => rehash_checkout(app, tenant, id, old).await?,
                    _ => rehash_invoice(app, tenant, id, old).await?,
                };
                rewritten += u64::from(moved);
            }
        }
    }
}

async fn rehash_checkout(app: &App, tenant: Tenant, id: ObjectId, old: &Binary) -> Result<bool, AppError> {
    let id = crate::domain::CheckoutId::from_bytes(id.bytes());
    let Some(checkout) = app.store.for_org(tenant).get::<Checkout>(id).await? else { return Ok(false) };
    let customer = start_payment::customer_of(app, &checkout).await?;
    rehash::<Checkout>(app, tenant, id, customer.email, old).await
}

async fn rehash_invoice(app: &App, tenant: Tenant, id: ObjectId, old: &Binary) -> Result<bool, AppError> {
    let (store, id) = (app.store.for_org(tenant), crate::domain::InvoiceId::from_bytes(id.bytes()));
    let Some(invoice) = store.get::<Invoice>(id).await? else { return Ok(false) };
    let paper = super::invoices::bare_paper(&store, &invoice).await?;
    rehash::<Invoice>(app, tenant, id, paper.buyer.email, old).await
}

async fn rehash<E: Entity>(
    app: &App,
    tenant: Tenant,
    id: E::Id,
    email: Option<String>,
    old: &Binary,
) -> Result<bool, AppError> {
    let (filter, version) = (doc! { "emailHash": old.clone() }, doc! { "version": 1_i64 });
    let update = if let Some(email) = email {
        let organization = tenant.organization.to_string();
        let hash = app.store.keys().search().hash(&organization, "email", &normalize_email(&email));
        doc! { "$set": { "emailHash": binary(hash.to_bytes().to_vec()) }, "$inc": version }
    } else {
        // A hash whose address is gone finds nothing that may be shown.
        doc! { "$unset": { "emailHash": "" }, "$inc": version }
    };
    Ok(app.store.for_org(tenant).update::<E>(id, filter, update).await?)
}

/// Counts what is still on an old key.
pub async fn verify(app: &App) -> Result<Leftovers, AppError> {
    let mut left =
        Leftovers { system: app.store.keys().count_on_old_system_key().await?, ..Leftovers::default() };
    left.recovery_codes = count_recovery_codes(app).await?;
    for organization in key_holders(app).await? {
        let keys = app.store.keys().of(organization).await?;
        for mode in [Mode::Live, Mode::Test] {
            let tenant = Tenant::new(organization, mode);
            left.sealed += count_sealed(app, tenant, &keys).await?;
            left.search += count_search(app, tenant).await?;
            left.api_keys += count_api_keys(app, tenant).await?;
            left.fingerprints += count_fingerprints(app, tenant).await?;
        }
    }
    Ok(left)
}

/// Takes an organization's old data keys out once nothing is sealed with them. `false` where something still
/// is. To be called [`KEYS_IN_MEMORY`] after the rotation, or a service could yet seal with a key that is
/// then gone.
pub async fn drop_old_data_keys(app: &App, organization: OrganizationId) -> Result<bool, AppError> {
    let keys = app.store.keys().of(organization).await?;
    for mode in [Mode::Live, Mode::Test] {
        if count_sealed(app, Tenant::new(organization, mode), &keys).await? > 0 {
            return Ok(false);
        }
    }
    app.store.keys().drop_old_data_keys(organization).await?;
    Ok(true)
}

async fn count_sealed(app: &App, tenant: Tenant, keys: &OrganizationKeys) -> Result<u64, AppError> {
    let current = keys.current_version();
    let is_old = |value: &Binary| {
        Sealed::from_bytes(&value.bytes).map(|sealed| sealed.key_version()).ok() != Some(current)
    };
    let mut count = 0;
    for place in PLACES.iter().chain([&TEXTS]) {
        count += count_values(app, tenant, place.collection, &paths(place), is_old).await?;
    }
    Ok(count)
}

async fn count_search(app: &App, tenant: Tenant) -> Result<u64, AppError> {
    let current = app.store.keys().search().current_version();
    let mut count = 0;
    let customers = (DiscountClaim::COLLECTION, "customer");
    let hashed = HASHED.map(|collection| (collection, "emailHash"));
    let clients = CLIENT_HASHES.map(|field| (Client::COLLECTION, field));
    for (collection, field) in hashed.into_iter().chain(clients).chain([customers]) {
        count += count_values(app, tenant, collection, &[field], |v| version_of(v) != current).await?;
    }
    Ok(count)
}

async fn count_fingerprints(app: &App, tenant: Tenant) -> Result<u64, AppError> {
    let current = app.store.keys().fingerprint().current().0;
    let is_old = |value: &Binary| {
        Fingerprint::from_bytes(&value.bytes).map(|fingerprint| fingerprint.version()).ok() != Some(current)
    };
    let mut count = 0;
    for (collection, path) in FINGERPRINTS {
        count += count_values(app, tenant, collection, &[path], is_old).await?;
    }
    Ok(count)
}

async fn count_recovery_codes(app: &App) -> Result<u64, AppError> {
    let current = app.store.keys().pepper().current().0;
    let is_old = |value: &Binary| TokenHash::from_bytes(&value.bytes).map_or(0, |h| h.version()) != current;
    count_values(app, Person::TENANT, Person::COLLECTION, &["recovery"], is_old).await
}

async fn count_api_keys(app: &App, tenant: Tenant) -> Result<u64, AppError> {
    let (current, now) = (app.store.keys().pepper().current().0, app.now());
    let keys: Vec<ApiKey> = app.store.for_org(tenant).find(doc! {}, doc! { "_id": 1 }, 0).await?;
    let waits = |key: &&ApiKey| {
        let previous = key.previous.as_ref().filter(|previous| previous.until > now);
        key.is_usable(now)
            && (key.hash.version() != current || previous.is_some_and(|p| p.hash.version() != current))
    };
    Ok(u64::try_from(keys.iter().filter(waits).count()).unwrap_or(u64::MAX))
}

async fn count_values(
    app: &App,
    tenant: Tenant,
    collection: &str,
    paths: &[&str],
    is_old: impl Fn(&Binary) -> bool,
) -> Result<u64, AppError> {
    let (mut count, mut after) = (0, None);
    loop {
        let batch = read(app, tenant, collection, paths, after).await?;
        let Some(last) = batch.last() else { return Ok(count) };
        after = last.get_object_id("_id").ok();
        for (document, path) in batch.iter().flat_map(|d| paths.iter().map(move |path| (d, path))) {
            let old = values(document, path).into_iter().filter(|(_, value)| is_old(value)).count();
            count += u64::try_from(old).unwrap_or(u64::MAX);
        }
    }
}

fn paths(place: &Place) -> Vec<&'static str> {
    place.fields.iter().chain(place.of_checkout).map(|field| field.path).collect()
}

/// The next documents of a tenant, by id, with no more than these fields and the checkout's id.
async fn read(
    app: &App,
    tenant: Tenant,
    collection: &str,
    paths: &[&str],
    after: Option<ObjectId>,
) -> Result<Vec<Document>, AppError> {
    let mut filter = app.store.for_org(tenant).scope();
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": after });
    }
    let mut fields = doc! { "checkoutId": 1 };
    for path in paths {
        fields.insert(*path, 1);
    }
    let documents = app.store.database().collection::<Document>(collection);
    let found = documents.find(filter);
    let found =
        found.projection(fields).sort(doc! { "_id": 1 }).limit(BATCH).await.map_err(StoreError::from)?;
    Ok(found.try_collect().await.map_err(StoreError::from)?)
}

fn version_of(value: &Binary) -> u32 {
    SearchHash::from_bytes(&value.bytes).map_or(0, |hash| hash.version())
}

/// The byte strings at a path, through lists, with the path of each.
fn values<'a>(document: &'a Document, path: &str) -> Vec<(String, &'a Binary)> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut found = Vec::new();
    if let Some(value) = document.get(first) {
        walk(value, first.to_owned(), rest, &mut found);
    }
    found
}

fn walk<'a>(value: &'a Bson, at: String, rest: &str, found: &mut Vec<(String, &'a Binary)>) {
    match value {
        Bson::Binary(binary) if rest.is_empty() => found.push((at, binary)),
        Bson::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                walk(element, format!("{at}.{index}"), rest, found);
            }
        }
        Bson::Document(inner) if !rest.is_empty() => {
            for (path, binary) in values(inner, rest) {
                found.push((format!("{at}.{path}"), binary));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_through_lists() {
        let one = |byte| binary(vec![byte]);
        let document = doc! {
            "url": one(1),
            "attempts": [{ "response": one(2) }, { "number": 2 }, { "response": one(3) }],
            "ipn": { "url": one(4) },
        };
        let at = |path| values(&document, path).into_iter().map(|(p, b)| (p, b.bytes[0])).collect::<Vec<_>>();
        assert_eq!(at("url"), [("url".to_owned(), 1)]);
        assert_eq!(
            at("attempts.response"),
            [("attempts.0.response".to_owned(), 2), ("attempts.2.response".to_owned(), 3)]
        );
        assert_eq!(at("ipn.url"), [("ipn.url".to_owned(), 4)]);
        assert_eq!(at("ipn"), []);
        assert_eq!(at("none.url"), []);
    }

    /// A sealed field that is missing here would become unreadable when its key is taken out.
    #[test]
    fn every_sealed_field_of_the_domain_is_listed() {
        let sources = [
            include_str!("../../../domain/src/checkout/mod.rs"),
            include_str!("../../../domain/src/client.rs"),
            include_str!("../../../domain/src/transaction/mod.rs"),
            include_str!("../../../domain/src/site.rs"),
            include_str!("../../../domain/src/provider_account.rs"),
            include_str!("../../../domain/src/endpoint.rs"),
            include_str!("../../../domain/src/provider_event.rs"),
            include_str!("../../../domain/src/delivery.rs"),
            include_str!("../../../domain/src/invoice/mod.rs"),
            include_str!("../../../domain/src/invoice/settings.rs"),
            include_str!("../../../domain/src/invoice/mail.rs"),
            include_str!("../../../domain/src/person.rs"),
            include_str!("../../../domain/src/invitation.rs"),
        ];
        let is_field = |line: &&str| {
            let line = line.trim();
            line.starts_with("pub ") && (line.ends_with(": Sealed,") || line.ends_with(": Option<Sealed>,"))
        };
        let declared: usize = sources.iter().map(|source| source.lines().filter(is_field).count()).sum();
        // `IpnTarget` is declared once and stands in checkouts and in transactions.
        let listed: usize = PLACES.iter().map(|place| place.fields.len() + place.of_checkout.len()).sum();
        assert_eq!(declared + 1, listed);
    }
}
