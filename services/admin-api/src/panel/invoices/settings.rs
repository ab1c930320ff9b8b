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
        Currency,
        invoice::{
            InvoiceSettings, SellerProfile, Series,
            guard::SellerKind,
            paper::{Logo, LogoFormat, PaperLook, PaperTexts, TextKind},
            settings::{ExchangeRate, Untaxed},
            vat_states::VatState,
        },
        scope::Scope,
    },
};
use http::StatusCode;
use rust_decimal::Decimal;
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
    seller_kinds: [(&'static str, &'static str); 3],
    /// The law that reserves invoices to certified software, and since when.
    restriction: Option<(String, &'static str)>,
    /// Rates of the seller's country, in words.
    country_rates: String,
    texts: Vec<TextGroup>,
    series: Vec<SeriesRow>,
}

/// The sentences of a kind of document.
struct TextGroup {
    name: &'static str,
    /// Whether something is due on it, and terms say by when.
    has_terms: bool,
    languages: Vec<TextFields>,
}

/// The fields of one language.
struct TextFields {
    name: &'static str,
    intro: String,
    closing: String,
    terms: String,
    is_filled: bool,
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
    let certified = &ctx.app().certified_invoicing;
    let today = gateway_core::app::invoices::today(ctx.app(), settings);
    let restriction = settings.guard(certified).map(|guard| {
        let since = guard.since(settings.seller_kind);
        let applies = guard.applies(settings.seller_kind, &today);
        let now = if applies {
            format!("Payments get receipts instead of invoices, since {since}.")
        } else {
            format!("From {since} on, payments get receipts instead of invoices.")
        };
        (now, guard.reason)
    });
    SettingsPage {
        shell: ctx.shell(SETTINGS, "Invoicing"),
        texts: text_groups(&form),
        seller_kinds: [("", "Not stated"), ("company", "Company"), ("individual", "Individual in business")],
        restriction,
        country_rates: settings.vat_state().map(VatState::rates_said).unwrap_or_default(),
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

const TEXT_NAMES: [(TextKind, &str); 4] = [
    (TextKind::OpenInvoice, "Open invoices"),
    (TextKind::PaidInvoice, "Paid invoices"),
    (TextKind::CreditNote, "Credit notes"),
    (TextKind::PaymentReceipt, "Payment receipts"),
];

/// The field of a sentence. Those of open invoices in every language are the ones from before there were kinds.
fn text_field(kind: TextKind, language: Option<&str>, what: &str) -> String {
    match (kind, language) {
        (TextKind::OpenInvoice, None) if what != "terms" => format!("look.{what}"),
        _ => format!("texts.{}.{}.{what}", kind.as_str(), language.unwrap_or("any")),
    }
}

/// Each language that sentences can be in, the first for all that have none of their own.
fn text_languages() -> Vec<(Option<&'static str>, &'static str)> {
    let all = std::iter::once((None, "Every language"));
    all.chain(languages().into_iter().map(|(code, name)| (Some(code), name))).collect()
}

fn text_groups(form: &FormData) -> Vec<TextGroup> {
    let group = |(kind, name): &(TextKind, &'static str)| {
        let fields = |(language, name): (Option<&'static str>, &'static str)| {
            let [intro, closing, terms] =
                ["intro", "closing", "terms"].map(|what| text_field(*kind, language, what));
            let is_filled = [&intro, &closing, &terms]
                .iter()
                .any(|field| form.text(field).is_some() || form.error(field).is_some());
            TextFields { name, intro, closing, terms, is_filled }
        };
        TextGroup {
            name,
            has_terms: *kind == TextKind::OpenInvoice,
            languages: text_languages().into_iter().map(fields).collect(),
        }
    };
    TEXT_NAMES.iter().map(group).collect()
}

/// The sentences of a form, each kind and language that says anything.
fn read_texts(form: &FormData) -> Vec<PaperTexts> {
    let mut texts = Vec::new();
    for (kind, _) in TEXT_NAMES {
        for (language, _) in text_languages() {
            let text = |what: &str| {
                let field = text_field(kind, language, what);
                form.text(&field).filter(|_| !field.starts_with("look."))
            };
            let one = PaperTexts {
                kind,
                language: language.map(str::to_owned),
                intro: text("intro"),
                closing: text("closing"),
                terms: text("terms"),
            };
            texts.extend(Some(one).filter(|one| !one.is_empty()));
        }
    }
    texts
}

/// The form as it shows what is stored.
fn stored(settings: &InvoiceSettings, profile: &SellerProfile) -> FormData {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let on = |yes: bool| if yes { "true".to_owned() } else { String::new() };
    let look = &profile.look;
    let untaxed = settings.untaxed.as_ref();
    let rates =
        settings.vat_rates.iter().map(|rate| rate.normalize().to_string()).collect::<Vec<_>>().join(", ");
    let exchange = settings.exchange_rates.iter().map(|rate| {
        let source = rate.source.clone().unwrap_or_default();
        format!("{} {} {source}", rate.currency, rate.rate.normalize()).trim_end().to_owned()
    });
    let mut fields = vec![
        ("sellerKind", settings.seller_kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default()),
        ("vatRates", rates),
        ("exchangeRates", exchange.collect::<Vec<_>>().join("\n")),
        ("untaxed.code", untaxed.and_then(|one| one.code.clone()).unwrap_or_default()),
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
    let mut named: Vec<(String, String)> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for texts in &look.texts {
        let parts = [("intro", &texts.intro), ("closing", &texts.closing), ("terms", &texts.terms)];
        named.extend(parts.into_iter().filter_map(|(what, text)| {
            Some((text_field(texts.kind, texts.language.as_deref(), what), text.clone()?))
        }));
    }
    FormData::of_stored(named.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

pub(super) async fn save(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    for _ in 0..act::EDIT_TRIES {
        let (settings, profile) = invoicing::get(ctx.app(), ctx.tenant()).await?;
        let new = read(&mut form, profile.look.logo.clone());
        form.also(invoicing::problems(&new));
        if let Some(documents) = &ctx.panel.state.documents
            && let Some(problem) = documents.logo_problem(ctx.app(), ctx.tenant(), &new.look).await
        {
            form.problem("look.logo.data", format!("cannot be printed: {problem}"));
        }
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
        let texts = read_texts(&form);
        form.rename(|field| page_name(field, &texts));
        let page = page(&ctx, &settings, &profile, form, alert);
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    Err(AppError::Busy.into())
}

/// What a field of the settings is called on the page.
fn page_name(field: &str, texts: &[PaperTexts]) -> Option<String> {
    if let Some(rest) = field.strip_prefix("look.texts[") {
        let (index, what) = rest.split_once("].")?;
        let texts = texts.get(index.parse::<usize>().ok()?)?;
        return Some(text_field(texts.kind, texts.language.as_deref(), what));
    }
    let list = ["exchangeRates", "vatRates"].into_iter().find(|list| field.starts_with(&format!("{list}[")));
    list.map(str::to_owned)
}

/// Rates as people write them: `16, 5,5 %`: a comma between digits without a blank is a decimal one.
fn rates(form: &mut FormData) -> Vec<Decimal> {
    let text = form.value("vatRates").to_owned();
    let parts =
        text.split([';', '\n', ' ']).map(|part| part.trim().trim_end_matches(',').trim_end_matches('%'));
    let mut rates = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match Decimal::from_str_exact(&part.replace(',', ".")) {
            Ok(rate) => rates.push(rate.normalize()),
            Err(_) => {
                form.problem("vatRates", "must be percentages with a blank between them, such as 16 5.5");
            }
        }
    }
    rates
}

/// A rate per line: `USD 0.9215 ECB, 2026-11-30`.
fn exchange_rates(form: &mut FormData) -> Vec<ExchangeRate> {
    let mut rates = Vec::new();
    for (index, line) in form.lines("exchangeRates").iter().enumerate() {
        let mut words = line.splitn(3, char::is_whitespace);
        let currency = words.next().and_then(|code| code.parse::<Currency>().ok());
        let rate = words.next().and_then(|rate| Decimal::from_str_exact(&rate.replace(',', ".")).ok());
        let source = words.next().map(|source| source.trim().to_owned()).filter(|source| !source.is_empty());
        if let Some((currency, rate)) = currency.zip(rate) {
            rates.push(ExchangeRate { currency, rate, source });
        } else {
            form.problem("exchangeRates", format!("must be such as USD 0.9215 in line {}", index + 1));
        }
    }
    rates
}

fn read(form: &mut FormData, kept: Option<Logo>) -> NewInvoiceSettings {
    let untaxed = category_of(form.value("untaxed.category")).map(|category| Untaxed {
        category,
        reason: form.text("untaxed.reason"),
        code: form.text("untaxed.code").map(|code| code.to_uppercase()),
    });
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
            texts: read_texts(form),
            footer: form.text("look.footer"),
        },
        enabled: form.is("enabled", "true"),
        send_by_email: form.is("sendByEmail", "true"),
        certified_software: form.is("certifiedSoftware", "true"),
        seller_kind: SellerKind::ALL.iter().copied().find(|kind| form.is("sellerKind", kind.as_str())),
        language: form.text("language"),
        time_zone: form.text("timeZone"),
        default_vat_rate: percent(form, "defaultVatRate"),
        untaxed,
        vat_rates: rates(form),
        exchange_rates: exchange_rates(form),
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
    fn sentences_and_rates_are_shown_and_read_again() {
        let mut form = FormData::of([
            ("look.intro", "Old".to_owned()),
            ("texts.open_invoice.any.terms", "14 days".to_owned()),
            ("texts.credit_note.de.intro", "Korrektur".to_owned()),
            ("vatRates", "16 5,5 %".to_owned()),
            ("exchangeRates", "USD 0.9215 ECB, 2026-11-30\nGBP 1,15".to_owned()),
        ]);
        let new = read(&mut form, None);
        assert!(form.is_good(), "{:?}", form.problems());
        let texts: Vec<_> = new.look.texts.iter().map(|t| (t.kind, t.language.as_deref())).collect();
        assert_eq!(texts, [(TextKind::OpenInvoice, None), (TextKind::CreditNote, Some("de"))]);
        assert_eq!(new.look.intro.as_deref(), Some("Old"));
        assert_eq!(new.vat_rates, ["16".parse().unwrap(), "5.5".parse().unwrap()]);
        assert_eq!(new.exchange_rates[0].source.as_deref(), Some("ECB, 2026-11-30"));
        assert_eq!(new.exchange_rates[1].rate.to_string(), "1.15");
        let name = page_name("look.texts[1].intro", &new.look.texts);
        assert_eq!(name.as_deref(), Some("texts.credit_note.de.intro"));
        assert_eq!(page_name("exchangeRates[1].rate", &[]).as_deref(), Some("exchangeRates"));
        let mut wrong =
            FormData::of([("exchangeRates", "dollars".to_owned()), ("vatRates", "high".to_owned())]);
        read(&mut wrong, None);
        assert!(wrong.error("exchangeRates").is_some() && wrong.error("vatRates").is_some());
    }

    #[test]
    fn pictures_are_known_by_how_they_begin() {
        assert_eq!(format_of(b"\x89PNG\r\n\x1a\n"), Some(LogoFormat::Png));
        assert_eq!(format_of(b"\xff\xd8\xff\xe0"), Some(LogoFormat::Jpeg));
        assert_eq!(format_of(b""), None);
    }
}
