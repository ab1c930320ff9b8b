//! Providers: a merchant's own accounts at payment providers.

mod catch_up;
mod create;
mod delete;
mod get;
mod list;
mod test;
mod toggle;
mod update;

use gateway_core::{
    app::{App, AppError, health, settings::providers},
    domain::{
        bank::BankAccount,
        provider_account::ProviderAccount,
        provider_health::{Feed, Refusal},
    },
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
        .routes(routes!(catch_up::catch_up_provider))
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
    /// The API version that the webhook at the provider should be set to, where there are several.
    pub webhook_version: Option<&'static str>,
    /// What the credentials may not read, as the last test or a payment has shown.
    pub missing_permissions: Vec<String>,
    /// What was read of the provider's own list of events; null where it has none.
    pub catch_up: Option<CatchUpBody>,
    /// The last webhooks that were refused, newest first: at most 20, those of a few seconds as one.
    pub refused_webhooks: Vec<RefusedWebhookBody>,
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

/// How far the provider's own list of events has been read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatchUpBody {
    /// When it was last read to its end.
    pub read_at: Option<String>,
    /// Events that were found by it and that no webhook had brought, in all.
    pub found: i64,
    /// Why it could not be read the last time.
    pub problem: Option<String>,
}

/// Webhooks that were refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedWebhookBody {
    /// When the last of them came.
    pub at: String,
    /// `signature`: no stored secret fits. `body`: signed, but not readable.
    pub reason: &'static str,
    /// How many.
    pub count: i64,
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

impl From<&Feed> for CatchUpBody {
    fn from(feed: &Feed) -> Self {
        Self {
            read_at: feed.read_at.map(|at| at.to_string()),
            found: feed.found,
            problem: feed.problem.clone(),
        }
    }
}

impl From<&Refusal> for RefusedWebhookBody {
    fn from(refusal: &Refusal) -> Self {
        Self { at: refusal.at.to_string(), reason: refusal.reason.as_str(), count: refusal.count }
    }
}

/// A provider as the API shows it.
async fn body(app: &App, account: &ProviderAccount) -> Result<ProviderBody, AppError> {
    let shape = providers::shape(app, account).await?;
    let health = health::get(app, account).await?;
    let can = app.adapter(account.kind)?.capabilities();
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
        webhook_version: can.webhook_version,
        missing_permissions: health.missing.iter().map(|missing| missing.what.clone()).collect(),
        catch_up: can.lists_events.then(|| CatchUpBody::from(&health.feed)),
        refused_webhooks: health.refusals.iter().rev().map(RefusedWebhookBody::from).collect(),
        created_at: account.created_at.to_string(),
        updated_at: account.updated_at.to_string(),
    })
}
