//! `GoCardless`, by billing requests and its hosted pages.
//!
//! A payment is a billing request (`billing_request`) that the customer fulfils; then there is a payment
//! (`payment`), which takes seconds or days and can fail after it was confirmed. Nothing is captured later.
//! Source: `GoCardless`'s API reference and its SDKs, version [`VERSION`].

mod api;
mod facts;
mod feed;
mod interpret;
mod objects;
mod request;
mod resolve;
mod snapshot;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateway_core::{
    crypto::signature,
    domain::{
        Money, Timestamp,
        checkout::CaptureMethod,
        provider_account::ProviderKind,
        transaction::{NextStep, ProviderRef, ProviderUpdate, Source},
    },
    provider::{
        Account, AccountInfo, Capabilities, EventsPage, EventsQuery, IncomingEvent, Interpretation, NotTaken,
        PaymentHandle, PaymentProvider, ProviderError, Resolved, SendRefund, StartPayment, Started,
        WebhookAnswers, WebhookRejection,
    },
};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use sha2::{Digest, Sha256};
use url::Url;

use self::{
    api::{Made, malformed, rejected},
    facts::{BILLING_REQUEST, PAYMENT, REFUND},
    objects::{
        BillingRequest, Creditor, EventHead, Flow, Payment, REFUND_ID, Refund, TRANSACTION_ID, currency, time,
    },
};
use crate::http::HttpClient;

/// The API for live accounts.
pub const LIVE_URL: &str = "https://api.gocardless.com";
/// The API for sandbox accounts: test mode.
pub const TEST_URL: &str = "https://api-sandbox.gocardless.com";
/// The API version that this adapter was written against.
pub const VERSION: &str = "2015-07-06";

/// How long a flow's address lives where it does not say. Source: `GoCardless`'s API reference, billing request flows:
/// "Each flow currently lasts for 7 days".
const FLOW_LIVES: Duration = Duration::from_hours(7 * 24);

/// What an account lacks whose creditor may not refund.
const NO_REFUNDS: &str = "Refunds (GoCardless enables them for an account on request)";

/// The reason of a refusal because everything refunded does not come to what we said.
const WRONG_TOTAL: &str = "total_amount_confirmation_invalid";

/// The adapter.
#[derive(Debug, Clone)]
pub struct GoCardless {
    http: HttpClient,
    live_url: Url,
    test_url: Url,
}

/// A webhook: many events, each kept with its exact bytes.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

impl GoCardless {
    /// An adapter that calls these addresses for live and for test accounts.
    pub fn new(http: HttpClient, live_url: Url, test_url: Url) -> Self {
        Self { http, live_url, test_url }
    }

    /// The payment's id: remembered, or asked for.
    async fn payment_id(&self, account: &Account, payment: &PaymentHandle) -> Result<String, ProviderError> {
        if let Some(id) = payment.reference(PAYMENT) {
            return Ok(id.to_owned());
        }
        let request: BillingRequest =
            self.get(account, "billing_requests", billing_request_id(payment)?).await?;
        let id = request.payment().map(str::to_owned);
        id.ok_or_else(|| rejected("payment_not_started", "The customer has not approved the payment yet."))
    }
}

impl GoCardless {
    async fn flow(
        &self,
        account: &Account,
        payment: &StartPayment,
        billing_request: &str,
        idempotency_key: &str,
    ) -> Result<Made<Flow>, ProviderError> {
        let fields = request::flow(payment, billing_request);
        self.create(account, "billing_request_flows", fields, idempotency_key).await
    }

    /// A flow beside those that were made before, whose addresses cannot be read again.
    async fn another_flow(
        &self,
        account: &Account,
        payment: &StartPayment,
        billing_request: &str,
    ) -> Result<Started, ProviderError> {
        let key = format!("{}-{}", payment.idempotency_key("flow"), payment.now.millis());
        match self.flow(account, payment, billing_request, &key).await? {
            Made::New(flow) => started(flow, billing_request),
            Made::Before(id) => {
                let problem = format!("the flow {id} was made at the same moment");
                Err(ProviderError::Unavailable(problem))
            }
        }
    }

    async fn send_refund(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        payment_id: &str,
        refund: &SendRefund,
        total: i64,
    ) -> Result<Refund, ProviderError> {
        let fields = json!({
            "amount": refund.amount.minor,
            "total_amount_confirmation": total,
            "links": { "payment": payment_id },
            "metadata": {
                REFUND_ID: refund.refund_id.to_string(),
                TRANSACTION_ID: payment.transaction_id.to_string(),
            },
        });
        let key = format!("tollgate-refund-{}", refund.refund_id);
        self.create_once(account, "refunds", fields, &key).await
    }

    /// Their total differs from ours where another refund is decided here but not yet there, or was made in
    /// the dashboard. The idempotency key still guards against a second one; in case the total is checked
    /// before the key, ours is looked for first.
    async fn refund_with_their_total(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        payment_id: &str,
        refund: &SendRefund,
    ) -> Result<Refund, ProviderError> {
        let query = [("payment", payment_id), ("limit", "500")];
        let (made, _) = self.list::<Refund>(account, "refunds", &query).await?;
        if let Some(ours) = made.into_iter().find(|r| r.metadata.refund_id() == Some(refund.refund_id)) {
            return Ok(ours);
        }
        let theirs: Payment = self.get(account, "payments", payment_id).await?;
        let total = theirs.amount_refunded.saturating_add(refund.amount.minor);
        self.send_refund(account, payment, payment_id, refund, total).await
    }
}

/// An event as it goes into the inbox. Only its id is read here: what else is odd about it is its own matter, and not
/// that of the others in the batch. Without an id it is known by its bytes.
fn incoming(raw: &RawValue) -> IncomingEvent {
    let bytes = Bytes::copy_from_slice(raw.get().as_bytes());
    match serde_json::from_str::<EventHead>(raw.get()) {
        Ok(head) if !head.id.is_empty() => IncomingEvent { name: head.name(), event_id: head.id, raw: bytes },
        _ => {
            let event_id = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
            IncomingEvent { event_id, name: "unreadable".to_owned(), raw: bytes }
        }
    }
}

fn started(flow: Flow, billing_request: &str) -> Result<Started, ProviderError> {
    let url = flow.authorisation_url.ok_or_else(|| malformed("the flow has no address"))?;
    let refs = vec![ProviderRef::new(BILLING_REQUEST, billing_request)];
    let good_until = flow.expires_at.as_deref().and_then(Timestamp::parse);
    Ok(Started { refs, next: NextStep::Redirect { url }, good_until, pending_until: None })
}

/// The billing request's id; without it there is nothing to ask for.
fn billing_request_id(payment: &PaymentHandle) -> Result<&str, ProviderError> {
    payment
        .reference(BILLING_REQUEST)
        .ok_or(ProviderError::Unsupported("a payment whose billing request is not known"))
}

#[async_trait]
impl PaymentProvider for GoCardless {
    fn kind(&self) -> ProviderKind {
        ProviderKind::GoCardless
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            manual_capture: false,
            authorization_lasts: None,
            refunds: true,
            label: "Bank payment",
            hint: "Approve it in your bank, with GoCardless",
            lists_events: true,
            page_lives: Some(FLOW_LIVES),
            webhook_version: None,
        }
    }

    fn accepts(&self, amount: Money, capture: CaptureMethod) -> Result<(), NotTaken> {
        if capture == CaptureMethod::Manual {
            return Err(NotTaken::ManualCapture);
        }
        request::check(amount)
    }

    /// The billing request is made once per transaction. Its flow is only a way to it: where one was made
    /// before, its address cannot be read again, and another leads to the same billing request.
    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError> {
        let key = format!("tollgate-request-{}", payment.transaction_id);
        let request: BillingRequest =
            self.create_once(account, "billing_requests", request::billing_request(payment), &key).await?;
        let key = payment.idempotency_key("flow");
        match self.flow(account, payment, &request.id, &key).await? {
            Made::New(flow) => started(flow, &request.id),
            Made::Before(_) => self.another_flow(account, payment, &request.id).await,
        }
    }

    /// A flow lives for seven days, its billing request until it is cancelled: another flow leads to it.
    async fn renew(
        &self,
        account: &Account,
        handle: &PaymentHandle,
        payment: &StartPayment,
    ) -> Result<Option<Started>, ProviderError> {
        self.another_flow(account, payment, billing_request_id(handle)?).await.map(Some)
    }

    async fn fetch(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        self.snapshot(account, payment).await
    }

    async fn capture(
        &self,
        _account: &Account,
        _payment: &PaymentHandle,
        _amount: Option<Money>,
        _idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported("GoCardless has no separate capture"))
    }

    async fn cancel(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        _idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        let request: BillingRequest =
            self.get(account, "billing_requests", billing_request_id(payment)?).await?;
        let Some(payment_id) = request.payment() else {
            return match request.status.as_str() {
                "cancelled" | "failed" => Ok(()),
                _ => self.act(account, "billing_requests", &request.id, "cancel").await,
            };
        };
        let payment: Payment = self.get(account, "payments", payment_id).await?;
        match payment.status.as_str() {
            "cancelled" | "customer_approval_denied" => Ok(()),
            _ => self.act(account, "payments", payment_id, "cancel").await,
        }
    }

    async fn refund(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        let payment_id = self.payment_id(account, payment).await?;
        let made = match self.send_refund(account, payment, &payment_id, refund, refund.refunded_total).await
        {
            Err(ProviderError::Rejected(failure)) if failure.code == WRONG_TOTAL => {
                self.refund_with_their_total(account, payment, &payment_id, refund).await?
            }
            outcome => outcome?,
        };
        let at = time(&made.created_at).map_err(malformed)?;
        let mut update = ProviderUpdate::new(Source::Event(made.id.clone()), at);
        update.transaction_id = Some(payment.transaction_id);
        update.currency = Some(currency(&made.currency).map_err(malformed)?);
        facts::name(&mut update, PAYMENT, made.links.get(PAYMENT).or(Some(&payment_id)));
        facts::name(&mut update, REFUND, Some(&made.id));
        let mut fact = facts::refund_fact(&made, at).map_err(malformed)?;
        fact.refund_id = Some(refund.refund_id);
        update.refunds.push(fact);
        Ok(update)
    }

    async fn resolve(&self, account: &Account, event: &IncomingEvent) -> Result<Resolved, ProviderError> {
        self.follow(account, event).await
    }

    async fn events(&self, account: &Account, query: EventsQuery<'_>) -> Result<EventsPage, ProviderError> {
        self.list_events(account, query).await
    }

    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let (mut creditors, _) = self.list::<Creditor>(account, "creditors", &[]).await?;
        let refunds = creditors.is_empty() || creditors.iter().any(|c| c.can_create_refunds != Some(false));
        let missing = if refunds { Vec::new() } else { vec![NO_REFUNDS.to_owned()] };
        // With several creditors events may be of any of them, so that none of them is the account.
        let only = if creditors.len() == 1 { creditors.pop() } else { None };
        Ok(AccountInfo {
            account: only.as_ref().map(|creditor| creditor.id.clone()),
            name: only.and_then(|creditor| creditor.name),
            // The host that took the token is either live or sandbox.
            livemode: Some(account.mode.is_live()),
            missing,
        })
    }

    fn webhook_answers(&self) -> WebhookAnswers {
        WebhookAnswers { accepted: 204, rejected: 498 }
    }

    fn receive(
        &self,
        secrets: &[String],
        headers: &HeaderMap,
        body: &Bytes,
        _now: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
        let header = headers.get(signature::gocardless::HEADER).and_then(|value| value.to_str().ok());
        let header = header.ok_or(WebhookRejection::Signature)?;
        let fits = |secret: &String| signature::gocardless::verify(secret, header, body).is_ok();
        if !secrets.iter().any(fits) {
            return Err(WebhookRejection::Signature);
        }
        let batch: Batch<'_> = serde_json::from_slice(body).map_err(|_| WebhookRejection::Body)?;
        Ok(batch.events.into_iter().map(incoming).collect())
    }

    fn interpret(&self, event: &IncomingEvent) -> Result<Interpretation, String> {
        interpret::interpret(event)
    }
}
