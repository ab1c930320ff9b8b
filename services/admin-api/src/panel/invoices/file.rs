//! Files of documents.

use axum::response::Response;
use gateway_core::{app::invoices::render::FileKind, domain::InvoiceId};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use crate::{api::v1::invoices::stored, panel::shell::Ctx};

#[derive(Deserialize)]
pub(super) struct One {
    id: InvoiceId,
}

pub(super) async fn pdf(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    stored(&ctx.panel.state, ctx.tenant(), one.id, FileKind::Pdf).await
}

pub(super) async fn xml(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    stored(&ctx.panel.state, ctx.tenant(), one.id, FileKind::Xml).await
}
