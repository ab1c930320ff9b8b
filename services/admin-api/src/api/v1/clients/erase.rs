//! `POST /v1/clients/{id}/erase`.

use axum::extract::State;
use gateway_core::{
    app::personal::erase::{self, Kept, Report},
    domain::ClientId,
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    authority::{Caller, ClientDelete},
    state::AppState,
};

/// Why documents are kept.
pub(super) const LEGAL: &str =
    "a legal document: commercial and tax law ask that it is kept as it was issued";
/// Why documents without a number are kept.
pub(super) const TO_BE_ISSUED: &str = "what it is about has happened, and it waits to be issued";

/// What has become of an erasure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureBody {
    /// The client, whose id names nobody any more.
    pub client_id: String,
    /// `done`, or `running`: the worker goes on with it.
    pub status: &'static str,
    /// When it was asked for.
    pub begun_at: String,
    /// When everything was gone.
    pub done_at: Option<String>,
    /// Checkouts that have lost their customer.
    pub checkouts: u64,
    /// Transactions that have.
    pub transactions: u64,
    /// What is kept.
    pub kept: Vec<KeptBody>,
}

/// A document that is kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptBody {
    /// The document.
    pub invoice_id: String,
    /// `invoice`, `credit_note` or `payment_receipt`.
    pub kind: &'static str,
    /// Its number, once issued.
    pub number: Option<String>,
    /// Why it is kept.
    pub reason: &'static str,
}

impl From<&Report> for ErasureBody {
    fn from(report: &Report) -> Self {
        Self {
            client_id: report.client.to_string(),
            status: if report.done_at.is_some() { "done" } else { "running" },
            begun_at: report.begun_at.to_string(),
            done_at: report.done_at.map(|at| at.to_string()),
            checkouts: report.checkouts,
            transactions: report.transactions,
            kept: report.kept.iter().map(KeptBody::from).collect(),
        }
    }
}

impl From<&Kept> for KeptBody {
    fn from(kept: &Kept) -> Self {
        Self {
            invoice_id: kept.id.to_string(),
            kind: kept.kind.as_str(),
            number: kept.number.clone(),
            reason: if kept.number.is_some() { LEGAL } else { TO_BE_ISSUED },
        }
    }
}

/// Erase a client's personal data.
///
/// It cannot be undone. The client's record is emptied; their checkouts and transactions lose e-mail address,
/// addresses, metadata and your own `clientId`, and keep what your books need; mails that wait are not sent;
/// payloads of provider events and the copies in messages are emptied. Issued invoices, credit notes and receipts
/// stay, and are named in the answer. While a checkout is open or being paid it is 409
/// `CLIENT_HAS_OPEN_CHECKOUTS`. Repeat it as you like: it takes away what has come in since, and answers how things
/// stand.
#[utoipa::path(
    post, path = "/clients/{id}/erase", tag = "clients", operation_id = "eraseClient",
    params(("id" = String, Path, description = "The client.")),
    responses((status = 200, description = "What has become of it.", body = ErasureBody)),
    extensions(("x-required-scope" = json!("client:delete"))),
)]
pub async fn erase_client(
    State(state): State<AppState>,
    caller: Caller<ClientDelete>,
    Path(id): Path<ClientId>,
) -> Result<Json<ErasureBody>, ApiError> {
    let report = erase::erase(&state.app, caller.tenant(), id).await?;
    Ok(Json(ErasureBody::from(&report)))
}
