//! `POST /v1/providers`.

use axum::extract::State;
use gateway_core::{
    app::settings::{
        bank::NewBankAccount,
        providers::{self, CURRENCIES_MAX, NewCredentials, ProviderSettings, SECRETS_MAX},
    },
    domain::provider_account::ProviderKind,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{ProviderBody, body};
use crate::{
    api::{body::some_at_most, number::Whole},
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// A provider to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProvider {
    /// sandbox (test mode only), stripe, gocardless or wire (bank transfers).
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
    /// Where transfers go: wire alone, which needs `holder` and `iban`.
    bank_account: Option<BankAccountInput>,
    /// The only currencies that it is offered for; all that it takes when empty. EUR for wire when absent.
    #[serde(default, deserialize_with = "some_at_most::<CURRENCIES_MAX, _, _>")]
    currencies: Option<Vec<String>>,
}

/// A bank account. What is absent stays as it is, and `""` takes it away.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BankAccountInput {
    /// Whose it is, at most 70 characters; `accountHolder` is the same.
    #[serde(alias = "accountHolder")]
    holder: Option<String>,
    /// Its number, with or without blanks.
    iban: Option<String>,
    /// The bank's code.
    bic: Option<String>,
    /// The bank's name, for customers.
    bank_name: Option<String>,
    /// Words to customers, at most 500 characters.
    instructions: Option<String>,
    /// How many days customers have to transfer, 1 to 130; 14 when absent.
    days: Option<Whole>,
}

impl BankAccountInput {
    /// What the use case takes.
    pub fn into_new(self) -> NewBankAccount {
        NewBankAccount {
            holder: self.holder,
            iban: self.iban,
            bic: self.bic,
            bank_name: self.bank_name,
            instructions: self.instructions,
            days: self.days.map(|days| days.0),
        }
    }
}

/// Credentials. They are stored encrypted and never shown again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialsInput {
    /// Stripe's secret key or GoCardless's access token.
    api_key: Option<String>,
    /// The webhook secrets to accept; two while one is rolled.
    #[serde(default, deserialize_with = "some_at_most::<SECRETS_MAX, _, _>")]
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
        bank: input.bank_account.map(BankAccountInput::into_new),
        currencies: input.currencies,
        ..ProviderSettings::default()
    };
    let account = providers::create(&state.app, caller.tenant(), input.kind, settings).await?;
    Ok((StatusCode::CREATED, Json(body(&state.app, &account).await?)))
}
