//! What may be done with a provider. Each is a form on its page.

use axum::response::Response;
use gateway_core::app::{
    catch_up::{self, CaughtUp},
    settings::providers::{self, ProviderSettings},
};
use web_kit::{ApiError, Path};

use super::{One, PATH, show};
use crate::panel::{form::FormData, shell::Ctx};

/// Asks the provider whether the credentials work. Its answer is kept, so that the list shows it, too.
pub(super) async fn test(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    match providers::test(ctx.app(), ctx.tenant(), one.id).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), "accepted")),
        Err(error) => show::again(&ctx, one.id, form, error).await,
    }
}

/// Reads the provider's own list of events now.
pub(super) async fn catch_up(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let path = format!("{PATH}/{}", one.id);
    match catch_up::catch_up(ctx.app(), ctx.tenant(), one.id).await {
        Ok(CaughtUp { complete: false, .. }) => Ok(ctx.see(&path, "catching-up")),
        Ok(CaughtUp { found: 0, .. }) => Ok(ctx.see(&path, "nothing-missed")),
        Ok(_) => Ok(ctx.see(&path, "caught-up")),
        Err(error) => show::again(&ctx, one.id, form, error).await,
    }
}

/// The form says which state to have, so that pressed twice it does the same as once.
pub(super) async fn toggle(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let enabled = form.is("enabled", "true");
    let settings = ProviderSettings { enabled: Some(enabled), ..ProviderSettings::default() };
    match providers::update(ctx.app(), ctx.tenant(), one.id, settings).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), if enabled { "enabled" } else { "disabled" })),
        Err(error) => show::again(&ctx, one.id, form, error).await,
    }
}

pub(super) async fn delete(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    match providers::delete(ctx.app(), ctx.tenant(), one.id).await {
        Ok(()) => Ok(ctx.see(PATH, "deleted")),
        Err(error) => show::again(&ctx, one.id, form, error).await,
    }
}
