//! `POST /v1/domains/{id}/check`.

use axum::extract::State;
use gateway_core::{app::settings::domains, domain::DomainId};
use web_kit::{ApiError, Json, Path};

use super::DomainBody;
use crate::{
    authority::{Caller, DomainWrite},
    state::AppState,
};

/// Check where a custom checkout domain points, and whether it is proven to be yours.
///
/// The answer says what was found. Where the DNS did not answer, nothing changes.
#[utoipa::path(
    post, path = "/domains/{id}/check", tag = "domains", operation_id = "checkDomain",
    params(("id" = String, Path, description = "The domain.")),
    responses((status = 200, description = "The domain, verified or with its problem.", body = DomainBody)),
    extensions(("x-required-scope" = json!("domain:write"))),
)]
pub async fn check_domain(
    State(state): State<AppState>,
    caller: Caller<DomainWrite>,
    Path(id): Path<DomainId>,
) -> Result<Json<DomainBody>, ApiError> {
    Ok(Json(DomainBody::of(&state.app, &domains::check(&state.app, caller.tenant(), id).await?)))
}
