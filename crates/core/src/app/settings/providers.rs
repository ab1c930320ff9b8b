//! Providers: a merchant's own accounts at payment providers.

use mongodb::bson::doc;
use url::Url;

use super::{
    App, AppError, Problem,
    bank::{self, NewBankAccount},
    check_name, edit, expect, finish, made_before, within,
};
use crate::{
    app::health,
    crypto::{OrganizationKeys, Sealed, random},
    domain::{
        Currency, ProviderId, Tenant,
        bank::BankAccount,
        provider_account::{
            Credentials, CredentialsTest, ProviderAccount, ProviderKind, is_strong_secret,
            webhook_secret_problem,
        },
        transaction::Transaction,
    },
    provider::AccountInfo,
    store::{Entity, StoreError, open_with, seal_with},
};

/// At most this many providers in an organization and mode.
const PROVIDERS_MAX: u64 = 100;
/// Most currencies that a provider can be offered for: there are fewer.
pub const CURRENCIES_MAX: usize = 200;
/// Most webhook secrets that are accepted at once.
pub const SECRETS_MAX: usize = 5;
/// Longest credential, in characters.
const CREDENTIAL_CHARS_MAX: usize = 500;

/// Credentials as they are given; what is absent stays as it is.
#[derive(Clone, Default)]
pub struct NewCredentials {
    /// Stripe's secret key or GoCardless's access token.
    pub api_key: Option<String>,
    /// Accepted webhook secrets; more than one while a secret is rolled.
    pub webhook_secrets: Option<Vec<String>>,
}

impl std::fmt::Debug for NewCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewCredentials(redacted)")
    }
}

/// What a provider is made or changed with; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProviderSettings {
    /// The id of a new provider, the same for every try of one request; made where absent.
    pub id: Option<ProviderId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// What the panel calls it.
    pub name: Option<String>,
    /// Whether customers may choose it.
    pub enabled: Option<bool>,
    /// What opens it.
    pub credentials: NewCredentials,
    /// Where transfers go; bank transfers alone have it.
    pub bank: Option<NewBankAccount>,
    /// The only currencies that it is offered for; none are all that it takes.
    pub currencies: Option<Vec<String>>,
}

/// What may be shown of a provider's credentials.
#[derive(Debug, Clone)]
pub struct CredentialsShape {
    /// Whether there is an API key.
    pub has_api_key: bool,
    /// How many webhook secrets are accepted.
    pub webhook_secrets: usize,
    /// How many more are stored that are too short to be believed.
    pub weak_webhook_secrets: usize,
    /// Where transfers go, which customers are shown anyway.
    pub bank: Option<BankAccount>,
}

/// Makes a provider.
pub async fn create(
    app: &App,
    tenant: Tenant,
    kind: ProviderKind,
    settings: ProviderSettings,
) -> Result<ProviderAccount, AppError> {
    if !kind.allowed_in(tenant.mode) {
        let message = "the sandbox provider cannot exist in live mode";
        return Err(AppError::Unprocessable {
            code: "SANDBOX_NOT_IN_LIVE_MODE",
            message: message.to_owned(),
        });
    }
    let store = app.store.for_org(tenant);
    if store.count::<ProviderAccount>(doc! {}, PROVIDERS_MAX).await? >= PROVIDERS_MAX {
        let message = "an organization takes at most 100 providers";
        return Err(AppError::conflict("TOO_MANY_PROVIDERS", message));
    }
    let mut problems = Vec::new();
    let name = check_name(settings.name.as_deref().or(Some(default_name(kind))), &mut problems);
    let mut credentials = Credentials::default();
    lay_over(&mut credentials, &settings.credentials);
    if kind == ProviderKind::Sandbox && credentials.webhook_secrets.is_empty() {
        credentials.webhook_secrets.push(random::site_webhook_secret().expose().to_owned());
    }
    credentials.bank = bank::lay_over(kind, None, settings.bank, &mut problems);
    check_secrets(kind, &settings.credentials, &mut problems);
    check_credentials(app, tenant, kind, &credentials, &mut problems);
    let currencies = match settings.currencies {
        Some(given) => check_currencies(&given, &mut problems),
        // Others need more than an IBAN to find an account.
        None if kind == ProviderKind::Wire => vec![Currency::EUR],
        None => Vec::new(),
    };
    finish(problems)?;
    let id = settings.id.unwrap_or_else(ProviderId::generate);
    let (keys, now) = (store.keys().await?, app.now());
    let account = ProviderAccount {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        kind,
        name,
        enabled: settings.enabled.unwrap_or(true),
        credentials: seal(&keys, tenant, id, &credentials)?,
        account: None,
        currencies,
        last_event_at: None,
        last_test: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    match store.insert(&account).await {
        Ok(()) => {}
        Err(StoreError::Duplicate) => return made_before(&store, id, None).await,
        Err(error) => return Err(error.into()),
    }
    health::make(app, &account).await?;
    app.forget_settings(tenant).await;
    Ok(account)
}

/// Changes a provider.
pub async fn update(
    app: &App,
    tenant: Tenant,
    id: ProviderId,
    settings: ProviderSettings,
) -> Result<ProviderAccount, AppError> {
    let (keys, now) = (app.store.for_org(tenant).keys().await?, app.now());
    edit::<ProviderAccount>(app, tenant, id, "provider", |account| {
        expect(account, settings.expected_version)?;
        let mut problems = Vec::new();
        if settings.name.is_some() {
            account.name = check_name(settings.name.as_deref(), &mut problems);
        }
        account.enabled = settings.enabled.unwrap_or(account.enabled);
        let given = &settings.credentials;
        if let Some(currencies) = &settings.currencies {
            account.currencies = check_currencies(currencies, &mut problems);
        }
        if given.api_key.is_some() || given.webhook_secrets.is_some() || settings.bank.is_some() {
            let mut credentials = open(&keys, account)?;
            lay_over(&mut credentials, given);
            let stored = credentials.bank.take();
            credentials.bank = bank::lay_over(account.kind, stored, settings.bank.clone(), &mut problems);
            check_secrets(account.kind, given, &mut problems);
            check_credentials(app, tenant, account.kind, &credentials, &mut problems);
            account.credentials = seal(&keys, tenant, id, &credentials)?;
            if given.api_key.is_some() || settings.bank.is_some() {
                // Another key may open another account: the next test finds out which.
                account.account = None;
                account.last_test = None;
            }
        }
        finish(problems)?;
        account.updated_at = now;
        Ok(())
    })
    .await
}

/// A provider; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: ProviderId) -> Result<ProviderAccount, AppError> {
    app.store.for_org(tenant).get::<ProviderAccount>(id).await?.ok_or(AppError::NotFound("provider"))
}

/// Which credentials a provider has.
pub async fn shape(app: &App, account: &ProviderAccount) -> Result<CredentialsShape, AppError> {
    let credentials = open(&app.store.for_org(account.tenant()).keys().await?, account)?;
    let strong = credentials.webhook_secrets.iter().filter(|secret| is_strong_secret(secret)).count();
    Ok(CredentialsShape {
        has_api_key: credentials.api_key.is_some(),
        webhook_secrets: strong,
        weak_webhook_secrets: credentials.webhook_secrets.len() - strong,
        bank: credentials.bank,
    })
}

/// The webhook address to register at the provider.
pub fn webhook_url(app: &App, account: &ProviderAccount) -> Url {
    app.webhook_url(account.kind, account.id)
}

/// Takes a provider out that never took a payment. One that did stays, disabled: its transactions still
/// need it for refunds and for late news.
pub async fn delete(app: &App, tenant: Tenant, id: ProviderId) -> Result<(), AppError> {
    let account = get(app, tenant, id).await?;
    if account.enabled {
        let message = "disable the provider first, so that no payment starts meanwhile";
        return Err(AppError::conflict("PROVIDER_ENABLED", message));
    }
    let store = app.store.for_org(tenant);
    if store.count::<Transaction>(doc! { "providerId": id }, 1).await? > 0 {
        let message = "transactions were made with this provider: leave it disabled";
        return Err(AppError::conflict("PROVIDER_IN_USE", message));
    }
    if store.delete::<ProviderAccount>(id, doc! { "enabled": false }).await? {
        health::forget(app, tenant, id).await?;
    }
    app.forget_settings(tenant).await;
    Ok(())
}

/// Asks the provider whether the credentials work, and remembers what it said and whose account they open.
pub async fn test(app: &App, tenant: Tenant, id: ProviderId) -> Result<AccountInfo, AppError> {
    let provider = get(app, tenant, id).await?;
    let found = ask(app, &provider).await;
    let problem = match &found {
        Ok(_) => None,
        Err(error @ (AppError::Provider { .. } | AppError::Conflict { .. })) => Some(error.to_string()),
        // Our own trouble says nothing about the credentials.
        Err(_) => return found,
    };
    let now = app.now();
    let test = CredentialsTest { at: now, problem };
    edit::<ProviderAccount>(app, tenant, id, "provider", |stored| {
        // Other credentials have come meanwhile: this was not their test.
        if stored.credentials != provider.credentials {
            return Ok(());
        }
        if let Some(account) = found.as_ref().ok().and_then(|info| info.account.as_ref()) {
            stored.account = Some(account.clone());
        }
        stored.last_test = Some(test.clone());
        stored.updated_at = now;
        Ok(())
    })
    .await?;
    if let Ok(info) = &found {
        health::replace_missing(app, &provider, &info.missing, now).await?;
    }
    found
}

async fn ask(app: &App, provider: &ProviderAccount) -> Result<AccountInfo, AppError> {
    let account = app.open_account(provider).await?;
    let info = app.adapter(provider.kind)?.account_info(&account).await?;
    if info.livemode.is_some_and(|live| live != provider.mode.is_live()) {
        let message = format!("these credentials are not for {} mode", provider.mode);
        return Err(AppError::conflict("PROVIDER_MODE_MISMATCH", message));
    }
    Ok(info)
}

const fn default_name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Sandbox => "Sandbox",
        ProviderKind::Stripe => "Stripe",
        ProviderKind::GoCardless => "GoCardless",
        ProviderKind::Wire => "Bank transfer",
    }
}

fn check_currencies(given: &[String], problems: &mut Vec<Problem>) -> Vec<Currency> {
    let mut known = Vec::new();
    let given = within("currencies", given, CURRENCIES_MAX, "currencies", problems);
    for text in given.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        match text.parse::<Currency>() {
            Ok(currency) if known.contains(&currency) => {}
            Ok(currency) => known.push(currency),
            Err(error) => problems.push(Problem::new("currencies", error.to_string())),
        }
    }
    known
}

fn lay_over(credentials: &mut Credentials, given: &NewCredentials) {
    if let Some(key) = &given.api_key {
        credentials.api_key = Some(key.trim().to_owned()).filter(|key| !key.is_empty());
    }
    if let Some(secrets) = &given.webhook_secrets {
        let secrets = secrets.iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty());
        credentials.webhook_secrets = secrets.collect();
    }
}

/// Those that are given now: what was stored before stays where another credential is changed.
fn check_secrets(kind: ProviderKind, given: &NewCredentials, problems: &mut Vec<Problem>) {
    let given = given.webhook_secrets.iter().flatten().map(|secret| secret.trim());
    let wrong =
        given.filter(|secret| !secret.is_empty()).find_map(|secret| webhook_secret_problem(kind, secret));
    problems.extend(wrong.map(|problem| Problem::new("credentials.webhookSecrets", problem)));
}

fn check_credentials(
    app: &App,
    tenant: Tenant,
    kind: ProviderKind,
    credentials: &Credentials,
    problems: &mut Vec<Problem>,
) {
    let environment = app.single_tenant.as_ref().is_some_and(|s| s.organization == tenant.organization);
    let key = credentials.api_key.as_deref();
    let needs_key = matches!(kind, ProviderKind::Stripe | ProviderKind::GoCardless);
    if needs_key && key.is_none() && !environment {
        problems.push(Problem::new("credentials.apiKey", "is required"));
    }
    // Both providers say in the key whether it moves real money.
    let other_mode: &[&str] = match (kind, tenant.mode.is_live()) {
        (ProviderKind::Stripe, true) => &["sk_test_", "rk_test_"],
        (ProviderKind::Stripe, false) => &["sk_live_", "rk_live_"],
        (ProviderKind::GoCardless, true) => &["sandbox_"],
        (ProviderKind::GoCardless, false) => &["live_"],
        (ProviderKind::Sandbox | ProviderKind::Wire, _) => &[],
    };
    if key.is_some_and(|key| other_mode.iter().any(|prefix| key.starts_with(prefix))) {
        let text = format!("is a key of the other mode: this is {} mode", tenant.mode);
        problems.push(Problem::new("credentials.apiKey", text));
    }
    let secrets = &credentials.webhook_secrets;
    let secrets = within("credentials.webhookSecrets", secrets, SECRETS_MAX, "secrets", problems);
    let fits =
        |text: &str| text.len() <= CREDENTIAL_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !key.is_none_or(fits) {
        problems.push(Problem::new("credentials.apiKey", "must be printable ASCII without spaces"));
    }
    if !secrets.iter().all(|secret| fits(secret)) {
        problems.push(Problem::new("credentials.webhookSecrets", "must be printable ASCII without spaces"));
    }
}

/// A provider's credentials. For this crate's use cases alone: replies never show them.
pub(crate) fn open(keys: &OrganizationKeys, account: &ProviderAccount) -> Result<Credentials, AppError> {
    let (collection, id) = (ProviderAccount::COLLECTION, account.id.to_string());
    let field = ProviderAccount::CREDENTIALS_FIELD;
    let text = open_with(keys, account.tenant(), collection, &id, field, &account.credentials)?;
    serde_json::from_str(&text).map_err(|_| AppError::internal("stored credentials cannot be read"))
}

fn seal(
    keys: &OrganizationKeys,
    tenant: Tenant,
    id: ProviderId,
    credentials: &Credentials,
) -> Result<Sealed, AppError> {
    let text = serde_json::to_string(credentials).map_err(|e| AppError::internal(e.to_string()))?;
    let (collection, field) = (ProviderAccount::COLLECTION, ProviderAccount::CREDENTIALS_FIELD);
    Ok(seal_with(keys, tenant, collection, &id.to_string(), field, text.as_bytes()))
}
