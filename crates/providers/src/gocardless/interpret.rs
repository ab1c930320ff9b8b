//! `GoCardless`'s events: unordered, repeated as whole batches, without the resource itself.

use gateway_core::{
    domain::transaction::{PaymentFact, PaymentState, ProviderUpdate, RefundFact, Source},
    provider::{EventUpdate, IncomingEvent, Interpretation},
};

use super::{
    facts::{self, BILLING_REQUEST, MANDATE, PAYMENT, REFUND},
    objects::{Event, REFUND_ID, SESSION_PUBLIC_ID, TRANSACTION_ID},
};
use crate::http::unreadable;

/// Reads an event.
pub(super) fn interpret(incoming: &IncomingEvent) -> Result<Interpretation, String> {
    let event: Event = serde_json::from_slice(&incoming.raw)
        .map_err(|error| format!("the event: {}", unreadable(&error)))?;
    let mut update = ProviderUpdate::new(Source::Event(event.id.clone()), event.at()?);
    update.transaction_id = event.metadata(TRANSACTION_ID).and_then(|id| id.parse().ok());
    update.session_public_id = event.metadata(SESSION_PUBLIC_ID).map(str::to_owned);
    for kind in [BILLING_REQUEST, PAYMENT, REFUND] {
        facts::name(&mut update, kind, event.links.get(kind));
    }
    let ignored = match event.resource_type.as_str() {
        "billing_requests" => billing_request(&event, &mut update),
        "payments" => payment(&event, &mut update),
        "refunds" => refund(&event, &mut update)?,
        "mandates" => Some("mandates are not charged by this gateway yet"),
        _ => Some("not a resource that this gateway acts on"),
    };
    Ok(match ignored {
        Some(reason) => Interpretation::Ignored(reason),
        None => Interpretation::Update(Box::new(EventUpdate {
            // Live and sandbox have hosts and secrets of their own; the event does not say.
            livemode: None,
            // The creditor, as `account_info` names the account; an organisation is another kind of id.
            account: event.links.get("creditor").map(str::to_owned),
            update,
        })),
    })
}

/// Fills the update, or says why the event is ignored.
fn billing_request(event: &Event, update: &mut ProviderUpdate) -> Option<&'static str> {
    let state = match event.action.as_str() {
        "fulfilled" => PaymentState::Pending,
        "cancelled" => PaymentState::Cancelled,
        "failed" => PaymentState::Failed,
        _ => return Some("a step of the customer within the billing request"),
    };
    facts::name(update, PAYMENT, event.links.get("payment_request_payment"));
    facts::name(update, MANDATE, event.links.get("mandate_request_mandate"));
    update.at = facts::request_time(update.at);
    let failure = (state == PaymentState::Failed).then(|| facts::failure(&event.details));
    update.payment = Some(PaymentFact { failure, ..PaymentFact::state(state) });
    None
}

fn payment(event: &Event, update: &mut ProviderUpdate) -> Option<&'static str> {
    let Some(fact) = facts::payment_fact(event) else {
        return Some("an action on a payment that does not move it");
    };
    update.payment = Some(fact);
    if let (Some(state), Some(payment)) = (facts::chargeback_state(&event.action), event.links.get(PAYMENT)) {
        update.disputes.push(facts::chargeback(payment, state, &event.details));
    }
    None
}

/// Refund events carry no amount: one made in the dashboard becomes known with the next snapshot.
fn refund(event: &Event, update: &mut ProviderUpdate) -> Result<Option<&'static str>, String> {
    let status = match event.action.as_str() {
        "created" | "submitted" | "paid" | "failed" | "bounced" | "funds_returned" | "cancelled" => {
            event.action.as_str()
        }
        _ => return Ok(Some("an action on a refund that does not move it")),
    };
    let reference = event.links.get(REFUND).ok_or("a refund's event names no refund")?;
    let state = facts::refund_state(status);
    update.refunds.push(RefundFact {
        reference: reference.to_owned(),
        refund_id: event.metadata(REFUND_ID).and_then(|id| id.parse().ok()),
        amount: None,
        state,
        failure: facts::refund_failure(state, event.details.cause.as_deref().unwrap_or(status)),
        at: None,
    });
    Ok(None)
}
