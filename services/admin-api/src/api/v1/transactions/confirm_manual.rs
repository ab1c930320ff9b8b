//! `POST /v1/transactions/{id}/confirm-manual`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::{
        AppError,
        confirm_manual::{Confirmed, NewConfirmation, confirm_manual},
    },
    domain::{Timestamp, TransactionId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path, RawJson};

use super::{
    body::{ConfirmedBody, confirmed},
    reply,
};
use crate::{
    api::{body::Text, idempotency::IdempotencyHeader, number::Whole},
    authority::{Caller, TransactionConfirm},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/transactions/{id}/confirm-manual";

/// Money that has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmTransaction {
    /// Minor units.
    amount: Whole,
    /// ISO 4217; must be the transaction's.
    currency: Option<String>,
    /// When it came: a day, or a time (ISO 8601). Now when absent.
    received_at: Option<String>,
    /// The bank's own name of it, at most 140 characters: the same one counts once.
    bank_reference: Option<Text>,
    /// For your colleagues, at most 500 characters.
    note: Option<Text>,
    /// Whether `amount` may be more than is missing; no when absent.
    allow_overpayment: Option<bool>,
}

/// Confirm that the money of a bank transfer has come.
///
/// For providers that nobody but a person can speak for (bank transfers); others: 409 `TRANSACTION_NOT_CONFIRMABLE`.
/// Less than the amount leaves the payment pending, and further confirmations add up; all of it makes it succeed;
/// more is 409 `CONFIRMATION_EXCEEDS_AMOUNT` unless `allowOverpayment` says that it is meant, and then makes it succeed
/// and flags it (`overpaid`). Money that comes after the payment was cancelled or has expired
/// is taken in all the same and flagged. Once it has succeeded: 409 `TRANSACTION_ALREADY_PAID`.
#[utoipa::path(
    post, path = "/transactions/{id}/confirm-manual", tag = "transactions",
    operation_id = "confirmTransactionManually",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = ConfirmTransaction,
    responses((status = 200, description = "The transaction and the confirmation.", body = ConfirmedBody)),
    extensions(("x-required-scope" = json!("transaction:confirm"))),
)]
pub async fn confirm_transaction_manually(
    State(state): State<AppState>,
    caller: Caller<TransactionConfirm>,
    Path(id): Path<TransactionId>,
    idempotency: IdempotencyHeader,
    RawJson { bytes, value }: RawJson<ConfirmTransaction>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &bytes);
    let new = new(value)?;
    let done = confirm_manual(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &confirmed).await;
    let done = done.map_err(with_hint)?;
    Ok(reply(match done {
        Confirmed::Done(transaction, confirmation) => confirmed(&transaction, confirmation),
        Confirmed::Replay(text) => text,
    }))
}

fn new(body: ConfirmTransaction) -> Result<NewConfirmation, ApiError> {
    let currency = body.currency.map(|text| text.parse()).transpose();
    let received_at = body.received_at.as_deref().map(|text| moment("receivedAt", text)).transpose()?;
    Ok(NewConfirmation {
        amount: body.amount.0,
        currency: currency.map_err(|_| ApiError::bad_field("currency", "is not a known ISO 4217 code"))?,
        received_at,
        bank_reference: Text::given(body.bank_reference),
        note: Text::given(body.note),
        allow_overpayment: body.allow_overpayment.unwrap_or(false),
        seen: None,
    })
}

/// Who confirms by a program is told what to send, where a person is asked.
fn with_hint(error: AppError) -> ApiError {
    let mut error = ApiError::from(error);
    if error.code == "CONFIRMATION_EXCEEDS_AMOUNT" {
        error.message = format!("{}: send allowOverpayment: true if it is meant", error.message).into();
    }
    error
}

/// Statements of banks know days.
pub(super) fn moment(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    let found = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    found.ok_or_else(|| ApiError::bad_field(field, "must be a day or a time in ISO 8601, such as 2030-01-31"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(moment("receivedAt", "2030-01-31").unwrap().to_string(), "2030-01-31T00:00:00.000Z");
        assert_eq!(
            moment("receivedAt", "2030-01-31T12:00:00+01:00").unwrap().to_string(),
            "2030-01-31T11:00:00.000Z"
        );
        for wrong in ["", "yesterday", "31.01.2030", "2030-02-30"] {
            assert!(moment("receivedAt", wrong).is_err(), "{wrong}");
        }
    }
}
