//! `…/invoice-settings`: who sells, how papers look, and where numbers come from.

use askama::Template;
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    app::{
        AppError,
        settings::invoicing::{self, NewInvoiceSettings},
    },
    domain::{
        invoice::{
            InvoiceSettings, SellerProfile, Series,
            paper::{Logo, LogoFormat, PaperLook},
            settings::Untaxed,
        },
        scope::Scope,
    },
};
use http::StatusCode;
use web_kit::ApiError;

use super::{
    SETTINGS,
    lines::{CATEGORIES, category_of, code_of, percent},
    new::languages,
    party,
};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx, Html, Shell, moment, words},
};

#[derive(Template)]
#[template(path = "panel/invoice_settings.html")]
struct SettingsPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    enabled_since: Option<Html>,
    /// What is missing before anything may be issued.
    missing: Vec<&'static str>,
    /// The logo as an address that holds it.
    logo: Option<String>,
    languages: Vec<(&'static str, &'static str)>,
    categories: Vec<(&'static str, &'static str)>,
    series: Vec<SeriesRow>,
}

struct SeriesRow {
    url: String,
    kind: String,
    name: String,
    example: String,
    is_default: bool,
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    let (settings, profile) = invoicing::get(ctx.app(), ctx.tenant()).await?;
    let form = stored(&settings, &profile);
    Ok(shell::page(&page(&ctx, &settings, &profile, form, None)))
}

fn page(
    ctx: &Ctx,
    settings: &InvoiceSettings,
    profile: &SellerProfile,
    form: FormData,
    alert: Option<String>,
) -> SettingsPage {
    let mut all = vec![("", "The customer’s")];
    all.extend(languages());
    let mut categories = vec![("", "Not stated")];
    categories.extend(CATEGORIES.iter().map(|(_, code, name)| (*code, *name)));
    SettingsPage {
        shell: ctx.shell(SETTINGS, "Invoicing"),
        form,
        alert,
        enabled_since: settings.enabled_since.map(moment),
        missing: profile.missing().into_iter().map(super::acts::seller_word).collect(),
        logo: profile.look.logo.as_ref().map(shown),
        languages: all,
        categories,
        series: settings.series.iter().map(|one| series_row(ctx, one)).collect(),
    }
}

fn series_row(ctx: &Ctx, series: &Series) -> SeriesRow {
    SeriesRow {
        url: ctx.url(&format!("/invoice-series/{}", series.id)),
        kind: words(series.kind.as_str()),
        name: series.name.clone(),
        example: series.next(None, "2030-01-31").number,
        is_default: series.default,
    }
}

/// An address that holds the picture itself. Scripts of an SVG do not run in an image.
fn shown(logo: &Logo) -> String {
    let kind = match logo.format {
        LogoFormat::Png => "image/png",
        LogoFormat::Jpeg => "image/jpeg",
        LogoFormat::Svg => "image/svg+xml",
    };
    format!("data:{kind};base64,{}", logo.data)
}

/// The form as it shows what is stored.
fn stored(settings: &InvoiceSettings, profile: &SellerProfile) -> FormData {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let on = |yes: bool| if yes { "true".to_owned() } else { String::new() };
    let look = &profile.look;
    let untaxed = settings.untaxed.as_ref();
    let mut fields = vec![
        ("look.color", given(&look.color)),
        ("look.intro", given(&look.intro)),
        ("look.closing", given(&look.closing)),
        ("look.footer", given(&look.footer)),
        ("enabled", on(settings.enabled_since.is_some())),
        ("sendByEmail", on(settings.send_by_email)),
        ("certifiedSoftware", on(settings.certified_software)),
        ("language", given(&settings.language)),
        ("timeZone", settings.time_zone.clone()),
        ("defaultVatRate", settings.default_vat_rate.map(|rate| rate.to_string()).unwrap_or_default()),
        ("untaxed.category", untaxed.map(|one| code_of(one.category).to_owned()).unwrap_or_default()),
        ("untaxed.reason", untaxed.and_then(|one| one.reason.clone()).unwrap_or_default()),
    ];
    fields.extend(party::seller_fields(&profile.seller));
    FormData::of_stored(fields)
}

pub(super) async fn save(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    for _ in 0..act::EDIT_TRIES {
        let (settings, profile) = invoicing::get(ctx.app(), ctx.tenant()).await?;
        let new = read(&mut form, profile.look.logo.clone());
        form.also(invoicing::problems(&new));
        let stored = stored(&settings, &profile);
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, "putInvoiceSettings", None).await?;
        let mut alert = None;
        if !is_stale && form.is_good() {
            match invoicing::put_over(ctx.app(), ctx.tenant(), new, Some(settings.version)).await {
                Ok(_) => return Ok(ctx.see(SETTINGS, "saved")),
                Err(AppError::Stale) => continue,
                Err(error) => alert = act::refused(&mut form, error)?,
            }
        }
        let page = page(&ctx, &settings, &profile, form, alert);
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    Err(AppError::Busy.into())
}

fn read(form: &mut FormData, kept: Option<Logo>) -> NewInvoiceSettings {
    let untaxed = category_of(form.value("untaxed.category"))
        .map(|category| Untaxed { category, reason: form.text("untaxed.reason") });
    if untaxed.is_none() && form.text("untaxed.reason").is_some() {
        form.problem("untaxed.category", "is needed for the reason below");
    }
    NewInvoiceSettings {
        seller: party::read(form, "seller"),
        look: PaperLook {
            color: form.text("look.color"),
            logo: logo(form, kept),
            intro: form.text("look.intro"),
            closing: form.text("look.closing"),
            footer: form.text("look.footer"),
        },
        enabled: form.is("enabled", "true"),
        send_by_email: form.is("sendByEmail", "true"),
        certified_software: form.is("certifiedSoftware", "true"),
        language: form.text("language"),
        time_zone: form.text("timeZone"),
        default_vat_rate: percent(form, "defaultVatRate"),
        untaxed,
    }
}

/// The file that was chosen; else the one before, unless it is to go. A file arrives in base64.
fn logo(form: &mut FormData, kept: Option<Logo>) -> Option<Logo> {
    let Some(data) = form.text("look.logo.data") else {
        return kept.filter(|_| !form.is("removeLogo", "true"));
    };
    let format = STANDARD.decode(&data).ok().and_then(|bytes| format_of(&bytes));
    if format.is_none() {
        form.problem("look.logo.data", "must be a PNG, JPEG or SVG file");
    }
    Some(Logo { format: format?, data })
}

/// What a picture is, by how it begins.
fn format_of(bytes: &[u8]) -> Option<LogoFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(LogoFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(LogoFormat::Jpeg),
        _ => std::str::from_utf8(bytes).ok().filter(|text| text.contains("<svg")).map(|_| LogoFormat::Svg),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what the caller has: the stored logo, if any")]
    fn kept() -> Option<Logo> {
        Some(Logo { format: LogoFormat::Png, data: "AAAA".to_owned() })
    }

    #[test]
    fn a_logo_stays_until_another_comes_or_it_is_taken_out() {
        assert_eq!(logo(&mut FormData::default(), kept()), kept());
        assert_eq!(logo(&mut FormData::of([("removeLogo", "true".to_owned())]), kept()), None);
        let data = STANDARD.encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>");
        let new = logo(&mut FormData::of([("look.logo.data", data)]), kept()).unwrap();
        assert_eq!(new.format, LogoFormat::Svg);
        let mut wrong = FormData::of([("look.logo.data", STANDARD.encode(b"GIF89a"))]);
        assert_eq!(logo(&mut wrong, kept()), None);
        assert!(wrong.error("look.logo.data").is_some());
    }

    #[test]
    fn pictures_are_known_by_how_they_begin() {
        assert_eq!(format_of(b"\x89PNG\r\n\x1a\n"), Some(LogoFormat::Png));
        assert_eq!(format_of(b"\xff\xd8\xff\xe0"), Some(LogoFormat::Jpeg));
        assert_eq!(format_of(b""), None);
    }
}
