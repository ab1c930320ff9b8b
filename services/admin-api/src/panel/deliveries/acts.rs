//! Messages that are sent again.

use axum::response::Response;
use gateway_core::{
    app::deliveries::{self, Recover},
    domain::Timestamp,
};
use web_kit::{ApiError, Path};

use super::{
    PATH, list,
    show::{self, One},
};
use crate::panel::{act, form::FormData, shell::Ctx};

pub(super) async fn resend(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    match deliveries::resend(ctx.app(), ctx.tenant(), one.id).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), "resent")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            show::again(&ctx, one.id, alert).await
        }
    }
}

/// Everything that has failed for good since a moment, for one receiver.
pub(super) async fn recover(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let whose = whose(&mut form);
    let since = since(&mut form);
    let (Some(whose), Some(since)) = (whose, since) else {
        return list::again(&ctx, form, None).await;
    };
    match deliveries::recover(ctx.app(), ctx.tenant(), whose, since).await {
        Ok(0) => Ok(ctx.see(PATH, "nothing-recovered")),
        Ok(_) => Ok(ctx.see(PATH, "recovering")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            list::again(&ctx, form, alert).await
        }
    }
}

/// One field for both kinds of receivers: `site:<id>` or `endpoint:<id>`.
fn whose(form: &mut FormData) -> Option<Recover> {
    let read = |text: &str| match text.split_once(':')? {
        ("endpoint", id) => id.parse().ok().map(Recover::Endpoint),
        ("site", id) => id.parse().ok().map(Recover::Site),
        _ => None,
    };
    let whose = read(form.value("receiver"));
    if whose.is_none() {
        form.problem("receiver", "must be chosen");
    }
    whose
}

/// A moment as browsers write it, in UTC.
fn since(form: &mut FormData) -> Option<Timestamp> {
    let text = form.value("since").trim();
    let with_seconds = if text.len() == "2030-01-31T12:00".len() { ":00" } else { "" };
    let since = Timestamp::parse(&format!("{text}{with_seconds}Z"));
    if since.is_none() {
        form.problem("since", "must be a date and time, such as 2030-01-31T12:00");
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiver_and_moment_are_read_as_browsers_send_them() {
        let read = |receiver: &str, at: &str| {
            let mut form = FormData::of([("receiver", receiver.to_owned()), ("since", at.to_owned())]);
            (whose(&mut form), since(&mut form).map(|at| at.to_string()))
        };
        let id = "0123456789abcdef01234567";
        let site = Recover::Site(id.parse().unwrap());
        let (found, at) = read(&format!("site:{id}"), "2030-01-31T12:00");
        assert_eq!((found, at.as_deref()), (Some(site), Some("2030-01-31T12:00:00.000Z")));
        assert_eq!(read("x", "2030-01-31T12:00:30").1.unwrap(), "2030-01-31T12:00:30.000Z");
        assert_eq!(read(id, "yesterday"), (None, None));
        assert_eq!(read("endpoint:1", ""), (None, None));
    }
}
