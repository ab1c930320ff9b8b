//! `POST /v1/webhook-endpoints`.

use axum::extract::State;
use gateway_core::{
    app::settings::endpoints::{self, EndpointSettings},
    domain::outbox::EventType,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{EndpointSecretBody, body};
use crate::{
    api::body::{some_at_most, words},
    authority::{Caller, EndpointWrite},
    state::AppState,
};

/// Each type once, or twice.
const EVENT_TYPES_MAX: usize = 2 * EventType::ALL.len();

/// Settings of an endpoint. In a change, what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointInput {
    /// The address (https); required for a new endpoint.
    url: Option<String>,
    /// For people.
    description: Option<String>,
    /// The event types wanted; all but `provider_event.received` when empty.
    #[serde(default, deserialize_with = "some_at_most::<EVENT_TYPES_MAX, _, _>")]
    event_types: Option<Vec<String>>,
}

impl EndpointInput {
    /// What the use case takes.
    pub fn into_settings(self) -> Result<EndpointSettings, ApiError> {
        let event_types =
            self.event_types.map(|given| words::<EventType>("eventTypes", &given)).transpose()?;
        Ok(EndpointSettings {
            url: self.url,
            description: self.description,
            event_types,
            ..EndpointSettings::default()
        })
    }
}

/// Create a webhook endpoint. Its secret is shown this one time.
#[utoipa::path(
    post, path = "/webhook-endpoints", tag = "webhook-endpoints", operation_id = "createWebhookEndpoint",
    request_body = EndpointInput,
    responses((status = 201, description = "The endpoint with its secret.", body = EndpointSecretBody)),
    extensions(("x-required-scope" = json!("webhook-endpoint:write"))),
)]
pub async fn create_endpoint(
    State(state): State<AppState>,
    caller: Caller<EndpointWrite>,
    Json(input): Json<EndpointInput>,
) -> Result<(StatusCode, Json<EndpointSecretBody>), ApiError> {
    let (endpoint, secret) = endpoints::create(&state.app, caller.tenant(), input.into_settings()?).await?;
    let endpoint = body(&state.app, &endpoint).await?;
    let secret = secret.expose().to_owned();
    Ok((StatusCode::CREATED, Json(EndpointSecretBody { endpoint, secret })))
}
