//! `POST /v1/sites/{id}/test-ipn`.

use axum::extract::State;
use gateway_core::{app::deliveries, domain::SiteId};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    api::{
        body::{OptionalJson, Text},
        v1::deliveries::DeliveryBody,
    },
    authority::{Caller, SiteWrite},
    state::AppState,
};

/// Where to send the test message.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendTestIpn {
    /// The address; the site's `defaultIpnUrl` when absent.
    url: Option<Text>,
}

/// Send a test IPN (version 2).
///
/// It is queued: read the delivery to see what became of it.
#[utoipa::path(
    post, path = "/sites/{id}/test-ipn", tag = "sites", operation_id = "sendTestIpn",
    params(("id" = String, Path, description = "The site.")),
    request_body = Option<SendTestIpn>,
    responses((status = 200, description = "The delivery, pending.", body = DeliveryBody)),
    extensions(("x-required-scope" = json!("site:write"))),
)]
pub async fn send_test_ipn(
    State(state): State<AppState>,
    caller: Caller<SiteWrite>,
    Path(id): Path<SiteId>,
    body: OptionalJson<SendTestIpn>,
) -> Result<Json<DeliveryBody>, ApiError> {
    let url = Text::given(body.value.url);
    let delivery = deliveries::send_test_ipn(&state.app, caller.tenant(), id, url.as_deref()).await?;
    Ok(Json(DeliveryBody::from(&delivery)))
}
