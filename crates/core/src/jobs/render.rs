//! Checkouts and transactions as merchants see them: in webhooks and in the Admin API's replies.
//!
//! Nothing that only the gateway needs shows here: no provider session to be paid with, no idempotency
//! record, no outbox.

use serde_json::{Map, Value, json};

use crate::domain::{
    Timestamp,
    checkout::{Checkout, Customer, items},
    outbox::{Changed, ChangedValue, EventType},
    provider_event::ProviderEvent,
    transaction::{Dispute, Refund, Transaction},
};

/// A session. `customer` is the opened [`Checkout::customer`], where there is one.
pub fn checkout(checkout: &Checkout, customer: Option<&Customer>) -> Value {
    let mut session = json!({
        "id": checkout.id,
        "sessionPublicId": checkout.public_id,
        "shortCode": checkout.short_code,
        "siteId": checkout.site_id,
        "mode": checkout.mode,
        "status": checkout.status,
        "amount": checkout.amount,
        "currency": checkout.currency,
        "items": checkout.items,
        "externalReference": checkout.external_reference,
        "invoiceNumber": checkout.invoice_number,
        "metadata": checkout.metadata.to_json(),
        "clientId": checkout.client_id,
        "captureMethod": checkout.capture_method,
        "locale": checkout.locale,
        "expiresAt": checkout.expires_at,
        "paidBy": checkout.paid_by.map(|id| json!({ "transactionId": id })),
        "paidAt": checkout.paid_at,
        "completedAt": checkout.completed_at,
        "createdAt": checkout.created_at,
        "updatedAt": checkout.updated_at,
    });
    if let Some(customer) = customer {
        session["customer"] = json!(customer);
    }
    session
}

/// Puts a summary of the transaction that paid a session into [`checkout`]'s or [`order`]'s result.
pub fn add_payment(session: &mut Value, transaction: &Transaction) {
    session["paidBy"] = json!({
        "transactionId": transaction.id,
        "status": transaction.status,
        "amountCaptured": transaction.captured,
        "amountRefunded": transaction.refunded,
        "currency": transaction.currency,
        "provider": provider(transaction),
        "succeededAt": transaction.succeeded_at,
    });
}

/// A completed session, told as an order: products, customer, tax, total.
pub fn order(checkout: &Checkout, customer: Option<&Customer>) -> Value {
    // Stored lines have been added up before: an error here would mean a document changed by hand.
    let taxes = items::totals(&checkout.items).map(|totals| totals.taxes).unwrap_or_default();
    let tax: i64 = taxes.iter().map(|group| group.tax).sum();
    let taxes: Vec<Value> =
        taxes.iter().map(|group| json!({ "rate": group.rate, "net": group.net, "tax": group.tax })).collect();
    json!({
        "id": checkout.id,
        "sessionPublicId": checkout.public_id,
        "siteId": checkout.site_id,
        "mode": checkout.mode,
        "status": checkout.status,
        "externalReference": checkout.external_reference,
        "invoiceNumber": checkout.invoice_number,
        "product": checkout.items.first(),
        "products": checkout.items,
        "customer": customer,
        "clientId": checkout.client_id,
        "currency": checkout.currency,
        "tax": tax,
        "taxes": taxes,
        "total": checkout.amount,
        "metadata": checkout.metadata.to_json(),
        "paidBy": checkout.paid_by.map(|id| json!({ "transactionId": id })),
        "paidAt": checkout.paid_at,
        "completedAt": checkout.completed_at,
        "createdAt": checkout.created_at,
    })
}

/// A transaction with its refunds, disputes and attempts.
pub fn transaction(transaction: &Transaction) -> Value {
    json!({
        "id": transaction.id,
        "checkoutId": transaction.checkout_id,
        "sessionPublicId": transaction.session_public_id,
        "siteId": transaction.site_id,
        "mode": transaction.mode,
        "status": transaction.status,
        "statusVersion": transaction.status_version,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "amountCaptured": transaction.captured,
        "amountRefunded": transaction.refunded,
        "captureMethod": transaction.capture_method,
        "provider": provider(transaction),
        "refunds": transaction.refunds.iter().map(refund).collect::<Vec<_>>(),
        "disputes": transaction.disputes.iter().map(dispute).collect::<Vec<_>>(),
        "attempts": transaction.attempts,
        "failure": transaction.failure.as_ref().or_else(|| {
            transaction.payment.as_ref().and_then(|payment| payment.failure.as_ref())
        }),
        "needsReview": transaction.needs_review,
        "externalReference": transaction.external_reference,
        "invoiceNumber": transaction.invoice_number,
        "metadata": transaction.metadata.to_json(),
        "clientId": transaction.client_id,
        "history": transaction.history,
        "succeededAt": transaction.succeeded_at,
        "expiresAt": transaction.expires_at,
        "createdAt": transaction.created_at,
        "updatedAt": transaction.updated_at,
    })
}

fn provider(transaction: &Transaction) -> Value {
    let mut references = Map::new();
    for reference in &transaction.refs {
        references.entry(reference.kind()).or_insert_with(|| reference.id().into());
    }
    json!({
        "id": transaction.provider_id,
        "type": transaction.provider_kind,
        "references": references,
    })
}

/// A refund, without the record of the request that made it.
pub fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "reference": refund.reference,
        "amount": refund.amount,
        "status": refund.state,
        "reason": refund.reason,
        "failure": refund.failure,
        "imported": refund.imported,
        "createdAt": refund.created_at,
        "updatedAt": refund.updated_at,
    })
}

fn dispute(dispute: &Dispute) -> Value {
    json!({
        "id": dispute.reference,
        "status": dispute.state,
        "amount": dispute.amount,
        "reason": dispute.reason,
        "updatedAt": dispute.at,
    })
}

/// A provider's event as it came, for those who reconcile it themselves.
pub fn provider_event(event: &ProviderEvent, raw: &str) -> Value {
    json!({
        "id": event.id.to_string(),
        "provider": { "id": event.provider_id.to_string(), "type": event.provider_kind.as_str() },
        "eventId": event.event_id,
        "name": event.name,
        "mode": event.mode.as_str(),
        "receivedAt": event.received_at.to_string(),
        "payload": serde_json::from_str::<Value>(raw).unwrap_or(Value::Null),
        "raw": raw,
    })
}

/// Lays the fields of a change over data that may be newer, so that a late relay does not tell a newer
/// state under an older name.
pub fn overlay(data: &mut Value, changed: &[Changed]) {
    let Some(fields) = data.as_object_mut() else { return };
    for change in changed {
        let value = match &change.value {
            ChangedValue::Number(number) => Value::from(*number),
            ChangedValue::Text(text) => Value::from(text.as_str()),
        };
        // A change names the reason only; the detail stands in the document for as long as it is open.
        if change.field == "needsReview" {
            let open = fields.get("needsReview").is_some_and(Value::is_object);
            if !open {
                fields.insert(change.field.clone(), json!({ "reason": value }));
            }
            continue;
        }
        fields.insert(change.field.clone(), value);
    }
}

/// The body of a webhook: `{type, timestamp, data}`.
pub fn envelope(event: EventType, at: Timestamp, data: &Value) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Envelope<'a> {
        r#type: EventType,
        timestamp: Timestamp,
        data: &'a Value,
    }
    serde_json::to_vec(&Envelope { r#type: event, timestamp: at, data })
        .expect("JSON values with text keys always serialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_laid_over_newer_data() {
        let mut data = json!({ "status": "refunded", "amountRefunded": 500, "needsReview": null });
        let changed = [
            Changed::text("status", "succeeded"),
            Changed::number("amountRefunded", 0),
            Changed::text("needsReview", "late_success"),
        ];
        overlay(&mut data, &changed);
        let expected = json!({
            "status": "succeeded", "amountRefunded": 0, "needsReview": { "reason": "late_success" }
        });
        assert_eq!(data, expected);
    }

    #[test]
    fn review_that_is_still_open_keeps_its_detail() {
        let mut data = json!({ "needsReview": { "reason": "amount_mismatch", "detail": "5 for 6" } });
        overlay(&mut data, &[Changed::text("needsReview", "amount_mismatch")]);
        assert_eq!(data["needsReview"]["detail"], "5 for 6");
    }

    #[test]
    fn envelope_has_three_fields_in_order() {
        let body = envelope(EventType::SessionPaid, Timestamp::from_millis(0), &json!({ "id": "x" }));
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"type":"session.paid","timestamp":"1970-01-01T00:00:00.000Z","data":{"id":"x"}}"#
        );
    }
}
