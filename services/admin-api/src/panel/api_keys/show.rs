//! `GET …/api-keys/{id}`, and the one page that shows a secret.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{list, settings::api_keys},
    crypto::ApiKeyToken,
    domain::{ApiKeyId, api_key::ApiKey, scope::Scope, site::Site},
    store::list::PageRequest,
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, prefix, state_pill};
use crate::panel::{
    form::FormData,
    once,
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Deserialize)]
pub(super) struct One {
    pub(super) id: ApiKeyId,
}

#[derive(Template)]
#[template(path = "panel/api_key.html")]
struct ShowPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    /// The whole key, shown this one time.
    secret: Option<String>,
    /// A line that uses it.
    curl: Option<String>,
    path: String,
    name: String,
    prefix: String,
    state: Pill,
    is_usable: bool,
    is_revoked: bool,
    scopes: Vec<&'static str>,
    networks: Vec<String>,
    facts: Vec<(&'static str, Html)>,
    overlaps: [(&'static str, &'static str); 5],
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let key = api_keys::get(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(shell::page(&page(&ctx, &key, FormData::default(), None)))
}

/// The page again, after a form that could not be done.
pub(super) async fn again(
    ctx: &Ctx,
    id: ApiKeyId,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let key = api_keys::get(ctx.app(), ctx.tenant(), id).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(ctx, &key, form, alert)))
}

/// The answer to the form that made a secret. It is no redirect, since the secret is kept nowhere: neither in an
/// address nor on the server.
pub(super) async fn with_secret(ctx: &Ctx, key: &ApiKey, token: &ApiKeyToken) -> Result<Response, ApiError> {
    let mut page = page(ctx, key, FormData::default(), None);
    page.curl = curl(ctx, key, token.expose()).await?;
    page.secret = Some(token.expose().to_owned());
    Ok(once::with_secret(shell::page(&page), ctx.url(&page.path)))
}

fn page(ctx: &Ctx, key: &ApiKey, form: FormData, alert: Option<String>) -> ShowPage {
    let now = ctx.app().now();
    let mut facts = vec![("Made", moment(key.created_at))];
    let moments = [
        ("Last used", key.last_used_at),
        ("Ends", key.expires_at),
        ("Revoked", key.revoked_at),
        ("The secret before works until", key.previous.as_ref().map(|p| p.until).filter(|at| *at > now)),
    ];
    facts.extend(moments.into_iter().filter_map(|(name, at)| Some((name, moment(at?)))));
    ShowPage {
        shell: ctx.shell(PATH, key.name.clone()),
        form,
        alert,
        secret: None,
        curl: None,
        path: format!("{PATH}/{}", key.id),
        name: key.name.clone(),
        prefix: prefix(ctx, key),
        state: state_pill(key, now),
        is_usable: key.is_usable(now),
        is_revoked: key.revoked_at.is_some(),
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
        networks: key.allowed_networks.iter().map(ToString::to_string).collect(),
        facts,
        overlaps: [
            ("86400", "A day"),
            ("3600", "An hour"),
            ("604800", "A week"),
            ("2592000", "30 days"),
            ("0", "Not at all"),
        ],
    }
}

/// Lists that a key can be tried with, the first that it may read.
const TRIES: &[(Scope, &str)] = &[
    (Scope::CheckoutRead, "checkouts"),
    (Scope::TransactionRead, "transactions"),
    (Scope::SiteRead, "sites"),
    (Scope::ProductRead, "products"),
    (Scope::InvoiceRead, "invoices"),
    (Scope::DeliveryRead, "deliveries"),
    (Scope::EventRead, "events"),
];

/// A line for a terminal that works as it stands: a checkout where the key may make one, else a list.
async fn curl(ctx: &Ctx, key: &ApiKey, token: &str) -> Result<Option<String>, ApiError> {
    let url = |path: &str| {
        let mut url = ctx.app().urls.admin_backend.clone();
        url.set_path(&format!("/v1/{path}"));
        url.set_query(None);
        url
    };
    if key.grants(Scope::CheckoutCreate) {
        let first = PageRequest { page: 1, limit: 1, after: None };
        let sites = list::all::<Site>(ctx.app(), ctx.tenant(), &first).await?;
        if let Some(site) = sites.rows.first() {
            let url = url(&format!("checkouts/{}/create", site.id));
            return Ok(Some(format!(
                "curl '{url}' \\\n  -H 'Authorization: Bearer {token}' \\\n  -H 'Content-Type: application/json' \\\n  \
                 -d '{{\"amount\": 1000, \"currency\": \"EUR\", \"externalReference\": \"ORDER-1\"}}'"
            )));
        }
    }
    let list = TRIES.iter().find(|(scope, _)| key.grants(*scope)).map(|(_, path)| url(path));
    Ok(list.map(|url| format!("curl '{url}' \\\n  -H 'Authorization: Bearer {token}'")))
}
