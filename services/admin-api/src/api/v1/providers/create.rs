//! `POST /v1/providers`.

use axum::extract::State;
use gateway_core::{
    app::settings::providers::{self, NewCredentials, ProviderSettings},
    domain::provider_account::ProviderKind,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{ProviderBody, body};
use crate::{
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// A provider to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProvider {
    /// sandbox (test mode only), stripe or gocardless.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: ProviderKind,
    /// What the panel calls it.
    name: Option<String>,
    /// Whether customers may choose it; true when absent.
    enabled: Option<bool>,
    /// What opens the account.
    #[serde(default)]
    credentials: CredentialsInput,
}

/// Credentials. They are stored encrypted and never shown again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialsInput {
    /// Stripe's secret key or GoCardless's access token.
    api_key: Option<String>,
    /// The webhook secrets to accept; two while one is rolled.
    webhook_secrets: Option<Vec<String>>,
}

impl CredentialsInput {
    /// What the use case takes.
    pub fn into_new(self) -> NewCredentials {
        NewCredentials { api_key: self.api_key, webhook_secrets: self.webhook_secrets }
    }
}

/// Create a provider.
#[utoipa::path(
    post, path = "/providers", tag = "providers", operation_id = "createProvider",
    request_body = CreateProvider,
    responses((status = 201, description = "The provider.", body = ProviderBody)),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn create_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Json(input): Json<CreateProvider>,
) -> Result<(StatusCode, Json<ProviderBody>), ApiError> {
    let settings = ProviderSettings {
        name: input.name,
        enabled: input.enabled,
        credentials: input.credentials.into_new(),
    };
    let account = providers::create(&state.app, caller.tenant(), input.kind, settings).await?;
    Ok((StatusCode::CREATED, Json(body(&state.app, &account).await?)))
}
