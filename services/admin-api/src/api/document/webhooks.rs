//! What webhooks send: one description for each event type, and the schemas of what only they say.

use gateway_core::domain::outbox::EventType;
use serde_json::{Value, json};

/// Bodies of one kind: the schema of the envelope, of its `data`, and what the types have in common.
struct Kind {
    /// Of the envelope.
    name: &'static str,
    /// Beginnings of the types.
    types: &'static [&'static str],
    /// Of `data`.
    data: &'static str,
    about: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "CheckoutEvent",
        types: &["session."],
        data: "CheckoutBody",
        about: "A checkout, as the API answers it, in the status that the type names.",
    },
    Kind {
        name: "OrderEvent",
        types: &["order."],
        data: "OrderData",
        about: "A completed checkout, told as an order.",
    },
    Kind {
        name: "TransactionEvent",
        types: &["transaction."],
        data: "TransactionBody",
        about: "A payment, as the API answers it, in the status that the type names.",
    },
    Kind {
        name: "RefundEvent",
        types: &["refund."],
        data: "RefundData",
        about: "A payment, and which of its refunds took which status.",
    },
    Kind {
        name: "DisputeEvent",
        types: &["dispute."],
        data: "DisputeData",
        about: "A payment, and which of its chargebacks took which status.",
    },
    Kind {
        name: "DocumentEvent",
        types: &["invoice.", "credit_note."],
        data: "InvoiceBody",
        about: "An invoice, credit note or receipt, as the API answers it.",
    },
    Kind {
        name: "ProviderEventEvent",
        types: &["provider_event."],
        data: "ProviderEventData",
        about: "What a payment provider sent, verified and otherwise as it came. Only for endpoints that name the type.",
    },
    Kind {
        name: "EndpointEvent",
        types: &["webhook_endpoint."],
        data: "EndpointData",
        about: "An endpoint was switched off after five days of failures, or since it answered 410.",
    },
];

/// Adds the `webhooks` of a document.
pub(super) fn add(document: &mut Value) {
    for (name, schema) in data() {
        document["components"]["schemas"][name] = schema;
    }
    for kind in KINDS {
        let is_its = |one: &&EventType| kind.types.iter().any(|start| one.as_str().starts_with(start));
        let types: Vec<&str> = EventType::ALL.iter().filter(is_its).map(|one| one.as_str()).collect();
        document["components"]["schemas"][kind.name] = json!({
            "type": "object", "description": kind.about, "required": ["type", "timestamp", "data"],
            "properties": {
                "type": { "type": "string", "description": "What happened.", "enum": types },
                "timestamp": { "type": "string", "format": "date-time", "description": "When it was committed." },
                "data": { "$ref": format!("#/components/schemas/{}", kind.data) },
            },
        });
        for name in types {
            document["webhooks"][name] = json!({ "post": operation(name, kind) });
        }
    }
}

fn operation(name: &str, kind: &Kind) -> Value {
    let header = |name: &str, about: &str| json!({ "name": name, "in": "header", "required": true, "description": about, "schema": { "type": "string" } });
    let id: String = name.split(['.', '_']).map(capital).collect();
    json!({
        "operationId": format!("on{id}"),
        "tags": ["webhooks"],
        "summary": format!("`{name}`"),
        "description": kind.about,
        "security": [],
        // Nobody calls it: openapi-generator makes no method of it then, which in Python would not compile.
        "x-internal": true,
        "parameters": [
            header("webhook-id", "The message's id, the same for every retry."),
            header("webhook-timestamp", "Unix seconds of this attempt."),
            header("webhook-signature", "Standard Webhooks: `v1,<base64>`, several separated by spaces while a secret is rotated."),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{}", kind.name) } } },
        },
        "responses": {
            "2XX": { "description": "It has arrived." },
            "410": { "description": "Nobody listens here any more: the endpoint is switched off." },
            "default": { "description": "It is sent again, for 76 hours." },
        },
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What a webhook says of an order.
fn order() -> Value {
    let maybe = |about: &str| json!({ "type": ["string", "null"], "description": about });
    let time =
        |about: &str| json!({ "type": ["string", "null"], "format": "date-time", "description": about });
    let minor = |about: &str| json!({ "type": "integer", "format": "int64", "description": about });
    let address = || json!({ "oneOf": [of("NewAddress"), { "type": "null" }] });
    json!({
        "type": "object", "description": "An order.",
        "properties": {
            "id": text("The checkout's id."),
            "sessionPublicId": text("Its public id."),
            "siteId": text("The shop."),
            "mode": text("`live` or `test`."),
            "status": text("`completed`."),
            "externalReference": text("The shop's order number."),
            "invoiceNumber": text("The shop's invoice number."),
            "product": { "description": "The first line.", "oneOf": [of("ItemBody"), { "type": "null" }] },
            "products": { "type": "array", "description": "All lines.", "items": of("ItemBody") },
            "customer": {
                "description": "Who bought.", "oneOf": [{
                    "type": "object", "properties": {
                        "email": maybe("E-mail address."),
                        "billingAddress": address(),
                        "shippingAddress": address(),
                    },
                }, { "type": "null" }],
            },
            "clientId": maybe("The shop's id of the customer."),
            "currency": text("ISO 4217."),
            "tax": minor("Tax within the total, in minor units."),
            "taxes": { "type": "array", "description": "The same by rate.", "items": {
                "type": "object", "required": ["rate", "net", "tax"], "properties": {
                    "rate": text("Percent, as decimal text."),
                    "net": minor("Minor units without tax."),
                    "tax": minor("Minor units of tax."),
                },
            } },
            "total": minor("What was charged, in minor units."),
            "metadata": { "type": "object", "description": "The shop's own pairs.", "additionalProperties": { "type": "string" } },
            "paidBy": maybe("The payment."),
            "paidAt": time("When it was paid."),
            "completedAt": time("When all that follows was done."),
            "createdAt": { "type": "string", "format": "date-time", "description": "When it was made." },
        },
        "required": [
            "id", "sessionPublicId", "siteId", "mode", "status", "externalReference", "invoiceNumber", "product",
            "products", "customer", "clientId", "currency", "tax", "taxes", "total", "metadata", "paidBy", "paidAt",
            "completedAt", "createdAt",
        ],
    })
}

/// Schemas of what no operation answers.
fn data() -> Vec<(&'static str, Value)> {
    let joined = |about: &str, id: &str, of_id: &str, status: &str| {
        json!({ "description": about, "allOf": [of("TransactionBody"), {
            "type": "object", "required": [id, status],
            "properties": { id: text(of_id), status: text("The status that it took.") },
        }] })
    };
    vec![
        ("OrderData", order()),
        (
            "RefundData",
            joined("A payment and one of its refunds.", "refundId", "The refund.", "refundStatus"),
        ),
        (
            "DisputeData",
            joined(
                "A payment and one of its chargebacks.",
                "disputeId",
                "The chargeback, as the provider names it.",
                "disputeStatus",
            ),
        ),
        (
            "ProviderEventData",
            json!({
                "type": "object", "description": "A provider's event.",
                "required": ["id", "provider", "eventId", "name", "mode", "receivedAt", "payload", "raw"],
                "properties": {
                    "id": text("Its id here."),
                    "provider": {
                        "type": "object", "description": "Who sent it.", "required": ["id", "type"],
                        "properties": { "id": text("Its id."), "type": of("ProviderType") },
                    },
                    "eventId": text("The provider's id of it."),
                    "name": text("The provider's name of it."),
                    "mode": text("`live` or `test`."),
                    "receivedAt": { "type": "string", "format": "date-time", "description": "When it came." },
                    "payload": { "description": "The event, read as JSON." },
                    "raw": text("The event, byte for byte."),
                },
            }),
        ),
        (
            "EndpointData",
            json!({
                "type": "object", "description": "An endpoint that was switched off.",
                "required": ["id", "description", "reason"],
                "properties": {
                    "id": text("Its id."),
                    "description": text("What its owner calls it."),
                    "reason": text("Why."),
                },
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_has_its_description_once() {
        for event in EventType::ALL {
            let kinds =
                KINDS.iter().filter(|kind| kind.types.iter().any(|start| event.as_str().starts_with(start)));
            assert_eq!(kinds.count(), 1, "{event:?}");
        }
        let document = crate::api::document();
        let webhooks = document["webhooks"].as_object().unwrap();
        assert_eq!(webhooks.len(), EventType::ALL.len());
        for kind in KINDS {
            assert!(document["components"]["schemas"][kind.data].is_object(), "{}", kind.data);
        }
    }
}
