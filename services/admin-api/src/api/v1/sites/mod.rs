//! Sites: a merchant's shops.

mod create;
mod get;
mod list;
mod regenerate_secret;
mod secret;
mod test_ipn;
mod update;

use gateway_core::{
    app::{App, AppError, settings::sites},
    domain::{scope::Scope, site::Site},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    proofs::{self, HoldsProofs},
    state::AppState,
};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_sites, create::create_site))
        .routes(routes!(get::get_site, update::update_site))
        .routes(routes!(secret::get_site_secret))
        .routes(routes!(regenerate_secret::regenerate_site_secret))
        .routes(routes!(test_ipn::send_test_ipn))
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that people turn")]
pub struct SiteBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// Shown to customers.
    pub name: String,
    /// `#rrggbb`.
    pub brand_color: Option<String>,
    /// The IPN schema of new checkouts: 1 or 2.
    pub ipn_version: u8,
    /// Whether a −1 is sent when a transaction is initiated.
    pub send_initiated: bool,
    /// Whether references are order numbers, so that checkouts of one reference belong together.
    pub references_are_orders: bool,
    /// Whether the shop sends total × 100 whatever the currency.
    pub amounts_in_hundredths: bool,
    /// Web origins that may use the checkout runtime.
    pub origins: Vec<String>,
    /// The providers offered, in order; all enabled ones when empty.
    pub provider_ids: Vec<String>,
    /// Where IPNs go when a checkout names no address.
    pub default_ipn_url: Option<String>,
    /// Whether customers may enter a discount code on the checkout page: `off`, or `auto`: while the
    /// organization has an active code.
    pub discount_entry: &'static str,
    /// Whether the checkout page asks for a billing address: `none`, `optional` or `required`.
    pub billing_address: &'static str,
    /// Whether who paid gets a receipt by e-mail.
    pub receipt_email: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl HoldsProofs for SiteBody {
    const SCOPE: Scope = Scope::SiteWrite;

    fn hide(&mut self) {
        self.default_ipn_url = self.default_ipn_url.as_deref().map(proofs::origin);
    }
}

/// A site as the API shows it, its IPN address opened.
async fn body(app: &App, site: &Site) -> Result<SiteBody, AppError> {
    let default_ipn_url = sites::default_ipn_url(app, site).await?;
    Ok(SiteBody {
        id: site.id.to_string(),
        mode: site.mode.as_str(),
        name: site.name.clone(),
        brand_color: site.brand_color.clone(),
        ipn_version: site.ipn_version.into(),
        send_initiated: site.send_initiated,
        references_are_orders: site.references_are_orders,
        amounts_in_hundredths: site.amounts_in_hundredths,
        origins: site.origins.clone(),
        provider_ids: site.provider_ids.iter().map(ToString::to_string).collect(),
        default_ipn_url,
        discount_entry: site.page.discount_entry.as_str(),
        billing_address: site.page.billing_address.as_str(),
        receipt_email: site.page.receipt_email,
        created_at: site.created_at.to_string(),
        updated_at: site.updated_at.to_string(),
    })
}
