//! Closed sets of words: each is a schema of its own, and stands wherever one of its words does.

use gateway_core::{
    app::dashboard::Period,
    domain::{
        audit::{Channel, Ending},
        checkout::CheckoutStatus,
        invitation::InvitationState,
        invoice::{InvoiceStatus, PaperKind, SeriesPeriod, paper::TextKind, words::LANGUAGES},
        order::OrderStatus,
        outbox::EventType,
        provider_account::ProviderKind,
        role::Role,
        scope::Scope,
        transaction::TransactionStatus,
    },
};
use serde_json::{Value, json};

/// A set of words.
struct Words {
    name: &'static str,
    about: &'static str,
    values: Vec<&'static str>,
    /// `Schema.field`, `Schema.field[]` for lists, `operation?parameter` and `operation?parameter[]`; `*.field` is the
    /// field of every schema.
    places: &'static [&'static str],
}

fn all<T: Copy>(of: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    of.iter().map(|one| text(*one)).collect()
}

fn of_payments() -> Vec<Words> {
    vec![
        Words {
            name: "TransactionStatus",
            about: "How a payment stands.",
            values: all(TransactionStatus::ALL, TransactionStatus::as_str),
            places: &[
                "TransactionBody.status",
                "HistoryBody.status",
                "OrderTransactionBody.status",
                "listTransactions?status[]",
            ],
        },
        Words {
            name: "CheckoutStatus",
            about: "How a checkout stands.",
            values: all(CheckoutStatus::ALL, CheckoutStatus::as_str),
            places: &[
                "CheckoutBody.status",
                "CheckoutCreated.status",
                "OrderData.status",
                "OrderCheckoutBody.status",
                "listCheckouts?status[]",
            ],
        },
        Words {
            name: "AttemptStatus",
            about: "What became of an attempt to pay.",
            values: vec!["initiated", "pending", "authorized", "succeeded", "failed", "cancelled", "expired"],
            places: &["AttemptBody.status"],
        },
        Words {
            name: "RefundStatus",
            about: "How a refund stands.",
            values: vec!["not_sent", "pending", "unknown", "succeeded", "failed"],
            places: &["RefundBody.status", "RefundData.refundStatus"],
        },
        Words {
            name: "OperationStatus",
            about: "How a capture or cancel stands.",
            values: vec!["not_sent", "unknown", "succeeded", "failed"],
            places: &["OperationBody.status"],
        },
        Words {
            name: "OperationType",
            about: "What was asked for.",
            values: vec!["capture", "cancel"],
            places: &["OperationBody.type"],
        },
    ]
}

fn of_money() -> Vec<Words> {
    vec![
        Words {
            name: "DisputeStatus",
            about: "How a chargeback stands.",
            values: vec!["open", "under_review", "won", "accepted", "lost"],
            places: &["DisputeBody.status", "DisputeData.disputeStatus"],
        },
        Words {
            name: "DisputeKind",
            about: "Whether money has moved, or the bank only asks.",
            values: vec!["dispute", "inquiry"],
            places: &["DisputeBody.kind"],
        },
        Words {
            name: "DiscountKind",
            about: "How much a code takes off: a part, or an amount.",
            values: vec!["percent", "amount"],
            places: &["DiscountBody.kind"],
        },
        Words {
            name: "CaptureMethod",
            about: "When money is taken: at once, or by a capture.",
            values: vec!["automatic", "manual"],
            places: &[
                "CheckoutBody.captureMethod",
                "TransactionBody.captureMethod",
                "CreateCheckout.captureMethod",
            ],
        },
        Words {
            name: "AmountType",
            about: "Whether prices hold the tax.",
            values: vec!["gross", "net"],
            places: &[
                "ItemBody.amountType",
                "ProductBody.amountType",
                "ProductInput.amountType",
                "NewItem.amountType",
                "LineInput.amountType",
            ],
        },
        Words {
            name: "ProviderType",
            about: "A kind of payment provider.",
            values: all(ProviderKind::ALL, ProviderKind::as_str),
            places: &[
                "ProviderBody.type",
                "CreateProvider.type",
                "TransactionBody.providerType",
                "EventBody.providerType",
            ],
        },
    ]
}

fn of_documents() -> Vec<Words> {
    vec![
        Words {
            name: "InvoiceStatus",
            about: "How a document stands.",
            values: all(InvoiceStatus::ALL, InvoiceStatus::as_str),
            places: &[
                "InvoiceBody.status",
                "OrderDocumentBody.status",
                "listInvoices?status[]",
                "listCreditNotes?status[]",
            ],
        },
        Words {
            name: "DocumentKind",
            about: "What a document is.",
            values: all(PaperKind::ALL, PaperKind::as_str),
            places: &[
                "InvoiceBody.kind",
                "KeptBody.kind",
                "OrderDocumentBody.kind",
                "SeriesBody.kind",
                "SeriesInput.kind",
                "InvoiceSettingsBody.paymentKind",
                "listInvoices?kind[]",
            ],
        },
        Words {
            name: "DocumentTextKind",
            about: "What a document is, as its texts know it.",
            values: all(TextKind::ALL, TextKind::as_str),
            places: &["TextsBody.kind"],
        },
        Words {
            name: "SeriesPeriod",
            about: "When a series begins again.",
            values: all(SeriesPeriod::ALL, SeriesPeriod::as_str),
            places: &["SeriesBody.period", "SeriesInput.period"],
        },
        Words {
            name: "FilesStatus",
            about: "How the files of a document stand.",
            values: vec!["waiting", "done", "parked"],
            places: &["InvoiceBody.files"],
        },
    ]
}

fn of_papers() -> Vec<Words> {
    vec![
        Words {
            name: "CreditCause",
            about: "Why an invoice was credited.",
            values: vec!["refund", "dispute", "returned", "request"],
            places: &["CreditBody.cause"],
        },
        Words {
            name: "MailStatus",
            about: "How a mail stands.",
            values: vec!["waiting", "sending", "sent", "failed"],
            places: &["MailBody.status", "InvitationBody.mail"],
        },
        Words {
            name: "MailOutcome",
            about: "What became of a try to send a mail.",
            values: vec!["started", "sent", "failed", "unknown"],
            places: &["MailAttemptBody.outcome"],
        },
        Words {
            name: "LogoFormat",
            about: "The format of a logo.",
            values: vec!["png", "jpeg", "svg"],
            places: &["LogoBody.format"],
        },
        Words {
            name: "Language",
            about: "A language of documents and mails.",
            values: LANGUAGES.to_vec(),
            places: &[
                "InvoiceSettingsBody.language",
                "InvoiceSettingsInput.language",
                "TextsBody.language",
                "UpdateInvoice.language",
                "CreateInvitation.language",
            ],
        },
    ]
}

fn of_messages() -> Vec<Words> {
    vec![
        Words {
            name: "EventType",
            about: "What a webhook tells of.",
            values: all(EventType::ALL, EventType::as_str),
            places: &["EndpointBody.eventTypes[]", "EndpointInput.eventTypes[]"],
        },
        Words {
            name: "DeliveryState",
            about: "How a message stands.",
            values: vec!["pending", "sending", "delivered", "superseded", "failed"],
            places: &["DeliveryBody.state", "OrderNotificationBody.state", "listDeliveries?state"],
        },
        Words {
            name: "DeliveryKind",
            about: "What a message is.",
            values: vec!["ipn", "webhook"],
            places: &["DeliveryBody.kind", "listDeliveries?kind"],
        },
        Words {
            name: "DeliveryOutcome",
            about: "What became of a request.",
            values: vec!["started", "succeeded", "rejected", "failed", "refused", "unknown"],
            places: &["DeliveryAttemptBody.outcome"],
        },
        Words {
            name: "EventState",
            about: "What became of a provider's event.",
            values: vec!["received", "applied", "ignored", "parked"],
            places: &["EventBody.state", "listEvents?state"],
        },
    ]
}

fn of_orders() -> Vec<Words> {
    vec![
        Words {
            name: "OrderStatus",
            about: "How an order stands.",
            values: all(OrderStatus::ALL, OrderStatus::as_str),
            places: &["OrderRow.status", "listOrders?status[]"],
        },
        Words {
            name: "OrderActionType",
            about: "What mends a difference.",
            values: vec![
                "refund",
                "resolve",
                "ask_provider",
                "resend",
                "cancel_checkout",
                "make_document",
                "credit",
                "look_at_document",
            ],
            places: &["OrderActionBody.type"],
        },
    ]
}

fn of_settings() -> Vec<Words> {
    vec![
        Words {
            name: "Mode",
            about: "Whether real money moves.",
            values: vec!["live", "test"],
            places: &["*.mode"],
        },
        Words {
            name: "Role",
            about: "What somebody may do in an organization.",
            values: all(Role::ALL, Role::as_str),
            places: &[
                "InvitationBody.role",
                "CreateInvitation.role",
                "MemberBody.role",
                "MembershipBody.role",
                "UpdatePerson.role",
            ],
        },
        Words {
            name: "Scope",
            about: "What an API key may do; `*` is everything.",
            values: all(Scope::ALL, Scope::as_str),
            places: &["ApiKeyBody.scopes[]", "CreateApiKey.scopes[]"],
        },
        Words {
            name: "DomainState",
            about: "Whether a domain points here.",
            values: vec!["pending", "verified"],
            places: &["DomainBody.state"],
        },
        Words {
            name: "InvitationState",
            about: "How an invitation stands.",
            values: all(InvitationState::ALL, InvitationState::as_str),
            places: &["InvitationBody.state", "listInvitations?state"],
        },
        Words {
            name: "DiscountEntry",
            about: "Whether customers may enter discount codes.",
            values: vec!["off", "auto"],
            places: &["SiteBody.discountEntry", "SiteInput.discountEntry"],
        },
        Words {
            name: "AddressEntry",
            about: "Whether the checkout asks for a billing address.",
            values: vec!["none", "optional", "required"],
            places: &["SiteBody.billingAddress", "SiteInput.billingAddress"],
        },
        Words {
            name: "AuditChannel",
            about: "Through what something was done.",
            values: all(Channel::ALL, Channel::as_str),
            places: &["AuditEntryBody.channel", "listAuditLog?channel"],
        },
        Words {
            name: "AuditOutcome",
            about: "How something ended.",
            values: all(Ending::ALL, Ending::as_str),
            places: &["AuditEntryBody.outcome", "listAuditLog?outcome"],
        },
        Words {
            name: "ErasureStatus",
            about: "How an erasure stands.",
            values: vec!["done", "running"],
            places: &["ErasureBody.status"],
        },
    ]
}

/// Gives each set its schema, and each place its set.
///
/// # Panics
/// Where a place is not in the document: a mistake of this program, which its tests would show.
pub(super) fn close(document: &mut Value) {
    let sets =
        [of_payments(), of_money(), of_orders(), of_documents(), of_papers(), of_messages(), of_settings()];
    for set in sets.into_iter().flatten() {
        // Go has one name space for the words of all sets.
        let names: Vec<String> = set.values.iter().map(|word| constant(set.name, word)).collect();
        let schema = json!({
            "type": "string", "description": set.about, "enum": set.values, "x-enum-varnames": names,
        });
        document["components"]["schemas"][set.name] = schema;
        for place in set.places {
            let found = put(document, place, set.name);
            assert!(found > 0, "{place} is not in the document");
        }
    }
    let days: Vec<i64> = Period::ALL.iter().filter_map(|one| one.as_str().parse().ok()).collect();
    for parameter in parameter(document, "getDashboard", "days") {
        parameter["schema"] = json!({ "type": "integer", "enum": days, "default": 30 });
    }
}

/// `RefundStatus` and `not_sent` → `REFUND_STATUS_NOT_SENT`.
fn constant(set: &str, word: &str) -> String {
    let mut name = String::new();
    for letter in set.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    let word = if word == "*" { "all" } else { word };
    let plain = word.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    name.push('_');
    name.extend(plain);
    name
}

/// Puts a set into a place; answers in how many.
fn put(document: &mut Value, place: &str, set: &str) -> usize {
    let reference = json!({ "$ref": format!("#/components/schemas/{set}") });
    let mut count = 0;
    if let Some((operation, name)) = place.split_once('?') {
        let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        for parameter in parameter(document, operation, name) {
            if is_list {
                // Several words in one parameter, separated by commas.
                (parameter["style"], parameter["explode"]) = ("form".into(), false.into());
                parameter["schema"] = json!({ "type": "array", "items": reference });
            } else {
                parameter["schema"] = reference.clone();
            }
            count += 1;
        }
        return count;
    }
    let (schema, field) = place.split_once('.').unwrap_or((place, ""));
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (_, found) in schemas.filter(|(name, _)| schema == "*" || *name == schema) {
        count += put_into(found, field, &reference);
    }
    count
}

/// Puts a reference into the field of a schema and of what it joins.
fn put_into(schema: &mut Value, field: &str, reference: &Value) -> usize {
    let joined = schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten();
    let mut count: usize = joined.map(|part| put_into(part, field, reference)).sum();
    if let Some(list) = field.strip_suffix("[]") {
        if let Some(items) = schema.pointer_mut(&format!("/properties/{list}/items")) {
            *items = reference.clone();
            count += 1;
        }
        return count;
    }
    let Some(property) = schema.pointer_mut(&format!("/properties/{field}")) else { return count };
    let may_be_null = property["type"].as_array().is_some_and(|kinds| kinds.contains(&json!("null")));
    let mut closed =
        if may_be_null { json!({ "oneOf": [reference, { "type": "null" }] }) } else { reference.clone() };
    if let Some(text) = property.get("description") {
        closed["description"] = text.clone();
    }
    *property = closed;
    count + 1
}

/// A parameter of an operation's query.
fn parameter<'a>(
    document: &'a mut Value,
    operation: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a mut Value> + 'a {
    let items = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    let wanted = operations.filter(move |one| one["operationId"] == operation);
    let parameters = wanted.filter_map(|one| one.get_mut("parameters")?.as_array_mut()).flatten();
    parameters.filter(move |one| one["name"] == name && one["in"] == "query")
}
