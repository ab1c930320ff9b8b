//! `…/providers/new` and `…/providers/{id}/edit`. Credentials go in and never come out: not even into a form
//! that is shown again.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::{
            bank::NewBankAccount,
            providers::{self, CredentialsShape, NewCredentials, ProviderSettings},
        },
    },
    domain::{
        Currency,
        bank::DAYS_DEFAULT,
        provider_account::{ProviderAccount, ProviderKind},
    },
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, kind_name};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx, Shell},
};

const API_KEY: &str = "credentials.apiKey";
const IBAN: &str = "bankAccount.iban";
const WEBHOOK_SECRETS: &str = "credentials.webhookSecrets";

/// Which kind a new provider is of.
#[derive(Template)]
#[template(path = "panel/provider_kinds.html")]
struct KindsPage {
    shell: Shell,
    /// Address, name, and what it is good for.
    kinds: Vec<(String, &'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "panel/provider_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    kind: &'static str,
    key_label: &'static str,
    key_hint: String,
    secret_hint: String,
    is_sandbox: bool,
    is_bank: bool,
    /// The provider's page; `None` for a new one.
    path: Option<String>,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = FormData::of_query(ctx.query());
    let allowed = |kind: &ProviderKind| kind.allowed_in(ctx.tenant().mode);
    if let Some(kind) = asked.value("type").parse().ok().filter(allowed) {
        // A real provider is switched on once it works; the sandbox and transfers always do.
        let enabled = if kind.has_account_elsewhere() { "" } else { "true" };
        let form = FormData::of([
            ("type", kind.as_str().to_owned()),
            ("name", kind_name(kind).to_owned()),
            ("enabled", enabled.to_owned()),
            ("bankAccount.days", DAYS_DEFAULT.to_string()),
            ("currencies", "EUR".to_owned()),
        ]);
        return page(&ctx, kind, None, form, None, StatusCode::OK).await;
    }
    let kinds = ProviderKind::ALL.iter().copied().filter(allowed);
    let kind = |kind: ProviderKind| {
        (ctx.url(&format!("{PATH}/new?type={}", kind.as_str())), kind_name(kind), what_for(kind))
    };
    Ok(shell::page(&KindsPage { shell: ctx.shell(PATH, "New provider"), kinds: kinds.map(kind).collect() }))
}

const fn what_for(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Sandbox => "Built in, for trying things out: a page with a button for every outcome.",
        ProviderKind::Stripe => "Cards and more, on Stripe's own payment page.",
        ProviderKind::GoCardless => "Direct debit and instant bank payments.",
        ProviderKind::Wire => "Transfers to your own bank account, which you confirm when they arrive.",
    }
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let kind: ProviderKind =
        form.value("type").parse().map_err(|text: String| ApiError::bad_field("type", text))?;
    let settings = ProviderSettings { id: form.new_id(), ..settings(&form) };
    match providers::create(ctx.app(), ctx.tenant(), kind, settings).await {
        Ok(account) => Ok(ctx.see(&format!("{PATH}/{}", account.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            page(&ctx, kind, None, form, alert, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

pub(super) async fn edit(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let account = providers::get(ctx.app(), ctx.tenant(), one.id).await?;
    let form = stored(&ctx, &account).await?;
    page(&ctx, account.kind, Some(&account), form, None, StatusCode::OK).await
}

/// What can be shown of a provider.
async fn stored(ctx: &Ctx, account: &ProviderAccount) -> Result<FormData, ApiError> {
    let enabled = if account.enabled { "true" } else { "" };
    let mut fields = vec![("name", account.name.clone()), ("enabled", enabled.to_owned())];
    if let Some(bank) = providers::shape(ctx.app(), account).await?.bank {
        let text = |text: Option<String>| text.unwrap_or_default();
        let currencies: Vec<&str> = account.currencies.iter().map(Currency::code).collect();
        fields.extend([
            ("bankAccount.holder", bank.holder),
            (IBAN, bank.iban.grouped()),
            ("bankAccount.bic", text(bank.bic.map(|bic| bic.to_string()))),
            ("bankAccount.bankName", text(bank.bank_name)),
            ("bankAccount.instructions", text(bank.instructions)),
            ("bankAccount.days", bank.days.to_string()),
            ("currencies", currencies.join(", ")),
        ]);
    }
    Ok(FormData::of_stored(fields))
}

pub(super) async fn update(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let account = providers::get(ctx.app(), ctx.tenant(), one.id).await?;
        let stored = stored(&ctx, &account).await?;
        let on = Some(("providers", id.as_str()));
        let mut alert = None;
        if !act::changed_meanwhile(&ctx, &mut form, &stored, "updateProvider", on).await? {
            let settings = ProviderSettings { expected_version: Some(account.version), ..settings(&form) };
            match providers::update(ctx.app(), ctx.tenant(), one.id, settings).await {
                Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
                Err(AppError::Stale) => continue,
                Err(error) => alert = form.refused(error)?,
            }
        }
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return page(&ctx, account.kind, Some(&account), form, alert, status).await;
    }
    Err(AppError::Busy.into())
}

/// An empty field leaves what is stored.
fn settings(form: &FormData) -> ProviderSettings {
    let given = form.values(WEBHOOK_SECRETS).map(str::trim).filter(|secret| !secret.is_empty());
    let secrets: Vec<String> = given.map(str::to_owned).collect();
    ProviderSettings {
        id: None,
        expected_version: None,
        name: Some(form.value("name").to_owned()),
        enabled: Some(form.is("enabled", "true")),
        credentials: NewCredentials {
            api_key: form.text(API_KEY),
            webhook_secrets: (!secrets.is_empty()).then_some(secrets),
        },
        bank: form.has(IBAN).then(|| bank(form)),
        currencies: form.has("currencies").then(|| words(form.value("currencies"))),
    }
}

/// Every field is there, so that an empty one means that there is none.
fn bank(form: &FormData) -> NewBankAccount {
    let text = |name: &str| Some(form.value(name).to_owned());
    NewBankAccount {
        holder: text("bankAccount.holder"),
        iban: text(IBAN),
        bic: text("bankAccount.bic"),
        bank_name: text("bankAccount.bankName"),
        instructions: text("bankAccount.instructions"),
        // What is no number is out of range.
        days: form.text("bankAccount.days").map(|days| days.parse().unwrap_or_default()),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' ', ';']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

async fn page(
    ctx: &Ctx,
    kind: ProviderKind,
    account: Option<&ProviderAccount>,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let shape = match account {
        Some(account) => Some(providers::shape(ctx.app(), account).await?),
        None => None,
    };
    let title = account.map_or_else(
        || format!("New provider: {}", kind_name(kind)),
        |account| format!("Edit {}", account.name),
    );
    let (key_label, key_hint) = key_words(kind, ctx.tenant().mode.is_live());
    let page = FormPage {
        shell: ctx.shell(PATH, title),
        form,
        alert,
        kind: kind.as_str(),
        key_label,
        key_hint: stored_words(shape.as_ref().is_some_and(|shape| shape.has_api_key), key_hint),
        secret_hint: secret_words(shape.as_ref()),
        is_sandbox: kind == ProviderKind::Sandbox,
        is_bank: kind == ProviderKind::Wire,
        path: account.map(|account| format!("{PATH}/{}", account.id)),
    };
    Ok(shell::page_with(status, &page))
}

/// What the provider calls its key, and where it is found there.
const fn key_words(kind: ProviderKind, is_live: bool) -> (&'static str, &'static str) {
    match (kind, is_live) {
        (ProviderKind::Stripe, true) => {
            ("Secret key", "From Stripe's dashboard, Developers, API keys: begins with sk_live_ or rk_live_.")
        }
        (ProviderKind::Stripe, false) => {
            ("Secret key", "From Stripe's dashboard, Developers, API keys: begins with sk_test_ or rk_test_.")
        }
        (ProviderKind::GoCardless, true) => {
            ("Access token", "From GoCardless's live dashboard, Developers, with read-write access.")
        }
        (ProviderKind::GoCardless, false) => {
            ("Access token", "From GoCardless's sandbox dashboard, Developers, with read-write access.")
        }
        (ProviderKind::Sandbox | ProviderKind::Wire, _) => ("", ""),
    }
}

fn stored_words(is_stored: bool, hint: &str) -> String {
    if is_stored { format!("One is stored. Empty: it stays. {hint}") } else { hint.to_owned() }
}

fn secret_words(shape: Option<&CredentialsShape>) -> String {
    match shape.map(|shape| shape.webhook_secrets) {
        None => "You get it when you register the webhook address, which the next page shows.".to_owned(),
        Some(0) => {
            "None is stored yet. The provider shows it once its webhook address is registered.".to_owned()
        }
        Some(count) => {
            format!("{count} stored. Empty: they stay. What you enter takes the place of all of them.")
        }
    }
}
