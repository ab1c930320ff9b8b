//! `GET …/providers/{id}`: what is left to do until money can come in, and whether it works.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{health, settings::providers},
    domain::{
        Currency, ProviderId,
        bank::BankAccount,
        provider_account::{ProviderAccount, ProviderKind},
        provider_health::{Feed, Refusal, RefusalReason},
        scope::Scope,
    },
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, enabled_pill, kind_name, test_pill};
use crate::panel::{
    form::FormData,
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Template)]
#[template(path = "panel/provider.html")]
#[expect(clippy::struct_excessive_bools, reason = "a page shows what is so, and each of these is a fact")]
struct ShowPage {
    shell: Shell,
    alert: Option<String>,
    id: String,
    path: String,
    name: String,
    kind: &'static str,
    is_sandbox: bool,
    is_enabled: bool,
    enabled: Pill,
    /// The account's id at the provider.
    account: Option<String>,
    has_api_key: bool,
    webhook_secrets: usize,
    /// Those that are too short to be believed.
    weak_webhook_secrets: usize,
    /// Where transfers go.
    bank: Option<BankAccount>,
    currencies: String,
    webhook_url: String,
    /// Where the address is pasted.
    where_to: &'static str,
    test: Pill,
    tested: Option<Html>,
    test_problem: Option<String>,
    credentials_are_good: bool,
    last_event: Option<Html>,
    /// The API version that the webhook should have.
    webhook_version: Option<&'static str>,
    /// What the credentials may not read.
    missing: Vec<String>,
    /// The provider's own list of events; `None` where it has none.
    feed: Option<FeedView>,
    /// Webhooks keep being refused.
    is_refusing: bool,
    refusals: Vec<RefusalRow>,
    created: Html,
}

/// What was read of the provider's own list of events.
struct FeedView {
    read_at: Option<Html>,
    found: i64,
    problem: Option<String>,
}

/// Webhooks that were refused.
struct RefusalRow {
    at: Html,
    reason: &'static str,
    count: i64,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, one.id, None).await?))
}

/// The page again, after something that could not be done.
pub(super) async fn again(
    ctx: &Ctx,
    id: ProviderId,
    mut form: FormData,
    error: gateway_core::app::AppError,
) -> Result<Response, ApiError> {
    let message = error.to_string();
    let alert = form.refused(error)?.unwrap_or(message);
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(ctx, id, Some(alert)).await?))
}

async fn page(ctx: &Ctx, id: ProviderId, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let account: ProviderAccount = providers::get(ctx.app(), ctx.tenant(), id).await?;
    let shape = providers::shape(ctx.app(), &account).await?;
    let test = account.last_test.as_ref();
    let health = health::get(ctx.app(), &account).await?;
    let can = ctx.app().adapter(account.kind)?.capabilities();
    Ok(ShowPage {
        shell: ctx.shell(PATH, account.name.clone()),
        alert,
        id: id.to_string(),
        path: format!("{PATH}/{id}"),
        kind: kind_name(account.kind),
        is_sandbox: account.kind == ProviderKind::Sandbox,
        is_enabled: account.enabled,
        enabled: enabled_pill(&account),
        has_api_key: shape.has_api_key,
        webhook_secrets: shape.webhook_secrets,
        weak_webhook_secrets: shape.weak_webhook_secrets,
        bank: shape.bank,
        currencies: account.currencies.iter().map(Currency::code).collect::<Vec<_>>().join(", "),
        webhook_url: providers::webhook_url(ctx.app(), &account).into(),
        where_to: where_to(account.kind),
        test: test_pill(&account),
        tested: test.map(|test| moment(test.at)),
        test_problem: test.and_then(|test| test.problem.clone()),
        credentials_are_good: !account.kind.has_account_elsewhere()
            || test.is_some_and(|test| test.problem.is_none()),
        last_event: account.last_event_at.map(moment),
        webhook_version: can.webhook_version,
        missing: health.missing.iter().map(|missing| missing.what.clone()).collect(),
        feed: can.lists_events.then(|| feed(&health.feed)),
        is_refusing: health.is_refusing(),
        refusals: health.refusals.iter().rev().map(refusal).collect(),
        created: moment(account.created_at),
        name: account.name,
        account: account.account,
    })
}

fn feed(feed: &Feed) -> FeedView {
    FeedView { read_at: feed.read_at.map(moment), found: feed.found, problem: feed.problem.clone() }
}

fn refusal(refusal: &Refusal) -> RefusalRow {
    let reason = match refusal.reason {
        RefusalReason::UnknownProvider => "The address named another type of provider",
        RefusalReason::Signature => "The signature fits no stored secret, or was too old",
        RefusalReason::Body => "The body could not be read",
    };
    RefusalRow { at: moment(refusal.at), reason, count: refusal.count }
}

/// Where a provider wants the address, in one sentence.
const fn where_to(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Wire => "",
        ProviderKind::Sandbox => "Nothing to paste: the sandbox is built in and knows this address.",
        ProviderKind::Stripe => {
            "In Stripe's dashboard under Developers, Webhooks, add an endpoint with this address and the events of \
             checkout.session, payment_intent, charge (its disputes, too) and refund; then enter its signing secret \
             (whsec_…) here."
        }
        ProviderKind::GoCardless => {
            "In GoCardless's dashboard under Developers, create a webhook endpoint with this address; then enter \
             its secret here."
        }
    }
}
