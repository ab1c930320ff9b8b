//! `GET /v1/audit-log`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::audit::{self, Filter},
    domain::audit::{Channel, Ending},
};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::AuditEntryBody;
use crate::{
    api::query::{Filters, page_request, plain_page},
    authority::{AuditRead, Caller},
    state::AppState,
};

/// Read what was administered, newest first. In live mode that is all of it, in test mode what was done in test mode
/// and what has no mode.
#[utoipa::path(
    get, path = "/audit-log", tag = "audit-log", operation_id = "listAuditLog",
    params(
        ("actor" = Option<String>, Query, description = "`person:<id>`, `key:<id>` or `system`."),
        ("operation" = Option<String>, Query, description = "The operation's name, such as `refundTransaction`."),
        ("channel" = Option<String>, Query, description = "`api`, `panel` or `command`."),
        ("outcome" = Option<String>, Query, description = "`done`, `refused`, `failed` or `unknown`."),
        ("from" = Option<String>, Query, description = "Begun at or after: ISO 8601 time or date."),
        ("to" = Option<String>, Query, description = "Begun before."),
        PageQuery,
    ),
    responses((status = 200, description = "A page of entries.", body = Page<AuditEntryBody>)),
    extensions(("x-required-scope" = json!("audit:read"))),
)]
pub async fn list_audit_log(
    State(state): State<AppState>,
    caller: Caller<AuditRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<AuditEntryBody>>, ApiError> {
    let filter = filter(raw.as_deref())?;
    let found = audit::list(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}

/// The list's filters; the panel's are the same.
pub(crate) fn filter(query: Option<&str>) -> Result<Filter, ApiError> {
    let mut filters = Filters::of(query);
    let filter = Filter {
        actor: filters.parsed("actor"),
        operation: filters.text("operation"),
        channel: filters.word("channel", Channel::ALL, Channel::as_str),
        ending: filters.word("outcome", Ending::ALL, Ending::as_str),
        span: filters.span(),
    };
    filters.finish(filter)
}
