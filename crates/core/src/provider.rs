//! The vocabulary between the gateway and payment providers: what an adapter is asked and what it answers.

mod guard;

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use crate::domain::{
    CheckoutId, Currency, Mode, Money, ProviderId, RefundId, Timestamp, TransactionId,
    checkout::{CaptureMethod, Customer, Item},
    provider_account::{Credentials, ProviderKind},
    transaction::{Failure, NextStep, ProviderRef, ProviderUpdate, StartPlan},
};

/// The account that a call is made for, opened.
#[derive(Debug, Clone)]
pub struct Account {
    /// Our id of it.
    pub id: ProviderId,
    /// Live or test: chooses the provider's host and is compared with its events.
    pub mode: Mode,
    /// The account's id at the provider, when known.
    pub account: Option<String>,
    /// What opens it.
    pub credentials: Credentials,
}

/// A payment to start.
#[derive(Debug, Clone)]
pub struct StartPayment {
    /// The transaction; the provider's idempotency key derives from it, so that starting twice makes one
    /// payment.
    pub transaction_id: TransactionId,
    /// The checkout.
    pub checkout_id: CheckoutId,
    /// The checkout's public id, for the provider's metadata.
    pub session_public_id: String,
    /// What is to be paid.
    pub amount: Money,
    /// Taken at once, or authorized.
    pub capture_method: CaptureMethod,
    /// The lines, for the provider's page. They add up to `amount`.
    pub items: Vec<Item>,
    /// One line of text for statements and pages, such as `Example Shop · ORD-1`.
    pub description: String,
    /// The shop's order number.
    pub external_reference: String,
    /// What is known of the customer: fills in the provider's page, and is never needed.
    pub customer: Customer,
    /// The customer's language (BCP 47).
    pub locale: Option<String>,
    /// Where the provider sends a customer who finished.
    pub return_url: Url,
    /// Where the provider sends a customer who gave up.
    pub cancel_url: Url,
    /// When it must no longer be payable.
    pub expires_at: Timestamp,
    /// What earlier tries at starting it have taught.
    pub plan: StartPlan,
    /// Now.
    pub now: Timestamp,
}

impl StartPayment {
    /// The idempotency key of a call that starts it: the same for every repetition by the same plan.
    pub fn idempotency_key(&self, call: &str) -> String {
        let mut key = format!("tollgate-{call}-{}", self.transaction_id);
        if self.plan.without_customer {
            key.push_str("-plain");
        }
        if self.plan.round > 0 {
            let _ = write!(key, "-{}", self.plan.round);
        }
        key
    }
}

/// A payment that was started.
#[derive(Debug, Clone)]
pub struct Started {
    /// Its names at the provider.
    pub refs: Vec<ProviderRef>,
    /// What the customer does next.
    pub next: NextStep,
    /// Until when that works, where it ends: a page's address dies. See [`PaymentProvider::renew`].
    pub good_until: Option<Timestamp>,
    /// Until when money is waited for that the provider will not tell of: the payment is pending from now on.
    pub pending_until: Option<Timestamp>,
}

/// A payment that already exists at the provider.
#[derive(Debug, Clone)]
pub struct PaymentHandle {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// What was to be paid.
    pub amount: Money,
    /// Its names at the provider.
    pub refs: Vec<ProviderRef>,
    /// Now.
    pub now: Timestamp,
}

impl PaymentHandle {
    /// The first name of a kind.
    pub fn reference(&self, kind: &str) -> Option<&str> {
        self.refs.iter().find(|r| r.kind() == kind).map(ProviderRef::id)
    }
}

/// A refund to send.
#[derive(Debug, Clone)]
pub struct SendRefund {
    /// Ours; also the idempotency key and part of the provider's metadata.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
    /// Whether it is everything that was taken.
    pub is_full: bool,
    /// Everything refunded once this one is through, in minor units (`GoCardless` asks for it).
    pub refunded_total: i64,
    /// The merchant's reason.
    pub reason: Option<String>,
}

/// Why a call to a provider did not work. Its text is for logs: a provider's own words stand in a [`Failure`] alone.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The provider understood and said no. Nothing happened there.
    #[error("the provider refused it ({})", .0.code)]
    Rejected(Failure),
    /// It refused what was filled in of the customer, which it does not need. Nothing happened there.
    #[error("the provider refused what was filled in of the customer ({})", .0.code)]
    CustomerData(Failure),
    /// The idempotency key leads nowhere any more: its first call came with other parameters, or its answer was an
    /// error that the provider repeats. What that call made was shown to nobody.
    #[error("the provider takes this idempotency key no more ({0})")]
    KeySpent(String),
    /// It cannot be known whether it happened: time-out, connection lost, 5xx.
    #[error("the provider's answer is not known: {0}")]
    Unknown(String),
    /// The provider was not reached, or asked to come back later; nothing happened there.
    #[error("the provider is not available: {0}")]
    Unavailable(String),
    /// The credentials do not open the account.
    #[error("the provider does not accept the credentials: {0}")]
    Unauthorized(String),
    /// This provider cannot do that.
    #[error("this provider does not support it: {0}")]
    Unsupported(&'static str),
    /// The answer could not be read.
    #[error("the provider's answer could not be read: {0}")]
    Malformed(String),
}

/// Why a provider cannot take a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nothing is to be paid.
    #[error("it takes no payment of nothing")]
    Nothing,
    /// Not in this currency.
    #[error("it does not take this currency")]
    Currency,
    /// It cannot authorize now and capture later.
    #[error("it cannot authorize now and capture later")]
    ManualCapture,
    /// Less than it takes.
    #[error("it takes {0} at least")]
    TooSmall(Money),
    /// More than it takes.
    #[error("it takes {0} at most")]
    TooLarge(Money),
    /// It has no unit small enough for this amount.
    #[error("it has no unit for this amount")]
    Unit,
}

/// A webhook that is not what it claims to be. Nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRejection {
    /// The signature is missing or wrong, or too old.
    #[error("the signature is not valid")]
    Signature,
    /// Signed, but not something this adapter can read.
    #[error("the body could not be read")]
    Body,
}

/// One event of a verified webhook, as it goes into the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingEvent {
    /// The provider's id of it; unique within the account.
    pub event_id: String,
    /// The provider's name for what happened.
    pub name: String,
    /// Its exact bytes.
    pub raw: Bytes,
}

/// What an event says, read when it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interpretation {
    /// Nothing that this gateway acts on; why.
    Ignored(&'static str),
    /// A statement about a transaction.
    Update(Box<EventUpdate>),
}

/// A statement, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventUpdate {
    /// Live or test, where the event says.
    pub livemode: Option<bool>,
    /// The account, where the event says.
    pub account: Option<String>,
    /// The statement.
    pub update: ProviderUpdate,
}

/// Where an event leads that names nothing known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// To a payment with these names; the transaction is named where the provider's metadata say.
    Payment {
        /// Its names at the provider, to find it by and to remember.
        refs: Vec<ProviderRef>,
        /// Ours.
        transaction_id: Option<TransactionId>,
    },
    /// To nothing that could be a payment of this gateway.
    Foreign,
}

/// A span of a provider's own list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsQuery<'a> {
    /// Made at this time or later.
    pub since: Timestamp,
    /// Where the page before ended: [`EventsPage::next`].
    pub after: Option<&'a str>,
}

/// A page of a provider's own list of events, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsPage {
    /// The events.
    pub events: Vec<IncomingEvent>,
    /// Where older ones follow; `None` at the end of the span.
    pub next: Option<String>,
}

/// What a provider says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Its id there.
    pub account: Option<String>,
    /// Its name there.
    pub name: Option<String>,
    /// Whether real money moves, where the provider says.
    pub livemode: Option<bool>,
    /// What the credentials may not do and this gateway needs, each as the provider names it.
    pub missing: Vec<String>,
}

/// What an adapter can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Authorize now, capture later.
    pub manual_capture: bool,
    /// How long authorized money is kept for a capture, where that ends by itself.
    pub authorization_lasts: Option<Duration>,
    /// Refund at all.
    pub refunds: bool,
    /// What customers see on the checkout page.
    pub label: &'static str,
    /// A few words below the label.
    pub hint: &'static str,
    /// Whether the provider lists its events: what a webhook missed is read there.
    pub lists_events: bool,
    /// How long the address of its page lives, where it did not say so itself.
    pub page_lives: Option<Duration>,
    /// The API version that its webhooks should be set to, where there are several.
    pub webhook_version: Option<&'static str>,
}

/// How webhooks of a provider are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAnswers {
    /// Stored.
    pub accepted: u16,
    /// Not verified.
    pub rejected: u16,
}

/// A payment provider's adapter. Stateless; every call names the account.
#[async_trait]
pub trait PaymentProvider: Send + Sync + fmt::Debug {
    /// Which provider.
    fn kind(&self) -> ProviderKind;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it can take this amount, in this currency, this way.
    fn accepts(&self, amount: Money, capture: CaptureMethod) -> Result<(), NotTaken>;

    /// Starts a payment. Called again with the same transaction and plan it must answer the same payment.
    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError>;

    /// Another way for the customer to a payment that was started, where the first way is good no more. `None`
    /// where there is none: the payment must be ended, and another started.
    async fn renew(
        &self,
        _account: &Account,
        _payment: &PaymentHandle,
        _start: &StartPayment,
    ) -> Result<Option<Started>, ProviderError> {
        Ok(None)
    }

    /// Everything the provider knows of a payment: payment, refunds and disputes. What could not be read stands in
    /// [`ProviderUpdate::unread`] and takes nothing else with it. Refunds of ours carry our id, wherever the
    /// provider keeps it: so it is seen whether a refund was made whose answer was lost.
    async fn fetch(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError>;

    /// Takes authorized money; all of it where `amount` is absent.
    async fn capture(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        amount: Option<Money>,
        idempotency_key: &str,
    ) -> Result<(), ProviderError>;

    /// Ends a payment that was not taken, and the provider's page of it.
    async fn cancel(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        idempotency_key: &str,
    ) -> Result<(), ProviderError>;

    /// Sends a refund. Called again with the same refund it must answer the same refund. The answer
    /// carries the refund's fact.
    async fn refund(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError>;

    /// Follows an event that names nothing known here (a refund made in the dashboard) to its payment, in a few
    /// calls at most.
    async fn resolve(&self, _account: &Account, _event: &IncomingEvent) -> Result<Resolved, ProviderError> {
        Err(ProviderError::Unsupported("following an event"))
    }

    /// A page of the provider's own list of events.
    async fn events(&self, _account: &Account, _query: EventsQuery<'_>) -> Result<EventsPage, ProviderError> {
        Err(ProviderError::Unsupported("a list of events"))
    }

    /// Asks whether the credentials work, and for everything that is needed.
    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError>;

    /// How webhooks are answered.
    fn webhook_answers(&self) -> WebhookAnswers {
        WebhookAnswers { accepted: 200, rejected: 400 }
    }

    /// Verifies a webhook on its raw bytes and splits it into events.
    fn receive(
        &self,
        secrets: &[String],
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection>;

    /// Reads an event that [`Self::receive`] accepted.
    fn interpret(&self, event: &IncomingEvent) -> Result<Interpretation, String>;
}

/// The adapters, by kind.
#[derive(Debug, Clone)]
pub struct ProviderRegistry {
    adapters: Arc<[Arc<dyn PaymentProvider>]>,
}

impl ProviderRegistry {
    /// A registry of these adapters; accounts that do not answer are not asked for a while.
    pub fn new(adapters: Vec<Arc<dyn PaymentProvider>>) -> Self {
        let guarded = adapters.into_iter().map(|adapter| Arc::new(guard::Guarded::new(adapter)) as _);
        Self { adapters: guarded.collect() }
    }

    /// The adapter of a kind; a kind without one is a programming error found by a test.
    pub fn get(&self, kind: ProviderKind) -> Option<&Arc<dyn PaymentProvider>> {
        self.adapters.iter().find(|adapter| adapter.kind() == kind)
    }
}

/// How long a call to a provider may take in all.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A currency that a provider names, in any case; `None` where this gateway does not know it.
pub fn currency_of(text: &str) -> Option<Currency> {
    Currency::known(text)
}
