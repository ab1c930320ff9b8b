//! A mail to a buyer, a document or the receipt of a payment: queued once per cause, with a row for every try.

use serde::{Deserialize, Serialize};

use crate::{
    InvoiceId, MailId, Mode, OrganizationId, PersonId, Tenant, Timestamp, Trail, TransactionId, derived_id,
    opaque::Sealed,
};

/// How often a mail is tried before it is given up.
pub const MAIL_ATTEMPTS_MAX: i64 = 8;

/// Where a mail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waits for its (next) try.
    Waiting,
    /// Being handed to the mail server.
    Sending,
    /// The mail server has taken it.
    Sent,
    /// Given up.
    Failed,
}

impl MailState {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// What one try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailOutcome {
    /// Begun; becomes `unknown` when its worker dies.
    Started,
    /// Taken by the mail server.
    Sent,
    /// Refused, or no answer.
    Failed,
    /// Cut off by a crash: nobody knows. It is sent again under the same Message-ID.
    Unknown,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailAttempt {
    /// When it began.
    pub started_at: Timestamp,
    /// What it came to.
    pub outcome: MailOutcome,
    /// Why it failed, without addresses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// What a mail tells somebody who signs in here, in their language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailNotice {
    /// A word of [`LANGUAGES`](crate::person::LANGUAGES).
    pub language: String,
    /// What has happened.
    pub about: NoticeAbout,
}

/// What has happened to an account, or to what it looks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeAbout {
    /// The password was set anew with a link of the operator; so many passkeys are left.
    PasswordReset {
        /// How many passkeys still sign in.
        passkeys: usize,
    },
    /// A host of an organization is not verified any more.
    DomainLost {
        /// The organization's name.
        organization: String,
        /// The host.
        host: String,
    },
}

/// A mail as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentMail {
    /// Derived from document and cause.
    #[serde(rename = "_id")]
    pub id: MailId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The document; absent where the mail is a payment's receipt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice_id: Option<InvoiceId>,
    /// The payment that the mail is a receipt of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<TransactionId>,
    /// What somebody must know of their own account, where the mail is that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notice: Option<MailNotice>,
    /// The address.
    pub to: Sealed,
    /// Where it stands.
    pub state: MailState,
    /// When to try (again). Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Whether it counts among the mails that may go in an hour and a day.
    #[serde(default)]
    pub counted: bool,
    /// Every try.
    #[serde(default)]
    pub attempts: Vec<MailAttempt>,
    /// The request that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trail: Option<Trail>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl DocumentMail {
    /// Field name of [`Self::to`] for encryption.
    pub const TO_FIELD: &'static str = "to";

    /// The id of a mail: the same document for the same cause is one mail.
    pub fn id_of(invoice: InvoiceId, cause: &str) -> MailId {
        MailId::from_bytes(derived_id(&[b"mail", &invoice.bytes(), cause.as_bytes()]))
    }

    /// The id of a payment's receipt: there is one.
    pub fn receipt_id(transaction: TransactionId) -> MailId {
        MailId::from_bytes(derived_id(&[b"receipt", &transaction.bytes()]))
    }

    /// The id of a notice to somebody: the same cause is told once.
    pub fn notice_id(person: PersonId, cause: &str) -> MailId {
        MailId::from_bytes(derived_id(&[b"notice", &person.bytes(), cause.as_bytes()]))
    }

    /// A mail about nothing yet that waits for its first try.
    pub const fn waiting(id: MailId, tenant: Tenant, to: Sealed, now: Timestamp) -> Self {
        Self {
            id,
            org: tenant.organization,
            mode: tenant.mode,
            invoice_id: None,
            transaction_id: None,
            notice: None,
            to,
            state: MailState::Waiting,
            due: Some(now),
            counted: false,
            attempts: Vec::new(),
            trail: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The tenant that the mail belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Writes down that it is being handed over; what a crash cut off before is unknown.
    pub fn begin(&mut self, lease_until: Timestamp, now: Timestamp) {
        (self.state, self.due) = (MailState::Sending, Some(lease_until));
        begin_attempt(&mut self.attempts, now);
        self.updated_at = now;
    }

    /// Writes down what became of it. `again` says when to try once more.
    pub fn end(&mut self, result: Result<(), String>, again: Option<Timestamp>, now: Timestamp) {
        (self.state, self.due) = end_attempt(&mut self.attempts, result, again);
        self.updated_at = now;
    }
}

/// A row for a try that begins.
pub fn begin_attempt(attempts: &mut Vec<MailAttempt>, now: Timestamp) {
    if let Some(last) = attempts.last_mut()
        && last.outcome == MailOutcome::Started
    {
        last.outcome = MailOutcome::Unknown;
    }
    attempts.push(MailAttempt { started_at: now, outcome: MailOutcome::Started, error: None });
}

/// Completes the last row; answers where the mail stands and when it is due again.
pub fn end_attempt(
    attempts: &mut [MailAttempt],
    result: Result<(), String>,
    again: Option<Timestamp>,
) -> (MailState, Option<Timestamp>) {
    let (outcome, error) = match result {
        Ok(()) => (MailOutcome::Sent, None),
        Err(error) => (MailOutcome::Failed, Some(error)),
    };
    if let Some(last) = attempts.last_mut() {
        (last.outcome, last.error) = (outcome, error);
    }
    match (outcome, again) {
        (MailOutcome::Sent, _) => (MailState::Sent, None),
        (_, Some(again)) => (MailState::Waiting, Some(again)),
        (_, None) => (MailState::Failed, None),
    }
}
