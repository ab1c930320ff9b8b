//! What providers state, in the gateway's own words.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Currency, RefundId, Timestamp, TransactionId, opaque::PrivateText};

/// The payment itself, apart from refunds and disputes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The customer has not finished.
    Initiated,
    /// The money is on its way.
    Pending,
    /// Reserved, not taken.
    Authorized,
    /// Taken.
    Succeeded,
    /// Did not work.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// Ended by time.
    Expired,
}

impl PaymentState {
    /// Decides between two statements with the same time: the one further along the usual way.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Initiated => 0,
            Self::Pending => 1,
            Self::Authorized => 2,
            Self::Expired => 3,
            Self::Cancelled => 4,
            Self::Failed => 5,
            Self::Succeeded => 6,
        }
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Decided here, not yet sent.
    NotSent,
    /// The provider has it.
    Pending,
    /// Nobody knows whether the provider has it.
    Unknown,
    /// The money went back.
    Succeeded,
    /// It did not, or it bounced.
    Failed,
}

impl RefundState {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Decides between two statements with the same time. A refund fails after it succeeded (it bounces),
    /// never the other way round.
    pub const fn rank(self) -> u8 {
        match self {
            Self::NotSent => 0,
            Self::Unknown => 1,
            Self::Pending => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
        }
    }
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// Opened; the merchant may answer.
    Open,
    /// The merchant answered; the bank decides.
    UnderReview,
    /// Decided for the merchant, or withdrawn.
    Won,
    /// The merchant accepted it.
    Accepted,
    /// Decided for the customer.
    Lost,
}

impl DisputeState {
    /// As it stands in the API and in version 1 IPNs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Accepted => "accepted",
            Self::Lost => "lost",
        }
    }

    /// Decides between two statements with the same time.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::UnderReview => 1,
            Self::Won => 2,
            Self::Accepted => 3,
            Self::Lost => 4,
        }
    }

    /// Whether the money is held back or gone.
    pub const fn is_against_merchant(self) -> bool {
        !matches!(self, Self::Won)
    }

    /// Whether the money is gone for good.
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::Lost | Self::Accepted)
    }
}

/// A transaction's name at its provider, such as `payment_intent:pi_1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderRef(String);

impl ProviderRef {
    /// Names an object of a kind.
    pub fn new(kind: &str, id: &str) -> Self {
        Self(format!("{kind}:{id}"))
    }

    /// The kind: `checkout_session`, `payment_intent`, `charge`, `billing_request`, `payment` …
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The provider's id.
    pub fn id(&self) -> &str {
        self.0.split_once(':').map_or(self.0.as_str(), |(_, id)| id)
    }

    /// `kind:id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProviderRef {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's code, such as `card_declined`. Never free text: it stands in logs.
    pub code: String,
    /// The provider's words, which may repeat what the customer entered.
    pub message: PrivateText,
}

impl Failure {
    /// The longest code that is kept.
    const CODE_CHARS_MAX: usize = 64;

    /// A failure. What does not look like a code does not become one: providers' words belong in the message.
    pub fn new(code: &str, message: impl Into<PrivateText>) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_code = (1..=Self::CODE_CHARS_MAX).contains(&code.len()) && code.chars().all(fits);
        Self { code: if is_code { code } else { "error" }.to_owned(), message: message.into() }
    }
}

/// Who states something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An event of the provider, by its id.
    Event(String),
    /// A snapshot that we fetched after reading the version that it is applied to: as new as anything
    /// applied before, so it wins over stored facts whatever their times.
    Fetch,
    /// A person who has looked at the bank account.
    Person,
}

impl Source {
    /// For the history.
    pub fn label(&self) -> &str {
        match self {
            Self::Event(id) => id,
            Self::Fetch => "fetch",
            Self::Person => "person",
        }
    }
}

/// The payment's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The state.
    pub state: PaymentState,
    /// Minor units authorized or taken, where the provider says.
    pub amount: Option<i64>,
    /// Whether the provider never goes back from it: then time does not matter, and only another such
    /// state replaces it.
    pub sticky: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The try that this is about, where the provider names one.
    pub attempt: Option<String>,
    /// The state of that try, where it differs from the payment's (a declined card leaves the payment
    /// open).
    pub attempt_state: Option<PaymentState>,
}

impl PaymentFact {
    /// A state and nothing more.
    pub const fn state(state: PaymentState) -> Self {
        Self { state, amount: None, sticky: false, failure: None, attempt: None, attempt_state: None }
    }
}

/// A refund's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The provider's id.
    pub reference: String,
    /// Ours, where the provider carries it in its metadata.
    pub refund_id: Option<RefundId>,
    /// Minor units, where stated.
    pub amount: Option<i64>,
    /// The state.
    pub state: RefundState,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it was stated; the update's time where absent.
    pub at: Option<Timestamp>,
}

/// A dispute's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFact {
    /// The provider's id.
    pub reference: String,
    /// Minor units of [`Self::currency`], where stated.
    pub amount: Option<i64>,
    /// The currency that is disputed: a bank may state its own. `None` is the payment's.
    pub currency: Option<Currency>,
    /// Whether the bank only asks (an inquiry): no money has moved, and refunds are allowed.
    pub inquiry: bool,
    /// The state.
    pub state: DisputeState,
    /// The provider's reason.
    pub reason: Option<String>,
}

/// One statement of a provider about one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderUpdate {
    /// Who states it.
    pub source: Source,
    /// The provider's time of it.
    pub at: Timestamp,
    /// The transaction that the provider's metadata names.
    pub transaction_id: Option<TransactionId>,
    /// Names of the transaction at the provider: to find it by, and to remember.
    pub refs: Vec<ProviderRef>,
    /// The currency stated.
    pub currency: Option<Currency>,
    /// The amount to be paid, as stated: must be what we stored.
    pub expected_amount: Option<i64>,
    /// The reference stated, where the provider carries ours: must be what we stored.
    pub session_public_id: Option<String>,
    /// The payment.
    pub payment: Option<PaymentFact>,
    /// Refunds.
    pub refunds: Vec<RefundFact>,
    /// The charge's total of refunds in minor units.
    pub refunded_total: Option<i64>,
    /// Disputes.
    pub disputes: Vec<DisputeFact>,
    /// Refund objects that only let the rest of an authorization go: no money that was taken went back by them.
    pub released: Vec<String>,
    /// What could not be read. Nothing follows from it, least of all that there is nothing.
    pub unread: Vec<Unread>,
}

/// A part of a snapshot that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// A list that the credentials may not read: `refunds`, `disputes`.
    Forbidden(&'static str),
    /// An object, and what is wrong with it in our own words.
    Object {
        /// `refund` or `dispute`.
        what: &'static str,
        /// Its id at the provider, where that could be read.
        id: String,
        /// What is wrong.
        problem: String,
    },
}

impl Unread {
    /// Whether it is about refunds (`refund`) or disputes (`dispute`).
    pub fn is_of(&self, what: &str) -> bool {
        match self {
            Self::Forbidden(list) => list.strip_suffix('s') == Some(what),
            Self::Object { what: kind, .. } => *kind == what,
        }
    }
}

impl ProviderUpdate {
    /// A statement without facts yet.
    pub const fn new(source: Source, at: Timestamp) -> Self {
        Self {
            source,
            at,
            transaction_id: None,
            refs: Vec::new(),
            currency: None,
            expected_amount: None,
            session_public_id: None,
            payment: None,
            refunds: Vec::new(),
            refunded_total: None,
            disputes: Vec::new(),
            released: Vec::new(),
            unread: Vec::new(),
        }
    }
}
