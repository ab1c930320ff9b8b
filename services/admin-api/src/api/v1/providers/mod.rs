//! Providers: a merchant's own accounts at payment providers.

mod create;
mod delete;
mod get;
mod list;
mod test;
mod toggle;
mod update;

use gateway_core::{
    app::{App, AppError, settings::providers},
    domain::{bank::BankAccount, provider_account::ProviderAccount},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_providers, create::create_provider))
        .routes(routes!(get::get_provider, update::update_provider, delete::delete_provider))
        .routes(routes!(toggle::toggle_provider))
        .routes(routes!(test::test_provider))
}

/// A provider. Its credentials are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// sandbox, stripe, gocardless or wire.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What the panel calls it.
    pub name: String,
    /// Whether customers may choose it.
    pub enabled: bool,
    /// The webhook address to register at the provider.
    pub webhook_url: String,
    /// The account's id at the provider, once a test has found it.
    pub account: Option<String>,
    /// What is known of its credentials.
    pub credentials: CredentialsBody,
    /// Where transfers go; wire alone.
    pub bank_account: Option<BankAccountBody>,
    /// The only currencies that it is offered for; all that it takes when empty.
    pub currencies: Vec<String>,
    /// When the last verified webhook came.
    pub last_event_at: Option<String>,
    /// What the last test of the credentials came to.
    pub last_test: Option<LastTestBody>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A test of credentials.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastTestBody {
    /// When the provider was asked.
    pub at: String,
    /// Why the credentials do not work; null when they do.
    pub problem: Option<String>,
}

/// Which credentials there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsBody {
    /// Whether there is an API key.
    pub has_api_key: bool,
    /// How many webhook secrets are accepted.
    pub webhook_secrets: usize,
}

/// Where transfers go, as customers see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BankAccountBody {
    /// Whose it is.
    pub holder: String,
    /// The same, as the checkout runtime's `transfer_instructions` call it.
    pub account_holder: String,
    /// Its number.
    pub iban: String,
    /// The bank's code.
    pub bic: Option<String>,
    /// The bank's name.
    pub bank_name: Option<String>,
    /// Words to customers.
    pub instructions: Option<String>,
    /// How many days customers have.
    pub days: u16,
}

impl From<BankAccount> for BankAccountBody {
    fn from(bank: BankAccount) -> Self {
        Self {
            account_holder: bank.holder.clone(),
            holder: bank.holder,
            iban: bank.iban.to_string(),
            bic: bank.bic.map(|bic| bic.to_string()),
            bank_name: bank.bank_name,
            instructions: bank.instructions,
            days: bank.days,
        }
    }
}

/// A provider as the API shows it.
async fn body(app: &App, account: &ProviderAccount) -> Result<ProviderBody, AppError> {
    let shape = providers::shape(app, account).await?;
    Ok(ProviderBody {
        id: account.id.to_string(),
        mode: account.mode.as_str(),
        kind: account.kind.as_str(),
        name: account.name.clone(),
        enabled: account.enabled,
        webhook_url: providers::webhook_url(app, account).into(),
        account: account.account.clone(),
        credentials: CredentialsBody {
            has_api_key: shape.has_api_key,
            webhook_secrets: shape.webhook_secrets,
        },
        bank_account: shape.bank.map(BankAccountBody::from),
        currencies: account.currencies.iter().map(ToString::to_string).collect(),
        last_event_at: account.last_event_at.map(|at| at.to_string()),
        last_test: account
            .last_test
            .as_ref()
            .map(|test| LastTestBody { at: test.at.to_string(), problem: test.problem.clone() }),
        created_at: account.created_at.to_string(),
        updated_at: account.updated_at.to_string(),
    })
}
