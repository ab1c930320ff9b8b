//! Checkouts and transactions as webhooks tell them: field for field as the Admin API answers them, which a
//! test there compares. The API's own structs exist for its OpenAPI document, which core knows nothing of.
//!
//! Nothing that only the gateway needs shows here: no provider session to be paid with, no idempotency
//! record, no outbox.

use serde_json::{Map, Value, json};

use crate::domain::{
    Currency, Timestamp,
    checkout::{Checkout, Customer, Item, items},
    client::{Client, ClientProfile},
    invoice::{Credit, CreditLine, Invoice, Paper},
    outbox::{Changed, ChangedValue, EventType},
    provider_event::ProviderEvent,
    transaction::{
        Attempt, Confirmation, Dispute, Failure, Operation, ProviderRef, Refund, Review, Transaction,
    },
};

/// A checkout, in the Admin API's words. `customer` is the opened [`Checkout::customer`], where there is one;
/// `superseded` is whether a newer checkout of its order has taken its place.
pub fn checkout(
    checkout: &Checkout,
    customer: Option<&Customer>,
    superseded: bool,
    payment_url: &str,
) -> Value {
    json!({
        "id": checkout.id,
        "sessionPublicId": checkout.public_id,
        "shortCode": checkout.short_code,
        "paymentUrl": payment_url,
        "status": checkout.status,
        "superseded": superseded,
        "amount": checkout.amount,
        "currency": checkout.currency,
        "items": checkout.items.iter().map(item).collect::<Vec<_>>(),
        "discount": checkout.discount.as_ref().map(|applied| {
            json!({ "discountId": applied.id, "code": applied.code, "amount": applied.amount })
        }),
        "externalReference": checkout.external_reference,
        "invoiceNumber": checkout.invoice_number,
        "email": customer.and_then(|customer| customer.email.as_deref()),
        "billingAddress": customer.and_then(|customer| customer.billing_address.as_ref()),
        "shippingAddress": customer.and_then(|customer| customer.shipping_address.as_ref()),
        "clientId": checkout.client_id,
        "metadata": checkout.metadata.to_json(),
        "siteId": checkout.site_id,
        "mode": checkout.mode,
        "captureMethod": checkout.capture_method,
        "paidBy": checkout.paid_by,
        "expiresAt": checkout.expires_at,
        "paidAt": checkout.paid_at,
        "completedAt": checkout.completed_at,
        "createdAt": checkout.created_at,
        "updatedAt": checkout.updated_at,
    })
}

/// A client, in the Admin API's words.
pub fn client(client: &Client, profile: &ClientProfile) -> Value {
    json!({
        "id": client.id,
        "mode": client.mode,
        "reference": client.reference,
        "name": profile.name,
        "company": profile.company,
        "email": profile.email,
        "phone": profile.phone,
        "taxNumber": profile.tax_number,
        "billingAddress": profile.billing_address,
        "notes": profile.notes,
        "metadata": profile.metadata.to_json(),
        "createdAt": client.created_at,
        "updatedAt": client.updated_at,
    })
}

fn item(item: &Item) -> Value {
    json!({
        "name": item.name,
        "description": item.description,
        "quantity": item.quantity,
        "unitPrice": item.unit_price,
        "vatRate": item.vat_rate.map(|rate| rate.to_string()),
        "itemType": item.item_type,
        "amountType": item.amount_type,
        "productId": item.product_id,
    })
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
        "product": checkout.items.first().map(item),
        "products": checkout.items.iter().map(item).collect::<Vec<_>>(),
        "customer": customer,
        "clientId": checkout.client_id,
        "currency": checkout.currency,
        "tax": tax,
        "taxes": taxes,
        "total": checkout.amount,
        "metadata": checkout.metadata.to_json(),
        "paidBy": checkout.paid_by,
        "paidAt": checkout.paid_at,
        "completedAt": checkout.completed_at,
        "createdAt": checkout.created_at,
    })
}

/// A transaction with its refunds, disputes and attempts, in the Admin API's words.
pub fn transaction(transaction: &Transaction) -> Value {
    let failure = transaction.payment.as_ref().and_then(|payment| payment.failure.as_ref());
    json!({
        "id": transaction.id,
        "status": transaction.status,
        "statusVersion": transaction.status_version,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "amountCaptured": transaction.captured,
        "amountRefunded": transaction.refunded,
        "amountRefundable": transaction.refundable(),
        "amountConfirmed": transaction.received(),
        "checkoutId": transaction.checkout_id,
        "sessionPublicId": transaction.session_public_id,
        "siteId": transaction.site_id,
        "mode": transaction.mode,
        "providerId": transaction.provider_id,
        "providerType": transaction.provider_kind,
        "providerReferences": references(&transaction.refs),
        "externalReference": transaction.external_reference,
        "invoiceNumber": transaction.invoice_number,
        "clientId": transaction.client_id,
        "metadata": transaction.metadata.to_json(),
        "captureMethod": transaction.capture_method,
        "failure": transaction.failure.as_ref().or(failure).map(told_failure),
        "refunds": transaction.refunds.iter().map(refund).collect::<Vec<_>>(),
        "disputes": transaction.disputes.iter().map(|one| dispute(one, transaction.currency)).collect::<Vec<_>>(),
        "attempts": transaction.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "confirmations": transaction.confirmations.iter().map(confirmation).collect::<Vec<_>>(),
        "operations": transaction.operations.iter().map(operation).collect::<Vec<_>>(),
        "needsReview": transaction.needs_review.as_ref().map(review),
        "history": transaction.history,
        "succeededAt": transaction.succeeded_at,
        "createdAt": transaction.created_at,
        "updatedAt": transaction.updated_at,
    })
}

/// The provider's words, as the store has opened them.
fn told_failure(failure: &Failure) -> Value {
    json!({ "code": failure.code, "message": failure.message.as_str() })
}

fn review(review: &Review) -> Value {
    json!({ "reason": review.reason, "detail": review.detail.as_str(), "at": review.at })
}

/// The first name of each kind.
fn references(all: &[ProviderRef]) -> Map<String, Value> {
    let mut first = Map::new();
    for reference in all {
        first.entry(reference.kind()).or_insert_with(|| reference.id().into());
    }
    first
}

/// A refund, without the record of the request that made it.
pub fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "amount": refund.amount,
        "status": refund.state,
        "reason": refund.reason,
        "failure": refund.failure.as_ref().map(told_failure),
        "imported": refund.imported,
        "providerReference": refund.reference,
        "createdAt": refund.created_at,
        "updatedAt": refund.updated_at,
    })
}

fn dispute(dispute: &Dispute, payment: Currency) -> Value {
    json!({
        "id": dispute.reference,
        "kind": dispute.kind(),
        "status": dispute.state,
        "amount": dispute.amount,
        "currency": dispute.currency_of(payment),
        "reason": dispute.reason,
        "updatedAt": dispute.at,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "reference": attempt.reference,
        "status": attempt.state,
        "failure": attempt.failure.as_ref().map(told_failure),
        "at": attempt.at,
    })
}

/// Money that a person has confirmed, without the record of the request.
fn confirmation(confirmation: &Confirmation) -> Value {
    json!({
        "id": confirmation.id,
        "amount": confirmation.amount,
        "reverses": confirmation.reverses,
        "receivedAt": confirmation.received_at,
        "bankReference": confirmation.bank_reference,
        "note": confirmation.note,
        "createdAt": confirmation.created_at,
    })
}

fn operation(operation: &Operation) -> Value {
    json!({
        "id": operation.id,
        "type": operation.kind,
        "amount": operation.amount,
        "status": operation.state,
        "failure": operation.failure.as_ref().map(told_failure),
        "createdAt": operation.created_at,
    })
}

/// An invoice, credit note or receipt, in the Admin API's words; `document` is its whole content, without the
/// look.
pub fn invoice(invoice: &Invoice, paper: &Paper) -> Value {
    let rendering = invoice.rendering.as_ref();
    json!({
        "id": invoice.id,
        "kind": invoice.kind,
        "mode": invoice.mode,
        "status": invoice.status,
        "number": invoice.number(),
        "date": invoice.numbered.as_ref().map(|numbered| &numbered.date),
        "dueDate": invoice.due_date,
        "seriesId": invoice.series_id,
        "issuing": invoice.is_waiting(),
        "blocked": invoice.blocked,
        "currency": invoice.currency,
        "total": invoice.total,
        "amountPaid": invoice.money.paid,
        "amountRefunded": invoice.money.returned,
        "amountCredited": invoice.credited(),
        "credits": invoice.credits.iter().map(credit).collect::<Vec<_>>(),
        "transactionId": invoice.transaction_id,
        "checkoutId": invoice.checkout_id,
        "siteId": invoice.site_id,
        "externalReference": invoice.external_reference,
        "corrects": invoice.corrects,
        "files": rendering.map(|rendering| rendering.status),
        "filesProblem": rendering.and_then(|rendering| rendering.reason.as_ref()),
        "hasXml": rendering.is_some_and(|rendering| rendering.has_xml),
        "noXml": rendering.and_then(|rendering| rendering.no_xml.as_ref()),
        "missingGlyphs": rendering.map_or(&[][..], |rendering| &rendering.missing_glyphs),
        "needsReview": invoice.needs_review.as_ref().map(review),
        "document": paper,
        "issuedAt": invoice.issued_at,
        "createdAt": invoice.created_at,
        "updatedAt": invoice.updated_at,
    })
}

fn credit(credit: &Credit) -> Value {
    json!({
        "creditNoteId": credit.id,
        "amount": credit.amount,
        "cause": credit.cause.split(':').next(),
        "lines": credit.lines.iter().map(credit_line).collect::<Vec<_>>(),
        "reason": credit.reason,
        "at": credit.at,
    })
}

fn credit_line(line: &CreditLine) -> Value {
    json!({ "line": line.line + 1, "quantity": line.quantity.normalize().to_string(), "amount": line.amount })
}

/// A provider's event as it came, for those who reconcile it themselves.
pub fn provider_event(event: &ProviderEvent, raw: &str) -> Value {
    json!({
        "id": event.id.to_string(),
        "provider": { "id": event.provider_id.to_string(), "type": event.provider_kind.as_str() },
        "eventId": event.event_id,
        "name": event.name,
        "mode": event.mode.as_str(),
        "origin": event.origin.as_str(),
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
