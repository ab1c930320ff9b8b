//! `POST /checkout/{code}/pay`: the customer chose a method.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::app::AppError;
use gateway_core::app::start_payment::{StartedPayment, start_payment};
use gateway_core::domain::ProviderId;
use gateway_core::domain::transaction::NextStep;
use http::HeaderMap;
use serde::Deserialize;
use tracing::Instrument;
use url::Url;
use web_kit::csrf::{proves_session, same_origin_only};
use web_kit::headers::Nonce;
use web_kit::{ApiError, Form, Path};

use super::methods;
use super::pages::HandoverPage;
use super::view::{Browser, View};
use crate::gateway::Shared;

/// The form.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    session: String,
    #[serde(default)]
    provider: String,
}

/// Starts a payment and sends the customer on; what goes wrong is said on the page, with the other methods.
pub(super) async fn pay(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, ApiError> {
    let view = View::by_code(&gateway, &code, Browser { nonce, headers: headers.clone() }).await?;
    same_origin_only(&headers, &view.own_origin())?;
    proves_session(&choice.session, &view.checkout.public_id)?;
    let Ok(provider) = choice.provider.parse::<ProviderId>() else {
        return no_choice(&view).await;
    };
    let (app, checkout) = (gateway.app.clone(), view.checkout.clone());
    // In a task of its own: a customer who closes the page must not cut a provider's call in two.
    let starting = async move { start_payment(&app, &checkout, provider).await };
    match gateway.background.spawn(starting.in_current_span()).await.map_err(ApiError::internal)? {
        Ok(started) => go_on(&view, &started),
        Err(error) => explain(&view, provider, error).await,
    }
}

async fn no_choice(view: &View) -> Result<Response, ApiError> {
    let mut page = view.pay_page(None).await?;
    page.method_error = Some(view.text().choose_method.to_owned());
    Ok(view.respond(&page))
}

fn go_on(view: &View, started: &StartedPayment) -> Result<Response, ApiError> {
    let Some(NextStep::Redirect { url }) = &started.next else {
        return Ok(Redirect::to(&view.path()).into_response());
    };
    let target: Url = url.parse().map_err(ApiError::internal)?;
    let policy = methods::policy(&view.gateway.app.urls.main_frontend);
    if policy.allows_form_to(&target) {
        return Ok(Redirect::to(url).into_response());
    }
    let kind = started.transaction.provider_kind;
    let company = kind.map(|kind| methods::company(kind).unwrap_or(methods::name(kind, view.text())));
    let method = company.unwrap_or_default().to_owned();
    Ok(view.respond(&HandoverPage { shell: view.shell(), method, url: url.clone() }))
}

/// The checkout's own state has a page; a method that does not work leaves the others.
async fn explain(view: &View, provider: ProviderId, error: AppError) -> Result<Response, ApiError> {
    let alert = match &error {
        AppError::Conflict { code, .. } if code.starts_with("CHECKOUT_") => {
            return Ok(Redirect::to(&view.path()).into_response());
        }
        AppError::Unusable { code, .. } if code.starts_with("DISCOUNT_CODE_") => view.text().discount_refused,
        AppError::Conflict { .. } => view.text().reason_unknown,
        AppError::Provider { .. } | AppError::Invalid(_) => {
            tracing::info!(checkout = %view.checkout.id, %provider, %error, "a method could not be used");
            view.text().method_unavailable
        }
        _ => return Err(error.into()),
    };
    let mut page = view.pay_page(Some(provider)).await?;
    page.alert = Some(alert.to_owned());
    Ok(view.respond(&page))
}
