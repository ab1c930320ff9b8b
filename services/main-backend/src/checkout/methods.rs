//! Providers, as ways to pay.

use gateway_core::domain::ProviderId;
use gateway_core::domain::provider_account::{ProviderAccount, ProviderKind};
use gateway_core::domain::transaction::Transaction;
use url::Url;
use web_kit::headers::Csp;
use web_kit::text::Text;

use super::pages::{FailureReason, MethodOption};

/// Stripe's hosted page. Shops with a domain of their own there, GoCardless (whose entry page may send on to
/// other hosts) and simulators are reached by the hand-over page, which no `form-action` holds back.
const STRIPE_PAGE: &str = "https://checkout.stripe.com/";

/// The policy of pages whose forms start a payment.
pub(super) fn policy(own: &Url) -> Csp {
    let stripe = Url::parse(STRIPE_PAGE).ok();
    Csp::page().form_to(stripe.iter().chain([own]))
}

/// What customers call it.
pub(super) fn name(kind: ProviderKind, text: &'static Text) -> &'static str {
    match kind {
        ProviderKind::Stripe => text.method_card,
        ProviderKind::GoCardless => text.method_bank_debit,
        ProviderKind::Sandbox => text.method_sandbox,
        ProviderKind::Wire => text.method_bank_transfer,
    }
}

/// Who does it, where that is somebody.
pub(super) const fn company(kind: ProviderKind) -> Option<&'static str> {
    match kind {
        ProviderKind::Stripe => Some("Stripe"),
        ProviderKind::GoCardless => Some("GoCardless"),
        ProviderKind::Sandbox | ProviderKind::Wire => None,
    }
}

/// Whether the money takes days.
pub(super) const fn takes_days(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::GoCardless)
}

/// A provider in the list.
pub(super) fn option(
    provider: &ProviderAccount,
    chosen: Option<ProviderId>,
    text: &'static Text,
) -> MethodOption {
    let hint = match provider.kind {
        ProviderKind::Stripe => text.method_card_hint,
        ProviderKind::GoCardless => text.method_bank_debit_hint,
        ProviderKind::Sandbox => text.method_sandbox_hint,
        ProviderKind::Wire => text.method_bank_transfer_hint,
    };
    MethodOption {
        value: provider.id.to_string(),
        name: name(provider.kind, text).to_owned(),
        hint: Some(hint.to_owned()),
        by: company(provider.kind).map(str::to_owned),
        selected: chosen == Some(provider.id),
    }
}

/// Why a transaction failed, as far as the provider's code tells.
pub(super) fn reason(transaction: &Transaction) -> FailureReason {
    if transaction.succeeded_at.is_some() {
        return FailureReason::Returned;
    }
    let of_payment = transaction.payment.as_ref().and_then(|payment| payment.failure.as_ref());
    let of_attempt = || transaction.attempts.iter().rev().find_map(|attempt| attempt.failure.as_ref());
    let failure = of_payment.or(transaction.failure.as_ref()).or_else(of_attempt);
    failure.map_or(FailureReason::Unknown, |failure| reason_of_code(&failure.code))
}

/// Providers' codes; an unknown one says no more than that it failed.
fn reason_of_code(code: &str) -> FailureReason {
    match code {
        "card_declined" | "generic_decline" | "do_not_honor" | "refer_to_customer" | "declined" => {
            FailureReason::Declined
        }
        "insufficient_funds" => FailureReason::InsufficientFunds,
        "expired_card" => FailureReason::ExpiredCard,
        "payment_intent_authentication_failure" | "authentication_required" | "authentication_failed" => {
            FailureReason::AuthenticationFailed
        }
        "card_velocity_exceeded" | "withdrawal_count_limit_exceeded" | "amount_too_large" => {
            FailureReason::LimitExceeded
        }
        _ => FailureReason::Unknown,
    }
}
