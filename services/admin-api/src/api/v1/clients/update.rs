//! `PATCH /v1/clients/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::clients, domain::ClientId};
use web_kit::{ApiError, Json, Path};

use super::{ClientBody, create::ClientInput};
use crate::{
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
    Json(input): Json<ClientInput>,
) -> Result<Json<ClientBody>, ApiError> {
    let changed = clients::update(&state.app, caller.tenant(), id, input.into_settings()).await?;
    Ok(Json(ClientBody::of(changed)))
}
