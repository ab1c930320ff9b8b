//! `POST /checkout/{code}/pay`: the customer chose a method.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::app::orders::gate::{Asks, SecondPayment};
use gateway_core::app::start_payment::{StartedPayment, confirm_free, start_payment};
use gateway_core::app::{AppError, customer};
use gateway_core::domain::ProviderId;
use gateway_core::domain::checkout::CheckoutStatus;
use gateway_core::domain::site::AddressEntry;
use gateway_core::domain::transaction::NextStep;
use http::HeaderMap;
use serde::Deserialize;
use tracing::Instrument;
use url::Url;
use web_kit::csrf::{proves_session, same_origin_only};
use web_kit::headers::Nonce;
use web_kit::{ApiError, Form, Path};

use super::forms::TypedAddress;
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
    /// What the page said is to be paid, in minor units.
    #[serde(default)]
    amount: Option<i64>,
    /// The customer wants to pay although another payment of the order is there.
    #[serde(default)]
    second: Option<String>,
    #[serde(flatten)]
    address: TypedAddress,
}

/// Starts a payment and sends the customer on; what goes wrong is said on the page, with the other methods.
pub(super) async fn pay(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    nonce: Nonce,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, ApiError> {
    let mut view = View::by_code(&gateway, &code, Browser { nonce, headers: headers.clone() }).await?;
    same_origin_only(&headers, &view.own_origin())?;
    proves_session(&choice.session, &view.checkout.public_id)?;
    let chosen = choice.provider.parse::<ProviderId>().ok();
    view.second = choice.second.is_some();
    if choice.amount.is_some_and(|seen| seen != view.checkout.amount) {
        return other_price(&view, chosen).await;
    }
    if let Some(refused) = take_address(&mut view, chosen, &choice.address).await? {
        return Ok(refused);
    }
    if view.checkout.amount == 0 && view.checkout.has_entered_code() {
        return complete(&mut view).await;
    }
    let Some(provider) = chosen else {
        return no_choice(&view).await;
    };
    let (app, checkout) = (gateway.app.clone(), view.checkout.clone());
    let second = SecondPayment::accepted_if(view.second);
    // In a task of its own: a customer who closes the page must not cut a provider's call in two.
    let starting = async move { start_payment(&app, &checkout, provider, second).await };
    match gateway.background.spawn(starting.in_current_span()).await.map_err(ApiError::internal)? {
        Ok(started) => go_on(&view, &started),
        Err(AppError::Conflict { code: "CHECKOUT_CHANGED", .. }) => {
            view.refresh().await?;
            other_price(&view, chosen).await
        }
        Err(error) => explain(&view, provider, error).await,
    }
}

/// Nobody pays another price than they saw: a code was entered or taken out in another tab.
async fn other_price(view: &View, chosen: Option<ProviderId>) -> Result<Response, ApiError> {
    if view.checkout.status != CheckoutStatus::Open {
        return Ok(Redirect::to(&view.path()).into_response());
    }
    let mut page = view.pay_page(chosen).await?;
    page.alert = Some(view.form_text().price_changed.to_owned());
    Ok(view.respond(&page))
}

/// Keeps the billing address where the site asks for one; the page again where something is wrong with it.
async fn take_address(
    view: &mut View,
    chosen: Option<ProviderId>,
    typed: &TypedAddress,
) -> Result<Option<Response>, ApiError> {
    let is_needed = match view.address_wanted() {
        AddressEntry::None => return Ok(None),
        AddressEntry::Optional => false,
        AddressEntry::Required => true,
    };
    let is_over = view.checkout.status != CheckoutStatus::Open;
    if is_over || typed.is_blank() && (!is_needed || view.known_address().await?.is_some()) {
        return Ok(None);
    }
    match typed.read() {
        Ok(address) => {
            let app = &view.gateway.app;
            view.checkout = customer::set_billing_address(app, &view.checkout, address).await?;
            Ok(None)
        }
        Err(problems) => {
            let mut page = view.pay_page(chosen).await?;
            page.alert = Some(view.form_text().address_wrong.to_owned());
            page.address = Some(view.address_again(typed, &problems));
            Ok(Some(view.respond(&page)))
        }
    }
}

/// A code left nothing to pay, and the customer says so.
async fn complete(view: &mut View) -> Result<Response, ApiError> {
    match confirm_free(&view.gateway.app, &view.checkout).await {
        Ok(()) => Ok(Redirect::to(&view.path()).into_response()),
        Err(AppError::Unusable { .. }) => {
            view.refresh().await?;
            let mut page = view.pay_page(None).await?;
            page.alert = Some(view.form_text().code_gone.to_owned());
            Ok(view.respond(&page))
        }
        Err(AppError::Conflict { code, .. }) if code.starts_with("CHECKOUT_") => {
            Ok(Redirect::to(&view.path()).into_response())
        }
        Err(error) => Err(error.into()),
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
        AppError::Conflict { code: "ORDER_ALREADY_PAID", .. } => return view.ask(Asks::AlreadyPaid).await,
        AppError::Conflict { code: "ORDER_PAYMENT_RUNNING", .. } => {
            return view.ask(Asks::PaymentRunning).await;
        }
        AppError::Unusable { code, .. } if code.starts_with("DISCOUNT_CODE_") => {
            if view.checkout.has_entered_code() {
                view.form_text().code_gone
            } else {
                view.text().discount_refused
            }
        }
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
