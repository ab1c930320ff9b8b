//! `…/sites/new` and `…/sites/{id}/edit`: what can be set of a site.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        list,
        settings::sites::{self, SiteSettings},
    },
    domain::{ProviderId, provider_account::ProviderAccount, scope::Scope, site::Site},
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, look::Look};
use crate::panel::{
    form::FormData,
    shell::{self, Ctx, Shell},
};

/// Most providers of a tenant; all of them are shown.
const PROVIDERS_MAX: u64 = 100;

/// Choices of the checkout page: what the API calls them, and what people read.
const DISCOUNT_ENTRY: &[(&str, &str)] = &[("auto", "While there is a code to enter"), ("off", "Never")];
const BILLING_ADDRESS: &[(&str, &str)] =
    &[("none", "Not asked for"), ("optional", "May be given"), ("required", "Must be given")];

/// How a provider's field is called: it holds the place in which customers see it.
const PLACE: &str = "place.";

#[derive(Template)]
#[template(path = "panel/site_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    look: Look,
    /// A field's name and the provider's; in the order of the site.
    providers: Vec<(String, String)>,
    places: Vec<(String, String)>,
    discount_entry: &'static [(&'static str, &'static str)],
    billing_address: &'static [(&'static str, &'static str)],
    /// The site's page; `None` for a new one.
    site: Option<String>,
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
    let settings = settings(&mut form);
    if form.is("act", "preview") || !form.is_good() {
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
    let site = sites::get(ctx.app(), ctx.tenant(), one.id).await?;
    let settings = settings(&mut form);
    if form.is("act", "preview") || !form.is_good() {
        return again(&ctx, Some(&site), form, None).await;
    }
    match sites::update(ctx.app(), ctx.tenant(), one.id, settings).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), "saved")),
        Err(error) => {
            let alert = form.refused(error)?;
            again(&ctx, Some(&site), form, alert).await
        }
    }
}

/// The form as it was sent: with what was wrong, or with the colour that was asked to be shown.
async fn again(
    ctx: &Ctx,
    site: Option<&Site>,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let is_good = form.is_good() && alert.is_none();
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
    let chosen = site.map(|site| site.provider_ids.as_slice()).unwrap_or_default();
    let all = PageRequest { page: 1, limit: PROVIDERS_MAX, after: None };
    let mut providers = list::all::<ProviderAccount>(ctx.app(), ctx.tenant(), &all).await?.rows;
    providers.sort_by_key(|one| chosen.iter().position(|id| *id == one.id).unwrap_or(usize::MAX));
    let place = |place: usize| (place.to_string(), format!("Place {place}"));
    let places =
        [(String::new(), "Not chosen".to_owned())].into_iter().chain((1..=providers.len()).map(place));
    let title = site.map_or_else(|| "New site".to_owned(), |site| format!("Edit {}", site.name));
    let page = FormPage {
        shell: ctx.shell(PATH, title),
        look: Look::of(form.text("brandColor").as_deref()),
        form,
        alert,
        places: places.collect(),
        discount_entry: DISCOUNT_ENTRY,
        billing_address: BILLING_ADDRESS,
        providers: providers.into_iter().map(|one| (format!("{PLACE}{}", one.id), one.name)).collect(),
        site: site.map(|site| format!("{PATH}/{}", site.id)),
    };
    Ok(shell::page_with(status, &page))
}

/// The fields of a site as it is.
async fn stored(ctx: &Ctx, site: &Site) -> Result<FormData, ApiError> {
    let flag = |yes: bool| if yes { "true".to_owned() } else { String::new() };
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
    ];
    let places = site.provider_ids.iter().enumerate();
    let places: Vec<_> =
        places.map(|(index, id)| (format!("{PLACE}{id}"), (index + 1).to_string())).collect();
    let places = places.iter().map(|(name, place)| (name.as_str(), place.clone()));
    Ok(FormData::of(fields.into_iter().chain(places)))
}

fn settings(form: &mut FormData) -> SiteSettings {
    SiteSettings {
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

/// The providers that have a place, by place; two in the same place stay in the order of the form.
fn in_their_places(form: &FormData) -> Vec<ProviderId> {
    let placed = |(name, place): (&str, &str)| {
        Some((place.parse::<u32>().ok()?, name.strip_prefix(PLACE)?.parse::<ProviderId>().ok()?))
    };
    let mut chosen: Vec<_> = form.pairs().filter_map(placed).collect();
    chosen.sort_by_key(|(place, _)| *place);
    chosen.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_offered_by_place() {
        let ids: Vec<ProviderId> = (0..4).map(|_| ProviderId::generate()).collect();
        let names: Vec<String> = ids.iter().map(|id| format!("{PLACE}{id}")).collect();
        let places = ["2", "", "1", "2"].map(str::to_owned);
        let form = FormData::of(names.iter().map(String::as_str).zip(places));
        assert_eq!(in_their_places(&form), [ids[2], ids[0], ids[3]]);
    }
}
