//! Providers: the merchant's own accounts at payment providers, and whether they work.

mod acts;
mod edit;
mod list;
mod show;

use gateway_core::domain::{
    ProviderId,
    provider_account::{CredentialsTest, ProviderAccount, ProviderKind},
    scope::Scope,
};
use serde::Deserialize;

use super::{
    screens::Screens,
    shell::{Pill, Tone},
};

const PATH: &str = "/providers";

/// The provider in the address.
#[derive(Deserialize)]
struct One {
    id: ProviderId,
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::ProviderRead, "/providers", list::list)
        .get(Scope::ProviderRead, "/providers/{id}", show::show)
        .proven(|screens| {
            screens
                .get(Scope::ProviderWrite, "/providers/new", edit::new)
                .post(Scope::ProviderWrite, "/providers/new", edit::create)
                .get(Scope::ProviderWrite, "/providers/{id}/edit", edit::edit)
                .post(Scope::ProviderWrite, "/providers/{id}/edit", edit::update)
                .post(Scope::ProviderWrite, "/providers/{id}/toggle", acts::toggle)
                .post(Scope::ProviderWrite, "/providers/{id}/delete", acts::delete)
        })
        .post(Scope::ProviderWrite, "/providers/{id}/test", acts::test)
        .post(Scope::ProviderWrite, "/providers/{id}/catch-up", acts::catch_up)
}

/// What people call a kind.
const fn kind_name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Sandbox => "Sandbox",
        ProviderKind::Stripe => "Stripe",
        ProviderKind::GoCardless => "GoCardless",
        ProviderKind::Wire => "Bank transfer",
    }
}

fn enabled_pill(account: &ProviderAccount) -> Pill {
    if account.enabled { Pill::new(Tone::Good, "Enabled") } else { Pill::new(Tone::Calm, "Disabled") }
}

fn test_pill(account: &ProviderAccount) -> Pill {
    match &account.last_test {
        None if !account.kind.has_account_elsewhere() => Pill::new(Tone::Calm, "None needed"),
        None => Pill::new(Tone::Warn, "Not tested"),
        Some(CredentialsTest { problem: None, .. }) => Pill::new(Tone::Good, "Works"),
        Some(CredentialsTest { problem: Some(_), .. }) => Pill::new(Tone::Bad, "Failed"),
    }
}
