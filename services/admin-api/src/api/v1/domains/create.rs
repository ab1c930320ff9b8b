//! `POST /v1/domains`.

use axum::extract::State;
use gateway_core::{app::settings::domains, domain::SiteId};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::DomainBody;
use crate::{
    authority::{Caller, DomainWrite},
    state::AppState,
};

/// A host and its site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainInput {
    /// The site whose checkouts are shown under the host.
    #[schema(value_type = String)]
    site_id: SiteId,
    /// The host name, such as `pay.shop.example.com`.
    host: String,
}

/// Register a custom checkout domain.
///
/// Point it here with a CNAME record, make the TXT record of `challenge`, then check it. An organization registers at
/// most 20 in a week, whatever it deletes: 429 with `Retry-After` beyond.
#[utoipa::path(
    post, path = "/domains", tag = "domains", operation_id = "createDomain",
    request_body = DomainInput,
    responses((status = 201, description = "The domain, pending.", body = DomainBody)),
    extensions(("x-required-scope" = json!("domain:write"))),
)]
pub async fn create_domain(
    State(state): State<AppState>,
    caller: Caller<DomainWrite>,
    Json(input): Json<DomainInput>,
) -> Result<(StatusCode, Json<DomainBody>), ApiError> {
    let domain = domains::create(&state.app, caller.tenant(), input.site_id, &input.host).await?;
    Ok((StatusCode::CREATED, Json(DomainBody::of(&state.app, &domain))))
}
