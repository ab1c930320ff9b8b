//! `GET /v1/sites/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::sites, domain::SiteId};
use web_kit::{ApiError, Path};

use super::{SiteBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, SiteRead},
    state::AppState,
};

/// Read a site.
#[utoipa::path(
    get, path = "/sites/{id}", tag = "sites", operation_id = "getSite",
    params(("id" = String, Path, description = "The site.")),
    responses((status = 200, description = "The site.", body = SiteBody)),
    extensions(("x-required-scope" = json!("site:read"))),
)]
pub async fn get_site(
    State(state): State<AppState>,
    caller: Caller<SiteRead>,
    Path(id): Path<SiteId>,
) -> Result<Tagged<SiteBody>, ApiError> {
    let site = sites::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(site.version, caller.shown(body(&state.app, &site).await?)))
}
