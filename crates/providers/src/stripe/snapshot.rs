//! Everything that Stripe knows of a payment, as one statement. What cannot be read is said to be unread and takes
//! nothing else with it.

use gateway_core::{
    domain::transaction::{PaymentState, ProviderUpdate, Source, Unread},
    provider::{Account, PaymentHandle, ProviderError},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Stripe,
    api::malformed,
    facts,
    objects::{Charge, Dispute, Expandable, Page, Refund},
    session_id,
};
use crate::http::unreadable;

/// Objects per page, and pages read: more refunds than this are not kept either.
const PAGE_LIMIT: &str = "100";
const PAGES_MAX: usize = 3;

/// The id of an object whose other fields may be odd.
#[derive(Deserialize)]
struct Id {
    id: String,
}

impl Stripe {
    pub(super) async fn snapshot(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        let (session, at) = self.session(account, session_id(payment)?).await?;
        let mut update = ProviderUpdate::new(Source::Fetch, at.unwrap_or(payment.now));
        facts::describe_session(&mut update, &session).map_err(malformed)?;
        let Some(intent) = session.payment_intent.as_ref().and_then(Expandable::object) else {
            update.payment = facts::session_fact(&session).map_err(malformed)?;
            return Ok(update);
        };
        facts::describe_intent(&mut update, intent).map_err(malformed)?;
        let fact = facts::intent_fact(intent, session.status.as_deref()).map_err(malformed)?;
        let has_money = fact.state == PaymentState::Succeeded;
        update.payment = Some(fact);
        if !has_money {
            return Ok(update);
        }
        let charge =
            intent.latest_charge.as_ref().and_then(Expandable::object).filter(|charge| charge.captured);
        if let Some(charge) = charge {
            facts::describe_charge(&mut update, charge).map_err(malformed)?;
        }
        let (refunds, disputes) =
            tokio::join!(self.all(account, "refunds", &intent.id), self.all(account, "disputes", &intent.id));
        let refunds = readable::<Refund>(&mut update, "refund", listed("refunds", refunds)?);
        take_refunds(&mut update, &refunds, charge);
        for dispute in readable::<Dispute>(&mut update, "dispute", listed("disputes", disputes)?) {
            take_dispute(&mut update, &dispute);
        }
        Ok(update)
    }

    /// All objects of a payment intent, oldest first.
    async fn all(
        &self,
        account: &Account,
        what: &str,
        intent: &str,
    ) -> Result<Vec<Box<RawValue>>, ProviderError> {
        let mut found: Vec<Box<RawValue>> = Vec::new();
        for _ in 0..PAGES_MAX {
            let last = found.last().and_then(|object| id_of(object));
            let mut query = vec![("payment_intent", intent), ("limit", PAGE_LIMIT)];
            if let Some(last) = &last {
                query.push(("starting_after", last));
            }
            let (page, _): (Page, _) = self.get(account, &["v1", what], &query).await?;
            // Without the id of the last one there is no way on.
            let more = page.has_more && page.data.last().and_then(|object| id_of(object)).is_some();
            found.extend(page.data);
            if !more {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn id_of(object: &RawValue) -> Option<String> {
    serde_json::from_str::<Id>(object.get()).ok().map(|object| object.id)
}

/// A list that was read, or one that the key may not read: the session was read with the same key a moment ago.
fn listed(
    what: &'static str,
    outcome: Result<Vec<Box<RawValue>>, ProviderError>,
) -> Result<Result<Vec<Box<RawValue>>, Unread>, ProviderError> {
    match outcome {
        Err(ProviderError::Unauthorized(_)) => Ok(Err(Unread::Forbidden(what))),
        outcome => outcome.map(Ok),
    }
}

/// The objects that can be read; the others are noted.
fn readable<T: serde::de::DeserializeOwned>(
    update: &mut ProviderUpdate,
    what: &'static str,
    listed: Result<Vec<Box<RawValue>>, Unread>,
) -> Vec<T> {
    let objects = match listed {
        Ok(objects) => objects,
        Err(unread) => {
            update.unread.push(unread);
            return Vec::new();
        }
    };
    let mut found = Vec::with_capacity(objects.len());
    for object in objects {
        match serde_json::from_str(object.get()) {
            Ok(read) => found.push(read),
            Err(error) => {
                let id = id_of(&object).unwrap_or_default();
                update.unread.push(Unread::Object { what, id, problem: unreadable(&error) });
            }
        }
    }
    found
}

fn take_refunds(update: &mut ProviderUpdate, refunds: &[Refund], charge: Option<&Charge>) {
    let released = charge.and_then(|charge| release_of(refunds, charge));
    for refund in refunds {
        if Some(refund.id.as_str()) == released {
            update.released.push(refund.id.clone());
            continue;
        }
        // Its amount would be taken for one of the payment's currency.
        let foreign =
            update.currency.filter(|currency| !refund.currency.eq_ignore_ascii_case(currency.code()));
        let fact = match foreign {
            Some(currency) => Err(format!("it is in {}, the payment in {currency}", refund.currency)),
            None => facts::refund_fact(refund, None),
        };
        match fact {
            Ok(fact) => update.refunds.push(fact),
            Err(problem) => {
                update.unread.push(Unread::Object { what: "refund", id: refund.id.clone(), problem });
            }
        }
    }
}

/// The refund that only let the rest of the authorization go. API versions before 2025-03-31.basil made one for what
/// a capture left, whatever version asks for it later (Stripe's changelog, "Removes refunds from partial capture and
/// payment cancellation"). It is the oldest, of exactly that amount, and moved no balance: there was none.
fn release_of<'a>(refunds: &'a [Refund], charge: &Charge) -> Option<&'a str> {
    let released = charge.released();
    let oldest = refunds.iter().min_by_key(|refund| refund.created)?;
    let is_it = released > 0
        && oldest.amount == released
        && oldest.metadata.refund_id().is_none()
        && oldest.balance_transaction.is_none()
        && oldest.status.as_deref() == Some("succeeded");
    is_it.then_some(oldest.id.as_str())
}

fn take_dispute(update: &mut ProviderUpdate, dispute: &Dispute) {
    let fact = facts::dispute_fact(dispute);
    if fact.amount.is_none() {
        let problem = "its amount cannot be expressed in a currency that is known here".to_owned();
        update.unread.push(Unread::Object { what: "dispute", id: dispute.id.clone(), problem });
    }
    update.disputes.push(fact);
}
