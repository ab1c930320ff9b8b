//! Webhook endpoints of an organization.

mod create;
mod delete;
mod enable;
mod get;
mod list;
mod rotate_secret;
mod update;

use gateway_core::{
    app::{App, AppError, settings::endpoints},
    domain::{endpoint::WebhookEndpoint, scope::Scope},
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
        .routes(routes!(list::list_endpoints, create::create_endpoint))
        .routes(routes!(get::get_endpoint, update::update_endpoint, delete::delete_endpoint))
        .routes(routes!(rotate_secret::rotate_endpoint_secret))
        .routes(routes!(enable::enable_endpoint))
}

/// A webhook endpoint, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// The address.
    pub url: String,
    /// For people.
    pub description: String,
    /// The event types wanted; all but `provider_event.received` when empty.
    pub event_types: Vec<&'static str>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why it is switched off.
    pub disabled_reason: Option<String>,
    /// Until when the secret before the last rotation signs too.
    pub previous_secret_until: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl HoldsProofs for EndpointBody {
    const SCOPE: Scope = Scope::EndpointWrite;

    fn hide(&mut self) {
        self.url = proofs::origin(&self.url);
    }
}

/// An endpoint with its secret, which is shown this one time.
#[derive(Serialize, ToSchema)]
pub struct EndpointSecretBody {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EndpointBody,
    /// Signs events (Standard Webhooks): `whsec_` and base64.
    pub secret: String,
}

/// An endpoint as the API shows it, its address opened.
async fn body(app: &App, endpoint: &WebhookEndpoint) -> Result<EndpointBody, AppError> {
    Ok(EndpointBody {
        id: endpoint.id.to_string(),
        mode: endpoint.mode.as_str(),
        url: endpoints::url(app, endpoint).await?,
        description: endpoint.description.clone(),
        event_types: endpoint.event_types.iter().map(|event| event.as_str()).collect(),
        enabled: endpoint.enabled,
        disabled_reason: endpoint.disabled_reason.clone(),
        previous_secret_until: endpoint.previous_secret.as_ref().map(|previous| previous.until.to_string()),
        created_at: endpoint.created_at.to_string(),
        updated_at: endpoint.updated_at.to_string(),
    })
}
