//! What may be done with a client beside changing it: taken out, copied, erased.

use axum::response::Response;
use gateway_core::app::{AppError, personal::erase, settings::clients};
use web_kit::{ApiError, Path};

use super::{One, PATH, show};
use crate::{api::v1::clients::export_answer, panel::shell::Ctx};

pub(super) async fn delete(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    match clients::delete(ctx.app(), ctx.tenant(), one.id).await {
        Ok(()) => Ok(ctx.see(PATH, "deleted")),
        Err(error) => refused(&ctx, &one, error).await,
    }
}

/// Everything that is held, as a file.
pub(super) async fn export(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    export_answer(ctx.app(), ctx.tenant(), one.id).await
}

/// Leads to what is left: which documents are kept, and why.
pub(super) async fn erase(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    match erase::erase(ctx.app(), ctx.tenant(), one.id).await {
        Ok(report) => {
            let done = if report.done_at.is_some() { "erased" } else { "erasing" };
            Ok(ctx.see(&format!("{PATH}/{}", one.id), done))
        }
        Err(error) => refused(&ctx, &one, error).await,
    }
}

/// The client's page again, with what stood against it.
async fn refused(ctx: &Ctx, one: &One, error: AppError) -> Result<Response, ApiError> {
    let error = ApiError::from(error);
    if error.status.is_server_error() || error.status == 404 {
        return Err(error);
    }
    show::again(ctx, one.id, error.message.into_owned()).await
}
