//! `PATCH /v1/clients/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::clients, domain::ClientId};
use web_kit::{ApiError, Json, Path};

use super::{ClientBody, create::ClientInput};
use crate::{
    api::etag::{IfMatch, Tagged},
    authority::{Caller, ClientUpdate},
    state::AppState,
};

/// Change a client.
///
/// Checkouts keep what they took over. Those that were found by an e-mail address or a `reference` alone are the
/// client's no more once it has another.
#[utoipa::path(
    patch, path = "/clients/{id}", tag = "clients", operation_id = "updateClient",
    params(("id" = String, Path, description = "The client.")),
    request_body = ClientInput,
    responses((status = 200, description = "The client.", body = ClientBody)),
    extensions(("x-required-scope" = json!("client:update"))),
)]
pub async fn update_client(
    State(state): State<AppState>,
    caller: Caller<ClientUpdate>,
    Path(id): Path<ClientId>,
    if_match: IfMatch,
    Json(input): Json<ClientInput>,
) -> Result<Tagged<ClientBody>, ApiError> {
    let settings = clients::ClientSettings { expected_version: if_match.number(), ..input.into_settings() };
    let changed = clients::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(changed.0.version, ClientBody::of(changed)))
}
