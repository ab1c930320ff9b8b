//! `GET /v1/sites/{id}/webhook-secret`.

use axum::extract::State;
use gateway_core::{app::settings::sites, domain::SiteId};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    authority::{Caller, SiteWrite},
    state::AppState,
};

/// A site's webhook secret. Receivers key the HMAC with the whole text, `whsec_` included.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteSecretBody {
    /// What signs IPNs now.
    pub secret: String,
    /// What signs them from `effectiveAt` on, when it was regenerated for later.
    pub next_secret: Option<String>,
    /// From when on `nextSecret` signs.
    pub effective_at: Option<String>,
}

/// Read a site's webhook secret.
#[utoipa::path(
    get, path = "/sites/{id}/webhook-secret", tag = "sites", operation_id = "getSiteWebhookSecret",
    params(("id" = String, Path, description = "The site.")),
    responses((status = 200, description = "The secret.", body = SiteSecretBody)),
    extensions(("x-required-scope" = json!("site:write"))),
)]
pub async fn get_site_secret(
    State(state): State<AppState>,
    caller: Caller<SiteWrite>,
    Path(id): Path<SiteId>,
) -> Result<Json<SiteSecretBody>, ApiError> {
    let secrets = sites::secrets(&state.app, caller.tenant(), id).await?;
    let (next_secret, effective_at) = match &secrets.next {
        Some((secret, from)) => (Some(secret.expose().to_owned()), Some(from.to_string())),
        None => (None, None),
    };
    let secret = secrets.current.expose().to_owned();
    Ok(Json(SiteSecretBody { secret, next_secret, effective_at }))
}
