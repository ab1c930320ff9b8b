//! `POST /v1/providers/{id}/toggle`.

use axum::extract::State;
use gateway_core::{
    app::settings::providers::{self, ProviderSettings},
    domain::ProviderId,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{ProviderBody, body};
use crate::{
    api::body::OptionalJson,
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// On or off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToggleProvider {
    /// The state to have; the other one than now when absent.
    enabled: Option<bool>,
}

/// Switch a provider on or off.
///
/// Off, it is no longer offered; payments that run go on.
#[utoipa::path(
    post, path = "/providers/{id}/toggle", tag = "providers", operation_id = "toggleProvider",
    params(("id" = String, Path, description = "The provider.")),
    request_body = Option<ToggleProvider>,
    responses((status = 200, description = "The provider.", body = ProviderBody)),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn toggle_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Path(id): Path<ProviderId>,
    input: OptionalJson<ToggleProvider>,
) -> Result<Json<ProviderBody>, ApiError> {
    let enabled = match input.value.enabled {
        Some(enabled) => enabled,
        None => !providers::get(&state.app, caller.tenant(), id).await?.enabled,
    };
    let settings = ProviderSettings { enabled: Some(enabled), ..ProviderSettings::default() };
    let account = providers::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Json(body(&state.app, &account).await?))
}
