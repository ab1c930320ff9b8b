//! `DELETE /v1/clients/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::clients, domain::ClientId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, ClientDelete},
    state::AppState,
};

/// Delete a client whom no checkout names.
///
/// Any other is 409 `CLIENT_IN_USE`: erase their personal data, which takes the client's record with it.
#[utoipa::path(
    delete, path = "/clients/{id}", tag = "clients", operation_id = "deleteClient",
    params(("id" = String, Path, description = "The client.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-required-scope" = json!("client:delete"))),
)]
pub async fn delete_client(
    State(state): State<AppState>,
    caller: Caller<ClientDelete>,
    Path(id): Path<ClientId>,
) -> Result<StatusCode, ApiError> {
    clients::delete(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
