//! `DELETE /v1/domains/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::domains, domain::DomainId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, DomainWrite},
    state::AppState,
};

/// Delete a custom checkout domain. Checkouts stay payable under their `paymentUrl`.
#[utoipa::path(
    delete, path = "/domains/{id}", tag = "domains", operation_id = "deleteDomain",
    params(("id" = String, Path, description = "The domain.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-required-scope" = json!("domain:write"))),
)]
pub async fn delete_domain(
    State(state): State<AppState>,
    caller: Caller<DomainWrite>,
    Path(id): Path<DomainId>,
) -> Result<StatusCode, ApiError> {
    domains::delete(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
