//! Documents for the gateway's other services, never public: each request carries a signed token that names the
//! tenant and the path, good for a minute.
//!
//! `GET /documents/{invoiceId}/preview` answers the PDF of a draft as it would be issued now, rendered for this
//! request alone. `?organization=…&mode=…` names the tenant. The files of issued documents lie sealed in the
//! database, where each service reads them itself.

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
    routing::get,
};
use gateway_core::{
    app::{
        App, AppError,
        invoices::{self, PaperRenderer, render::FileKind},
    },
    domain::{InvoiceId, Mode, OrganizationId, Tenant},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use web_kit::{ApiError, Path, Query, request_id};

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct DocumentsState {
    /// The use cases.
    pub app: App,
    /// Renders previews.
    pub renderer: Arc<dyn PaperRenderer>,
}

/// The routes.
pub fn router(state: DocumentsState) -> Router {
    Router::new()
        .route("/documents/{id}/preview", get(preview))
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
    let files = state.renderer.render(&paper).await.map_err(|error| AppError::internal(error.to_string()))?;
    let kind = HeaderValue::from_static(FileKind::Pdf.content_type());
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, kind)], files.pdf).into_response())
}
