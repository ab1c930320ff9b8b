//! Deliveries: every message to a merchant, with every request that went over the wire.

mod acts;
mod list;
mod show;

use std::collections::HashMap;

use gateway_core::{
    app::list as lists,
    domain::{
        EndpointId,
        delivery::{Delivery, DeliveryKind},
        endpoint::WebhookEndpoint,
        scope::Scope,
    },
    store::list::PageRequest,
};
use web_kit::ApiError;

use super::{screens::Screens, shell::Ctx, transactions::list::Names, webhooks};

pub(super) const PATH: &str = "/deliveries";

/// Most endpoints of an organization, and then some.
const ENDPOINTS_MAX: u64 = 100;

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::DeliveryRead, "/deliveries", list::list)
        .post(Scope::DeliveryWrite, "/deliveries/recover", acts::recover)
        .get(Scope::DeliveryRead, "/deliveries/{id}", show::show)
        .post(Scope::DeliveryWrite, "/deliveries/{id}/resend", acts::resend)
}

/// Who gets messages, by name.
struct Receivers {
    names: Names,
    endpoints: Vec<(EndpointId, String)>,
    urls: HashMap<EndpointId, String>,
}

impl Receivers {
    async fn of(ctx: &Ctx) -> Result<Self, ApiError> {
        let all = PageRequest { page: 1, limit: ENDPOINTS_MAX, after: None };
        let found = lists::all::<WebhookEndpoint>(ctx.app(), ctx.tenant(), &all).await?;
        let mut endpoints = Vec::with_capacity(found.rows.len());
        for endpoint in &found.rows {
            endpoints.push((endpoint.id, webhooks::address(ctx, endpoint).await?));
        }
        let urls = endpoints.iter().cloned().collect();
        Ok(Self { names: Names::of(ctx).await?, endpoints, urls })
    }

    /// The receiver of a message: a site's name or an endpoint's address.
    fn of_delivery(&self, delivery: &Delivery) -> String {
        let site = delivery.site_id.map(|id| self.names.site(id));
        let endpoint = delivery.endpoint_id.map(|id| self.urls.get(&id).cloned().unwrap_or_default());
        let name = endpoint.or(site).filter(|name| !name.is_empty());
        name.unwrap_or_else(|| "Not there any more".to_owned())
    }

    fn endpoint_choices(&self) -> Vec<(String, String)> {
        self.endpoints.iter().map(|(id, url)| (id.to_string(), url.clone())).collect()
    }

    fn site_choices(&self) -> Vec<(String, String)> {
        self.names.sites.iter().map(|(id, name)| (id.to_string(), name.clone())).collect()
    }
}

/// What a message says.
fn event(delivery: &Delivery) -> String {
    match (delivery.kind, delivery.ipn_status) {
        (DeliveryKind::Ipn, Some(status)) => format!("IPN, status {status}"),
        (DeliveryKind::Ipn, None) => "IPN, test".to_owned(),
        (DeliveryKind::Webhook, _) => delivery.event.clone(),
    }
}
