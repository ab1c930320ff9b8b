//! From Stripe's objects to facts: shared by events and snapshots.
//!
//! Stripe never goes back from a payment that succeeded, was cancelled, expired or failed after the
//! session was completed, nor from an authorization to anything but these: such facts are sticky. All else
//! (pending, a declined card) yields to them whatever the times, which have only seconds.

use gateway_core::domain::{
    Timestamp,
    transaction::{
        DisputeFact, DisputeState, Failure, PaymentFact, PaymentState, ProviderRef, ProviderUpdate,
        RefundFact, RefundState,
    },
};

use super::objects::{
    Charge, Dispute, Expandable, Identified, Intent, PaymentError, Refund, SESSION_PUBLIC_ID, Session,
    currency, minor,
};

pub(super) const SESSION: &str = "checkout_session";
pub(super) const INTENT: &str = "payment_intent";
pub(super) const CHARGE: &str = "charge";

/// Remembers a name, once.
pub(super) fn name(update: &mut ProviderUpdate, kind: &str, id: &str) {
    let reference = ProviderRef::new(kind, id);
    if !update.refs.contains(&reference) {
        update.refs.push(reference);
    }
}

pub(super) fn name_some<T: Identified>(
    update: &mut ProviderUpdate,
    kind: &str,
    object: Option<&Expandable<T>>,
) {
    if let Some(object) = object {
        name(update, kind, object.id());
    }
}

fn sticky(state: PaymentState) -> PaymentFact {
    PaymentFact { sticky: true, ..PaymentFact::state(state) }
}

/// Whose session it is and what it is for.
pub(super) fn describe_session(update: &mut ProviderUpdate, session: &Session) -> Result<(), String> {
    name(update, SESSION, &session.id);
    name_some(update, INTENT, session.payment_intent.as_ref());
    update.transaction_id = session.metadata.transaction_id();
    let ours = session.metadata.get(SESSION_PUBLIC_ID).or(session.client_reference_id.as_deref());
    update.session_public_id = ours.map(str::to_owned);
    if let (Some(code), Some(total)) = (&session.currency, session.amount_total) {
        let currency = currency(code)?;
        update.currency = Some(currency);
        update.expected_amount = Some(minor(total, currency)?);
    }
    Ok(())
}

/// Whose payment intent it is and what it is for.
pub(super) fn describe_intent(update: &mut ProviderUpdate, intent: &Intent) -> Result<(), String> {
    name(update, INTENT, &intent.id);
    name_some(update, CHARGE, intent.latest_charge.as_ref());
    update.transaction_id = update.transaction_id.or_else(|| intent.metadata.transaction_id());
    if update.session_public_id.is_none() {
        update.session_public_id = intent.metadata.get(SESSION_PUBLIC_ID).map(str::to_owned);
    }
    let currency = currency(&intent.currency)?;
    update.currency = Some(currency);
    update.expected_amount = Some(minor(intent.amount, currency)?);
    Ok(())
}

/// How a session ended, without a look at its payment intent.
pub(super) fn session_fact(session: &Session) -> Result<Option<PaymentFact>, String> {
    let paid = matches!(session.payment_status.as_deref(), Some("paid" | "no_payment_required"));
    Ok(match session.status.as_deref() {
        Some("expired") => Some(sticky(PaymentState::Expired)),
        Some("complete") if paid => Some(session_succeeded(session)?),
        Some("complete") => Some(PaymentFact::state(PaymentState::Pending)),
        Some("open") => Some(PaymentFact::state(PaymentState::Initiated)),
        _ => None,
    })
}

pub(super) fn session_succeeded(session: &Session) -> Result<PaymentFact, String> {
    let mut fact = sticky(PaymentState::Succeeded);
    if let (Some(code), Some(total)) = (&session.currency, session.amount_total) {
        fact.amount = Some(minor(total, currency(code)?)?);
    }
    if let Some(charge) = session.payment_intent.as_ref().and_then(Expandable::object).and_then(charge_id) {
        fact.attempt = Some(charge);
    }
    Ok(fact)
}

/// A session that is complete but not paid: its intent tells, where it is known.
pub(super) fn session_completed_unpaid(session: &Session) -> Result<PaymentFact, String> {
    match session.payment_intent.as_ref().and_then(Expandable::object) {
        Some(intent) if intent.status == "requires_capture" => authorized(intent),
        _ => Ok(PaymentFact::state(PaymentState::Pending)),
    }
}

pub(super) fn session_expired() -> PaymentFact {
    sticky(PaymentState::Expired)
}

pub(super) fn async_payment_failed(intent: Option<&Intent>) -> PaymentFact {
    let mut fact = sticky(PaymentState::Failed);
    if let Some(error) = intent.and_then(|intent| intent.last_payment_error.as_ref()) {
        fact.failure = Some(failure(error));
    }
    fact.failure = fact.failure.or_else(|| {
        Some(Failure::new("async_payment_failed", "The customer's bank did not send the money."))
    });
    fact.attempt = intent.and_then(charge_id);
    fact
}

fn charge_id(intent: &Intent) -> Option<String> {
    intent.latest_charge.as_ref().map(|charge| charge.id().to_owned())
}

pub(super) fn succeeded(intent: &Intent) -> Result<PaymentFact, String> {
    let received = minor(intent.amount_received, currency(&intent.currency)?)?;
    Ok(PaymentFact { amount: Some(received), attempt: charge_id(intent), ..sticky(PaymentState::Succeeded) })
}

pub(super) fn authorized(intent: &Intent) -> Result<PaymentFact, String> {
    let capturable = minor(intent.amount_capturable, currency(&intent.currency)?)?;
    Ok(PaymentFact {
        amount: Some(capturable),
        attempt: charge_id(intent),
        ..sticky(PaymentState::Authorized)
    })
}

/// The end of an intent. Stripe itself cancels the intent of a session that expires: the same end as the
/// session's, told a second time, and it must not read as another one. An intent that a person cancelled,
/// or whose authorization ran out, had a charge that worked.
pub(super) fn canceled(intent: &Intent) -> PaymentFact {
    let had_working_charge = intent.latest_charge.is_some() && intent.last_payment_error.is_none();
    let by_stripe = matches!(intent.cancellation_reason.as_deref(), Some("automatic" | "expired"));
    let with_session = by_stripe && !had_working_charge;
    sticky(if with_session { PaymentState::Expired } else { PaymentState::Cancelled })
}

/// A try that did not work; the payment stays open while its session is.
pub(super) fn attempt_failed(intent: &Intent) -> PaymentFact {
    let mut fact = PaymentFact::state(PaymentState::Pending);
    let Some(error) = &intent.last_payment_error else { return fact };
    let method = error.payment_method.as_ref().map(|method| method.id().to_owned());
    fact.attempt = error.charge.clone().or_else(|| charge_id(intent)).or(method);
    fact.attempt_state = fact.attempt.is_some().then_some(PaymentState::Failed);
    fact.failure = Some(failure(error));
    fact
}

/// Where an intent stands, seen together with its session.
///
/// An intent exists from the customer's first try on, so that the payment is at least pending: going back
/// to initiated after a declined card would be no news but a contradiction.
pub(super) fn intent_fact(intent: &Intent, session_status: Option<&str>) -> Result<PaymentFact, String> {
    match (intent.status.as_str(), session_status) {
        ("succeeded", _) => succeeded(intent),
        ("requires_capture", _) => authorized(intent),
        (_, Some("expired")) => Ok(session_expired()),
        ("canceled", _) => Ok(canceled(intent)),
        // The session is over, and the only try did not bring the money.
        ("requires_payment_method", Some("complete")) => Ok(async_payment_failed(Some(intent))),
        _ => Ok(attempt_failed(intent)),
    }
}

pub(super) fn failure(error: &PaymentError) -> Failure {
    let code = error.code.as_deref().or(error.kind.as_deref()).unwrap_or("error");
    Failure::new(code, error.message.clone().unwrap_or_default())
}

/// What a captured charge says: the money was taken, and so much of it went back.
pub(super) fn describe_charge(update: &mut ProviderUpdate, charge: &Charge) -> Result<(), String> {
    name(update, CHARGE, &charge.id);
    name_some(update, INTENT, charge.payment_intent.as_ref());
    update.transaction_id = update.transaction_id.or_else(|| charge.metadata.transaction_id());
    let currency = currency(&charge.currency)?;
    update.currency = Some(currency);
    update.refunded_total = Some(minor(charge.refunded_of_captured(), currency)?);
    if update.payment.is_none() {
        let captured = minor(charge.amount_captured, currency)?;
        update.payment = Some(PaymentFact {
            amount: Some(captured),
            attempt: Some(charge.id.clone()),
            ..sticky(PaymentState::Succeeded)
        });
    }
    Ok(())
}

/// A refund's own state; an unknown one counts as pending, so that its money stays reserved. Fails where its amount
/// cannot be expressed in the payment's currency.
pub(super) fn refund_fact(refund: &Refund, at: Option<Timestamp>) -> Result<RefundFact, String> {
    let state = match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed" | "canceled") => RefundState::Failed,
        _ => RefundState::Pending,
    };
    let reason = refund.failure_reason.clone().or_else(|| refund.status.clone());
    let failure = reason
        .filter(|_| state == RefundState::Failed)
        .map(|code| Failure::new(&code, format!("The refund did not go through: {code}.")));
    Ok(RefundFact {
        reference: refund.id.clone(),
        refund_id: refund.metadata.refund_id(),
        amount: Some(minor(refund.amount, currency(&refund.currency)?)?),
        state,
        failure,
        at,
    })
}

/// An update that speaks of a refund.
pub(super) fn describe_refund(update: &mut ProviderUpdate, refund: &Refund) -> Result<(), String> {
    name_some(update, INTENT, refund.payment_intent.as_ref());
    name_some(update, CHARGE, refund.charge.as_ref());
    update.transaction_id = update.transaction_id.or_else(|| refund.metadata.transaction_id());
    update.currency = Some(currency(&refund.currency)?);
    update.refunds.push(refund_fact(refund, None)?);
    Ok(())
}

/// A dispute's state; an unknown one counts as open.
///
/// The currency stands beside the amount and not in the statement: a bank may dispute in its own, and that must
/// not park the event. Nor does it say that the payment succeeded: it does not say how much was captured.
/// `warning_…` is an inquiry: the bank asks, and no money has moved.
pub(super) fn dispute_fact(dispute: &Dispute) -> DisputeFact {
    let state = match dispute.status.as_str() {
        "won" | "warning_closed" | "prevented" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        "under_review" | "warning_under_review" => DisputeState::UnderReview,
        _ => DisputeState::Open,
    };
    // Where the amount cannot be expressed here, the dispute still stands.
    let currency = currency(&dispute.currency).ok();
    let amount = currency.and_then(|currency| minor(dispute.amount, currency).ok());
    DisputeFact {
        reference: dispute.id.clone(),
        amount,
        currency: amount.and(currency),
        inquiry: dispute.status.starts_with("warning_"),
        state,
        reason: dispute.reason.clone(),
    }
}

pub(super) fn describe_dispute(update: &mut ProviderUpdate, dispute: &Dispute) {
    name_some(update, INTENT, dispute.payment_intent.as_ref());
    name_some(update, CHARGE, dispute.charge.as_ref());
    update.disputes.push(dispute_fact(dispute));
}
