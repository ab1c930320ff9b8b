//! `GET /v1/events`.

use axum::extract::{RawQuery, State};
use gateway_core::app::list::{self, EventFilter};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{EventBody, STATES, state as state_text};
use crate::{
    api::query::{Filters, page_request, plain_page},
    authority::{Caller, EventRead},
    state::AppState,
};

/// List providers' events, newest first.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "listEvents",
    params(
        PageQuery,
        ("state" = Option<String>, Query, description = "received, applied, ignored or parked."),
        ("providerId" = Option<String>, Query, description = "Of this provider."),
        ("transactionId" = Option<String>, Query, description = "About this transaction."),
    ),
    responses((status = 200, description = "A page of events.", body = Page<EventBody>)),
    extensions(("x-required-scope" = json!("event:read"))),
)]
pub async fn list_events(
    State(state): State<AppState>,
    caller: Caller<EventRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<EventBody>>, ApiError> {
    let mut filters = Filters::of(raw.as_deref());
    let filter = EventFilter {
        state: filters.word("state", STATES, state_text),
        provider: filters.parsed("providerId"),
        transaction: filters.parsed("transactionId"),
    };
    let filter = filters.finish(filter)?;
    let found = list::events(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}
