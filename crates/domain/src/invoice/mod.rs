//! Invoices, credit notes and receipts.
//!
//! A document is a draft until it has its number; then its content never changes again. What changes is what
//! became of it: paid, given back, credited. That is a projection of its payment and of the credits that are
//! recorded in it, as a transaction's status is of its facts.

pub mod compose;
pub mod credit;
pub mod guard;
pub mod hold;
pub mod lifecycle;
pub mod logo;
pub mod mail;
pub mod paper;
pub mod series;
pub mod settings;
pub mod tax;
pub mod units;
pub mod vat_id;
pub mod vat_states;
pub mod words;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use credit::{CREDITS_MAX, Credit, CreditLine, GroupAmount, LineRequest, Split};
pub use lifecycle::{InvalidTransition, InvoiceStatus};
pub use mail::{
    DocumentMail, MAIL_ATTEMPTS_MAX, MailAttempt, MailNotice, MailOutcome, MailState, NoticeAbout,
};
pub use mail::{begin_attempt, end_attempt};
pub use paper::{Paper, PaperKind};
pub use series::{Numbered, Series, SeriesPeriod};
pub use settings::{InvoiceSettings, SellerProfile, StoredLook};

use super::{
    CheckoutId, Currency, InvoiceId, LookId, Mode, Money, OrganizationId, SeriesId, SiteId, Tenant,
    Timestamp, Trail, TransactionId,
    checkout::Idempotency,
    outbox::{Changed, EventType, Outbox},
    transaction::Review,
};
use crate::opaque::{Sealed, SearchHash};

/// What an invoice is flagged for whose payment failed after all.
pub const PAYMENT_FAILED: &str = "payment_failed";

/// How often rendering is begun before a person must look.
pub const RENDER_ATTEMPTS_MAX: i64 = 3;

impl PaperKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Invoice, Self::CreditNote, Self::PaymentReceipt];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::PaymentReceipt => "payment_receipt",
        }
    }
}

/// Where the rendering of an issued document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenderStatus {
    /// Not made yet.
    Waiting,
    /// Stored.
    Done,
    /// Given up; a person must look.
    Parked,
}

impl RenderStatus {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Parked => "parked",
        }
    }
}

/// The files of an issued document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendering {
    /// Where it stands.
    pub status: RenderStatus,
    /// When to try (again). Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Tries so far.
    pub attempts: i64,
    /// Why the last one failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Characters that no font has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_glyphs: Vec<String>,
    /// Whether there is an XML beside the PDF.
    #[serde(default)]
    pub has_xml: bool,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub no_xml: Option<String>,
    /// Whether it takes the place of files that were made before, which nobody should have got.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
}

impl Rendering {
    /// To be made.
    pub const fn waiting(due: Timestamp) -> Self {
        Self {
            status: RenderStatus::Waiting,
            due: Some(due),
            attempts: 0,
            reason: None,
            missing_glyphs: Vec::new(),
            has_xml: false,
            no_xml: None,
            replaces: false,
        }
    }

    /// Whether its files may go to the buyer: they are made, and every character is on them.
    pub const fn may_be_sent(&self) -> bool {
        matches!(self.status, RenderStatus::Done) && self.missing_glyphs.is_empty()
    }
}

/// The files of an issued document, as they are stored: under the document's own id, so that there is one
/// rendering of it for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFiles {
    /// The document's.
    #[serde(rename = "_id")]
    pub id: InvoiceId,
    /// Whose they are.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The PDF.
    pub pdf: Sealed,
    /// The e-invoice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub xml: Option<Sealed>,
    /// When they were made.
    pub created_at: Timestamp,
}

impl StoredFiles {
    /// Field name of [`Self::pdf`] for encryption.
    pub const PDF_FIELD: &'static str = "pdf";
    /// Field name of [`Self::xml`] for encryption.
    pub const XML_FIELD: &'static str = "xml";

    /// The tenant that the files belong to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}

/// What became of the money of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MoneyState {
    /// Minor units that came in.
    pub paid: i64,
    /// Minor units that went back, by refunds and lost disputes.
    pub returned: i64,
}

/// A document as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Its id. Derived from its cause where it has one, so that the same cause makes one document.
    #[serde(rename = "_id")]
    pub id: InvoiceId,
    /// Whose document it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// What it is.
    pub kind: PaperKind,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// Its series.
    pub series_id: SeriesId,
    /// Its number and date, once issued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub numbered: Option<Numbered>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issued_at: Option<Timestamp>,
    /// When the numbering lane should look: present while a draft waits for its number. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issue_due: Option<Timestamp>,
    /// Why a draft has no number: it waits for this, or a person must put it right ([`hold`]).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked: Option<String>,
    /// Currency.
    pub currency: Currency,
    /// Minor units to be paid, with tax and rounding. Positive on a credit note, too.
    pub total: i64,
    /// Tax per group, to split credits by.
    pub groups: Vec<GroupAmount>,
    /// A shop's rounding within [`Self::total`].
    #[serde(default)]
    pub rounding: i64,
    /// What became of the money.
    #[serde(default)]
    pub money: MoneyState,
    /// Taken back so far, each with its credit note.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<Credit>,
    /// [`Paper`] as JSON, without the look. A draft's has no number, date and seller yet.
    pub paper: Sealed,
    /// The look it was issued with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look_id: Option<LookId>,
    /// When it is to be paid, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due_date: Option<String>,
    /// The payment that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<TransactionId>,
    /// The payment whose own paper it is. Unique: a payment has one. Taken away where a draft is discarded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_of: Option<TransactionId>,
    /// The checkout.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout_id: Option<CheckoutId>,
    /// The shop.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub site_id: Option<SiteId>,
    /// The shop's order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_reference: String,
    /// A credit note's invoice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corrects: Option<InvoiceId>,
    /// A credit note's cause within that invoice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// Finds documents by the buyer's e-mail without reading it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email_hash: Option<SearchHash>,
    /// An issued invoice that was taken back whole before any money moved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub voided_at: Option<Timestamp>,
    /// Its files, once issued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rendering: Option<Rendering>,
    /// What a person must look at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub needs_review: Option<Review>,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// The request that led to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trail: Option<Trail>,
    /// What must be announced.
    #[serde(default)]
    pub outbox: Outbox,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why a credit is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreditError {
    /// It has no number, or is no invoice.
    #[error("a {} that is {} cannot be credited", .0.as_str(), .1.as_str())]
    Status(PaperKind, InvoiceStatus),
    /// More than is left.
    #[error("at most {left} can be credited, not {asked}")]
    TooMuch {
        /// Asked for.
        asked: Money,
        /// Left.
        left: Money,
    },
    /// Zero or less.
    #[error("the amount to credit must be more than zero")]
    NotPositive,
    /// A line that the invoice has not.
    #[error("is no line of the invoice")]
    NoLine {
        /// Its place in the request.
        index: usize,
    },
    /// A line that is named twice.
    #[error("is named twice")]
    LineTwice {
        /// Its place in the request.
        index: usize,
    },
    /// Nothing, or more than is left of a line.
    #[error("must be more than 0 and at most {left}, which is left of the line")]
    Quantity {
        /// Its place in the request.
        index: usize,
        /// Left.
        left: Decimal,
    },
    /// Too many.
    #[error("an invoice takes at most {CREDITS_MAX} credits")]
    TooMany,
}

/// How much of an invoice is to be credited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditOf {
    /// All that is left.
    Rest,
    /// So many minor units, split over the tax groups in proportion.
    Amount(i64),
    /// Lines: what they took, and their share of each group.
    Lines(Vec<CreditLine>, Split),
}

/// A credit as it is asked for.
#[derive(Debug, Clone)]
pub struct CreditRequest {
    /// The credit note's id.
    pub id: InvoiceId,
    /// Unique within the invoice.
    pub cause: String,
    /// How much.
    pub of: CreditOf,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// The record of the request.
    pub idem: Option<Idempotency>,
}

impl Invoice {
    /// Field name of [`Self::paper`] for encryption.
    pub const PAPER_FIELD: &'static str = "paper";

    /// The tenant that the document belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Its number, once issued.
    pub fn number(&self) -> Option<&str> {
        self.numbered.as_ref().map(|numbered| numbered.number.as_str())
    }

    /// Whether it waits for its number.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.status, InvoiceStatus::Draft) && self.issue_due.is_some()
    }

    /// Lets a draft wait for its number.
    pub fn queue(&mut self, now: Timestamp) -> Result<bool, InvalidTransition> {
        self.check(InvoiceStatus::Issued)?;
        if self.issue_due.is_some() && self.blocked.is_none() {
            return Ok(false);
        }
        self.issue_due = Some(now);
        self.blocked = None;
        self.updated_at = now;
        Ok(true)
    }

    /// Gives a draft its number and its final content: from here on it never changes.
    pub fn issue(
        &mut self,
        numbered: Numbered,
        paper: Sealed,
        look_id: LookId,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.check(InvoiceStatus::Issued)?;
        let changed = vec![Changed::text("number", &numbered.number), Changed::text("date", &numbered.date)];
        self.numbered = Some(numbered);
        self.paper = paper;
        self.look_id = Some(look_id);
        self.issued_at = Some(now);
        self.issue_due = None;
        self.blocked = None;
        self.rendering = Some(Rendering::waiting(now));
        let event = match self.kind {
            PaperKind::CreditNote => EventType::CreditNoteIssued,
            PaperKind::Invoice | PaperKind::PaymentReceipt => EventType::InvoiceIssued,
        };
        self.set(InvoiceStatus::Issued, event, changed, now);
        self.settle(now);
        Ok(())
    }

    /// Holds a draft back: it gets no number until a person has put it right.
    pub fn hold(&mut self, hold: &hold::Hold, now: Timestamp) {
        self.issue_due = None;
        self.blocked = Some(hold.said());
        self.updated_at = now;
        self.flag(hold.reason, hold.detail.clone(), now);
    }

    /// Takes back what a draft was held for, once nothing stands against it any more.
    pub fn release(&mut self, now: Timestamp) {
        let is_hold = |review: &Review| hold::REASONS.contains(&review.reason.as_str());
        if self.needs_review.as_ref().is_some_and(is_hold) {
            self.needs_review = None;
        }
        self.blocked = None;
        self.updated_at = now;
    }

    /// Puts another payment in the place of the one that failed: an order whose invoice is open again is settled by its
    /// next payment.
    pub fn take_payment(&mut self, transaction: TransactionId, money: MoneyState, now: Timestamp) {
        self.transaction_id = Some(transaction);
        self.payment_of = Some(transaction);
        if self.needs_review.as_ref().is_some_and(|review| review.reason == PAYMENT_FAILED) {
            self.needs_review = None;
        }
        self.take_money(money, now);
        self.updated_at = now;
    }

    /// Throws a draft away. What has been issued can only be credited.
    pub fn discard(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        if self.status != InvoiceStatus::Draft {
            return Err(InvalidTransition { from: self.status, to: InvoiceStatus::Voided });
        }
        self.issue_due = None;
        self.payment_of = None;
        self.voided_at = Some(now);
        self.set(InvoiceStatus::Voided, EventType::InvoiceVoided, Vec::new(), now);
        Ok(())
    }

    /// Takes in what became of the money; answers whether anything is different.
    pub fn take_money(&mut self, money: MoneyState, now: Timestamp) -> bool {
        if self.money == money {
            return false;
        }
        self.money = money;
        self.updated_at = now;
        if self.status.is_issued() {
            self.settle(now);
        }
        true
    }

    /// What has been credited, minor units.
    pub fn credited(&self) -> i64 {
        self.credits.iter().map(|credit| credit.amount).sum()
    }

    /// What can still be credited, per group.
    pub fn creditable(&self) -> Split {
        let whole = Split { groups: self.groups.clone(), rounding: self.rounding };
        whole.less(self.credits.iter().map(|credit| (credit.groups.as_slice(), credit.rounding)))
    }

    /// Decides a credit: its share of each tax group is settled here, its credit note is made afterwards.
    pub fn credit(&mut self, request: CreditRequest, now: Timestamp) -> Result<Credit, CreditError> {
        if self.kind != PaperKind::Invoice || !self.status.is_issued() {
            return Err(CreditError::Status(self.kind, self.status));
        }
        let rest = self.creditable();
        let left = rest.amount();
        let (lines, split) = match request.of {
            CreditOf::Amount(amount) if amount <= 0 => return Err(CreditError::NotPositive),
            CreditOf::Amount(amount) if amount > left => return Err(self.too_much(amount, left)),
            CreditOf::Amount(amount) => (Vec::new(), rest.take(amount)),
            CreditOf::Rest => (Vec::new(), rest.clone()),
            CreditOf::Lines(lines, split) => (lines, split),
        };
        let asked = split.amount();
        if asked <= 0 && left > 0 {
            return Err(CreditError::NotPositive);
        }
        // Amounts that were credited before may have taken what lines would still have.
        let beyond = |(part, rest): (&GroupAmount, &GroupAmount)| part.gross() > rest.gross().max(0);
        if asked > left || left <= 0 || split.groups.iter().zip(&rest.groups).any(beyond) {
            return Err(self.too_much(asked, left));
        }
        if self.credits.len() >= CREDITS_MAX {
            return Err(CreditError::TooMany);
        }
        let credit = Credit {
            id: request.id,
            cause: request.cause,
            amount: asked,
            groups: split.groups,
            rounding: split.rounding,
            lines,
            whole: self.credits.is_empty() && asked == left,
            reason: request.reason,
            idem: request.idem,
            at: now,
        };
        self.credits.push(credit.clone());
        self.updated_at = now;
        // Announced even where the status stays: its credit note is made by whoever relays this.
        self.outbox.push(
            EventType::InvoiceCredited,
            now,
            vec![Changed::number("amountCredited", self.credited())],
        );
        self.settle(now);
        Ok(credit)
    }

    const fn too_much(&self, asked: i64, left: i64) -> CreditError {
        CreditError::TooMuch {
            asked: Money::new(asked, self.currency),
            left: Money::new(left, self.currency),
        }
    }

    /// Takes an issued invoice back whole, before any money has come in: credits what is left of it.
    pub fn void(&mut self, request: CreditRequest, now: Timestamp) -> Result<Credit, CreditError> {
        if self.money.paid > self.money.returned {
            return Err(CreditError::Status(self.kind, self.status));
        }
        self.voided_at = Some(now);
        let credit = self.credit(CreditRequest { of: CreditOf::Rest, ..request }, now);
        if credit.is_err() {
            self.voided_at = None;
        }
        credit
    }

    /// Flags it for a person; the first reason stays until it is resolved.
    pub fn flag(&mut self, reason: &str, detail: impl Into<String>, now: Timestamp) -> bool {
        if self.needs_review.is_some() {
            return false;
        }
        self.needs_review = Some(Review { reason: reason.to_owned(), detail: detail.into().into(), at: now });
        self.updated_at = now;
        let changed = vec![Changed::text("needsReview", reason)];
        self.outbox.push(EventType::InvoiceNeedsReview, now, changed);
        true
    }

    /// Brings the status in line with money and credits, and announces a change.
    pub fn settle(&mut self, now: Timestamp) {
        let wanted = self.computed_status();
        if wanted == self.status || !self.status.may_become(wanted) {
            return;
        }
        let changed = vec![
            Changed::number("amountPaid", self.money.paid),
            Changed::number("amountRefunded", self.money.returned),
            Changed::number("amountCredited", self.credited()),
        ];
        match wanted.event() {
            Some(event) => self.set(wanted, event, changed, now),
            None => self.status = wanted,
        }
    }

    fn computed_status(&self) -> InvoiceStatus {
        use InvoiceStatus as S;
        let MoneyState { paid, returned } = self.money;
        let owed = self.total - self.credited();
        if self.kind == PaperKind::CreditNote {
            return self.status;
        }
        match () {
            () if self.voided_at.is_some() => S::Voided,
            () if returned > 0 && returned >= paid => S::Refunded,
            () if returned > 0 => S::PartiallyRefunded,
            () if owed <= 0 && self.total > 0 => S::Credited,
            () if paid >= owed => S::Settled,
            () if paid > 0 => S::PartiallySettled,
            () => S::Open,
        }
    }

    const fn check(&self, to: InvoiceStatus) -> Result<(), InvalidTransition> {
        if self.status.may_become(to) { Ok(()) } else { Err(InvalidTransition { from: self.status, to }) }
    }

    fn set(&mut self, status: InvoiceStatus, event: EventType, mut changed: Vec<Changed>, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
        changed.push(Changed::text("status", status.as_str()));
        self.outbox.push(event, now, changed);
    }
}

#[cfg(test)]
#[path = "invoice_tests.rs"]
mod tests;
