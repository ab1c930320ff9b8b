//! `…/sites/new` and `…/sites/{id}/edit`: what can be set of a site.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError, list,
        settings::sites::{self, SiteSettings},
    },
    domain::{ProviderId, provider_account::ProviderAccount, scope::Scope, site::Site},
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, look::Look};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx, Shell},
};

/// Most providers of a tenant; all of them are shown.
const PROVIDERS_MAX: u64 = 100;

/// Choices of the checkout page: what the API calls them, and what people read.
const DISCOUNT_ENTRY: &[(&str, &str)] = &[("auto", "While there is a code to enter"), ("off", "Never")];
const BILLING_ADDRESS: &[(&str, &str)] =
    &[("none", "Not asked for"), ("optional", "May be given"), ("required", "Must be given")];

/// The fields of the providers: all of them in the order of the page, and those that are offered.
const ORDER: &str = "order";
const OFFERED: &str = "offered";
/// The buttons that move one: `up:<id>`, `down:<id>`.
const MOVE: &str = "move";

#[derive(Template)]
#[template(path = "panel/site_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    look: Look,
    /// In the order of the form.
    providers: Vec<Place>,
    discount_entry: &'static [(&'static str, &'static str)],
    billing_address: &'static [(&'static str, &'static str)],
    /// The site's page; `None` for a new one.
    site: Option<String>,
}

/// A provider in its place on the checkout page.
struct Place {
    id: String,
    name: String,
    is_offered: bool,
    is_first: bool,
    is_last: bool,
    /// Which of its buttons was pressed, so that it can be pressed again.
    moved: &'static str,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let form = FormData::of([
        ("ipnVersion", "2".to_owned()),
        ("discountEntry", "auto".to_owned()),
        ("referencesAreOrders", "true".to_owned()),
    ]);
    page(&ctx, None, form, None, StatusCode::OK).await
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    if is_only_shown(&form) {
        return again(&ctx, None, form, None).await;
    }
    let settings = SiteSettings { id: form.new_id(), ..settings(&mut form) };
    form.also(sites::problems(ctx.app(), ctx.tenant(), &settings, true).await?);
    if !form.is_good() {
        return again(&ctx, None, form, None).await;
    }
    match sites::create(ctx.app(), ctx.tenant(), settings).await {
        Ok(site) => Ok(ctx.see(&format!("{PATH}/{}", site.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, None, form, alert).await
        }
    }
}

pub(super) async fn edit(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let site = sites::get(ctx.app(), ctx.tenant(), one.id).await?;
    let form = stored(&ctx, &site).await?;
    page(&ctx, Some(&site), form, None, StatusCode::OK).await
}

pub(super) async fn update(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    if is_only_shown(&form) {
        let site = sites::get(ctx.app(), ctx.tenant(), one.id).await?;
        return again(&ctx, Some(&site), form, None).await;
    }
    let settings = settings(&mut form);
    form.also(sites::problems(ctx.app(), ctx.tenant(), &settings, false).await?);
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let site = sites::get(ctx.app(), ctx.tenant(), one.id).await?;
        let (stored, on) = (stored(&ctx, &site).await?, Some(("sites", id.as_str())));
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, "updateSite", on).await?;
        if is_stale || !form.is_good() {
            return again(&ctx, Some(&site), form, None).await;
        }
        let settings = SiteSettings { expected_version: Some(site.version), ..settings.clone() };
        match sites::update(ctx.app(), ctx.tenant(), one.id, settings).await {
            Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
            Err(AppError::Stale) => {}
            Err(error) => {
                let alert = form.refused(error)?;
                return again(&ctx, Some(&site), form, alert).await;
            }
        }
    }
    Err(AppError::Busy.into())
}

/// Whether a button was pressed that saves nothing: the colour is shown, or a provider changes its place.
fn is_only_shown(form: &FormData) -> bool {
    form.is("act", "preview") || !form.value(MOVE).is_empty()
}

/// The form as it was sent: with what was wrong, or with the colour that was asked to be shown.
async fn again(
    ctx: &Ctx,
    site: Option<&Site>,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let is_good = form.is_good() && alert.is_none() && !form.goes_over();
    let status = if is_good { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(ctx, site, form, alert, status).await
}

async fn page(
    ctx: &Ctx,
    site: Option<&Site>,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let title = site.map_or_else(|| "New site".to_owned(), |site| format!("Edit {}", site.name));
    let page = FormPage {
        shell: ctx.shell(PATH, title),
        look: Look::of(form.text("brandColor").as_deref()),
        providers: places(&providers(ctx).await?, &form),
        form,
        alert,
        discount_entry: DISCOUNT_ENTRY,
        billing_address: BILLING_ADDRESS,
        site: site.map(|site| format!("{PATH}/{}", site.id)),
    };
    Ok(shell::page_with(status, &page))
}

/// A tenant's providers: id and name.
async fn providers(ctx: &Ctx) -> Result<Vec<(String, String)>, ApiError> {
    let all = PageRequest { page: 1, limit: PROVIDERS_MAX, after: None };
    let found = list::all::<ProviderAccount>(ctx.app(), ctx.tenant(), &all).await?.rows;
    Ok(found.into_iter().map(|one| (one.id.to_string(), one.name)).collect())
}

/// The providers in the order that the form has, those that it does not know at the end, with the one moved whose
/// button was pressed.
fn places(all: &[(String, String)], form: &FormData) -> Vec<Place> {
    let mut order: Vec<&str> = form.values(ORDER).collect();
    // A form that shows a site has no order yet: what is offered stands first.
    order.extend(form.values(OFFERED));
    let mut ids: Vec<String> = Vec::with_capacity(all.len());
    for id in order.into_iter().map(str::to_owned).chain(all.iter().map(|(id, _)| id.clone())) {
        if !ids.contains(&id) && all.iter().any(|(known, _)| *known == id) {
            ids.push(id);
        }
    }
    let (way, moved) = form.value(MOVE).split_once(':').unwrap_or_default();
    if let Some(at) = ids.iter().position(|id| id == moved) {
        match way {
            "up" if at > 0 => ids.swap(at, at - 1),
            "down" if at + 1 < ids.len() => ids.swap(at, at + 1),
            _ => {}
        }
    }
    let last = ids.len().saturating_sub(1);
    let place = |(index, id): (usize, String)| Place {
        name: all.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()).unwrap_or_default(),
        is_offered: form.is(OFFERED, &id),
        is_first: index == 0,
        is_last: index == last,
        moved: match (way, id == moved) {
            ("up", true) => "up",
            ("down", true) => "down",
            _ => "",
        },
        id,
    };
    ids.into_iter().enumerate().map(place).collect()
}

/// The fields of a site as it is.
async fn stored(ctx: &Ctx, site: &Site) -> Result<FormData, ApiError> {
    let flag = |yes: bool| if yes { "true".to_owned() } else { String::new() };
    let all = providers(ctx).await?;
    let name = |id: &ProviderId| {
        all.iter().find(|(known, _)| *known == id.to_string()).map(|(_, name)| name.as_str())
    };
    let names: Vec<&str> = site.provider_ids.iter().filter_map(name).collect();
    let fields = [
        ("name", site.name.clone()),
        ("brandColor", site.brand_color.clone().unwrap_or_default()),
        ("origins", site.origins.join("\n")),
        ("defaultIpnUrl", sites::default_ipn_url(ctx.app(), site).await?.unwrap_or_default()),
        ("ipnVersion", u8::from(site.ipn_version).to_string()),
        ("sendInitiated", flag(site.send_initiated)),
        ("referencesAreOrders", flag(site.references_are_orders)),
        ("amountsInHundredths", flag(site.amounts_in_hundredths)),
        ("discountEntry", site.page.discount_entry.as_str().to_owned()),
        ("billingAddress", site.page.billing_address.as_str().to_owned()),
        ("receiptEmail", flag(site.page.receipt_email)),
        ("providerIds", names.join(", ")),
    ];
    let offered = site.provider_ids.iter().map(|id| (OFFERED, id.to_string()));
    Ok(FormData::of_stored(fields.into_iter().chain(offered)))
}

fn settings(form: &mut FormData) -> SiteSettings {
    SiteSettings {
        id: None,
        expected_version: None,
        name: Some(form.value("name").to_owned()),
        brand_color: Some(form.text("brandColor")),
        ipn_version: form.parsed("ipnVersion"),
        send_initiated: Some(form.is("sendInitiated", "true")),
        references_are_orders: Some(form.is("referencesAreOrders", "true")),
        amounts_in_hundredths: Some(form.is("amountsInHundredths", "true")),
        origins: Some(form.lines("origins")),
        provider_ids: Some(in_their_places(form)),
        default_ipn_url: Some(form.text("defaultIpnUrl")),
        discount_entry: form.text("discountEntry"),
        billing_address: form.text("billingAddress"),
        receipt_email: Some(form.is("receiptEmail", "true")),
    }
}

/// The providers that are offered, in the order of the form.
fn in_their_places(form: &FormData) -> Vec<ProviderId> {
    let offered = form.values(ORDER).filter(|id| form.is(OFFERED, id));
    offered.filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_offered_in_the_order_of_the_form() {
        let ids: Vec<String> = (0..4).map(|_| ProviderId::generate().to_string()).collect();
        let all: Vec<(String, String)> = ids.iter().map(|id| (id.clone(), "Example".to_owned())).collect();
        let form = |fields: &[(&str, &str)]| {
            FormData::of(fields.iter().map(|(name, value)| (*name, (*value).to_owned())))
        };
        let order = |form: &FormData| -> Vec<String> {
            places(&all, form).into_iter().map(|place| place.id).collect()
        };
        // As it is stored: what is offered stands first, in its order.
        let stored = form(&[(OFFERED, &ids[2]), (OFFERED, &ids[1])]);
        assert_eq!(order(&stored), [&ids[2], &ids[1], &ids[0], &ids[3]].map(Clone::clone));
        // As it is sent: every provider in its place, and two that are offered.
        let mut fields: Vec<(&str, &str)> =
            [3, 1, 0, 2].iter().map(|index| (ORDER, ids[*index].as_str())).collect();
        fields.extend([(OFFERED, ids[0].as_str()), (OFFERED, ids[3].as_str())]);
        let sent: Vec<String> = in_their_places(&form(&fields)).iter().map(ToString::to_string).collect();
        assert_eq!(sent, [&ids[3], &ids[0]].map(Clone::clone));
        let up = format!("up:{}", ids[0]);
        fields.push((MOVE, &up));
        let moved = places(&all, &form(&fields));
        assert_eq!(
            (moved[1].id.as_str(), moved[1].moved, moved[1].is_offered),
            (ids[0].as_str(), "up", true)
        );
        assert!(moved[0].is_first && moved[3].is_last && is_only_shown(&form(&fields)));
    }
}
