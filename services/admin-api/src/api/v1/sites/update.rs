//! `PATCH /v1/sites/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::sites, domain::SiteId};
use web_kit::{ApiError, Json, Path};

use super::{SiteBody, body, create::SiteInput};
use crate::{
    api::etag::{IfMatch, Tagged},
    authority::{Caller, SiteWrite},
    state::AppState,
};

/// Change a site.
///
/// Checkouts that exist keep the IPN schema that they were created with.
#[utoipa::path(
    patch, path = "/sites/{id}", tag = "sites", operation_id = "updateSite",
    params(("id" = String, Path, description = "The site.")),
    request_body = SiteInput,
    responses((status = 200, description = "The site.", body = SiteBody)),
    extensions(("x-required-scope" = json!("site:write"))),
)]
pub async fn update_site(
    State(state): State<AppState>,
    caller: Caller<SiteWrite>,
    Path(id): Path<SiteId>,
    if_match: IfMatch,
    Json(input): Json<SiteInput>,
) -> Result<Tagged<SiteBody>, ApiError> {
    let settings = sites::SiteSettings { expected_version: if_match.number(), ..input.into_settings() };
    let site = sites::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(site.version, body(&state.app, &site).await?))
}
