//! `…/api-keys/new`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::api_keys::{self, NewKey},
    },
    domain::{Timestamp, scope::Scope},
};
use http::StatusCode;
use web_kit::ApiError;

use super::{PATH, show};
use crate::panel::{
    act,
    form::FormData,
    group::{Group, groups},
    shell::{self, Ctx, Shell},
};

/// A day, in seconds.
const DAY: i64 = 24 * 3600;

#[derive(Template)]
#[template(path = "panel/api_key_new.html")]
struct NewPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    scopes: Vec<Group>,
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, FormData::default(), None)))
}

fn page(ctx: &Ctx, form: FormData, alert: Option<String>) -> NewPage {
    let all = Scope::ALL.iter().map(|scope| scope.as_str());
    let about = |word: &'static str| word.parse::<Scope>().map(Scope::about).unwrap_or_default().to_owned();
    NewPage { shell: ctx.shell(PATH, "New API key"), form, alert, scopes: groups(all, ':', about) }
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let new = NewKey { id: form.new_id(), ..read(&mut form) };
    form.also(api_keys::problems(ctx.app(), &new));
    let id = new.id;
    let refused = if form.is_good() {
        // Only roles that may do everything get here, so nobody hands out more than they hold.
        match api_keys::create(ctx.app(), ctx.tenant(), new, None).await {
            Ok((key, token)) => return show::with_secret(&ctx, &key, &token).await,
            Err(AppError::Conflict { code: "CREATED_BEFORE", .. }) if id.is_some() => {
                let id = id.map(|id| id.to_string()).unwrap_or_default();
                return Ok(ctx.see(&format!("{PATH}/{id}"), "shown-before"));
            }
            Err(error) => act::refused(&mut form, error)?,
        }
    } else {
        None
    };
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&ctx, form, refused)))
}

fn read(form: &mut FormData) -> NewKey {
    let mut scopes = Vec::new();
    let words: Vec<String> = form.values("scopes").map(str::to_owned).collect();
    for word in words {
        match word.parse() {
            Ok(scope) => scopes.push(scope),
            Err(error) => form.problem("scopes", error),
        }
    }
    let expires_at = form.text("expiresAt").and_then(|day| {
        // The day that is named is the last one, whole.
        let last = Timestamp::parse(&format!("{day}T00:00:00Z"));
        if last.is_none() {
            form.problem("expiresAt", "must be a date such as 2030-01-31");
        }
        last.map(|last| Timestamp::from_seconds(last.seconds() + DAY))
    });
    NewKey {
        id: None,
        name: form.text("name").unwrap_or_default(),
        scopes,
        allowed_networks: form.lines("allowedNetworks"),
        expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_that_a_key_ends_is_meant_whole() {
        let mut form = FormData::of([("expiresAt", "2030-01-31".to_owned()), ("scopes", "x".to_owned())]);
        let new = read(&mut form);
        assert_eq!(new.expires_at.unwrap().to_string(), "2030-02-01T00:00:00.000Z");
        assert!(form.error("scopes").is_some());
    }
}
