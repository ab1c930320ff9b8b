//! The sandbox provider's own hosted page: `/sandbox/{paymentId}?token=…`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use gateway_core::domain::SandboxPaymentId;
use gateway_core::domain::checkout::CaptureMethod;
use gateway_providers::sandbox::{self, Outcome, SandboxPayment, SandboxState};
use http::HeaderMap;
use serde::Deserialize;
use web_kit::csrf::{proves_session, same_origin_only};
use web_kit::headers::Nonce;
use web_kit::{ApiError, Form, Path, Query};

use crate::checkout::pages::{SandboxChallengePage, SandboxPayPage};
use crate::checkout::view::{Browser, View};
use crate::gateway::Shared;

/// The sandbox's routes.
pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/sandbox/{payment}", get(show).post(choose))
}

/// The token in the address proves the customer.
#[derive(Debug, Deserialize)]
struct Proof {
    #[serde(default)]
    token: String,
}

/// The form.
#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    session: String,
    #[serde(default)]
    outcome: String,
}

fn payment_id(text: &str) -> Result<SandboxPaymentId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("payment"))
}

/// The buttons, the 3-D Secure step, or the way back where nothing is left to choose.
async fn show(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    Query(proof): Query<Proof>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let payment = sandbox::load(&gateway.app, payment_id(&id)?, &proof.token).await?;
    let view = View::by_session(&gateway, &payment.session_public_id, Browser { nonce, headers }).await?;
    let (shell, amount) = (view.shell(), view.amount(payment.amount));
    let (form_action, session_public_id) = (address(&payment), payment.session_public_id.clone());
    Ok(match payment.state {
        SandboxState::Created => {
            let manual_capture = payment.capture_method == CaptureMethod::Manual;
            view.respond(&SandboxPayPage { shell, amount, form_action, session_public_id, manual_capture })
        }
        SandboxState::Challenge => {
            view.respond(&SandboxChallengePage { shell, amount, form_action, session_public_id })
        }
        _ => onward(&payment),
    })
}

/// Takes a button's outcome.
async fn choose(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    Query(proof): Query<Proof>,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, ApiError> {
    let id = payment_id(&id)?;
    let payment = sandbox::load(&gateway.app, id, &proof.token).await?;
    let own = gateway.app.urls.main_frontend.origin().ascii_serialization();
    same_origin_only(&headers, &own)?;
    proves_session(&choice.session, &payment.session_public_id)?;
    let outcome: Outcome =
        choice.outcome.parse().map_err(|problem: String| ApiError::bad_field("outcome", problem))?;
    let (app, token) = (gateway.app.clone(), proof.token);
    let chosen = gateway.background.finish(async move { sandbox::choose(&app, id, &token, outcome).await });
    Ok(onward(&chosen.await?))
}

/// To the next step, or back to the checkout, as a hosted page does.
fn onward(payment: &SandboxPayment) -> Response {
    match payment.state {
        SandboxState::Created | SandboxState::Challenge => Redirect::to(&address(payment)),
        SandboxState::Cancelled => Redirect::to(&payment.cancel_url),
        _ => Redirect::to(&payment.return_url),
    }
    .into_response()
}

fn address(payment: &SandboxPayment) -> String {
    format!("/sandbox/{}?token={}", payment.id, payment.token)
}
