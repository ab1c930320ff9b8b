//! Files of documents.

use axum::response::Response;
use gateway_core::{app::invoices::render::FileKind, domain::InvoiceId};
use http::{HeaderValue, header};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use crate::{api::v1::invoices::stored, panel::shell::Ctx};

#[derive(Deserialize)]
pub(super) struct One {
    id: InvoiceId,
}

pub(super) async fn pdf(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    saved(&ctx, one.id, FileKind::Pdf).await
}

pub(super) async fn xml(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    saved(&ctx, one.id, FileKind::Xml).await
}

/// The file as a browser saves it under its name: the policy of our pages lets no viewer run.
async fn saved(ctx: &Ctx, id: InvoiceId, kind: FileKind) -> Result<Response, ApiError> {
    let mut response = stored(&ctx.panel.state, ctx.tenant(), id, kind).await?;
    if let Some(disposition) = response.headers_mut().get_mut(header::CONTENT_DISPOSITION) {
        let name = disposition.to_str().unwrap_or_default().replacen("inline", "attachment", 1);
        *disposition = HeaderValue::from_str(&name).map_err(ApiError::internal)?;
    }
    Ok(response)
}
