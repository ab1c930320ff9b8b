//! Stripe's events. They come in any order and more than once; see `facts` for what yields to what.

use gateway_core::{
    domain::{
        Timestamp,
        transaction::{PaymentFact, PaymentState, ProviderUpdate, Source},
    },
    provider::{EventUpdate, IncomingEvent, Interpretation},
};
use serde::Deserialize;

use super::{
    facts,
    objects::{Charge, Dispute, Event, Expandable, Intent, Refund, Session},
};
use crate::http::unreadable;

/// The types that this gateway acts on: at most twenty, or Stripe's list takes no filter by them.
pub(super) const KINDS: &[&str] = &[
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
];

/// Reads an event.
pub(super) fn interpret(incoming: &IncomingEvent) -> Result<Interpretation, String> {
    let event: Event = serde_json::from_slice(&incoming.raw)
        .map_err(|error| format!("the event: {}", unreadable(&error)))?;
    let at = Timestamp::from_seconds(event.created);
    let mut update = ProviderUpdate::new(Source::Event(event.id.clone()), at);
    let ignored = match event.kind.as_str() {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => session_event(&event, &mut update)?,
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled"
        | "payment_intent.processing"
        | "payment_intent.amount_capturable_updated" => intent_event(&event, &mut update)?,
        "charge.refunded" => charge_refunded(&event, &mut update)?,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            facts::describe_refund(&mut update, &object::<Refund>(&event)?)?;
            None
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated"
        | "charge.dispute.closed" => {
            facts::describe_dispute(&mut update, &object::<Dispute>(&event)?);
            None
        }
        _ => Some("not a type that this gateway acts on"),
    };
    Ok(match ignored {
        Some(reason) => Interpretation::Ignored(reason),
        None => Interpretation::Update(Box::new(EventUpdate {
            livemode: event.livemode,
            account: event.account,
            update,
        })),
    })
}

fn object<'a, T: Deserialize<'a>>(event: &'a Event) -> Result<T, String> {
    let data = event.data.as_ref().ok_or("the event carries no object")?;
    serde_json::from_str(data.object.get())
        .map_err(|error| format!("the event's object: {}", unreadable(&error)))
}

/// Fills the update, or says why the event is ignored.
fn session_event(event: &Event, update: &mut ProviderUpdate) -> Result<Option<&'static str>, String> {
    let session: Session = object(event)?;
    if session.mode.as_deref().is_some_and(|mode| mode != "payment") {
        return Ok(Some("a session that takes no payment"));
    }
    facts::describe_session(update, &session)?;
    let intent = session.payment_intent.as_ref().and_then(Expandable::object);
    update.payment = Some(match event.kind.as_str() {
        "checkout.session.expired" => facts::session_expired(),
        "checkout.session.async_payment_failed" => facts::async_payment_failed(intent),
        "checkout.session.async_payment_succeeded" => facts::session_succeeded(&session)?,
        _ => match session.payment_status.as_deref() {
            Some("paid" | "no_payment_required") => facts::session_succeeded(&session)?,
            _ => facts::session_completed_unpaid(&session)?,
        },
    });
    Ok(None)
}

fn intent_event(event: &Event, update: &mut ProviderUpdate) -> Result<Option<&'static str>, String> {
    let intent: Intent = object(event)?;
    facts::describe_intent(update, &intent)?;
    update.payment = Some(match event.kind.as_str() {
        "payment_intent.succeeded" => facts::succeeded(&intent)?,
        "payment_intent.canceled" => facts::canceled(&intent),
        "payment_intent.payment_failed" => facts::attempt_failed(&intent),
        "payment_intent.amount_capturable_updated" if intent.amount_capturable > 0 => {
            facts::authorized(&intent)?
        }
        "payment_intent.amount_capturable_updated" => {
            return Ok(Some("nothing is left to capture; the capture has its own event"));
        }
        _ => PaymentFact::state(PaymentState::Pending),
    });
    Ok(None)
}

/// Only money that was taken can go back: the event also comes when an authorization is released.
fn charge_refunded(event: &Event, update: &mut ProviderUpdate) -> Result<Option<&'static str>, String> {
    let charge: Charge = object(event)?;
    if !charge.captured || charge.amount_captured == 0 {
        return Ok(Some("an authorization was released; nothing had been taken"));
    }
    facts::describe_charge(update, &charge)?;
    Ok(None)
}
