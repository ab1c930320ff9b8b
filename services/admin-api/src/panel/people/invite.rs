//! `…/people/invite`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::people::invitations::{self, NewInvitation},
    domain::role::Role,
};
use http::StatusCode;
use web_kit::ApiError;

use super::{PATH, ROLES};
use crate::panel::{
    account::{LANGUAGES, alert},
    form::FormData,
    shell::{self, Ctx, Shell},
};

#[derive(Template)]
#[template(path = "panel/invite.html")]
struct InvitePage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    roles: &'static [(&'static str, &'static str)],
    languages: &'static [(&'static str, &'static str)],
}

impl InvitePage {
    fn of(ctx: &Ctx, form: FormData) -> Self {
        let shell = ctx.shell(PATH, "Invite somebody");
        Self { shell, form, alert: None, roles: ROLES, languages: LANGUAGES }
    }
}

pub(super) async fn new(ctx: Ctx) -> Response {
    let language = ctx.member.person.language.clone();
    let form = FormData::of([("role", Role::Viewer.as_str().to_owned()), ("language", language)]);
    shell::page(&InvitePage::of(&ctx, form))
}

pub(super) async fn invite(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let email = form.required("email");
    let role = form.parsed::<Role>("role");
    if role.is_none() && form.error("role").is_none() {
        form.problem("role", "is required");
    }
    let language = form.text("language").unwrap_or_else(|| "en".to_owned());
    let mut page = InvitePage::of(&ctx, form);
    if let Some(role) = role.filter(|_| page.form.is_good()) {
        let new = NewInvitation { email, role, language };
        let by = ctx.member.authority();
        match invitations::invite(ctx.app(), ctx.tenant().organization, &new, &by).await {
            Ok(_) => return Ok(ctx.see(PATH, "invited")),
            Err(error) => {
                let error = ApiError::from(error);
                if error.code == "ALREADY_MEMBER" {
                    page.form.problem("email", "belongs to a member already");
                } else if !page.form.take(&error) {
                    page.alert = Some(alert(error)?);
                }
            }
        }
    }
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}
