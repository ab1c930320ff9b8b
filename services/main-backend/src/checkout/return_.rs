//! `GET /checkout/{code}/return`: the customer is back from the provider. The provider is asked; what the
//! address says is never believed.

use axum::extract::State;
use axum::response::Redirect;
use gateway_core::app::AppError;
use gateway_core::domain::transaction::TransactionStatus;
use http::HeaderMap;
use web_kit::headers::Nonce;
use web_kit::{ApiError, Path};

use super::stage::Stage;
use super::view::{Browser, View};
use crate::gateway::Shared;

/// Confirms what was begun, then shows the page that fits.
pub(super) async fn back_from_provider(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Redirect, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    let stage = Stage::of(&gateway.app, &view.checkout).await?;
    if let Stage::Begun(transaction) | Stage::Pending(transaction) = &stage {
        gateway.confirm(transaction).await;
    }
    let Stage::Begun(transaction) = stage else { return Ok(Redirect::to(&view.path())) };
    let found = gateway.app.store.lookup_transaction(transaction.id).await.map_err(AppError::from)?;
    let is_waiting = found.is_some_and(|t| t.status == TransactionStatus::Initiated);
    Ok(Redirect::to(&if is_waiting {
        format!("{}?returned={}", view.path(), gateway.app.now().seconds())
    } else {
        view.path()
    }))
}
