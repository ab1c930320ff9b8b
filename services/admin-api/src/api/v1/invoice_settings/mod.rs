//! Who invoices, and how papers look.

mod get;
mod put;

use gateway_core::{
    app::App,
    domain::{
        Currency,
        invoice::{
            InvoiceSettings, SellerProfile,
            guard::SellerKind,
            paper::{Logo, LogoFormat, PaperLook, PaperTexts, TextKind},
            settings::{ExchangeRate, Untaxed},
            vat_states::VatState,
        },
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::invoices::body::{Category, PartyBody};
use crate::{api::number::Decimals, state::AppState};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get::get_invoice_settings, put::put_invoice_settings))
}

/// A logo.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogoBody {
    /// `png`, `jpeg` or `svg`.
    #[schema(value_type = String)]
    pub format: LogoFormat,
    /// The file in base64; at most 100 KiB.
    pub data: String,
}

/// How papers look.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LookBody {
    /// `#rrggbb` of headings and rules.
    pub color: Option<String>,
    /// The logo.
    pub logo: Option<LogoBody>,
    /// A sentence above the lines of an open invoice, where `texts` has none.
    pub intro: Option<String>,
    /// A sentence below the totals of an open invoice, where `texts` has none.
    pub closing: Option<String>,
    /// Sentences by kind of document and language.
    pub texts: Vec<TextsBody>,
    /// At the foot of each page: bank account, managing directors.
    pub footer: Option<String>,
}

/// The sentences of a kind of document, in one language or in every one that has none of its own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TextsBody {
    /// `open_invoice`, `paid_invoice`, `credit_note` or `payment_receipt`.
    #[schema(value_type = String)]
    pub kind: TextKind,
    /// `en`, `pt`, `de`, `fr` or `es`; every language when absent.
    #[serde(default)]
    pub language: Option<String>,
    /// Above the lines.
    #[serde(default)]
    pub intro: Option<String>,
    /// Below the totals.
    #[serde(default)]
    pub closing: Option<String>,
    /// Terms of payment; on open invoices alone.
    #[serde(default)]
    pub terms: Option<String>,
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

impl From<TextsBody> for PaperTexts {
    fn from(body: TextsBody) -> Self {
        Self {
            kind: body.kind,
            language: given(body.language),
            intro: given(body.intro),
            closing: given(body.closing),
            terms: given(body.terms),
        }
    }
}

impl From<PaperTexts> for TextsBody {
    fn from(texts: PaperTexts) -> Self {
        Self {
            kind: texts.kind,
            language: texts.language,
            intro: texts.intro,
            closing: texts.closing,
            terms: texts.terms,
        }
    }
}

impl From<LookBody> for PaperLook {
    fn from(look: LookBody) -> Self {
        Self {
            color: given(look.color),
            logo: look.logo.map(|logo| Logo { format: logo.format, data: logo.data }),
            intro: given(look.intro),
            closing: given(look.closing),
            texts: look.texts.into_iter().map(PaperTexts::from).collect(),
            footer: given(look.footer),
        }
    }
}

impl From<PaperLook> for LookBody {
    fn from(look: PaperLook) -> Self {
        Self {
            color: look.color,
            logo: look.logo.map(|logo| LogoBody { format: logo.format, data: logo.data }),
            intro: look.intro,
            closing: look.closing,
            texts: look.texts.into_iter().map(TextsBody::from).collect(),
            footer: look.footer,
        }
    }
}

/// How lines without tax are categorized: those that state a rate of 0, and those that state none where there is no
/// default rate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UntaxedBody {
    /// `Z`, `E`, `AE`, `K`, `G` or `O`.
    pub category: Category,
    /// Why no tax is charged, in the words of the law; printed.
    pub reason: Option<String>,
    /// The same as a code of the list VATEX, for the XML; the category's own when absent.
    #[serde(default)]
    pub code: Option<String>,
}

impl From<UntaxedBody> for Untaxed {
    fn from(body: UntaxedBody) -> Self {
        Self { category: body.category.0, reason: given(body.reason), code: given(body.code) }
    }
}

/// What a currency is worth in the seller's national one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeRateBody {
    /// The currency of documents, ISO 4217.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Units of the national currency for one of it, as decimal text or a number.
    #[serde(serialize_with = "text")]
    pub rate: Decimals,
    /// Where the rate comes from, such as "ECB, 2026-11-30"; printed.
    #[serde(default)]
    pub source: Option<String>,
}

fn text<S: serde::Serializer>(rate: &Decimals, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rate.0.normalize())
}

impl From<ExchangeRateBody> for ExchangeRate {
    fn from(body: ExchangeRateBody) -> Self {
        Self { currency: body.currency, rate: body.rate.0, source: given(body.source) }
    }
}

/// A law that reserves invoices of the seller's country to certified software.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestrictionBody {
    /// The country.
    pub country: &'static str,
    /// Since when, `YYYY-MM-DD`.
    pub since: &'static str,
    /// Whether it applies today: then payments get receipts, and invoices by hand are refused.
    pub active: bool,
    /// The law, in a sentence.
    pub reason: &'static str,
}

/// Invoice settings of the key's mode.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceSettingsBody {
    /// Whether payments are invoiced by themselves.
    pub enabled: bool,
    /// Since when.
    pub enabled_since: Option<String>,
    /// What is missing before anything may be issued.
    pub missing: Vec<&'static str>,
    /// Who sells.
    pub seller: PartyBody,
    /// How papers look.
    pub look: LookBody,
    /// Whether papers are sent to buyers.
    pub send_by_email: bool,
    /// Whether this installation is certified where the law asks for it (Italy, Portugal, Spain).
    pub certified_software: bool,
    /// `company` or `individual`, where that decides since when the law asks for it.
    #[schema(value_type = Option<String>)]
    pub seller_kind: Option<SellerKind>,
    /// What payments get today: `invoice`, or `payment_receipt` for want of that.
    pub payment_kind: &'static str,
    /// The law behind that, also where it is still to come; absent where there is none or the software is certified.
    pub restriction: Option<RestrictionBody>,
    /// Language of papers; the customer's where absent.
    pub language: Option<String>,
    /// IANA time zone that dates are in.
    pub time_zone: String,
    /// Percent within prices of lines that state no rate.
    pub default_vat_rate: Option<String>,
    /// How lines without tax are categorized.
    pub untaxed: Option<UntaxedBody>,
    /// Rates that you charge beside those of your country, in percent.
    pub vat_rates: Vec<String>,
    /// Rates of your country, in percent; empty where they are not known.
    pub country_vat_rates: Vec<String>,
    /// What other currencies are worth in your own.
    pub exchange_rates: Vec<ExchangeRateBody>,
    /// When they last changed.
    pub updated_at: String,
}

fn body(app: &App, settings: &InvoiceSettings, profile: SellerProfile) -> InvoiceSettingsBody {
    let untaxed = settings.untaxed.as_ref().map(|untaxed| UntaxedBody {
        category: Category(untaxed.category),
        reason: untaxed.reason.clone(),
        code: untaxed.code.clone(),
    });
    let (certified, today) = (&app.certified_invoicing, gateway_core::app::invoices::today(app, settings));
    let restriction = settings.guard(certified).map(|guard| RestrictionBody {
        country: guard.country,
        since: guard.since(settings.seller_kind),
        active: guard.applies(settings.seller_kind, &today),
        reason: guard.reason,
    });
    let rates = settings.exchange_rates.iter().map(|rate| ExchangeRateBody {
        currency: rate.currency,
        rate: Decimals(rate.rate),
        source: rate.source.clone(),
    });
    let of_country = settings.vat_state().into_iter().flat_map(VatState::rates);
    InvoiceSettingsBody {
        enabled: settings.enabled_since.is_some(),
        enabled_since: settings.enabled_since.map(|at| at.to_string()),
        missing: profile.missing(),
        seller: profile.seller.into(),
        look: profile.look.into(),
        send_by_email: settings.send_by_email,
        certified_software: settings.certified_software,
        seller_kind: settings.seller_kind,
        payment_kind: settings.payment_kind(certified, &today).as_str(),
        restriction,
        language: settings.language.clone(),
        time_zone: settings.time_zone.clone(),
        default_vat_rate: settings.default_vat_rate.map(|rate| rate.to_string()),
        untaxed,
        vat_rates: settings.vat_rates.iter().map(|rate| rate.normalize().to_string()).collect(),
        country_vat_rates: of_country.map(|rate| rate.to_string()).collect(),
        exchange_rates: rates.collect(),
        updated_at: settings.updated_at.to_string(),
    }
}
