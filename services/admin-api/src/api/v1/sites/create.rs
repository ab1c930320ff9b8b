//! `POST /v1/sites`.

use axum::extract::State;
use gateway_core::{
    app::settings::sites::{self, ORIGINS_MAX, PROVIDERS_MAX, SiteSettings},
    domain::ProviderId,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{SiteBody, body};
use crate::{
    api::body::{nullable, some_at_most},
    authority::{Caller, SiteWrite},
    state::AppState,
};

/// Settings of a site. In a change, what is absent stays as it is and `null` takes a setting out.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteInput {
    /// Shown to customers; required for a new site.
    name: Option<String>,
    /// `#rrggbb`, for the checkout page.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    brand_color: Option<Option<String>>,
    /// The IPN schema of new checkouts: 2 (new sites' default) or 1.
    ipn_version: Option<u8>,
    /// Whether a −1 is sent when a transaction is initiated.
    send_initiated: Option<bool>,
    /// Whether references are order numbers (yes by default): then the checkouts of one reference are one order, the
    /// newest of which alone can be paid, and the shop is told of the order as a whole.
    references_are_orders: Option<bool>,
    /// Whether the shop sends total × 100 whatever the currency.
    amounts_in_hundredths: Option<bool>,
    /// Web origins that may use the checkout runtime, such as `https://shop.example.com`.
    #[serde(default, deserialize_with = "some_at_most::<ORIGINS_MAX, _, _>")]
    origins: Option<Vec<String>>,
    /// The providers offered, in order; all enabled ones when empty.
    #[serde(default, deserialize_with = "some_at_most::<PROVIDERS_MAX, _, _>")]
    #[schema(value_type = Option<Vec<String>>)]
    provider_ids: Option<Vec<ProviderId>>,
    /// Where IPNs go when a checkout names no address.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    default_ipn_url: Option<Option<String>>,
    /// Whether customers may enter a discount code on the checkout page: `auto` (new sites' default: while the
    /// organization has an active code) or `off`.
    discount_entry: Option<String>,
    /// Whether the checkout page asks for a billing address: `none` (the default), `optional` or `required`.
    billing_address: Option<String>,
    /// Whether who paid gets a receipt by e-mail (no by default). None is sent where the payment's invoice or
    /// receipt document goes to them by e-mail already, nor where no address is known.
    receipt_email: Option<bool>,
}

impl SiteInput {
    /// What the use case takes.
    pub fn into_settings(self) -> SiteSettings {
        SiteSettings {
            name: self.name,
            brand_color: self.brand_color,
            ipn_version: self.ipn_version,
            send_initiated: self.send_initiated,
            references_are_orders: self.references_are_orders,
            amounts_in_hundredths: self.amounts_in_hundredths,
            origins: self.origins,
            provider_ids: self.provider_ids,
            default_ipn_url: self.default_ipn_url,
            discount_entry: self.discount_entry,
            billing_address: self.billing_address,
            receipt_email: self.receipt_email,
            ..SiteSettings::default()
        }
    }
}

/// Create a site.
///
/// It gets a webhook secret of its own, which signs its IPNs.
#[utoipa::path(
    post, path = "/sites", tag = "sites", operation_id = "createSite",
    request_body = SiteInput,
    responses((status = 201, description = "The site.", body = SiteBody)),
    extensions(("x-required-scope" = json!("site:write"))),
)]
pub async fn create_site(
    State(state): State<AppState>,
    caller: Caller<SiteWrite>,
    Json(input): Json<SiteInput>,
) -> Result<(StatusCode, Json<SiteBody>), ApiError> {
    let site = sites::create(&state.app, caller.tenant(), input.into_settings()).await?;
    Ok((StatusCode::CREATED, Json(body(&state.app, &site).await?)))
}
