//! `POST /v1/providers/{id}/test`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, settings::providers},
    domain::ProviderId,
    provider::AccountInfo,
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// What the provider said.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderTestBody {
    /// Whether the credentials work in this mode.
    pub ok: bool,
    /// The account's id there.
    pub account: Option<String>,
    /// The account's name there.
    pub name: Option<String>,
    /// Why they do not work.
    pub problem: Option<String>,
    /// What they may not read though this gateway needs it, as the provider names it. Payments work without; what is
    /// named here is not seen.
    pub missing: Vec<String>,
}

/// Ask the provider whether the credentials work.
///
/// Remembers whose account they open: webhooks about another account are then parked for a person. Also asks for
/// everything that is needed, and names what the credentials may not read.
#[utoipa::path(
    post, path = "/providers/{id}/test", tag = "providers", operation_id = "testProvider",
    params(("id" = String, Path, description = "The provider.")),
    responses((status = 200, description = "What the provider said.", body = ProviderTestBody)),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn test_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Path(id): Path<ProviderId>,
) -> Result<Json<ProviderTestBody>, ApiError> {
    match providers::test(&state.app, caller.tenant(), id).await {
        Ok(info) => {
            let AccountInfo { account, name, missing, .. } = info;
            Ok(Json(ProviderTestBody { ok: true, account, name, problem: None, missing }))
        }
        Err(error @ (AppError::Provider { .. } | AppError::Conflict { .. })) => {
            let problem = Some(error.to_string());
            Ok(Json(ProviderTestBody { ok: false, account: None, name: None, problem, missing: Vec::new() }))
        }
        Err(error) => Err(error.into()),
    }
}
