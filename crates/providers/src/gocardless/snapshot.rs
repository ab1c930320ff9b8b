//! Everything that `GoCardless` knows of a payment, as one statement.
//!
//! A snapshot's time is that of the newest event that it is sure to contain: the events are listed before
//! the payment is read. The `Date` header will not do, since it has seconds where events have milliseconds,
//! and an event of the same second that the snapshot contains already would be taken for news.

use std::time::Duration;

use gateway_core::{
    domain::{
        Timestamp,
        transaction::{DisputeState, PaymentFact, PaymentState, ProviderUpdate, Source, Unread},
    },
    provider::{Account, PaymentHandle, ProviderError},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    GoCardless,
    api::malformed,
    billing_request_id,
    facts::{self, BILLING_REQUEST, MANDATE, PAYMENT, REFUND},
    objects::{BillingRequest, Details, Event, Payment, Refund, SESSION_PUBLIC_ID, currency, time},
};
use crate::http::unreadable;

/// The longest page.
const PAGE_LIMIT: &str = "500";

impl GoCardless {
    pub(super) async fn snapshot(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        let request: BillingRequest =
            self.get(account, "billing_requests", billing_request_id(payment)?).await?;
        let mut update = ProviderUpdate::new(Source::Fetch, Timestamp::default());
        describe_request(&mut update, &request).map_err(malformed)?;
        match request.payment() {
            Some(id) => self.read_payment(account, payment, id, &mut update).await?,
            None => self.read_request(account, &request, &mut update).await?,
        }
        Ok(update)
    }

    /// A billing request without a payment. That it is pending is older than anything else: it began so.
    async fn read_request(
        &self,
        account: &Account,
        request: &BillingRequest,
        update: &mut ProviderUpdate,
    ) -> Result<(), ProviderError> {
        let (fact, at) = match request.status.as_str() {
            "fulfilled" | "fulfilling" => (PaymentFact::state(PaymentState::Pending), Timestamp::default()),
            "cancelled" | "failed" => {
                let events = self.events_of(account, BILLING_REQUEST, &request.id).await?;
                let last = newest(&events, &["cancelled", "failed"]);
                ended_request(&request.status, last).map_err(malformed)?
            }
            _ => (PaymentFact::state(PaymentState::Initiated), Timestamp::default()),
        };
        update.payment = Some(fact);
        update.at = at;
        Ok(())
    }

    async fn read_payment(
        &self,
        account: &Account,
        handle: &PaymentHandle,
        id: &str,
        update: &mut ProviderUpdate,
    ) -> Result<(), ProviderError> {
        let events = self.events_of(account, PAYMENT, id).await?;
        let payment: Payment = self.get(account, "payments", id).await?;
        describe_payment(update, &payment, &events).map_err(malformed)?;
        let query = [("payment", id), ("limit", PAGE_LIMIT)];
        let (refunds, at) = match self.list_raw(account, "refunds", &query).await {
            Ok((refunds, _, at)) => (refunds, at),
            // The payment was read with the same token a moment ago: it may not read refunds.
            Err(ProviderError::Unauthorized(_)) => {
                update.unread.push(Unread::Forbidden("refunds"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // Every event about a refund causes a snapshot, so that nothing is lost by dating them late.
        let at = at.map_or(handle.now, |at| at + Duration::from_secs(1));
        for refund in refunds.iter().rev() {
            take_refund(update, refund, &payment.currency, at);
        }
        Ok(())
    }

    /// The events of a resource, as far as they can be read.
    async fn events_of(&self, account: &Account, what: &str, id: &str) -> Result<Vec<Event>, ProviderError> {
        let query = [(what, id), ("limit", PAGE_LIMIT)];
        let (events, _, _) = self.list_raw(account, "events", &query).await?;
        Ok(events.iter().filter_map(|event| serde_json::from_str(event.get()).ok()).collect())
    }
}

/// The id of a resource whose other fields may be odd.
#[derive(Deserialize)]
struct Id {
    id: String,
}

/// Takes a refund in; one that cannot be read is noted, and the others count all the same.
fn take_refund(update: &mut ProviderUpdate, raw: &RawValue, of_payment: &str, at: Timestamp) {
    let read = serde_json::from_str::<Refund>(raw.get()).map_err(|error| unreadable(&error));
    let fact = read.and_then(|refund| {
        if !refund.currency.eq_ignore_ascii_case(of_payment) {
            return Err(format!("it is in {}, the payment in {of_payment}", refund.currency));
        }
        facts::refund_fact(&refund, at)
    });
    match fact {
        Ok(fact) => {
            facts::name(update, REFUND, Some(&fact.reference));
            update.refunds.push(fact);
        }
        Err(problem) => {
            let id = serde_json::from_str::<Id>(raw.get()).map(|refund| refund.id).unwrap_or_default();
            update.unread.push(Unread::Object { what: "refund", id, problem });
        }
    }
}

fn describe_request(update: &mut ProviderUpdate, request: &BillingRequest) -> Result<(), String> {
    facts::name(update, BILLING_REQUEST, Some(&request.id));
    facts::name(update, PAYMENT, request.payment());
    facts::name(update, MANDATE, request.links.get("mandate_request_mandate"));
    update.transaction_id = request.metadata.transaction_id();
    update.session_public_id = request.metadata.get(SESSION_PUBLIC_ID).map(str::to_owned);
    if let Some(wanted) = &request.payment_request {
        update.currency = Some(currency(&wanted.currency)?);
        update.expected_amount = Some(wanted.amount);
    }
    Ok(())
}

/// How a billing request ended; the resource may say `cancelled` where the event says `failed`.
fn ended_request(status: &str, last: Option<&Event>) -> Result<(PaymentFact, Timestamp), String> {
    let at = last.map_or(Ok(Timestamp::default()), |event| event.at().map(facts::request_time))?;
    let failed = last.map_or(status, |event| event.action.as_str()) == "failed";
    let mut fact = PaymentFact::state(if failed { PaymentState::Failed } else { PaymentState::Cancelled });
    fact.failure = last.filter(|_| failed).map(|event| facts::failure(&event.details));
    Ok((fact, at))
}

fn newest<'a>(events: &'a [Event], actions: &[&str]) -> Option<&'a Event> {
    let wanted = events.iter().filter(|event| actions.contains(&event.action.as_str()));
    // RFC 3339 in one format: the texts sort as the times do.
    wanted.max_by(|a, b| a.created_at.cmp(&b.created_at))
}

fn describe_payment(update: &mut ProviderUpdate, payment: &Payment, events: &[Event]) -> Result<(), String> {
    let events_of_payment: Vec<&Event> =
        events.iter().filter(|event| event.resource_type == "payments").collect();
    update.at = time(&payment.created_at)?;
    for event in &events_of_payment {
        update.at = update.at.max(event.at()?);
    }
    update.currency = Some(currency(&payment.currency)?);
    update.expected_amount = Some(payment.amount);
    facts::name(update, MANDATE, payment.links.get(MANDATE));
    let attempt = Some(payment.id.clone());
    let plain = |state| PaymentFact { attempt: attempt.clone(), ..PaymentFact::state(state) };
    update.payment = Some(match payment.status.as_str() {
        "confirmed" | "paid_out" | "charged_back" => {
            PaymentFact { amount: Some(payment.amount), ..plain(PaymentState::Succeeded) }
        }
        "cancelled" | "customer_approval_denied" => plain(PaymentState::Cancelled),
        "failed" => {
            let nothing = Details::default();
            let details = newest(events, &["failed"]).map_or(&nothing, |event| &event.details);
            facts::failed(details, Some(&payment.id))
        }
        _ => plain(PaymentState::Pending),
    });
    let chargeback = newest(events, &["charged_back", "chargeback_settled", "chargeback_cancelled"]);
    let settled = chargeback.is_some_and(|event| event.action == "chargeback_settled");
    let state = match payment.status.as_str() {
        // Debited from a payout: the money is gone. GoCardless does not contest; only the bank may still give it back.
        "charged_back" if settled => Some(DisputeState::Lost),
        "charged_back" => Some(DisputeState::Open),
        // It was disputed once, and is not any more.
        "confirmed" | "paid_out" if chargeback.is_some() => Some(DisputeState::Won),
        _ => None,
    };
    if let Some(state) = state {
        let nothing = Details::default();
        let details = chargeback.map_or(&nothing, |event| &event.details);
        let mut fact = facts::chargeback(&payment.id, state, details);
        fact.amount = Some(payment.amount);
        update.disputes.push(fact);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described(status: &str, events: &[(&str, &str, Value)]) -> ProviderUpdate {
        let payment: Payment = serde_json::from_value(json!({
            "id": "PM1", "amount": 1000, "currency": "EUR", "status": status,
            "created_at": "2026-11-01T10:00:00.000Z", "links": { "creditor": "CR1" },
        }))
        .unwrap();
        let events: Vec<Event> = events
            .iter()
            .map(|(action, at, details)| {
                serde_json::from_value(json!({
                    "id": format!("EV{action}"), "resource_type": "payments", "action": action,
                    "created_at": at, "details": details, "links": { "payment": "PM1" },
                }))
                .unwrap()
            })
            .collect();
        let mut update = ProviderUpdate::new(Source::Fetch, Timestamp::default());
        describe_payment(&mut update, &payment, &events).unwrap();
        update
    }

    #[test]
    fn statuses_of_a_payment() {
        use PaymentState as P;
        for (status, state) in [
            ("pending_customer_approval", P::Pending),
            ("pending_submission", P::Pending),
            ("submitted", P::Pending),
            ("confirmed", P::Succeeded),
            ("paid_out", P::Succeeded),
            ("cancelled", P::Cancelled),
            ("customer_approval_denied", P::Cancelled),
            ("failed", P::Failed),
            ("charged_back", P::Succeeded),
            ("invented_later", P::Pending),
        ] {
            let fact = described(status, &[]).payment.unwrap();
            assert_eq!((fact.state, fact.sticky), (state, false), "{status}");
        }
    }

    #[test]
    fn the_time_is_that_of_the_newest_event() {
        let found = described(
            "confirmed",
            &[
                ("confirmed", "2026-11-03T10:00:00.250Z", json!({})),
                ("submitted", "2026-11-02T10:00:00.000Z", json!({})),
            ],
        );
        assert_eq!(found.at, time("2026-11-03T10:00:00.250Z").unwrap());
        assert_eq!(described("submitted", &[]).at, time("2026-11-01T10:00:00.000Z").unwrap());
    }

    #[test]
    fn a_failure_that_is_tried_again_is_pending() {
        let at = "2026-11-03T10:00:00.000Z";
        let retried = described("failed", &[("failed", at, json!({ "will_attempt_retry": true }))]);
        assert_eq!(retried.payment.unwrap().state, PaymentState::Pending);
        let fact =
            described("failed", &[("failed", at, json!({ "cause": "refer_to_payer" }))]).payment.unwrap();
        assert_eq!(
            (fact.state, fact.failure.unwrap().code.as_str()),
            (PaymentState::Failed, "refer_to_payer")
        );
    }

    #[test]
    fn a_chargeback_that_is_over_was_won() {
        let at = "2026-11-03T10:00:00.000Z";
        let past = [("charged_back", at, json!({ "cause": "authorisation_disputed" }))];
        assert_eq!(described("charged_back", &past).disputes[0].state, DisputeState::Open);
        let later = "2026-11-05T10:00:00.000Z";
        let settled = [past[0].clone(), ("chargeback_settled", later, json!({}))];
        assert_eq!(described("charged_back", &settled).disputes[0].state, DisputeState::Lost);
        assert_eq!(described("paid_out", &settled).disputes[0].state, DisputeState::Won);
        assert_eq!(described("paid_out", &past).disputes[0].state, DisputeState::Won);
        assert!(described("paid_out", &[]).disputes.is_empty());
    }

    #[test]
    fn a_request_that_failed_is_shown_as_cancelled() {
        let event = |action: &str| -> Event {
            serde_json::from_value(json!({
                "id": "EV1", "action": action, "created_at": "2026-11-03T10:00:00.000Z",
                "details": { "cause": "billing_request_failed" },
            }))
            .unwrap()
        };
        let (fact, at) = ended_request("cancelled", Some(&event("failed"))).unwrap();
        assert_eq!(
            (fact.state, at),
            (PaymentState::Failed, facts::request_time(event("failed").at().unwrap()))
        );
        assert_eq!(
            ended_request("cancelled", Some(&event("cancelled"))).unwrap().0.state,
            PaymentState::Cancelled
        );
        assert_eq!(ended_request("cancelled", None).unwrap().0.state, PaymentState::Cancelled);
        assert_eq!(ended_request("failed", None).unwrap().0.state, PaymentState::Failed);
    }
}
