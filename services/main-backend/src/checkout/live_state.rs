//! `GET /checkout/{code}/status` and `/events`: the page's own ear. The code in the address is the proof, as
//! for the page itself; the answer says one word.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::AppError;
use http::HeaderMap;
use serde::Serialize;
use web_kit::headers::Nonce;
use web_kit::{ApiError, ClientIp, Json, Path};

use super::stage::Stage;
use super::view::{Browser, View};
use crate::gateway::{Gateway, Shared};
use crate::live::{self, Look};

/// How far the checkout has come.
#[derive(Debug, Serialize)]
pub(super) struct Word {
    status: &'static str,
}

/// Answers once.
pub(super) async fn status(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Json<Word>, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    let stage = Stage::of(&gateway.app, &view.checkout).await?;
    Ok(Json(Word { status: stage.word() }))
}

/// Answers again and again.
pub(super) async fn events(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    ip: ClientIp,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    let seat = gateway.seats.take(ip)?;
    let (watched, code) = (Arc::clone(&gateway), view.checkout.short_code);
    Ok(live::stream(gateway, seat, move || look(Arc::clone(&watched), code.clone())))
}

async fn look(gateway: Arc<Gateway>, code: String) -> Result<Look, AppError> {
    let found = gateway.app.store.lookup_checkout_by_code(&code).await?;
    let checkout = found.ok_or(AppError::NotFound("checkout"))?;
    let stage = Stage::of(&gateway.app, &checkout).await?;
    let data = serde_json::to_string(&Word { status: stage.word() })
        .map_err(|error| AppError::internal(error.to_string()))?;
    Ok(Look { data, is_final: stage.is_settled() })
}
