//! `GET /v1/clients/{id}/export`.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use gateway_core::{
    app::{App, personal::export},
    domain::{ClientId, Tenant},
};
use http::header;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::ClientBody;
use crate::{
    api::v1::{checkouts::CheckoutBody, invoices::InvoiceBody, transactions::TransactionBody},
    authority::{Caller, ClientExport},
    state::AppState,
};

/// Everything that is held about a client. It is written while it is read, so that there may be any amount of it;
/// should it break off, it is no valid JSON.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is sent is written piece by piece; this describes it")]
pub struct ClientExportBody {
    /// When it was begun.
    exported_at: String,
    /// The client's record.
    client: ClientBody,
    /// Checkouts that name the client, by its id or its reference, or that have its e-mail address.
    checkouts: Vec<CheckoutBody>,
    /// Their payments.
    transactions: Vec<TransactionBody>,
    /// Invoices, credit notes and receipts: of these payments, or written to this e-mail address.
    invoices: Vec<InvoiceBody>,
    /// Mails with receipts and documents: to whom, when, and what became of each.
    mails: Vec<Map<String, Value>>,
    /// Discount codes that were used.
    discount_uses: Vec<Map<String, Value>>,
    /// What payment providers said of the payments, each with its whole payload.
    provider_events: Vec<Map<String, Value>>,
    /// Messages to your own receivers about all of this: to which, and when.
    deliveries: Vec<Map<String, Value>>,
}

/// Export everything that is held about a client.
///
/// Whoever is known by an e-mail address alone is made a client first, with that address.
#[utoipa::path(
    get, path = "/clients/{id}/export", tag = "clients", operation_id = "exportClient",
    params(("id" = String, Path, description = "The client.")),
    responses((status = 200, description = "Everything.", body = ClientExportBody)),
    extensions(("x-required-scope" = json!("client:export"))),
)]
pub async fn export_client(
    State(state): State<AppState>,
    caller: Caller<ClientExport>,
    Path(id): Path<ClientId>,
) -> Result<Response, ApiError> {
    answer(&state.app, caller.tenant(), id).await
}

/// The document, to be saved as a file.
pub(crate) async fn answer(app: &App, tenant: Tenant, id: ClientId) -> Result<Response, ApiError> {
    let pieces = export::export(app, tenant, id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"client_{id}.json\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
