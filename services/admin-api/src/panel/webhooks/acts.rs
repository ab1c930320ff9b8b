//! What may be done with an endpoint.

use std::time::Duration;

use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::endpoints::{self, EndpointSettings},
    },
    domain::EndpointId,
};
use web_kit::{ApiError, Path};

use super::{
    PATH, read,
    show::{self, One},
};
use crate::panel::{act, form::FormData, shell::Ctx};

pub(super) async fn save(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let settings = read(&mut form);
    if settings.url.is_none() {
        form.problem("url", "is required");
    }
    form.also(endpoints::problems(ctx.app(), &settings, false));
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let endpoint = endpoints::get(ctx.app(), ctx.tenant(), one.id).await?;
        let stored = show::stored(&endpoint, &endpoints::url(ctx.app(), &endpoint).await?);
        let on = Some(("webhook-endpoints", id.as_str()));
        let name = "updateWebhookEndpoint";
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, name, on).await?;
        if is_stale || !form.is_good() {
            return show::again(&ctx, one.id, form, None).await;
        }
        let settings = EndpointSettings { expected_version: Some(endpoint.version), ..settings.clone() };
        match endpoints::update(ctx.app(), ctx.tenant(), one.id, settings).await.map(drop) {
            Err(AppError::Stale) => {}
            done => return after(&ctx, one.id, form, done, "saved").await,
        }
    }
    Err(AppError::Busy.into())
}

pub(super) async fn rotate(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let overlap = form.parsed::<u64>("overlapSeconds").unwrap_or_default();
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let overlap = Duration::from_secs(overlap);
    match endpoints::rotate_secret(ctx.app(), ctx.tenant(), one.id, overlap).await {
        Ok((endpoint, secret)) => show::with_secret(&ctx, &endpoint, &secret).await,
        Err(error) => after(&ctx, one.id, form, Err(error), "rotated").await,
    }
}

pub(super) async fn enable(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = endpoints::set_enabled(ctx.app(), ctx.tenant(), one.id, true).await.map(drop);
    after(&ctx, one.id, form, done, "enabled").await
}

pub(super) async fn disable(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = endpoints::set_enabled(ctx.app(), ctx.tenant(), one.id, false).await.map(drop);
    after(&ctx, one.id, form, done, "disabled").await
}

pub(super) async fn delete(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    endpoints::delete(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(ctx.see(PATH, "deleted"))
}

async fn after(
    ctx: &Ctx,
    id: EndpointId,
    mut form: FormData,
    done: Result<(), AppError>,
    what: &'static str,
) -> Result<Response, ApiError> {
    match done {
        Ok(()) => Ok(ctx.see(&format!("{PATH}/{id}"), what)),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            show::again(ctx, id, form, alert).await
        }
    }
}
