//! `PATCH /v1/checkouts/{id}`.

use axum::extract::State;
use gateway_core::{
    app::edit::{CheckoutChange, edit_checkout},
    domain::{CheckoutId, Timestamp},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{CheckoutBody, body, request::Pairs};
use crate::{
    api::{
        body::object_or_nothing,
        etag::{IfMatch, Tagged},
    },
    authority::{Caller, CheckoutUpdate},
    state::AppState,
};

/// What to change; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateCheckout {
    /// Replaces all pairs. Transactions that were started before keep theirs.
    #[serde(default, deserialize_with = "object_or_nothing")]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    metadata: Option<Pairs>,
    /// Another end, 30 minutes to 130 days from now; only while it is open.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// Change a checkout's metadata or end.
#[utoipa::path(
    patch, path = "/checkouts/{id}", tag = "checkouts", operation_id = "updateCheckout",
    params(("id" = String, Path, description = "The checkout.")),
    request_body = UpdateCheckout,
    responses((status = 200, description = "The checkout.", body = CheckoutBody)),
    extensions(("x-required-scope" = json!("checkout:update"))),
)]
pub async fn update_checkout(
    State(state): State<AppState>,
    caller: Caller<CheckoutUpdate>,
    Path(id): Path<CheckoutId>,
    if_match: IfMatch,
    Json(update): Json<UpdateCheckout>,
) -> Result<Tagged<CheckoutBody>, ApiError> {
    let change = CheckoutChange {
        expected_version: if_match.number(),
        metadata: update.metadata.map(|pairs| pairs.0),
        expires_at: update.expires_at,
    };
    let checkout = edit_checkout(&state.app, caller.tenant(), id, change).await?;
    Ok(Tagged::new(checkout.version, body(&state.app, &checkout).await?))
}
