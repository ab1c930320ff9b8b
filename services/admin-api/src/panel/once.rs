//! Forms do their work once: what stands between the guard and every form of somebody who is signed in. A second
//! click, a reload and the browser's own retry get the first one's answer.

use axum::{
    extract::Request,
    response::{IntoResponse, Redirect, Response},
};
use gateway_core::{
    app::{
        App, audit,
        form_submissions::{self, Claim, Sending, SentForm},
    },
    domain::{PersonId, Tenant, form_submission::FormAnswer},
};
use http::header;
use web_kit::ApiError;

use super::{
    act::{digest_of, key_of},
    form::FormData,
};

/// Forms that carry no key, and why.
pub const WITHOUT_KEY: &[(&str, &str)] = &[(
    "/account/passkeys/begin",
    "a script asks for a challenge, of which nothing comes unless it is answered",
)];

/// On an answer that shows a secret: the page where what it belongs to is found later.
#[derive(Debug, Clone)]
struct ShowsSecret {
    page: String,
}

/// The answer to a form that made a secret, which it shows. Sent again, the form leads to `page`, a path of the panel,
/// and shows nothing: the secret is kept nowhere.
pub(super) fn with_secret(mut response: Response, page: String) -> Response {
    response.extensions_mut().insert(ShowsSecret { page });
    response
}

/// Takes a form on. `Err` is the answer to one that was sent before.
pub(super) async fn begin(
    app: &App,
    tenant: Tenant,
    person: PersonId,
    screen: &str,
    request: &mut Request,
) -> Result<Result<Option<Claim>, Response>, ApiError> {
    if WITHOUT_KEY.iter().any(|(path, _)| *path == screen) {
        return Ok(Ok(None));
    }
    let path = request.uri().path().to_owned();
    let form = request.extensions_mut().get_mut::<FormData>();
    let form = form.ok_or_else(|| ApiError::internal("a form's guard without its form"))?;
    let sent = SentForm { person, key: key_of(form)?, digest: digest_of(form, &path), path };
    Ok(match form_submissions::begin(app, tenant, &sent).await? {
        Sending::First(claim) => {
            form.makes(claim.new_id);
            Ok(Some(claim))
        }
        Sending::Repeated(answer) => {
            audit::repeated();
            Err(Redirect::to(&answer.to).into_response())
        }
    })
}

/// Remembers what a form was answered with. One that was not done may be sent again, also with other contents; of one
/// that failed on our side nobody knows, so it is taken up where it was.
pub(super) fn end(app: &App, claim: Claim, response: &Response) -> impl Future<Output = ()> + Send + use<> {
    let done = match response.extensions().get::<ShowsSecret>() {
        Some(shown) => {
            Some(FormAnswer { to: format!("{}?done=shown-before", shown.page), showed_secret: true })
        }
        None => led_to(response).map(|to| FormAnswer { to: to.to_owned(), showed_secret: false }),
    };
    let (app, is_open) = (app.clone(), response.status().is_server_error());
    async move {
        let noted = match done {
            Some(answer) => form_submissions::finish(&app, &claim, &answer).await,
            None if is_open => Ok(()),
            None => form_submissions::release(&app, &claim).await,
        };
        if let Err(error) = noted {
            tracing::warn!(?error, "what a form was answered with could not be noted");
        }
    }
}

/// Where a form that was done leads.
fn led_to(response: &Response) -> Option<&str> {
    let to = response.headers().get(header::LOCATION)?.to_str().ok()?;
    (response.status().is_redirection() && !to.starts_with("/login?again")).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_on_was_done() {
        assert_eq!(
            led_to(&Redirect::to("/o/1/test/products/2?done=created").into_response()),
            Some("/o/1/test/products/2?done=created")
        );
        assert_eq!(led_to(&Redirect::to("/login?again=1&next=%2Faccount").into_response()), None);
        assert_eq!(led_to(&"a page".into_response()), None);
    }
}
