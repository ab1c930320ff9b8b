//! What may be done with members and invitations. Each is a form on the page, and leads back there.

use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::{
        AppError,
        people::{invitations, members},
    },
    domain::{InvitationId, PersonId, role::Role},
};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, show};
use crate::panel::{
    account::alert,
    form::{FormData, SEEN_FIELD},
    shell::Ctx,
};

#[derive(Deserialize)]
pub(super) struct One {
    id: PersonId,
}

pub(super) async fn set_role(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let Some(role) = form.parsed::<Role>("role") else {
        return show::again(&ctx, "Choose one of the roles.".to_owned()).await;
    };
    // Two colleagues who change the same role must see each other's change.
    let Some(seen) = form.parsed::<Role>(SEEN_FIELD) else {
        return Err(ApiError::bad_field(SEEN_FIELD, "is missing: reload the page and try again"));
    };
    let (organization, by) = (ctx.tenant().organization, ctx.member.authority());
    let done = members::set_role_over(ctx.app(), organization, one.id, role, Some(seen), &by).await;
    after(&ctx, done.map(drop), "role-changed").await
}

pub(super) async fn remove(ctx: Ctx, Path(one): Path<One>, _form: FormData) -> Result<Response, ApiError> {
    let (organization, by) = (ctx.tenant().organization, ctx.member.authority());
    let done = members::remove(ctx.app(), organization, one.id, &by).await;
    if done.is_ok() && one.id == ctx.member.person.id {
        // Who has taken themselves out sees nothing here any more.
        return Ok(Redirect::to("/").into_response());
    }
    after(&ctx, done.map(drop), "removed").await
}

#[derive(Deserialize)]
pub(super) struct OneInvitation {
    id: InvitationId,
}

pub(super) async fn revoke(
    ctx: Ctx,
    Path(one): Path<OneInvitation>,
    _form: FormData,
) -> Result<Response, ApiError> {
    let (organization, by) = (ctx.tenant().organization, ctx.member.authority());
    let done = invitations::revoke(ctx.app(), organization, one.id, &by).await;
    after(&ctx, done.map(drop), "invitation-revoked").await
}

/// Back to the page: with a line that says what was done, or what stood against it.
async fn after(ctx: &Ctx, done: Result<(), AppError>, what: &'static str) -> Result<Response, ApiError> {
    match done {
        Ok(()) => Ok(ctx.see(PATH, what)),
        Err(AppError::Conflict { code: "LAST_ADMIN", .. }) => {
            let text = "This is the only Admin. Make somebody else an Admin first: without one nobody could let \
                people in, or change providers and keys.";
            show::again(ctx, text.to_owned()).await
        }
        Err(AppError::Stale) => {
            let text = "Somebody has changed this member's role since you loaded the page. Below is the role as it is \
                now: change it again if it should be another.";
            show::again(ctx, text.to_owned()).await
        }
        Err(error) => show::again(ctx, alert(ApiError::from(error))?).await,
    }
}
