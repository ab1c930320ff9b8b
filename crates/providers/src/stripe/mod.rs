//! Stripe, by its hosted Checkout page.
//!
//! A payment is a checkout session (`checkout_session`), which makes a payment intent (`payment_intent`)
//! once the customer pays, which makes a charge (`charge`) per try. Source: Stripe's API reference and its
//! SDKs, version [`VERSION`].

mod amounts;
mod api;
mod checkout;
mod facts;
mod feed;
mod interpret;
mod locale;
mod objects;
mod resolve;
mod snapshot;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateway_core::{
    crypto::signature,
    domain::{
        Money, Timestamp,
        checkout::CaptureMethod,
        provider_account::ProviderKind,
        transaction::{NextStep, ProviderUpdate, Source},
    },
    provider::{
        Account, AccountInfo, Capabilities, EventsPage, EventsQuery, IncomingEvent, Interpretation, NotTaken,
        PaymentHandle, PaymentProvider, ProviderError, Resolved, SendRefund, StartPayment, Started,
        WebhookRejection,
    },
};
use http::{HeaderMap, HeaderValue};
use serde::de::IgnoredAny;
use url::Url;

use self::{
    api::{Form, malformed, rejected},
    objects::{AccountObject, Event, Expandable, Page, REFUND_ID, Refund, Session, TRANSACTION_ID},
};
use crate::http::HttpClient;

/// Stripe's live and test API; the key decides which.
pub const BASE_URL: &str = "https://api.stripe.com";
/// The API version that this adapter was written against.
pub const VERSION: &str = "2026-10-28.endive";

/// How long a card's authorization lasts where nothing else was agreed with Stripe.
const AUTHORIZATION_LASTS: Duration = Duration::from_hours(7 * 24);

/// The longest value in Stripe's metadata.
const METADATA_CHARS_MAX: usize = 500;

/// The adapter.
#[derive(Debug, Clone)]
pub struct Stripe {
    http: HttpClient,
    base_url: Url,
    version: HeaderValue,
}

impl Stripe {
    /// An adapter that calls `base_url` and pins [`VERSION`].
    pub fn new(http: HttpClient, base_url: Url) -> Self {
        Self { http, base_url, version: HeaderValue::from_static(VERSION) }
    }

    /// The same adapter with another API version pinned.
    #[must_use]
    pub fn with_version(self, version: HeaderValue) -> Self {
        Self { version, ..self }
    }

    async fn session(
        &self,
        account: &Account,
        id: &str,
    ) -> Result<(Session, Option<Timestamp>), ProviderError> {
        let expand = [("expand[]", "payment_intent.latest_charge")];
        self.get(account, &["v1", "checkout", "sessions", id], &expand).await
    }

    /// The payment intent's id: remembered, or asked for.
    async fn intent_id(&self, account: &Account, payment: &PaymentHandle) -> Result<String, ProviderError> {
        if let Some(id) = payment.reference(facts::INTENT) {
            return Ok(id.to_owned());
        }
        let (session, _) = self.session(account, session_id(payment)?).await?;
        let intent = session.payment_intent.as_ref().map(|intent| intent.id().to_owned());
        intent.ok_or_else(|| rejected("payment_not_started", "The customer has not paid yet."))
    }
}

/// The session's id; without it there is nothing to ask for.
fn session_id(payment: &PaymentHandle) -> Result<&str, ProviderError> {
    payment
        .reference(facts::SESSION)
        .ok_or(ProviderError::Unsupported("a payment whose checkout session is not known"))
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Stripe
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            manual_capture: true,
            authorization_lasts: Some(AUTHORIZATION_LASTS),
            refunds: true,
            label: "Card or wallet",
            hint: "Pay on Stripe's secure page",
            lists_events: true,
            page_lives: Some(checkout::LIFE_MAX),
            webhook_version: Some(VERSION),
        }
    }

    fn accepts(&self, amount: Money, _capture: CaptureMethod) -> Result<(), NotTaken> {
        amounts::check(amount)
    }

    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError> {
        let form = checkout::session_form(payment)?;
        let key = payment.idempotency_key("start");
        let session: Session = self.start_post(account, &["v1", "checkout", "sessions"], &form, &key).await?;
        let url = session.url.clone().ok_or_else(|| malformed("the checkout session has no address"))?;
        let mut update = ProviderUpdate::new(Source::Fetch, payment.now);
        facts::name(&mut update, facts::SESSION, &session.id);
        facts::name_some(&mut update, facts::INTENT, session.payment_intent.as_ref());
        let good_until = session.expires_at.map(Timestamp::from_seconds);
        Ok(Started { refs: update.refs, next: NextStep::Redirect { url }, good_until, pending_until: None })
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
        account: &Account,
        payment: &PaymentHandle,
        amount: Option<Money>,
        idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        let intent = self.intent_id(account, payment).await?;
        let mut form = Form::default();
        if let Some(amount) = amount {
            form.put("amount_to_capture", &in_stripes_units(amount)?);
        }
        let path = ["v1", "payment_intents", &intent, "capture"];
        self.post::<IgnoredAny>(account, &path, &form, idempotency_key).await.map(|_| ())
    }

    async fn cancel(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        let id = session_id(payment)?;
        let (session, _) = self.session(account, id).await?;
        let intent = session.payment_intent.as_ref().and_then(Expandable::object);
        // Stripe refuses a key at another endpoint, and which one it is may change between two tries.
        let key = |verb| format!("{idempotency_key}-{verb}");
        let (path, key) = match (session.status.as_deref(), intent) {
            (Some("expired"), _) => return Ok(()),
            // An intent of an open session ends with the session.
            (Some("open"), _) => (["v1", "checkout", "sessions", id, "expire"].to_vec(), key("expire")),
            (_, Some(intent)) if intent.status == "canceled" => return Ok(()),
            (_, Some(intent)) => (["v1", "payment_intents", &intent.id, "cancel"].to_vec(), key("cancel")),
            (_, None) => return Err(rejected("session_complete", "The payment was completed already.")),
        };
        self.post::<IgnoredAny>(account, &path, &Form::default(), &key).await.map(|_| ())
    }

    /// The amount is always stated. Left out it would mean "whatever is left", which is less than what was
    /// decided here if somebody refunded in the dashboard meanwhile.
    async fn refund(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        let intent = self.intent_id(account, payment).await?;
        let mut form = Form::default();
        form.put("payment_intent", &intent);
        form.put("amount", &in_stripes_units(refund.amount)?);
        form.put(&format!("metadata[{REFUND_ID}]"), &refund.refund_id.to_string());
        form.put(&format!("metadata[{TRANSACTION_ID}]"), &payment.transaction_id.to_string());
        match refund.reason.as_deref() {
            Some(reason @ ("duplicate" | "fraudulent" | "requested_by_customer")) => {
                form.put("reason", reason);
            }
            Some(reason) if !reason.is_empty() => {
                let reason: String = reason.chars().take(METADATA_CHARS_MAX).collect();
                form.put("metadata[reason]", &reason);
            }
            _ => {}
        }
        let key = format!("tollgate-refund-{}", refund.refund_id);
        let made: Refund = self.post(account, &["v1", "refunds"], &form, &key).await?;
        // A repeat answers what was true at first: no snapshot, but a statement of that time.
        let at = Timestamp::from_seconds(made.created);
        let mut update = ProviderUpdate::new(Source::Event(made.id.clone()), at);
        facts::describe_refund(&mut update, &made).map_err(malformed)?;
        if let Some(fact) = update.refunds.first_mut() {
            fact.refund_id = Some(refund.refund_id);
        }
        Ok(update)
    }

    async fn resolve(&self, account: &Account, event: &IncomingEvent) -> Result<Resolved, ProviderError> {
        self.follow(account, event).await
    }

    async fn events(&self, account: &Account, query: EventsQuery<'_>) -> Result<EventsPage, ProviderError> {
        self.list_events(account, query).await
    }

    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let (found, _): (AccountObject, _) = self.get(account, &["v1", "account"], &[]).await?;
        let missing = self.missing_permissions(account).await?;
        let shown = found.settings.and_then(|settings| settings.dashboard).and_then(|d| d.display_name);
        let business = found.business_profile.and_then(|profile| profile.name);
        let name = [shown, business, found.email].into_iter().flatten().find(|name| !name.is_empty());
        let key = account.credentials.api_key.as_deref().unwrap_or_default().trim();
        Ok(AccountInfo { account: Some(found.id), name, livemode: key_mode(key), missing })
    }

    fn receive(
        &self,
        secrets: &[String],
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
        let header = headers.get(signature::stripe::HEADER).and_then(|value| value.to_str().ok());
        let header = header.ok_or(WebhookRejection::Signature)?;
        let verified = secrets
            .iter()
            .any(|secret| signature::stripe::verify(secret, header, body, now.seconds()).is_ok());
        if !verified {
            return Err(WebhookRejection::Signature);
        }
        let event: Event = serde_json::from_slice(body).map_err(|_| WebhookRejection::Body)?;
        // Thin events (`v2.core.event`) carry no object; they belong to another kind of endpoint.
        if event.object != "event" || event.id.is_empty() {
            return Err(WebhookRejection::Body);
        }
        Ok(vec![IncomingEvent { event_id: event.id, name: event.kind, raw: body.clone() }])
    }

    fn interpret(&self, event: &IncomingEvent) -> Result<Interpretation, String> {
        interpret::interpret(event)
    }
}

/// What is read at Stripe, with a resource of each permission: as Stripe names it for restricted keys, and the path.
const NEEDED: &[(&str, &[&str])] = &[
    ("Checkout Sessions", &["v1", "checkout", "sessions"]),
    ("PaymentIntents", &["v1", "payment_intents"]),
    ("Charges and Refunds", &["v1", "refunds"]),
    ("Disputes", &["v1", "disputes"]),
    ("Events", &["v1", "events"]),
];

impl Stripe {
    /// The permissions that the key lacks, as far as reading shows. The account was read with it a moment ago.
    async fn missing_permissions(&self, account: &Account) -> Result<Vec<String>, ProviderError> {
        let probe = async |name: &str, path: &[&str]| {
            let answer: Result<(Page, _), _> = self.get(account, path, &[("limit", "1")]).await;
            match answer {
                Err(ProviderError::Unauthorized(_)) => Ok(Some(name.to_owned())),
                outcome => outcome.map(|_| None),
            }
        };
        let mut missing = Vec::new();
        for (name, path) in NEEDED {
            missing.extend(probe(name, path).await?);
        }
        Ok(missing)
    }
}

fn in_stripes_units(amount: Money) -> Result<String, ProviderError> {
    let units = amounts::to_stripe(amount).map_err(|problem| rejected("amount_not_supported", problem))?;
    Ok(units.to_string())
}

/// Stripe's keys say which money they move: `sk_live_…`, `rk_test_…`.
fn key_mode(key: &str) -> Option<bool> {
    let mode = key.split('_').nth(1)?;
    match mode {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    }
}
