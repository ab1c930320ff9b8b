//! `POST /hooks/{type}/{providerId}`.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use gateway_core::app::intake::{Heard, WebhookAccount, take, verify};
use gateway_core::app::{AppError, health};
use gateway_core::domain::ProviderId;
use gateway_core::domain::provider_account::ProviderKind;
use gateway_core::domain::provider_health::RefusalReason;
use http::{HeaderMap, StatusCode};
use web_kit::json::body_error;
use web_kit::{ApiError, ClientIp, Path};

use crate::gateway::Shared;

/// `_` in the path: the provider configured by environment.
const ENVIRONMENT: &str = "_";

/// Verifies a webhook on its raw bytes, stores its events, answers, and applies them.
///
/// 2xx only once the events are on a majority; an error of ours is 5xx, so that the provider sends again.
pub(super) async fn receive(
    State(gateway): State<Shared>,
    ip: ClientIp,
    Path((kind, account)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let kind: ProviderKind = kind.parse().map_err(|problem: String| ApiError::bad_field("type", problem))?;
    gateway.quotas.check_sender(ip, &account)?;
    let account = account_of(&account)?;
    let body = body.map_err(|rejection| body_error(&rejection))?;
    let heard = verify(&gateway.app, kind, account, &headers, &body).await.map_err(send_again)?;
    match heard {
        Heard::Genuine(genuine) => {
            let status = StatusCode::from_u16(genuine.status).map_err(ApiError::internal)?;
            // Only now: what strangers send must not use up what the provider may.
            gateway.quotas.check_events(genuine.provider(), genuine.len())?;
            let fresh = take(&gateway.app, genuine).await.map_err(send_again)?;
            gateway.background.apply(&gateway.app, fresh);
            Ok(status.into_response())
        }
        Heard::Refused { status, reason, provider } => {
            let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
            note_refused(&gateway, kind, reason, provider);
            Err(refused(status, reason))
        }
    }
}

fn note_refused(gateway: &Shared, kind: ProviderKind, reason: RefusalReason, provider: Option<ProviderId>) {
    gateway.refusals.note(kind, reason);
    if let Some((id, count)) = provider.and_then(|id| gateway.refusals.note_of(id, reason)) {
        let app = gateway.app.clone();
        drop(gateway.background.spawn(async move { health::note_refusals(&app, id, reason, count).await }));
    }
}

/// Says what is wrong, as far as whoever set the webhook up can put it right, and nothing of what is stored.
fn refused(status: StatusCode, reason: RefusalReason) -> ApiError {
    let (code, text) = match reason {
        RefusalReason::UnknownProvider => (
            "WEBHOOK_PROVIDER_UNKNOWN",
            "This address belongs to no provider of that type: copy it from the provider's page in the panel.",
        ),
        RefusalReason::Signature => (
            "WEBHOOK_SIGNATURE_INVALID",
            "The signature fits no webhook secret that is stored for this provider, or it is more than five \
             minutes old. Store the secret of this very endpoint.",
        ),
        RefusalReason::Body => (
            "WEBHOOK_BODY_UNREADABLE",
            "The signature is right, but the body is no event that this gateway reads.",
        ),
    };
    ApiError::new(status, code, text)
}

fn account_of(text: &str) -> Result<WebhookAccount, ApiError> {
    if text == ENVIRONMENT {
        return Ok(WebhookAccount::Environment);
    }
    let id = text.parse::<ProviderId>();
    id.map(WebhookAccount::Id).map_err(|error| ApiError::bad_field("providerId", error.to_string()))
}

/// Whatever went wrong here is not the provider's fault: never a 4xx, which would end its retries.
fn send_again(error: AppError) -> ApiError {
    let error = ApiError::from(error);
    if error.status.is_server_error() { error } else { ApiError::internal(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_an_account_or_the_environment() {
        assert_eq!(account_of("_").unwrap(), WebhookAccount::Environment);
        let id = "0123456789abcdef01234567";
        assert_eq!(account_of(id).unwrap(), WebhookAccount::Id(id.parse().unwrap()));
        assert_eq!(account_of("__").unwrap_err().status, 400);
    }

    #[test]
    fn our_own_failures_make_the_provider_send_again() {
        assert_eq!(send_again(AppError::Busy).status, 503);
        assert_eq!(send_again(AppError::NotFound("provider")).status, 500);
    }
}
