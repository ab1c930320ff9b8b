//! What may be done with a checkout. Each is a form on its page, and leads back there.

use axum::response::Response;
use gateway_core::{app::checkouts, domain::CheckoutId};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, show};
use crate::panel::shell::Ctx;

#[derive(Deserialize)]
pub(super) struct One {
    id: CheckoutId,
}

pub(super) async fn cancel(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let Err(error) = checkouts::cancel(ctx.app(), ctx.tenant(), one.id).await else {
        return Ok(ctx.see(&format!("{PATH}/{}", one.id), "cancelled"));
    };
    let error = ApiError::from(error);
    if error.status.is_server_error() || error.status == 404 {
        return Err(error);
    }
    show::again(&ctx, one.id, error.message.into_owned()).await
}
