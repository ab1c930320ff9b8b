//! Documents for the gateway's other services, never public: each request carries a signed token that names the
//! tenant and the path, good for a minute.
//!
//! `GET /documents/{invoiceId}/preview` answers the PDF of a draft as it would be issued now, rendered for this
//! request alone. `POST /documents/logo` tries whether the logo in the body can be printed: 204, or 422 with what
//! stands against it. `?organization=…&mode=…` names the tenant. The files of issued documents lie sealed in the
//! database, where each service reads them itself.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use gateway_core::{
    app::{
        App,
        invoices::{self, PaperRenderer, RenderError, render::FileKind},
    },
    domain::{InvoiceId, Mode, OrganizationId, Tenant, invoice::paper::Logo},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use web_kit::{ApiError, Json, Path, Query, request_id};

/// How soon to ask again where there was no turn.
const SOON: Duration = Duration::from_secs(2);

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct DocumentsState {
    /// The use cases.
    pub app: App,
    /// Renders previews, and tries logos.
    pub renderer: Arc<dyn PaperRenderer>,
}

/// The routes.
pub fn router(state: DocumentsState) -> Router {
    Router::new()
        .route("/documents/{id}/preview", get(preview))
        .route("/documents/logo", post(try_logo))
        .layer(axum::middleware::from_fn(request_id::internal_layer))
        .with_state(state)
}

/// Whose document it is.
#[derive(Debug, Deserialize)]
struct Whose {
    organization: String,
    mode: String,
}

impl Whose {
    /// The tenant, if the token is good for it and for the path.
    fn tenant(&self, app: &App, path: &str, headers: &HeaderMap) -> Result<Tenant, ApiError> {
        let organization: OrganizationId = self.organization.parse().map_err(|_| ApiError::unauthorized())?;
        let mode: Mode = self.mode.parse().map_err(|_| ApiError::unauthorized())?;
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let (tenant, now) = ((self.organization.as_str(), self.mode.as_str()), app.now().seconds());
        if !app.store.keys().service_tokens().accepts(token, tenant, path, now) {
            return Err(ApiError::unauthorized());
        }
        Ok(Tenant::new(organization, mode))
    }
}

async fn preview(
    State(state): State<DocumentsState>,
    Path(id): Path<InvoiceId>,
    Query(whose): Query<Whose>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tenant = whose.tenant(&state.app, uri.path(), &headers)?;
    let invoice = invoices::get(&state.app, tenant, id).await?;
    let paper = invoices::preview(&state.app, &invoice).await?;
    let files = state.renderer.preview(tenant.organization, &paper).await.map_err(refused)?;
    let kind = HeaderValue::from_static(FileKind::Pdf.content_type());
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, kind)], files.pdf).into_response())
}

async fn try_logo(
    State(state): State<DocumentsState>,
    Query(whose): Query<Whose>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Json(logo): Json<Logo>,
) -> Result<StatusCode, ApiError> {
    let tenant = whose.tenant(&state.app, uri.path(), &headers)?;
    state.renderer.try_logo(tenant.organization, &logo).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// 422 with the reason for what cannot be rendered; 503 where nothing was tried.
fn refused(error: RenderError) -> ApiError {
    match error {
        RenderError::Failed(reason) => ApiError::unprocessable("NOT_RENDERED", reason),
        RenderError::Busy(_) => ApiError::unavailable(SOON).with_internal(error),
    }
}
