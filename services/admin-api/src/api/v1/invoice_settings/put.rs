//! `PUT /v1/invoice-settings`.

use axum::extract::State;
use gateway_core::app::settings::invoicing::{self, NewInvoiceSettings};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{InvoiceSettingsBody, LookBody, UntaxedBody, body};
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
    /// Whether this installation is certified where the law asks for it (Portugal). Without it payments get
    /// receipts instead of invoices there.
    #[serde(default)]
    certified_software: bool,
    /// `en`, `pt`, `de`, `fr` or `es`; the customer's where absent.
    #[serde(default)]
    language: Option<String>,
    /// IANA time zone that dates are in; UTC when absent.
    #[serde(default)]
    time_zone: Option<String>,
    /// Percent within prices of lines that state no rate.
    #[serde(default)]
    default_vat_rate: Option<Percent>,
    /// How such lines are taxed where there is no default rate.
    #[serde(default)]
    untaxed: Option<UntaxedBody>,
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
        language: input.language.filter(|language| !language.is_empty()),
        time_zone: input.time_zone.filter(|zone| !zone.is_empty()),
        default_vat_rate: input.default_vat_rate.map(|rate| rate.0),
        untaxed: input.untaxed.map(Into::into),
    };
    let version = if_match.number();
    let (settings, profile) = invoicing::put_over(&state.app, caller.tenant(), new, version).await?;
    Ok(Tagged::new(settings.version, body(&settings, profile)))
}
