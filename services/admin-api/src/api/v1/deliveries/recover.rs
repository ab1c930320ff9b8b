//! `POST /v1/deliveries/recover`.

use axum::extract::State;
use gateway_core::{
    app::deliveries::{self, Recover},
    domain::{EndpointId, SiteId, Timestamp},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use crate::{
    authority::{Caller, DeliveryWrite},
    state::AppState,
};

/// Whose failed messages to send again: name an endpoint or a site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoverDeliveries {
    /// Webhooks to this endpoint.
    #[schema(value_type = Option<String>)]
    endpoint_id: Option<EndpointId>,
    /// IPNs of this site.
    #[schema(value_type = Option<String>)]
    site_id: Option<SiteId>,
    /// Messages made at or after this moment.
    #[schema(value_type = String)]
    since: Timestamp,
}

/// How many messages are sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveredBody {
    /// Messages put on a new schedule.
    pub recovered: u64,
}

/// Send all messages again that have failed for good.
#[utoipa::path(
    post, path = "/deliveries/recover", tag = "deliveries", operation_id = "recoverDeliveries",
    request_body = RecoverDeliveries,
    responses((status = 200, description = "How many.", body = RecoveredBody)),
    extensions(("x-required-scope" = json!("delivery:write"))),
)]
pub async fn recover_deliveries(
    State(state): State<AppState>,
    caller: Caller<DeliveryWrite>,
    Json(input): Json<RecoverDeliveries>,
) -> Result<Json<RecoveredBody>, ApiError> {
    let whose = match (input.endpoint_id, input.site_id) {
        (Some(id), None) => Recover::Endpoint(id),
        (None, Some(id)) => Recover::Site(id),
        _ => return Err(ApiError::bad_field("endpointId", "name either endpointId or siteId")),
    };
    let recovered = deliveries::recover(&state.app, caller.tenant(), whose, input.since).await?;
    Ok(Json(RecoveredBody { recovered }))
}
