//! `PATCH /v1/providers/{id}`.

use axum::extract::State;
use gateway_core::{
    app::settings::providers::{self, CURRENCIES_MAX, ProviderSettings},
    domain::ProviderId,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{
    ProviderBody, body,
    create::{BankAccountInput, CredentialsInput},
};
use crate::{
    api::body::some_at_most,
    api::etag::{IfMatch, Tagged},
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// What to change; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateProvider {
    /// What the panel calls it.
    name: Option<String>,
    /// Whether customers may choose it.
    enabled: Option<bool>,
    /// New credentials; each is replaced by itself.
    #[serde(default)]
    credentials: CredentialsInput,
    /// Where transfers go: wire alone. Payments that run keep what their customers were told.
    bank_account: Option<BankAccountInput>,
    /// The only currencies that it is offered for; all that it takes when empty.
    #[serde(default, deserialize_with = "some_at_most::<CURRENCIES_MAX, _, _>")]
    currencies: Option<Vec<String>>,
}

/// Change a provider.
#[utoipa::path(
    patch, path = "/providers/{id}", tag = "providers", operation_id = "updateProvider",
    params(("id" = String, Path, description = "The provider.")),
    request_body = UpdateProvider,
    responses((status = 200, description = "The provider.", body = ProviderBody)),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn update_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Path(id): Path<ProviderId>,
    if_match: IfMatch,
    Json(input): Json<UpdateProvider>,
) -> Result<Tagged<ProviderBody>, ApiError> {
    let settings = ProviderSettings {
        name: input.name,
        enabled: input.enabled,
        credentials: input.credentials.into_new(),
        bank: input.bank_account.map(BankAccountInput::into_new),
        currencies: input.currencies,
        expected_version: if_match.number(),
        ..ProviderSettings::default()
    };
    let account = providers::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(account.version, body(&state.app, &account).await?))
}
