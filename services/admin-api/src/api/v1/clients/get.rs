//! `GET /v1/clients/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::clients, domain::ClientId};
use web_kit::{ApiError, Path};

use super::ClientBody;
use crate::{
    api::etag::Tagged,
    authority::{Caller, ClientRead},
    state::AppState,
};

/// Read a client.
#[utoipa::path(
    get, path = "/clients/{id}", tag = "clients", operation_id = "getClient",
    params(("id" = String, Path, description = "The client.")),
    responses((status = 200, description = "The client.", body = ClientBody)),
    extensions(("x-required-scope" = json!("client:read"))),
)]
pub async fn get_client(
    State(state): State<AppState>,
    caller: Caller<ClientRead>,
    Path(id): Path<ClientId>,
) -> Result<Tagged<ClientBody>, ApiError> {
    let found = clients::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(found.0.version, ClientBody::of(found)))
}
