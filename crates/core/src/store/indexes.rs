//! Indexes and validators: made at start, the same on every start.

use std::time::Duration;

use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
    error::ErrorKind,
    options::IndexOptions,
};

use super::{
    Store, StoreError, daily_sums,
    due::{self, Waits},
};

fn index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn partial(name: &str, keys: Document, filter: Document, is_unique: bool) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(is_unique)
        .partial_filter_expression(filter)
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Takes documents away once `expiresAt` is past.
fn expiry() -> IndexModel {
    let options = IndexOptions::builder().name("expiry".to_owned()).expire_after(Duration::ZERO).build();
    IndexModel::builder().keys(doc! { "expiresAt": 1 }).options(options).build()
}

/// Takes sums away that nobody asks for any more.
fn old_sums() -> IndexModel {
    let age = Duration::from_hours(24 * (daily_sums::DAYS_KEPT.unsigned_abs() + 7));
    let options = IndexOptions::builder().name("old".to_owned()).expire_after(age).build();
    IndexModel::builder().keys(doc! { "day": 1 }).options(options).build()
}

fn tenant_id() -> IndexModel {
    index("tenant_id", doc! { "org": 1, "mode": 1, "_id": -1 })
}

fn outbox() -> IndexModel {
    partial("outbox_due", doc! { "outbox.due": 1 }, exists("outbox.due"), false)
}

fn metadata() -> IndexModel {
    let keys = doc! { "org": 1, "mode": 1, "m.k": 1, "m.v": 1, "_id": -1 };
    partial("metadata_newest", keys, exists("m"), false)
}

fn reference() -> IndexModel {
    let keys = doc! { "siteId": 1, "externalReference": 1, "_id": -1 };
    partial("site_reference", keys, exists("externalReference"), false)
}

/// The index over payments that a person should look at, also named where they are counted.
pub(crate) const TO_REVIEW: &str = "to_review";

/// The index over verified hosts, which is also read by itself.
pub(crate) const VERIFIED_HOST: &str = "verified_host";

/// What a client bought.
fn client() -> IndexModel {
    partial("client", doc! { "org": 1, "mode": 1, "clientId": 1, "_id": -1 }, exists("clientId"), false)
}

/// What a list is narrowed by, newest first: both the page and its total are read off the index, however rare the
/// value is.
fn newest_of(field: &str) -> IndexModel {
    index(&format!("tenant_{field}"), doc! { "org": 1, "mode": 1, field: 1, "_id": -1 })
}

fn of_email() -> IndexModel {
    let keys = doc! { "org": 1, "mode": 1, "emailHash": 1, "_id": -1 };
    partial("email_newest", keys, exists("emailHash"), false)
}

fn transactions() -> Vec<IndexModel> {
    vec![
        tenant_id(),
        outbox(),
        metadata(),
        reference(),
        client(),
        newest_of("siteId"),
        newest_of("providerId"),
        newest_of("currency"),
        index("tenant_status", doc! { "org": 1, "mode": 1, "status": 1, "_id": -1 }),
        index("checkout", doc! { "checkoutId": 1, "_id": -1 }),
        // Which days have changed, answered from the index alone.
        index(daily_sums::CHANGED_INDEX, doc! { "org": 1, "mode": 1, "updatedAt": 1, "createdAt": 1 }),
        partial("one_open", doc! { "checkoutId": 1, "open": 1 }, doc! { "open": true }, true),
        // Not unique: the entries of intents without a key would collide as nulls.
        partial("refund_idempotency", doc! { "refunds.idem.slot": 1 }, exists("refunds.idem.slot"), false),
        partial(
            "operation_idempotency",
            doc! { "operations.idem.slot": 1 },
            exists("operations.idem.slot"),
            false,
        ),
        partial(
            "confirmation_idempotency",
            doc! { "confirmations.idem.slot": 1 },
            exists("confirmations.idem.slot"),
            false,
        ),
        partial("provider_ref", doc! { "providerId": 1, "refs": 1 }, exists("refs"), false),
        waits(due::RECONCILES),
        partial(TO_REVIEW, doc! { "org": 1, "mode": 1, "_id": -1 }, exists("needsReview"), false),
    ]
}

/// A value that a tenant has once.
fn per_tenant(field: &str) -> IndexModel {
    partial(field, doc! { "org": 1, "mode": 1, field: 1 }, exists(field), true)
}

/// The unique ones are what keeps a discount's limits.
fn discount_claims() -> Vec<IndexModel> {
    vec![
        // With the tenant, so that reading slots never leaves the index.
        unique("slot", doc! { "org": 1, "mode": 1, "discountId": 1, "slot": 1 }),
        partial(
            "customer_slot",
            doc! { "org": 1, "mode": 1, "discountId": 1, "customer": 1, "customerSlot": 1 },
            exists("customer"),
            true,
        ),
        unique("checkout", doc! { "discountId": 1, "checkoutId": 1 }),
        partial("order", doc! { "discountId": 1, "order": 1 }, exists("order"), false),
        partial("due", doc! { "due": 1 }, exists("due"), false),
    ]
}

fn invoices() -> Vec<IndexModel> {
    let tenant = |field: &str| doc! { "org": 1, "mode": 1, field: 1 };
    vec![
        tenant_id(),
        outbox(),
        index("tenant_status", doc! { "org": 1, "mode": 1, "status": 1, "_id": -1 }),
        // What fences the numbering lanes: no number twice, whoever writes.
        partial(
            "numbered",
            doc! {
                "org": 1, "mode": 1,
                "numbered.seriesId": 1, "numbered.period": 1, "numbered.sequence": 1,
            },
            exists("numbered"),
            true,
        ),
        partial("number", tenant("numbered.number"), exists("numbered"), true),
        partial("payment_of", tenant("paymentOf"), exists("paymentOf"), true),
        partial("transaction", tenant("transactionId"), exists("transactionId"), false),
        reference(),
        partial("corrects", doc! { "corrects": 1 }, exists("corrects"), false),
        partial("issue_due", doc! { "issueDue": 1 }, exists("issueDue"), false),
        waits(due::RENDERINGS),
        partial("idempotency", doc! { "idem.slot": 1 }, exists("idem.slot"), true),
        partial("credit_idempotency", doc! { "credits.idem.slot": 1 }, exists("credits.idem.slot"), false),
        of_email(),
    ]
}

fn checkouts() -> Vec<IndexModel> {
    vec![
        tenant_id(),
        outbox(),
        metadata(),
        reference(),
        index("tenant_status", doc! { "org": 1, "mode": 1, "status": 1, "_id": -1 }),
        unique("short_code", doc! { "shortCode": 1 }),
        unique("public_id", doc! { "publicId": 1 }),
        partial("idempotency", doc! { "idem.slot": 1 }, exists("idem.slot"), true),
        partial("idempotency_expiry", doc! { "idem.expiresAt": 1 }, exists("idem.expiresAt"), false),
        waits(due::EXPIRIES),
        of_email(),
        client(),
        newest_of("siteId"),
    ]
}

fn deliveries() -> Vec<IndexModel> {
    let transaction = doc! { "transactionId": 1, "kind": 1, "eventVersion": 1 };
    vec![
        tenant_id(),
        partial("lane_due", doc! { "lane": 1, "due": 1 }, exists("due"), false),
        partial("transaction", transaction, exists("transactionId"), false),
        partial("checkout", doc! { "checkoutId": 1, "_id": -1 }, exists("checkoutId"), false),
        partial("invoice", doc! { "invoiceId": 1 }, exists("invoiceId"), false),
        partial("provider_event", doc! { "providerEventId": 1 }, exists("providerEventId"), false),
        partial("failed", doc! { "org": 1, "mode": 1, "_id": -1 }, doc! { "state": "failed" }, false),
        partial("sending", doc! { "lane": 1, "state": 1 }, doc! { "state": "sending" }, false),
    ]
}

fn of_person() -> IndexModel {
    index("person", doc! { "person": 1, "createdAt": -1 })
}

fn invitations() -> Vec<IndexModel> {
    vec![
        tenant_id(),
        unique("token", doc! { "token": 1 }),
        // One open invitation of an address into an organization.
        partial("open", doc! { "org": 1, "email": 1 }, doc! { "state": "open" }, true),
        partial("mail_due", doc! { "mail.due": 1 }, exists("mail.due"), false),
    ]
}

fn audit_log() -> Vec<IndexModel> {
    vec![
        // What keeps a chain from forking, whoever writes.
        unique("chain", doc! { "org": 1, "mode": 1, "sequence": 1 }),
        tenant_id(),
        index("actor", doc! { "org": 1, "mode": 1, "act.actor": 1, "_id": -1 }),
        index("operation", doc! { "org": 1, "mode": 1, "act.operation": 1, "_id": -1 }),
    ]
}

fn people() -> Vec<IndexModel> {
    vec![
        tenant_id(),
        unique("email", doc! { "email": 1 }),
        partial("passkey", doc! { "passkeys.credentialId": 1 }, exists("passkeys.credentialId"), true),
        partial("member", doc! { "memberships.org": 1, "_id": -1 }, exists("memberships.org"), false),
    ]
}

/// What waits for its time, with the organization: those who have their turn already are skipped without being read.
fn waits(waits: Waits) -> IndexModel {
    partial(waits.index, doc! { waits.field: 1, "org": 1 }, exists(waits.field), false)
}

/// What is due some time, found without looking at the rest.
fn due() -> IndexModel {
    partial("due", doc! { "due": 1 }, exists("due"), false)
}

fn orders() -> Vec<IndexModel> {
    vec![
        unique("key", doc! { "key": 1 }),
        tenant_id(),
        reference(),
        metadata(),
        index("tenant_status", doc! { "org": 1, "mode": 1, "status": 1, "_id": -1 }),
        waits(due::ORDERS),
    ]
}

/// Indexes of earlier releases that nothing reads any more, by collection: each costs a write.
const RETIRED: [(&str, &str); 7] = [
    ("invoices", "render_due"),
    ("provider_events", "due"),
    ("orders", "due"),
    ("invoice_mails", "due"),
    ("transactions", "reconcile_due"),
    ("checkouts", "expiry_due"),
    ("provider_health", "feed_due"),
];

/// Every index, by collection.
pub fn all() -> Vec<(&'static str, Vec<IndexModel>)> {
    vec![
        ("checkouts", checkouts()),
        ("transactions", transactions()),
        ("orders", orders()),
        ("invoices", invoices()),
        ("invoice_settings", vec![tenant_id()]),
        ("invoice_looks", vec![tenant_id()]),
        ("invoice_files", vec![tenant_id()]),
        ("invoice_mails", vec![tenant_id(), index("invoice", doc! { "invoiceId": 1 }), waits(due::MAILS)]),
        (
            "provider_events",
            vec![
                unique("provider_event", doc! { "providerId": 1, "eventId": 1 }),
                waits(due::EVENTS),
                tenant_id(),
                partial("transaction", doc! { "transactionId": 1 }, exists("transactionId"), false),
                partial("parked", doc! { "org": 1, "mode": 1, "_id": -1 }, doc! { "state": "parked" }, false),
            ],
        ),
        ("deliveries", deliveries()),
        (
            daily_sums::COLLECTION,
            vec![unique("tenant_day", doc! { "org": 1, "mode": 1, "day": 1 }), old_sums()],
        ),
        (daily_sums::MARKS, vec![unique("tenant", doc! { "org": 1, "mode": 1 })]),
        ("lanes", vec![partial("next", doc! { "next": 1 }, exists("next"), false)]),
        ("sites", vec![tenant_id()]),
        ("providers", vec![tenant_id()]),
        ("provider_health", vec![waits(due::FEEDS)]),
        ("api_keys", vec![tenant_id()]),
        ("webhook_endpoints", vec![tenant_id()]),
        ("products", vec![tenant_id(), per_tenant("sku"), metadata()]),
        ("discounts", vec![tenant_id(), per_tenant("codeKey")]),
        ("discount_claims", discount_claims()),
        (
            "clients",
            vec![
                tenant_id(),
                per_tenant("reference"),
                partial("email", doc! { "org": 1, "mode": 1, "emailHash": 1 }, exists("emailHash"), false),
                partial("name", doc! { "org": 1, "mode": 1, "nameHashes": 1 }, exists("nameHashes"), false),
                partial("erasure_due", doc! { "erasure.due": 1 }, exists("erasure.due"), false),
            ],
        ),
        ("product_images", vec![due()]),
        (
            "domains",
            vec![
                tenant_id(),
                unique("tenant_host", doc! { "org": 1, "mode": 1, "host": 1 }),
                // Only who verified a host has it, so that nobody can keep its owner from registering it.
                partial(VERIFIED_HOST, doc! { "host": 1 }, doc! { "state": "verified" }, true),
                partial("check_due", doc! { "checkedAt": 1 }, doc! { "state": "verified" }, false),
            ],
        ),
        ("people", people()),
        ("sessions", vec![of_person(), expiry()]),
        ("links", vec![of_person(), expiry()]),
        ("passkey_challenges", vec![expiry()]),
        ("refresh_tokens", vec![of_person(), index("family", doc! { "family": 1 }), expiry()]),
        ("sign_in_tries", vec![expiry()]),
        ("quotas", vec![expiry()]),
        ("sign_in_codes", vec![due(), expiry()]),
        ("invitations", invitations()),
        ("audit_log", audit_log()),
        ("audit_drafts", vec![due()]),
        ("form_submissions", vec![tenant_id(), expiry()]),
        ("sandbox_payments", vec![unique("transaction", doc! { "transactionId": 1 }), due()]),
    ]
}

fn exists(field: &str) -> Document {
    doc! { field: { "$exists": true } }
}

/// Makes what is missing. A sandbox provider in live mode is refused by the database itself.
pub async fn ensure(store: &Store) -> Result<(), StoreError> {
    let database = store.database();
    for (collection, indexes) in all() {
        database.collection::<Document>(collection).create_indexes(indexes).await?;
    }
    forbid_live_sandbox(database).await
}

/// Drops what nothing reads any more; answers how many indexes were there.
pub(crate) async fn drop_retired(store: &Store) -> Result<i64, StoreError> {
    let mut dropped = 0;
    for (collection, name) in RETIRED {
        match store.database().collection::<Document>(collection).drop_index(name).await {
            Ok(()) => dropped += 1,
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(dropped)
}

/// MongoDB's codes where there is no such collection (26) or index (27).
fn is_missing(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if [26, 27].contains(&command.code))
}

/// A validator rather than an index: an index can only refuse a second document, a validator the first.
async fn forbid_live_sandbox(database: &Database) -> Result<(), StoreError> {
    let rule = doc! { "$nor": [{ "type": "sandbox", "mode": "live" }] };
    for collection in ["providers", "sandbox_payments"] {
        let command = doc! { "collMod": collection, "validator": rule.clone(), "validationLevel": "strict" };
        database.run_command(command).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_index_is_made_and_dropped() {
        for (collection, index) in RETIRED {
            let (_, made) = all().into_iter().find(|(name, _)| *name == collection).unwrap();
            let names = made.iter().filter_map(|model| model.options.as_ref()?.name.as_deref());
            assert!(names.into_iter().all(|name| name != index), "{collection}.{index}");
        }
    }
}
