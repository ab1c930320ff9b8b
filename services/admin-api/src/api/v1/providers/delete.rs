//! `DELETE /v1/providers/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::providers, domain::ProviderId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// Delete a disabled provider that no transaction was made with.
#[utoipa::path(
    delete, path = "/providers/{id}", tag = "providers", operation_id = "deleteProvider",
    params(("id" = String, Path, description = "The provider.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn delete_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Path(id): Path<ProviderId>,
) -> Result<StatusCode, ApiError> {
    providers::delete(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
