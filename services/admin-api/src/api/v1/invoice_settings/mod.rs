//! Who invoices, and how papers look.

mod get;
mod put;

use gateway_core::domain::invoice::{
    InvoiceSettings, SellerProfile,
    paper::{Logo, LogoFormat, PaperLook},
    settings::Untaxed,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::invoices::body::{Category, PartyBody};
use crate::state::AppState;

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
    /// A sentence above the lines.
    pub intro: Option<String>,
    /// A sentence below the totals.
    pub closing: Option<String>,
    /// At the foot of each page: bank account, managing directors.
    pub footer: Option<String>,
}

impl From<LookBody> for PaperLook {
    fn from(look: LookBody) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Self {
            color: given(look.color),
            logo: look.logo.map(|logo| Logo { format: logo.format, data: logo.data }),
            intro: given(look.intro),
            closing: given(look.closing),
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
            footer: look.footer,
        }
    }
}

/// How lines that state no rate are taxed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UntaxedBody {
    /// `Z`, `E`, `AE` or `O`.
    pub category: Category,
    /// Why no tax is charged, in the words of the law; printed.
    pub reason: Option<String>,
}

impl From<UntaxedBody> for Untaxed {
    fn from(body: UntaxedBody) -> Self {
        Self { category: body.category.0, reason: body.reason }
    }
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
    /// Whether this installation is certified where the law asks for it (Portugal).
    pub certified_software: bool,
    /// What payments get: `invoice`, or `payment_receipt` for want of that.
    pub payment_kind: &'static str,
    /// Language of papers; the customer's where absent.
    pub language: Option<String>,
    /// IANA time zone that dates are in.
    pub time_zone: String,
    /// Percent within prices of lines that state no rate.
    pub default_vat_rate: Option<String>,
    /// How such lines are taxed where there is no default rate.
    pub untaxed: Option<UntaxedBody>,
    /// When they last changed.
    pub updated_at: String,
}

fn body(settings: &InvoiceSettings, profile: SellerProfile) -> InvoiceSettingsBody {
    let untaxed = settings
        .untaxed
        .as_ref()
        .map(|untaxed| UntaxedBody { category: Category(untaxed.category), reason: untaxed.reason.clone() });
    InvoiceSettingsBody {
        enabled: settings.enabled_since.is_some(),
        enabled_since: settings.enabled_since.map(|at| at.to_string()),
        missing: profile.missing(),
        seller: profile.seller.into(),
        look: profile.look.into(),
        send_by_email: settings.send_by_email,
        certified_software: settings.certified_software,
        payment_kind: settings.payment_kind().as_str(),
        language: settings.language.clone(),
        time_zone: settings.time_zone.clone(),
        default_vat_rate: settings.default_vat_rate.map(|rate| rate.to_string()),
        untaxed,
        updated_at: settings.updated_at.to_string(),
    }
}
