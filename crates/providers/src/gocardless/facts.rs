//! From `GoCardless`'s resources and events to facts.
//!
//! A payment can go back at any point (confirmed, failed late, tried again, confirmed), so that no fact is
//! sticky: the newest statement decides, by the event's own time in milliseconds.

use std::time::Duration;

use gateway_core::domain::{
    Timestamp,
    transaction::{
        DisputeFact, DisputeState, Failure, PaymentFact, PaymentState, ProviderRef, ProviderUpdate,
        RefundFact, RefundState,
    },
};

use super::objects::{Details, Event, Refund, currency};

pub(super) const BILLING_REQUEST: &str = "billing_request";
pub(super) const PAYMENT: &str = "payment";
pub(super) const REFUND: &str = "refund";
pub(super) const MANDATE: &str = "mandate";

/// What a billing request says yields to what its payment says around the same moment: the two are made in
/// one step, and whose event gets the later time is chance.
const REQUEST_YIELDS: Duration = Duration::from_secs(10);

pub(super) fn name(update: &mut ProviderUpdate, kind: &str, id: Option<&str>) {
    let Some(id) = id else { return };
    let reference = ProviderRef::new(kind, id);
    if !update.refs.contains(&reference) {
        update.refs.push(reference);
    }
}

/// The time of a statement about a billing request.
pub(super) fn request_time(at: Timestamp) -> Timestamp {
    at - REQUEST_YIELDS
}

pub(super) fn failed(details: &Details, payment: Option<&str>) -> PaymentFact {
    // The bank's own rules let GoCardless try again: the money may still come.
    let state = match details.will_attempt_retry {
        Some(true) => PaymentState::Pending,
        _ => PaymentState::Failed,
    };
    PaymentFact {
        failure: Some(failure(details)),
        attempt: payment.map(str::to_owned),
        attempt_state: Some(PaymentState::Failed),
        ..PaymentFact::state(state)
    }
}

pub(super) fn failure(details: &Details) -> Failure {
    let code = details.cause.as_deref().unwrap_or("failed");
    Failure::new(code, details.description.clone().unwrap_or_default())
}

/// A chargeback, named by its payment: `GoCardless` knows no object for it.
pub(super) fn chargeback(payment: &str, state: DisputeState, details: &Details) -> DisputeFact {
    DisputeFact {
        reference: payment.to_owned(),
        amount: None,
        currency: None,
        inquiry: false,
        state,
        reason: details.cause.clone(),
    }
}

/// What an action on a payment says of it; `None` for one that does not move it.
pub(super) fn payment_fact(event: &Event) -> Option<PaymentFact> {
    let payment = event.links.get(PAYMENT);
    let plain = |state| PaymentFact { attempt: payment.map(str::to_owned), ..PaymentFact::state(state) };
    Some(match event.action.as_str() {
        "created" | "customer_approval_granted" | "submitted" | "resubmission_requested" => {
            plain(PaymentState::Pending)
        }
        // Money that is disputed was taken before.
        "confirmed" | "paid_out" | "charged_back" | "chargeback_settled" | "chargeback_cancelled" => {
            plain(PaymentState::Succeeded)
        }
        "failed" => failed(&event.details, payment),
        "late_failure_settled" => {
            PaymentFact { failure: Some(failure(&event.details)), ..plain(PaymentState::Failed) }
        }
        "cancelled" | "customer_approval_denied" => plain(PaymentState::Cancelled),
        _ => return None,
    })
}

/// What an action on a payment says of its chargeback. That it was settled decides in a snapshot alone: lost is
/// final, and the bank may have given the money back since.
pub(super) fn chargeback_state(action: &str) -> Option<DisputeState> {
    match action {
        "charged_back" | "chargeback_settled" => Some(DisputeState::Open),
        "chargeback_cancelled" => Some(DisputeState::Won),
        _ => None,
    }
}

/// A refund's state by its status; an unknown one counts as pending, so that its money stays reserved.
pub(super) fn refund_state(status: &str) -> RefundState {
    match status {
        "paid" => RefundState::Succeeded,
        "cancelled" | "failed" | "bounced" | "funds_returned" => RefundState::Failed,
        _ => RefundState::Pending,
    }
}

pub(super) fn refund_failure(state: RefundState, code: &str) -> Option<Failure> {
    let failure = || Failure::new(code, format!("The refund did not go through: {code}."));
    (state == RefundState::Failed).then(failure)
}

pub(super) fn refund_fact(refund: &Refund, at: Timestamp) -> Result<RefundFact, String> {
    // Amounts are in ISO minor units; the currency is read to be sure that it is one that we know.
    currency(&refund.currency)?;
    let state = refund_state(&refund.status);
    Ok(RefundFact {
        reference: refund.id.clone(),
        refund_id: refund.metadata.refund_id(),
        amount: Some(refund.amount),
        state,
        failure: refund_failure(state, &refund.status),
        at: Some(at),
    })
}
