//! `GET /v1/domains/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::domains, domain::DomainId};
use web_kit::{ApiError, Json, Path};

use super::DomainBody;
use crate::{
    authority::{Caller, DomainRead},
    state::AppState,
};

/// Read a custom checkout domain.
#[utoipa::path(
    get, path = "/domains/{id}", tag = "domains", operation_id = "getDomain",
    params(("id" = String, Path, description = "The domain.")),
    responses((status = 200, description = "The domain.", body = DomainBody)),
    extensions(("x-required-scope" = json!("domain:read"))),
)]
pub async fn get_domain(
    State(state): State<AppState>,
    caller: Caller<DomainRead>,
    Path(id): Path<DomainId>,
) -> Result<Json<DomainBody>, ApiError> {
    Ok(Json(DomainBody::of(&state.app, &domains::get(&state.app, caller.tenant(), id).await?)))
}
