//! `…/settings`.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::{
        AppError,
        organizations::{self, OrganizationChange},
    },
    domain::{OrganizationId, organization::Organization, scope::Scope},
};
use http::StatusCode;
use web_kit::ApiError;

use super::PATH;
use crate::panel::{
    account::alert,
    act,
    form::FormData,
    shell::{self, Ctx, Html, Shell},
};

/// Days that something is kept, as the API calls them.
const KEEP: [&str; 3] = ["retention.providerEventsDays", "retention.deliveriesDays", "retention.mailsDays"];

#[derive(Template)]
#[template(path = "panel/settings.html")]
struct SettingsPage {
    shell: Shell,
    alert: Option<String>,
    /// The form with the name.
    form: FormData,
    /// The form for a new organization.
    new: FormData,
    id: String,
    made: Html,
    is_system_admin: bool,
}

async fn page(ctx: &Ctx) -> Result<SettingsPage, ApiError> {
    let found = ctx.app().organization(ctx.tenant().organization).await?;
    let organization = found.ok_or(AppError::NotFound("organization"))?;
    Ok(SettingsPage {
        shell: ctx.shell(PATH, "Settings"),
        alert: None,
        form: stored(&organization),
        new: FormData::default(),
        id: organization.id.to_string(),
        made: shell::moment(organization.created_at),
        is_system_admin: ctx.member.person.system_admin,
    })
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx).await?))
}

pub(super) async fn rename(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let mut said = None;
    let found =
        ctx.app().store.lookup_organization(ctx.tenant().organization).await.map_err(AppError::from)?;
    let organization = found.ok_or(AppError::NotFound("organization"))?;
    let is_stale =
        act::changed_meanwhile(&ctx, &mut form, &stored(&organization), "updateOrganization", None).await?;
    if !is_stale {
        let (by, version) = (ctx.member.authority(), Some(organization.version));
        let change = OrganizationChange {
            name: Some(form.value("name").to_owned()),
            keep_provider_events: form.parsed(KEEP[0]),
            keep_deliveries: form.parsed(KEEP[1]),
            keep_mails: form.parsed(KEEP[2]),
        };
        if form.is_good() {
            match organizations::change_over(ctx.app(), &by, &change, version).await {
                Ok(_) => return Ok(ctx.see(PATH, "saved")),
                Err(error) => said = form.refused(error)?,
            }
        }
    }
    let page = SettingsPage { alert: said, form, ..page(&ctx).await? };
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The organization as its form shows it.
fn stored(organization: &Organization) -> FormData {
    let kept = &organization.retention;
    FormData::of_stored([
        ("name", organization.name.clone()),
        (KEEP[0], kept.provider_events.to_string()),
        (KEEP[1], kept.deliveries.to_string()),
        (KEEP[2], kept.mails.to_string()),
    ])
}

pub(super) async fn create(ctx: Ctx, form: FormData) -> Result<Response, ApiError> {
    let id = form.new_id().unwrap_or_else(OrganizationId::generate);
    match organizations::create_as(ctx.app(), ctx.member.person.id, form.value("organization"), id).await {
        Ok(made) => {
            let to = format!("/o/{}/live/settings?done=organization-made", made.id);
            Ok(Redirect::to(&to).into_response())
        }
        Err(AppError::Invalid(problems)) => {
            let mut page = page(&ctx).await?;
            page.new = form;
            // The use case knows it as the name; on this page that is another field.
            for one in problems {
                page.new.problem("organization", one.problem);
            }
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        // Who is no system administrator is not told that there is such a form.
        Err(AppError::Forbidden { .. }) => Err(ApiError::not_found("page")),
        Err(error) => {
            let text = alert(ApiError::from(error))?;
            let page = SettingsPage { alert: Some(text), new: form, ..page(&ctx).await? };
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
