//! A merchant's own account at a payment provider.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Currency, Mode, OrganizationId, ProviderId, Tenant, Timestamp, bank::BankAccount};
use crate::opaque::Sealed;

/// A payment provider that an adapter exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// The built-in sandbox. Cannot exist in live mode.
    Sandbox,
    /// Stripe Checkout.
    Stripe,
    /// GoCardless billing requests.
    GoCardless,
    /// Transfers to the merchant's own bank account, confirmed by a person.
    Wire,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Sandbox, Self::Stripe, Self::GoCardless, Self::Wire];

    /// As it stands in `/hooks/{type}/…` and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Stripe => "stripe",
            Self::GoCardless => "gocardless",
            Self::Wire => "wire",
        }
    }

    /// Whether a provider of this kind may exist in a mode.
    pub const fn allowed_in(self, mode: Mode) -> bool {
        !(matches!(self, Self::Sandbox) && mode.is_live())
    }

    /// Whether nobody but a person can say that the money has come: there is no API to ask, and no webhook.
    pub const fn is_confirmed_by_hand(self) -> bool {
        matches!(self, Self::Wire)
    }

    /// Whether there is an account elsewhere: credentials to store and to test, and a webhook to register.
    pub const fn has_account_elsewhere(self) -> bool {
        matches!(self, Self::Stripe | Self::GoCardless)
    }
}

super::text_words!(ProviderKind, "a provider type: use sandbox, stripe, gocardless or wire");

/// An account as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAccount {
    /// Its id, part of the webhook address.
    #[serde(rename = "_id")]
    pub id: ProviderId,
    /// Whose account it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// Which adapter speaks to it.
    #[serde(rename = "type")]
    pub kind: ProviderKind,
    /// What the panel calls it.
    pub name: String,
    /// Whether customers may choose it.
    pub enabled: bool,
    /// [`Credentials`] as JSON.
    pub credentials: Sealed,
    /// The account's id at the provider, when known; events of another account are parked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// The only currencies that it is offered for; all that its adapter takes where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<Currency>,
    /// When the last verified event came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_event_at: Option<Timestamp>,
    /// What the last test of the credentials came to; forgotten with the key that it tested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_test: Option<CredentialsTest>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What the provider said when it was asked whether the credentials work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsTest {
    /// When it was asked.
    pub at: Timestamp,
    /// Why they do not work; absent when they do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
}

impl ProviderAccount {
    /// Field name of [`Self::credentials`] for encryption.
    pub const CREDENTIALS_FIELD: &'static str = "credentials";

    /// The tenant that the account belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether it may be offered for a currency.
    pub fn is_for(&self, currency: Currency) -> bool {
        self.currencies.is_empty() || self.currencies.contains(&currency)
    }
}

/// Shortest webhook secret, in bytes. A shorter one is guessed, and whoever guesses it says "paid".
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 16;

/// Whether events that are signed with a webhook secret are believed. One that was stored before there was a
/// shortest length may not be.
pub const fn is_strong_secret(secret: &str) -> bool {
    secret.len() >= WEBHOOK_SECRET_BYTES_MIN
}

/// What is wrong with a webhook secret that somebody gives for a provider of this kind.
pub fn webhook_secret_problem(kind: ProviderKind, secret: &str) -> Option<String> {
    if kind == ProviderKind::Stripe && !secret.starts_with("whsec_") {
        return Some("must be the signing secret of the endpoint, which starts with whsec_".to_owned());
    }
    if !is_strong_secret(secret) {
        return Some(format!(
            "must be at least {WEBHOOK_SECRET_BYTES_MIN} characters: shorter ones are guessed"
        ));
    }
    None
}

/// What opens an account. Lives only in memory; sealed whole at rest.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Credentials {
    /// Stripe's secret key or GoCardless's access token; the others have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Accepted webhook secrets; more than one while a secret is rolled.
    pub webhook_secrets: Vec<String>,
    /// Where transfers go: no secret, but it stands where all that belongs to an account does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank: Option<BankAccount>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} webhook secrets)", self.webhook_secrets.len())
    }
}
