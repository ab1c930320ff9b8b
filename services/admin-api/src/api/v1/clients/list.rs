//! `GET /v1/clients`.

use axum::extract::{RawQuery, State};
use gateway_core::app::settings::clients::{self, ClientFilter};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::ClientBody;
use crate::{
    api::query::{Filters, page_of, page_request},
    authority::{Caller, ClientRead},
    state::AppState,
};

/// List clients, newest first.
///
/// What is known of clients is encrypted, and found by whole values: there is no search for a part of a name.
#[utoipa::path(
    get, path = "/clients", tag = "clients", operation_id = "listClients",
    params(
        PageQuery,
        ("email" = Option<String>, Query, description = "With this e-mail address; case does not count."),
        ("name" = Option<String>, Query,
         description = "With this name, of person or company, whole; case does not count."),
        ("reference" = Option<String>, Query, description = "With this reference."),
        ("q" = Option<String>, Query, description = "With this e-mail address, name, reference or id."),
    ),
    responses((status = 200, description = "A page of clients.", body = Page<ClientBody>)),
    extensions(("x-required-scope" = json!("client:read"))),
)]
pub async fn list_clients(
    State(state): State<AppState>,
    caller: Caller<ClientRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<ClientBody>>, ApiError> {
    let filters = Filters::of(raw.as_deref());
    let filter = ClientFilter {
        email: filters.text("email"),
        name: filters.text("name"),
        reference: filters.text("reference"),
        any: filters.text("q"),
    };
    let filter = filters.finish(filter)?;
    let found = clients::list(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for client in &found.rows {
        let profile = clients::profile(&state.app, client).await?;
        rows.push(ClientBody::of((client.clone(), profile)));
    }
    Ok(Json(page_of(&query, &found, rows)))
}
