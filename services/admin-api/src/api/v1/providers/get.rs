//! `GET /v1/providers/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::providers, domain::ProviderId};
use web_kit::{ApiError, Path};

use super::{ProviderBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, ProviderRead},
    state::AppState,
};

/// Read a provider.
#[utoipa::path(
    get, path = "/providers/{id}", tag = "providers", operation_id = "getProvider",
    params(("id" = String, Path, description = "The provider.")),
    responses((status = 200, description = "The provider.", body = ProviderBody)),
    extensions(("x-required-scope" = json!("provider:read"))),
)]
pub async fn get_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderRead>,
    Path(id): Path<ProviderId>,
) -> Result<Tagged<ProviderBody>, ApiError> {
    let account = providers::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(account.version, body(&state.app, &account).await?))
}
