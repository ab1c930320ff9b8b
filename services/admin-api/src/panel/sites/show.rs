//! `GET …/sites/{id}`: a site, its webhook secret, and the test message.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError, deliveries, list,
        settings::{domains, sites},
    },
    domain::{DeliveryId, provider_account::ProviderAccount, scope::Scope, site::Site},
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, domain_pill, look::Look};
use crate::{
    panel::{
        form::FormData,
        shell::{self, Ctx, Html, Pill, Shell, moment},
        transactions::{delivery_pill, last_answer},
    },
    proofs,
};

#[derive(Template)]
#[template(path = "panel/site.html")]
struct ShowPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    path: String,
    id: String,
    name: String,
    look: Look,
    ipn_version: u8,
    send_initiated: bool,
    references_are_orders: bool,
    amounts_in_hundredths: bool,
    origins: Vec<String>,
    providers: Vec<String>,
    default_ipn_url: Option<String>,
    created: Html,
    changed: Html,
    /// From when on a new secret signs, where it does not yet.
    next_secret: Option<Html>,
    /// The secret, where it was asked for.
    secret: Option<Secret>,
    /// The test message that was just sent.
    test: Option<Test>,
    domains: Vec<(String, Pill)>,
}

struct Secret {
    current: String,
    next: Option<(String, Html)>,
}

struct Test {
    url: String,
    again: String,
    state: Pill,
    is_under_way: bool,
    answer: String,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, &one, FormData::default(), None).await?))
}

/// Shows the secret to people who may change the site: by a form, so that no link, history or preview does.
pub(super) async fn secret(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let secrets = sites::secrets(ctx.app(), ctx.tenant(), one.id).await?;
    let mut page = page(&ctx, &one, FormData::default(), None).await?;
    page.secret = Some(Secret {
        current: secrets.current.expose().to_owned(),
        next: secrets.next.map(|(secret, from)| (secret.expose().to_owned(), moment(from))),
    });
    Ok(shell::page(&page))
}

pub(super) async fn new_secret(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let from = form.moment("effectiveAt");
    if !form.is_good() {
        return again(&ctx, &one, form, None).await;
    }
    match sites::regenerate_secret(ctx.app(), ctx.tenant(), one.id, from).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), "new-secret")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, &one, form, alert).await
        }
    }
}

pub(super) async fn test(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let url = form.text("url");
    match deliveries::send_test_ipn(ctx.app(), ctx.tenant(), one.id, url.as_deref()).await {
        Ok(delivery) => Ok(ctx.see(&format!("{PATH}/{}?test={}", one.id, delivery.id), "tested")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, &one, form, alert).await
        }
    }
}

async fn again(ctx: &Ctx, one: &One, form: FormData, alert: Option<String>) -> Result<Response, ApiError> {
    let page = page(ctx, one, form, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx, one: &One, form: FormData, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let site = sites::get(ctx.app(), ctx.tenant(), one.id).await?;
    let now = ctx.app().now();
    let next = site.next_webhook_secret.as_ref().map(|next| next.from).filter(|from| *from > now);
    let domains = domains::of_site(ctx.app(), ctx.tenant(), site.id).await?;
    Ok(ShowPage {
        shell: ctx.shell(PATH, site.name.clone()),
        form,
        alert,
        path: format!("{PATH}/{}", site.id),
        id: site.id.to_string(),
        name: site.name.clone(),
        look: Look::of(site.brand_color.as_deref()),
        ipn_version: site.ipn_version.into(),
        send_initiated: site.send_initiated,
        references_are_orders: site.references_are_orders,
        amounts_in_hundredths: site.amounts_in_hundredths,
        origins: site.origins.clone(),
        providers: offered(ctx, &site).await?,
        default_ipn_url: sites::default_ipn_url(ctx.app(), &site)
            .await?
            .map(|address| proofs::address(&ctx.member.authority(), Scope::SiteWrite, address)),
        created: moment(site.created_at),
        changed: moment(site.updated_at),
        next_secret: next.map(moment),
        secret: None,
        test: sent(ctx, &site).await?,
        domains: domains.iter().map(|domain| (domain.host.clone(), domain_pill(domain))).collect(),
    })
}

/// The names of the providers that the site has chosen, in order.
async fn offered(ctx: &Ctx, site: &Site) -> Result<Vec<String>, ApiError> {
    let all = PageRequest { page: 1, limit: 100, after: None };
    let found = list::all::<ProviderAccount>(ctx.app(), ctx.tenant(), &all).await?.rows;
    let name = |id| found.iter().find(|one| one.id == id).map(|one| one.name.clone());
    Ok(site.provider_ids.iter().copied().filter_map(name).collect())
}

/// What became of the test message that the address names.
async fn sent(ctx: &Ctx, site: &Site) -> Result<Option<Test>, ApiError> {
    let asked = FormData::of_query(ctx.query());
    let Ok(id) = asked.value("test").parse::<DeliveryId>() else { return Ok(None) };
    let delivery = match deliveries::get(ctx.app(), ctx.tenant(), id).await {
        Ok(delivery) if delivery.site_id == Some(site.id) => delivery,
        Ok(_) | Err(AppError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Test {
        url: ctx.url(&format!("/deliveries/{id}")),
        again: ctx.url(&format!("{PATH}/{}?test={id}", site.id)),
        state: delivery_pill(delivery.state),
        is_under_way: delivery.due.is_some(),
        answer: last_answer(&delivery),
    }))
}
