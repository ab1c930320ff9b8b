//! Ways back to the page: from a provider where the customer gave up, and from an answer to a form.

use axum::extract::State;
use axum::response::Redirect;
use http::HeaderMap;
use web_kit::headers::Nonce;
use web_kit::{ApiError, Path};

use super::view::{Browser, View};
use crate::gateway::Shared;

/// `GET /checkout/{code}/back`: the customer stopped at the provider and may choose again. Nothing is ended
/// here: they may come back to the same payment, and starting another ends the first.
pub(super) async fn gave_up(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Redirect, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    Ok(Redirect::to(&format!("{}?notice=stopped", view.path())))
}

/// `GET /checkout/{code}/pay` and `/discount`: somebody loads the address of a form.
pub(super) async fn to_page(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Redirect, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    Ok(Redirect::to(&view.path()))
}
