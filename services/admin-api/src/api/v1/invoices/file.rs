//! Files of documents: the stored ones, and previews of drafts from the worker.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use gateway_core::{
    app::invoices::{
        self,
        render::{File, FileKind, file},
    },
    domain::{InvoiceId, Tenant, invoice::Invoice},
};
use http::{HeaderValue, header};
use web_kit::ApiError;

use crate::{documents::NoPreview, state::AppState};

/// How long to wait before asking again for a file that is not made yet.
const SOON: Duration = Duration::from_secs(2);

/// The stored file of an issued document.
pub(crate) async fn stored(
    state: &AppState,
    tenant: Tenant,
    id: InvoiceId,
    kind: FileKind,
) -> Result<Response, ApiError> {
    let invoice = invoices::get(&state.app, tenant, id).await?;
    if invoice.numbered.is_none() {
        return match kind {
            FileKind::Pdf => preview(state, &invoice).await,
            FileKind::Xml => Err(ApiError::conflict("INVOICE_NOT_ISSUED", "a draft has no XML", None)),
        };
    }
    match file(&state.app, tenant, id, kind).await? {
        File::Ready(content) => {
            let number = invoice.number().unwrap_or_default().replace('/', "-");
            Ok(attachment(content, kind.content_type(), &format!("{number}.{}", kind.extension())))
        }
        File::NotYet => {
            Err(ApiError::conflict("FILE_NOT_READY", "the file is being made: come back", Some(SOON)))
        }
        File::Parked(reason) => Err(not_made(&reason)),
        File::None => Err(ApiError::conflict("FILE_NONE", "this kind of document has no such file", None)),
    }
}

fn not_made(reason: &str) -> ApiError {
    ApiError::conflict("FILE_NOT_MADE", format!("the file could not be made: {reason}"), None)
}

/// A draft as it would be issued now, rendered by the worker.
async fn preview(state: &AppState, invoice: &Invoice) -> Result<Response, ApiError> {
    let unavailable =
        || ApiError::conflict("PREVIEW_UNAVAILABLE", "drafts cannot be shown at the moment", Some(SOON));
    let Some(documents) = &state.documents else { return Err(unavailable()) };
    invoices::count_preview(&state.app, invoice.tenant()).await?;
    match documents.preview(&state.app, invoice).await {
        Ok(content) => Ok(attachment(content, FileKind::Pdf.content_type(), "draft.pdf")),
        Err(NoPreview::Refused(reason)) => Err(not_made(&reason)),
        Err(NoPreview::Unavailable(error)) => Err(unavailable().with_internal(error)),
    }
}

fn attachment(content: Vec<u8>, content_type: &'static str, name: &str) -> Response {
    let kind = HeaderValue::from_static(content_type);
    // Numbers are letters, digits and a few signs.
    let disposition = HeaderValue::from_str(&format!("inline; filename=\"{name}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("inline"));
    let private = HeaderValue::from_static("private, no-store");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, private),
    ];
    (headers, content).into_response()
}
