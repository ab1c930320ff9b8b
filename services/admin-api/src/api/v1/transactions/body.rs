//! A transaction as the API shows it. Nothing that only the gateway needs: no provider session to be paid
//! with, no idempotency record, no outbox.

use std::collections::BTreeMap;

use gateway_core::domain::{
    ConfirmationId, Currency, RefundId,
    checkout::CaptureMethod,
    scope::Scope,
    transaction::{
        Attempt, Confirmation, Dispute, Failure, Operation, PROVIDER_REJECTED, PaymentState, ProviderRef,
        Refund, Review, SentBackEntries, StatusChange, Transaction,
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web_kit::ApiError;

use crate::proofs::{HIDDEN, HoldsProofs};

/// A transaction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionBody {
    /// Its id.
    pub id: String,
    /// initiated, pending, authorized, succeeded, `partially_refunded`, refunded, failed, cancelled, expired,
    /// disputed or lost.
    pub status: &'static str,
    /// Rises with every change of status.
    pub status_version: i64,
    /// What is to be paid, in minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Minor units taken.
    pub amount_captured: i64,
    /// Minor units given back for certain.
    pub amount_refunded: i64,
    /// Minor units that can still be refunded.
    pub amount_refundable: i64,
    /// Minor units of a bank transfer that people have confirmed, less corrections; `amount` less this is missing. 0
    /// for all others.
    pub amount_confirmed: i64,
    /// The checkout that it pays.
    pub checkout_id: String,
    /// The checkout's name in the checkout runtime and in IPNs.
    pub session_public_id: String,
    /// The shop.
    pub site_id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// The account that takes the money; absent where nothing was to be taken.
    pub provider_id: Option<String>,
    /// Which provider.
    pub provider_type: Option<&'static str>,
    /// Its names at the provider, by kind.
    pub provider_references: BTreeMap<String, String>,
    /// The shop's order number.
    pub external_reference: String,
    /// The shop's invoice number.
    pub invoice_number: String,
    /// The shop's id of the customer.
    pub client_id: Option<String>,
    /// The shop's own pairs.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// `automatic` or `manual`.
    pub capture_method: &'static str,
    /// Why it failed, where it did.
    pub failure: Option<FailureBody>,
    /// Refunds, ours and those made elsewhere.
    pub refunds: Vec<RefundBody>,
    /// Disputes (chargebacks).
    pub disputes: Vec<DisputeBody>,
    /// Tries at moving the money.
    pub attempts: Vec<AttemptBody>,
    /// The account book of a bank transfer: what people have confirmed, and corrections.
    pub confirmations: Vec<ConfirmationBody>,
    /// Captures and cancels asked for.
    pub operations: Vec<OperationBody>,
    /// What a person must look at.
    pub needs_review: Option<ReviewBody>,
    /// Changes of status, oldest first.
    pub history: Vec<HistoryBody>,
    /// When it first succeeded.
    pub succeeded_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// Why something did not work.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureBody {
    /// The provider's code.
    pub code: String,
    /// Its text.
    pub message: String,
}

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundBody {
    /// Its id.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// `not_sent`, pending, unknown, succeeded or failed.
    pub status: &'static str,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure: Option<FailureBody>,
    /// Made outside this gateway: in the provider's dashboard, or at your bank and recorded here.
    pub imported: bool,
    /// The provider's id of it, or the bank's.
    pub provider_reference: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A dispute (chargeback).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeBody {
    /// The provider's id of it.
    pub id: String,
    /// `dispute`, or `inquiry`: the bank asks, and no money has moved.
    pub kind: &'static str,
    /// open, `under_review`, won, lost or accepted.
    pub status: &'static str,
    /// Minor units, where the provider says.
    pub amount: Option<i64>,
    /// ISO 4217, of the amount. The customer's bank may dispute in another currency than was paid.
    pub currency: String,
    /// The provider's reason.
    pub reason: Option<String>,
    /// When the provider says so.
    pub updated_at: String,
}

/// One try at moving the money, such as a card that was declined.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptBody {
    /// The provider's id of it.
    pub reference: String,
    /// What became of it.
    pub status: &'static str,
    /// Why it failed.
    pub failure: Option<FailureBody>,
    /// When the provider says so.
    pub at: String,
}

/// A capture or cancel that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationBody {
    /// Its id.
    pub id: String,
    /// capture or cancel.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Minor units to capture, where not all.
    pub amount: Option<i64>,
    /// `not_sent`, unknown, succeeded or failed.
    pub status: &'static str,
    /// Why it failed.
    pub failure: Option<FailureBody>,
    /// When it was made.
    pub created_at: String,
}

/// An entry of a bank transfer's account book: money that a person has confirmed, or a correction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmationBody {
    /// Its id.
    pub id: String,
    /// Minor units; below zero for a counter-entry, and for money that came too much and was sent back.
    pub amount: i64,
    /// The entry that this one takes back.
    pub reverses: Option<String>,
    /// When it came.
    pub received_at: String,
    /// The bank's own name of it.
    pub bank_reference: Option<String>,
    /// Words of whoever confirmed it.
    pub note: Option<String>,
    /// When it was confirmed.
    pub created_at: String,
}

/// Something that a person must look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewBody {
    /// A stable word, such as `amount_mismatch`.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// When.
    pub at: String,
}

/// A change of status.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryBody {
    /// The status it took.
    pub status: &'static str,
    /// When.
    pub at: String,
    /// Who said so.
    pub source: String,
}

/// A transaction and the refund in question.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundedBody {
    /// The transaction.
    #[serde(flatten)]
    pub transaction: TransactionBody,
    /// The refund.
    pub refund: Option<RefundBody>,
}

/// A transaction and the capture or cancel in question.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedBody {
    /// The transaction.
    #[serde(flatten)]
    pub transaction: TransactionBody,
    /// The capture or cancel.
    pub operation: Option<OperationBody>,
}

/// A transaction and the confirmation in question.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfirmedBody {
    /// The transaction.
    #[serde(flatten)]
    pub transaction: TransactionBody,
    /// The confirmation.
    pub confirmation: Option<ConfirmationBody>,
}

/// A transaction and what a refund at the bank came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordedRefundBody {
    /// The transaction.
    #[serde(flatten)]
    pub transaction: TransactionBody,
    /// The refund; none where only money that came too much was sent back.
    pub refund: Option<RefundBody>,
    /// The entry of what had come too much.
    pub confirmation: Option<ConfirmationBody>,
}

impl HoldsProofs for TransactionBody {
    const SCOPE: Scope = Scope::CheckoutCreate;

    fn hide(&mut self) {
        HIDDEN.clone_into(&mut self.session_public_id);
    }
}

impl From<&Transaction> for TransactionBody {
    fn from(t: &Transaction) -> Self {
        let failure = t.failure.as_ref().or(t.payment.as_ref().and_then(|payment| payment.failure.as_ref()));
        Self {
            id: t.id.to_string(),
            status: t.status.as_str(),
            status_version: t.status_version,
            amount: t.amount,
            currency: t.currency.to_string(),
            amount_captured: t.captured,
            amount_refunded: t.refunded,
            amount_refundable: t.refundable(),
            amount_confirmed: t.received(),
            checkout_id: t.checkout_id.to_string(),
            session_public_id: t.session_public_id.clone(),
            site_id: t.site_id.to_string(),
            mode: t.mode.as_str(),
            provider_id: t.provider_id.map(|id| id.to_string()),
            provider_type: t.provider_kind.map(gateway_core::domain::provider_account::ProviderKind::as_str),
            provider_references: references(&t.refs),
            external_reference: t.external_reference.clone(),
            invoice_number: t.invoice_number.clone(),
            client_id: t.client_id.clone(),
            metadata: t.metadata.to_json(),
            capture_method: capture_method(t.capture_method),
            failure: failure.map(FailureBody::from),
            refunds: t.refunds.iter().map(RefundBody::from).collect(),
            disputes: t.disputes.iter().map(|dispute| DisputeBody::of(dispute, t.currency)).collect(),
            attempts: t.attempts.iter().map(AttemptBody::from).collect(),
            confirmations: t.confirmations.iter().map(ConfirmationBody::from).collect(),
            operations: t.operations.iter().map(OperationBody::from).collect(),
            needs_review: t.needs_review.as_ref().map(ReviewBody::from),
            history: t.history.iter().map(HistoryBody::from).collect(),
            succeeded_at: t.succeeded_at.map(|at| at.to_string()),
            created_at: t.created_at.to_string(),
            updated_at: t.updated_at.to_string(),
        }
    }
}

/// The first name of each kind.
fn references(all: &[ProviderRef]) -> BTreeMap<String, String> {
    let mut first = BTreeMap::new();
    for one in all {
        first.entry(one.kind().to_owned()).or_insert_with(|| one.id().to_owned());
    }
    first
}

impl From<&Failure> for FailureBody {
    fn from(failure: &Failure) -> Self {
        Self { code: failure.code.clone(), message: failure.message.as_str().to_owned() }
    }
}

impl From<&Refund> for RefundBody {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            amount: refund.amount,
            status: refund.state.as_str(),
            reason: refund.reason.clone(),
            failure: refund.failure.as_ref().map(FailureBody::from),
            imported: refund.imported,
            provider_reference: refund.reference.clone(),
            created_at: refund.created_at.to_string(),
            updated_at: refund.updated_at.to_string(),
        }
    }
}

impl DisputeBody {
    fn of(dispute: &Dispute, payment: Currency) -> Self {
        Self {
            id: dispute.reference.clone(),
            kind: dispute.kind(),
            status: dispute.state.as_str(),
            amount: dispute.amount,
            currency: dispute.currency_of(payment).to_string(),
            reason: dispute.reason.clone(),
            updated_at: dispute.at.to_string(),
        }
    }
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        Self {
            reference: attempt.reference.clone(),
            status: payment_state(attempt.state),
            failure: attempt.failure.as_ref().map(FailureBody::from),
            at: attempt.at.to_string(),
        }
    }
}

impl From<&Operation> for OperationBody {
    fn from(operation: &Operation) -> Self {
        Self {
            id: operation.id.to_string(),
            kind: operation.kind.as_str(),
            amount: operation.amount,
            status: operation.state.as_str(),
            failure: operation.failure.as_ref().map(FailureBody::from),
            created_at: operation.created_at.to_string(),
        }
    }
}

impl From<&Confirmation> for ConfirmationBody {
    fn from(confirmation: &Confirmation) -> Self {
        Self {
            id: confirmation.id.to_string(),
            amount: confirmation.amount,
            reverses: confirmation.reverses.map(|id| id.to_string()),
            received_at: confirmation.received_at.to_string(),
            bank_reference: confirmation.bank_reference.clone(),
            note: confirmation.note.clone(),
            created_at: confirmation.created_at.to_string(),
        }
    }
}

impl From<&Review> for ReviewBody {
    fn from(review: &Review) -> Self {
        let detail = review.detail.as_str().to_owned();
        Self { reason: review.reason.clone(), detail, at: review.at.to_string() }
    }
}

impl From<&StatusChange> for HistoryBody {
    fn from(change: &StatusChange) -> Self {
        Self { status: change.status.as_str(), at: change.at.to_string(), source: change.source.clone() }
    }
}

const fn payment_state(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Initiated => "initiated",
        PaymentState::Pending => "pending",
        PaymentState::Authorized => "authorized",
        PaymentState::Succeeded => "succeeded",
        PaymentState::Failed => "failed",
        PaymentState::Cancelled => "cancelled",
        PaymentState::Expired => "expired",
    }
}

/// As it stands in requests and replies.
pub const fn capture_method(method: CaptureMethod) -> &'static str {
    match method {
        CaptureMethod::Automatic => "automatic",
        CaptureMethod::Manual => "manual",
    }
}

/// The reply where the provider refused what was asked for: its words are for whoever asked. The transaction has been
/// looked at since, so reading it tells how things stand.
fn refused(transaction: &Transaction, id: RefundId) -> Option<String> {
    let failure = transaction.refusal_of(id)?;
    let said = failure.message.as_str().trim_end_matches('.');
    let text = match said {
        "" => format!("the provider refused it ({})", failure.code),
        said => format!("the provider refused it: {said} ({})", failure.code),
    };
    Some(to_text(&ApiError::conflict(PROVIDER_REJECTED, text, None).body()))
}

/// The status of a stored or rendered reply: a refusal is an error, also when it is repeated.
pub fn status_of(reply: &str) -> StatusCode {
    #[derive(Deserialize)]
    struct Head {
        code: Option<String>,
    }
    let code = serde_json::from_str::<Head>(reply).ok().and_then(|head| head.code);
    if code.as_deref() == Some(PROVIDER_REJECTED) { StatusCode::CONFLICT } else { StatusCode::OK }
}

/// The reply to a refund.
pub fn refunded(transaction: &Transaction, id: RefundId) -> String {
    if let Some(refused) = refused(transaction, id) {
        return refused;
    }
    to_text(&RefundedBody {
        transaction: transaction.into(),
        refund: transaction.refund(id).map(RefundBody::from),
    })
}

/// The reply to a capture or cancel.
pub fn operated(transaction: &Transaction, id: RefundId) -> String {
    if let Some(refused) = refused(transaction, id) {
        return refused;
    }
    to_text(&OperatedBody {
        transaction: transaction.into(),
        operation: transaction.operation(id).map(OperationBody::from),
    })
}

/// The reply to a refund at the bank.
pub fn recorded(transaction: &Transaction, made: SentBackEntries) -> String {
    let entry = transaction.confirmations.iter().find(|one| Some(one.id) == made.entry);
    to_text(&RecordedRefundBody {
        transaction: transaction.into(),
        refund: made.refund.and_then(|id| transaction.refund(id)).map(RefundBody::from),
        confirmation: entry.map(ConfirmationBody::from),
    })
}

/// The reply to a confirmation.
pub fn confirmed(transaction: &Transaction, id: ConfirmationId) -> String {
    let found = transaction.confirmations.iter().find(|one| one.id == id);
    to_text(&ConfirmedBody {
        transaction: transaction.into(),
        confirmation: found.map(ConfirmationBody::from),
    })
}

fn to_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("texts and integers always serialize")
}

#[cfg(test)]
mod tests {
    use gateway_core::jobs::render;
    use serde_json::json;

    use super::*;

    #[test]
    fn webhooks_tell_a_transaction_as_the_api_shows_it() {
        let (id, at) = ("0123456789abcdef01234567", "2026-01-01T00:00:00.000Z");
        let failure = json!({ "code": "card_declined", "message": "The card was declined." });
        let transaction: Transaction = serde_json::from_value(json!({
            "_id": id, "org": id, "mode": "live", "siteId": id, "checkoutId": id, "providerId": id,
            "sessionPublicId": "cs_example", "type": "stripe", "amount": 4900, "currency": "EUR",
            "externalReference": "ORD-1", "invoiceNumber": "2026-7", "m": [{ "k": "a.b", "v": "1" }],
            "clientId": "c-1", "captureMethod": "manual", "status": "partially_refunded", "statusVersion": 4,
            "succeededAt": at, "captured": 4900, "refunded": 900, "expiresAt": at, "version": 7, "createdAt": at,
            "updatedAt": at, "refs": ["payment_intent:pi_1", "payment_intent:pi_2", "charge:ch_1"],
            "payment": { "state": "succeeded", "at": at, "sticky": false, "failure": failure },
            "attempts": [{ "reference": "ch_0", "state": "failed", "at": at, "failure": failure }],
            "refunds": [{
                "id": id, "reference": "re_1", "amount": 900, "state": "succeeded", "reason": "returned",
                "imported": true, "failure": failure, "at": at, "createdAt": at, "updatedAt": at,
            }],
            "disputes": [
                { "reference": "dp_1", "state": "open", "amount": 100, "reason": "fraud", "at": at },
                {
                    "reference": "dp_2", "state": "open", "amount": 100, "currency": "HUF", "inquiry": true,
                    "reason": "fraud", "at": at,
                },
            ],
            "operations": [{
                "id": id, "kind": "capture", "amount": 4900, "state": "succeeded", "failure": failure,
                "createdAt": at, "updatedAt": at,
            }],
            "confirmations": [{
                "id": id, "amount": 4900, "receivedAt": at, "bankReference": "A-1", "note": "seen", "createdAt": at,
            }, {
                "id": id, "amount": -4900, "reverses": id, "receivedAt": at, "createdAt": at,
            }],
            "needsReview": { "reason": "second_payment", "detail": "two were paid", "at": at },
            "history": [{ "status": "succeeded", "at": at, "source": "evt_1" }],
        }))
        .unwrap();
        let shown = serde_json::to_value(TransactionBody::from(&transaction)).unwrap();
        assert_eq!(shown, render::transaction(&transaction));
        let kinds = |index: usize| (&shown["disputes"][index]["kind"], &shown["disputes"][index]["currency"]);
        assert_eq!(kinds(0), (&json!("dispute"), &json!("EUR")));
        assert_eq!(kinds(1), (&json!("inquiry"), &json!("HUF")));
        assert!(shown.as_object().unwrap().values().all(|value| !value.is_null()));
    }
}
