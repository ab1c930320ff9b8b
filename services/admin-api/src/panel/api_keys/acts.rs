//! A new secret for a key, and its end.

use std::time::Duration;

use axum::response::Response;
use gateway_core::app::settings::api_keys;
use web_kit::{ApiError, Path};

use super::{
    PATH,
    show::{self, One},
};
use crate::panel::{act, form::FormData, shell::Ctx};

pub(super) async fn rotate(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let overlap = form.parsed::<u64>("overlapSeconds").unwrap_or_default();
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    // Only roles that may do everything get here, so nobody learns a secret that does more than they may.
    match api_keys::rotate(ctx.app(), ctx.tenant(), one.id, Duration::from_secs(overlap), None).await {
        Ok((key, token)) => show::with_secret(&ctx, &key, &token).await,
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            show::again(&ctx, one.id, form, alert).await
        }
    }
}

pub(super) async fn revoke(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    api_keys::revoke(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(ctx.see(&format!("{PATH}/{}", one.id), "revoked"))
}
