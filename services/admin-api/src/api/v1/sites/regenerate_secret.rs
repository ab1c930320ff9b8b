//! `POST /v1/sites/{id}/webhook-secret/regenerate`.

use axum::extract::State;
use gateway_core::{
    app::settings::sites,
    domain::{SiteId, Timestamp},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    api::body::OptionalJson,
    authority::{Caller, SiteWrite},
    state::AppState,
};

/// When the new secret takes effect.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegenerateSecret {
    /// From when on it signs, within 90 days; at once when absent.
    #[schema(value_type = Option<String>)]
    effective_at: Option<Timestamp>,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegeneratedSecretBody {
    /// The secret.
    pub secret: String,
    /// From when on it signs.
    pub effective_at: String,
}

/// Make a new webhook secret for a site.
///
/// An IPN has one signature, so there is no overlap: choose the moment at which your receiver changes over.
#[utoipa::path(
    post, path = "/sites/{id}/webhook-secret/regenerate", tag = "sites",
    operation_id = "regenerateSiteWebhookSecret",
    params(("id" = String, Path, description = "The site.")),
    request_body = Option<RegenerateSecret>,
    responses((status = 200, description = "The new secret.", body = RegeneratedSecretBody)),
    extensions(("x-required-scope" = json!("site:write"))),
)]
pub async fn regenerate_site_secret(
    State(state): State<AppState>,
    caller: Caller<SiteWrite>,
    Path(id): Path<SiteId>,
    body: OptionalJson<RegenerateSecret>,
) -> Result<Json<RegeneratedSecretBody>, ApiError> {
    let at = body.value.effective_at;
    let (secret, from) = sites::regenerate_secret(&state.app, caller.tenant(), id, at).await?;
    let secret = secret.expose().to_owned();
    Ok(Json(RegeneratedSecretBody { secret, effective_at: from.to_string() }))
}
