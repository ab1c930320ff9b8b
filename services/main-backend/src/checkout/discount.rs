//! `POST /checkout/{code}/discount`: the customer enters a discount code, or takes it out again.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::app::{AppError, reprice};
use gateway_core::domain::CheckoutId;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use web_kit::csrf::{proves_session, same_origin_only};
use web_kit::headers::Nonce;
use web_kit::rate_limit::KeyedLimiter;
use web_kit::text::fill;
use web_kit::{ApiError, ClientIp, Form, Path};

use super::view::{Browser, View};
use crate::gateway::Shared;

/// Codes that one checkout tries in the long run, and at once.
const CHECKOUT_EVERY: Duration = Duration::from_secs(10);
const CHECKOUT_BURST: u32 = 10;

/// Codes that one address tries in the long run, and at once: many customers may share one.
const ADDRESS_EVERY: Duration = Duration::from_secs(1);
const ADDRESS_BURST: u32 = 60;

/// How quickly codes can be tried. Whoever guesses has one address and makes checkouts, or has one checkout and
/// many addresses.
#[derive(Debug, Clone)]
pub(crate) struct CodeLimits {
    checkouts: KeyedLimiter<CheckoutId>,
    addresses: KeyedLimiter<IpAddr>,
}

impl Default for CodeLimits {
    fn default() -> Self {
        Self {
            checkouts: KeyedLimiter::slow("code_of_checkout", CHECKOUT_EVERY, CHECKOUT_BURST),
            addresses: KeyedLimiter::slow("code_of_address", ADDRESS_EVERY, ADDRESS_BURST),
        }
    }
}

impl CodeLimits {
    fn check(&self, checkout: CheckoutId, ip: ClientIp) -> Result<(), ApiError> {
        self.checkouts.check(&checkout)?;
        self.addresses.check(&ip.limit_key())
    }

    /// Cleans up once a minute until `stop`; to be spawned.
    pub(crate) async fn clean_up_until(self, stop: CancellationToken) {
        let mut every = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            self.checkouts.clean_up();
            self.addresses.clean_up();
        }
    }
}

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    session: String,
    code: String,
    /// Present: the entered code is taken out.
    remove: Option<String>,
}

/// Changes the price and shows the page anew; what goes wrong is said beside the field.
pub(super) async fn change(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    ip: ClientIp,
    nonce: Nonce,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> Result<Response, ApiError> {
    let mut view = View::by_code(&gateway, &code, Browser { nonce, headers: headers.clone() }).await?;
    same_origin_only(&headers, &view.own_origin())?;
    proves_session(&entry.session, &view.checkout.public_id)?;
    let page = format!("{}?choose=1", view.path());
    if !view.takes_code().await? {
        return Ok(Redirect::to(&page).into_response());
    }
    let is_removal = entry.remove.is_some();
    let typed = entry.code.trim();
    if !is_removal && typed.is_empty() {
        return refuse(&view, typed, view.form_text().code_missing.to_owned()).await;
    }
    if let Err(error) = gateway.codes.check(view.checkout.id, ip) {
        return too_fast(&view, typed, &error).await;
    }
    let (app, checkout, wanted) = (gateway.app.clone(), view.checkout.clone(), typed.to_owned());
    // In a task of its own: a begun payment may have to be ended at its provider first.
    let changing = gateway.background.spawn(async move {
        if is_removal {
            reprice::remove_code(&app, &checkout).await
        } else {
            reprice::enter_code(&app, &checkout, &wanted).await
        }
    });
    match changing.await.map_err(ApiError::internal)? {
        Ok(_) => Ok(Redirect::to(&page).into_response()),
        Err(AppError::Conflict { code, .. }) if code.starts_with("CHECKOUT_") => {
            Ok(Redirect::to(&view.path()).into_response())
        }
        Err(error) => {
            view.refresh().await?;
            let told = explain(&view, &error).ok_or(error)?;
            refuse(&view, typed, told).await
        }
    }
}

/// A refusal in words for customers; `None` where it is no matter of theirs.
fn explain(view: &View, error: &AppError) -> Option<String> {
    let text = view.form_text();
    let told = match error {
        AppError::Unusable { code, .. } => match *code {
            "DISCOUNT_CODE_UNKNOWN" | "DISCOUNT_CODE_NOT_ACTIVE" | "DISCOUNT_CODE_NOT_STARTED" => {
                text.code_unknown
            }
            "DISCOUNT_CODE_ENDED" => text.code_ended,
            "DISCOUNT_CODE_SPENT" | "DISCOUNT_CODE_SPENT_BY_CUSTOMER" => text.code_spent,
            "DISCOUNT_CODE_NEEDS_CUSTOMER" => text.code_needs_customer,
            _ => text.code_other_order,
        },
        AppError::Conflict { .. } | AppError::Provider { .. } => text.code_locked,
        _ => return None,
    };
    Some(view.with_shop(told))
}

async fn refuse(view: &View, typed: &str, error: String) -> Result<Response, ApiError> {
    let mut page = view.pay_page(None).await?;
    if let Some(entry) = &mut page.code {
        typed.clone_into(&mut entry.typed);
        entry.error = Some(error);
    } else {
        page.alert = Some(error);
    }
    Ok(view.respond(&page))
}

async fn too_fast(view: &View, typed: &str, error: &ApiError) -> Result<Response, ApiError> {
    let seconds = error.retry_after_secs().unwrap_or(10).to_string();
    let told = fill(view.form_text().code_too_fast, &[("seconds", &seconds)]);
    let mut response = refuse(view, typed, told).await?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    if let Ok(value) = seconds.parse() {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    Ok(response)
}
