//! `PUT /v1/invoice-settings`.

use axum::extract::State;
use gateway_core::{
    app::settings::invoicing::{self, NewInvoiceSettings},
    domain::invoice::guard::SellerKind,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{ExchangeRateBody, InvoiceSettingsBody, LookBody, UntaxedBody, body};
use crate::{
    api::etag::{IfMatch, Tagged},
    api::{number::Percent, v1::invoices::body::PartyBody},
    authority::{Caller, InvoiceSettingsWrite},
    state::AppState,
};

/// The settings as a whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvoiceSettingsInput {
    /// Who sells. Legal name, address, country and tax number are required before anything is issued.
    #[serde(default)]
    seller: PartyBody,
    /// How papers look.
    #[serde(default)]
    look: LookBody,
    /// Whether payments are invoiced by themselves, from now on.
    #[serde(default)]
    enabled: bool,
    /// Whether papers are sent to buyers.
    #[serde(default)]
    send_by_email: bool,
    /// Whether this installation is certified where the law asks for it (Italy, Portugal, Spain). Without it payments get
    /// receipts instead of invoices there.
    #[serde(default)]
    certified_software: bool,
    /// `company` or `individual`; the earlier date of the law where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    seller_kind: Option<SellerKind>,
    /// `en`, `pt`, `de`, `fr` or `es`; the customer's where absent.
    #[serde(default)]
    language: Option<String>,
    /// IANA time zone that dates are in; UTC when absent.
    #[serde(default)]
    time_zone: Option<String>,
    /// Percent within prices of lines that state no rate.
    #[serde(default)]
    default_vat_rate: Option<Percent>,
    /// How lines without tax are categorized.
    #[serde(default)]
    untaxed: Option<UntaxedBody>,
    /// Rates that you charge beside those of your country, in percent: others are not issued by themselves.
    #[serde(default)]
    vat_rates: Vec<Percent>,
    /// What other currencies are worth in your own.
    #[serde(default)]
    exchange_rates: Vec<ExchangeRateBody>,
}

/// Put invoice settings in the place of those before. Series stay as they are.
///
/// With `enabled`, everything that is missing about the seller is named in a 400.
#[utoipa::path(
    put, path = "/invoice-settings", tag = "invoice-settings", operation_id = "putInvoiceSettings",
    request_body = InvoiceSettingsInput,
    responses((status = 200, description = "The settings.", body = InvoiceSettingsBody)),
    extensions(("x-required-scope" = json!("invoice-settings:write"))),
)]
pub async fn put_invoice_settings(
    State(state): State<AppState>,
    caller: Caller<InvoiceSettingsWrite>,
    if_match: IfMatch,
    Json(input): Json<InvoiceSettingsInput>,
) -> Result<Tagged<InvoiceSettingsBody>, ApiError> {
    let new = NewInvoiceSettings {
        seller: input.seller.into(),
        look: input.look.into(),
        enabled: input.enabled,
        send_by_email: input.send_by_email,
        certified_software: input.certified_software,
        seller_kind: input.seller_kind,
        language: input.language.filter(|language| !language.is_empty()),
        time_zone: input.time_zone.filter(|zone| !zone.is_empty()),
        default_vat_rate: input.default_vat_rate.map(|rate| rate.0),
        untaxed: input.untaxed.map(Into::into),
        vat_rates: input.vat_rates.into_iter().map(|rate| rate.0.normalize()).collect(),
        exchange_rates: input.exchange_rates.into_iter().map(Into::into).collect(),
    };
    if let Some(documents) = &state.documents
        && let Some(problem) = documents.logo_problem(&state.app, caller.tenant(), &new.look).await
    {
        return Err(ApiError::bad_field("look.logo.data", format!("cannot be printed: {problem}")));
    }
    let version = if_match.number();
    let (settings, profile) = invoicing::put_over(&state.app, caller.tenant(), new, version).await?;
    Ok(Tagged::new(settings.version, body(&state.app, &settings, profile)))
}
