//! What may be done with a client beside changing it: taken out, copied, erased.

use axum::response::Response;
use gateway_core::app::{AppError, personal::erase, settings::clients};
use web_kit::{ApiError, Path};

use super::{One, PATH, show, title};
use crate::{
    api::v1::clients::export_answer,
    panel::{form::FormData, shell::Ctx},
};

/// The fields that repeat the client's name, since what follows cannot be undone.
const CONFIRM_DELETE: &str = "confirmDelete";
const CONFIRM_ERASE: &str = "confirmErase";

pub(super) async fn delete(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    if !is_meant(&ctx, &one, &mut form, CONFIRM_DELETE).await? {
        return show::again(&ctx, one.id, form, None).await;
    }
    match clients::delete(ctx.app(), ctx.tenant(), one.id).await {
        Ok(()) => Ok(ctx.see(PATH, "deleted")),
        Err(error) => refused(&ctx, &one, form, error).await,
    }
}

/// Whether the form repeats the name of the client whom it takes away. One that is erased has none any more.
async fn is_meant(ctx: &Ctx, one: &One, form: &mut FormData, field: &str) -> Result<bool, ApiError> {
    let client = clients::get_even_erased(ctx.app(), ctx.tenant(), one.id).await?;
    if client.erasure.is_some() {
        return Ok(true);
    }
    let wanted = title(&clients::profile(ctx.app(), &client).await?, client.id);
    let same = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if same(form.value(field)) != same(&wanted) {
        form.problem(field, format!("must be “{wanted}”: nothing was done"));
        return Ok(false);
    }
    Ok(true)
}

/// Everything that is held, as a file.
pub(super) async fn export(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    export_answer(ctx.app(), ctx.tenant(), one.id).await
}

/// Leads to what is left: which documents are kept, and why.
pub(super) async fn erase(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    if !is_meant(&ctx, &one, &mut form, CONFIRM_ERASE).await? {
        return show::again(&ctx, one.id, form, None).await;
    }
    match erase::erase(ctx.app(), ctx.tenant(), one.id).await {
        Ok(report) => {
            let done = if report.done_at.is_some() { "erased" } else { "erasing" };
            Ok(ctx.see(&format!("{PATH}/{}", one.id), done))
        }
        Err(error) => refused(&ctx, &one, form, error).await,
    }
}

/// The client's page again, with what stood against it.
async fn refused(ctx: &Ctx, one: &One, mut form: FormData, error: AppError) -> Result<Response, ApiError> {
    let alert = form.refused(error)?;
    show::again(ctx, one.id, form, alert).await
}
