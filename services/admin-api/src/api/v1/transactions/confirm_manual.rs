//! `POST /v1/transactions/{id}/confirm-manual`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::confirm_manual::{Confirmed, NewConfirmation, confirm_manual},
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
}

/// Confirm that the money of a bank transfer has come.
///
/// For providers that nobody but a person can speak for (bank transfers); others: 409 `TRANSACTION_NOT_CONFIRMABLE`.
/// Less than the amount leaves the payment pending, and further confirmations add up; all of it makes it succeed;
/// more makes it succeed and flags it (`overpaid`). Money that comes after the payment was cancelled or has expired
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
    let done = confirm_manual(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &confirmed).await?;
    Ok(reply(match done {
        Confirmed::Done(transaction, confirmation) => confirmed(&transaction, confirmation),
        Confirmed::Replay(text) => text,
    }))
}

fn new(body: ConfirmTransaction) -> Result<NewConfirmation, ApiError> {
    let currency = body.currency.map(|text| text.parse()).transpose();
    let received_at = body.received_at.as_deref().map(moment).transpose()?;
    Ok(NewConfirmation {
        amount: body.amount.0,
        currency: currency.map_err(|_| ApiError::bad_field("currency", "is not a known ISO 4217 code"))?,
        received_at,
        bank_reference: Text::given(body.bank_reference),
        note: Text::given(body.note),
        seen: None,
    })
}

/// Statements of banks know days.
fn moment(text: &str) -> Result<Timestamp, ApiError> {
    let found = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    found.ok_or_else(|| {
        ApiError::bad_field("receivedAt", "must be a day or a time in ISO 8601, such as 2030-01-31")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(moment("2030-01-31").unwrap().to_string(), "2030-01-31T00:00:00.000Z");
        assert_eq!(moment("2030-01-31T12:00:00+01:00").unwrap().to_string(), "2030-01-31T11:00:00.000Z");
        for wrong in ["", "yesterday", "31.01.2030", "2030-02-30"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
