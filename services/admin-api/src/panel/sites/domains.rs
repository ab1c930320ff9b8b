//! `…/sites/{id}/domains`: the merchant's own host names for a site's checkouts.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::{
            domains::{self, Challenge},
            sites,
        },
    },
    domain::{
        DomainId, SiteId,
        custom_domain::{CustomDomain, DomainState},
        scope::Scope,
    },
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{One, PATH, domain_pill};
use crate::panel::{
    form::FormData,
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Template)]
#[template(path = "panel/site_domains.html")]
struct ListPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    site: String,
    site_name: String,
    path: String,
    /// Where hosts must point.
    target: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    host: String,
    state: Pill,
    is_verified: bool,
    /// The TXT record that proves it.
    challenge: Challenge,
    /// Since when it has not pointed here, where it did.
    elsewhere: Option<Html>,
    problem: Option<String>,
    checked: Option<Html>,
}

/// A domain of the site in the address.
#[derive(Deserialize)]
pub(super) struct OneOf {
    id: SiteId,
    domain: DomainId,
}

pub(super) async fn list(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, one.id, FormData::default(), None).await?))
}

pub(super) async fn create(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let host = form.value("host").to_owned();
    let id = form.new_id().unwrap_or_else(DomainId::generate);
    match domains::create_as(ctx.app(), ctx.tenant(), one.id, &host, id).await {
        Ok(_) => Ok(ctx.see(&path(one.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, one.id, form, alert).await
        }
    }
}

pub(super) async fn check(
    ctx: Ctx,
    Path(one): Path<OneOf>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    of_site(&ctx, &one).await?;
    match domains::check(ctx.app(), ctx.tenant(), one.domain).await {
        Ok(domain) if domain.state == DomainState::Verified => Ok(ctx.see(&path(one.id), "verified")),
        Ok(_) => Ok(ctx.see(&path(one.id), "checked")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, one.id, form, alert).await
        }
    }
}

pub(super) async fn delete(ctx: Ctx, Path(one): Path<OneOf>) -> Result<Response, ApiError> {
    of_site(&ctx, &one).await?;
    domains::delete(ctx.app(), ctx.tenant(), one.domain).await?;
    Ok(ctx.see(&path(one.id), "deleted"))
}

/// Another site's domain is not under this address.
async fn of_site(ctx: &Ctx, one: &OneOf) -> Result<CustomDomain, ApiError> {
    let domain = domains::get(ctx.app(), ctx.tenant(), one.domain).await?;
    if domain.site_id != one.id {
        return Err(AppError::NotFound("domain").into());
    }
    Ok(domain)
}

fn path(site: SiteId) -> String {
    format!("{PATH}/{site}/domains")
}

async fn again(ctx: &Ctx, site: SiteId, form: FormData, alert: Option<String>) -> Result<Response, ApiError> {
    let page = page(ctx, site, form, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx, id: SiteId, form: FormData, alert: Option<String>) -> Result<ListPage, ApiError> {
    let site = sites::get(ctx.app(), ctx.tenant(), id).await?;
    let found = domains::of_site(ctx.app(), ctx.tenant(), id).await?;
    let row = |domain: &CustomDomain| Row {
        id: domain.id.to_string(),
        host: domain.host.clone(),
        state: domain_pill(domain),
        is_verified: domain.state == DomainState::Verified,
        challenge: domains::challenge(ctx.app(), domain.org, &domain.host),
        elsewhere: domain.elsewhere_since.map(moment),
        problem: domain.problem.clone(),
        checked: domain.checked_at.map(moment),
    };
    Ok(ListPage {
        shell: ctx.shell(PATH, format!("Domains of {}", site.name)),
        form,
        alert,
        site: format!("{PATH}/{id}"),
        site_name: site.name,
        path: path(id),
        target: ctx.app().urls.main_frontend.host_str().unwrap_or_default().to_owned(),
        rows: found.iter().map(row).collect(),
    })
}
