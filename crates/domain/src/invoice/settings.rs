//! Who invoices, how its papers look, and where their numbers come from: one document per organization and
//! mode, so that test papers can be tried without touching those of the law.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    guard::{Guard, SellerKind},
    paper::{PaperKind, PaperLook, Party, TaxCategory},
    series::Series,
    tax::TaxRules,
    vat_states::VatState,
};
use crate::{
    Currency, InvoiceSettingsId, LookId, Mode, OrganizationId, SeriesId, Tenant, Timestamp, derived_id,
    opaque::Sealed,
};

/// The part of the settings that is sealed: a sole trader's data are a person's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SellerProfile {
    /// Who sells.
    pub seller: Party,
    /// How papers look.
    pub look: PaperLook,
}

impl SellerProfile {
    /// What is missing before anything may be issued, as paths of the API.
    pub fn missing(&self) -> Vec<&'static str> {
        let seller = &self.seller;
        let empty = |text: &String| text.trim().is_empty();
        let mut missing = Vec::new();
        for (is_missing, field) in [
            (empty(&seller.name), "seller.name"),
            (seller.address.iter().all(empty), "seller.address"),
            (empty(&seller.city), "seller.city"),
            (empty(&seller.country), "seller.country"),
        ] {
            if is_missing {
                missing.push(field);
            }
        }
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !empty(text));
        if !given(&seller.vat_id) && !given(&seller.tax_number) {
            missing.push("seller.taxNumber");
        }
        missing
    }
}

/// Lines without tax: those that state a rate of zero, and those that state none where there is no default rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Untaxed {
    /// Their category.
    pub category: TaxCategory,
    /// Why no tax is charged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The same as a code of the list VATEX (BT-121).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// What a currency is worth in the seller's national one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeRate {
    /// The currency of documents.
    pub currency: Currency,
    /// Units of the national currency for one of it.
    pub rate: Decimal,
    /// Where the rate comes from; printed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
}

/// Settings as they are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceSettings {
    /// Derived from organization and mode.
    #[serde(rename = "_id")]
    pub id: InvoiceSettingsId,
    /// Whose they are.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// [`SellerProfile`] as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Sealed>,
    /// The seller's country, in the clear: it decides which kind of paper is made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// Since when payments are invoiced by themselves; payments before it are not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub enabled_since: Option<Timestamp>,
    /// Whether papers are sent to buyers.
    #[serde(default)]
    pub send_by_email: bool,
    /// Where the law asks for certified software ([`super::guard`]): whether this installation is such.
    #[serde(default)]
    pub certified_software: bool,
    /// What kind of business the seller is, where that decides since when the law asks for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seller_kind: Option<SellerKind>,
    /// Language of papers; the customer's where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
    /// IANA time zone that dates are in.
    pub time_zone: String,
    /// Percent within prices of lines that state no rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default_vat_rate: Option<Decimal>,
    /// How lines without tax are categorized.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub untaxed: Option<Untaxed>,
    /// Rates that the seller charges beside those of their country, in percent.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub vat_rates: Vec<Decimal>,
    /// What other currencies are worth in the seller's own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub exchange_rates: Vec<ExchangeRate>,
    /// Where numbers come from.
    pub series: Vec<Series>,
    /// Rises with every change.
    pub version: i64,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they last changed.
    pub updated_at: Timestamp,
}

/// A look that papers were issued with, kept once however many papers have it. Its id follows from its
/// content, so it never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredLook {
    /// Derived from tenant and content.
    #[serde(rename = "_id")]
    pub id: LookId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// [`PaperLook`] as JSON.
    pub look: Sealed,
}

impl StoredLook {
    /// Field name of [`Self::look`] for encryption.
    pub const LOOK_FIELD: &'static str = "look";

    /// The tenant that the look belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The id of a tenant's look.
    pub fn id_of(tenant: Tenant, look: &str) -> LookId {
        let (organization, mode) = (tenant.organization.bytes(), tenant.mode.as_str());
        LookId::from_bytes(derived_id(&[b"look", &organization, mode.as_bytes(), look.as_bytes()]))
    }
}

impl InvoiceSettings {
    /// Field name of [`Self::profile`] for encryption.
    pub const PROFILE_FIELD: &'static str = "profile";

    /// The id of a tenant's settings.
    pub fn id_of(tenant: Tenant) -> InvoiceSettingsId {
        let (organization, mode) = (tenant.organization.bytes(), tenant.mode.as_str());
        InvoiceSettingsId::from_bytes(derived_id(&[b"invoice-settings", &organization, mode.as_bytes()]))
    }

    /// What an organization begins with: nothing about the seller, and a series for each kind.
    pub fn initial(tenant: Tenant, now: Timestamp) -> Self {
        let id = Self::id_of(tenant);
        let kinds = [
            (PaperKind::Invoice, b"invoice".as_slice()),
            (PaperKind::CreditNote, b"credit-note"),
            (PaperKind::PaymentReceipt, b"payment-receipt"),
        ];
        let series = kinds.map(|(kind, name)| {
            let id = SeriesId::from_bytes(derived_id(&[b"series", &id.bytes(), name]));
            Series::initial(kind, id, now)
        });
        Self {
            id,
            org: tenant.organization,
            mode: tenant.mode,
            profile: None,
            country: String::new(),
            enabled_since: None,
            send_by_email: false,
            certified_software: false,
            seller_kind: None,
            language: None,
            time_zone: "UTC".to_owned(),
            default_vat_rate: None,
            untaxed: None,
            vat_rates: Vec::new(),
            exchange_rates: Vec::new(),
            series: series.to_vec(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The tenant that the settings belong to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The series that documents of a kind take.
    pub fn series_for(&self, kind: PaperKind) -> Option<&Series> {
        let of_kind = || self.series.iter().filter(|series| series.kind == kind);
        of_kind().find(|series| series.default).or_else(|| of_kind().next())
    }

    /// A series by its id.
    pub fn series(&self, id: SeriesId) -> Option<&Series> {
        self.series.iter().find(|series| series.id == id)
    }

    /// The rule that reserves invoices of the seller's country to certified software, whether it applies yet or not.
    /// `certified` names the countries for which such software stands behind the gateway.
    pub fn guard(&self, certified: &[String]) -> Option<&'static Guard> {
        let is_certified = self.certified_software || certified.contains(&self.country);
        Guard::of(&self.country).filter(|_| !is_certified)
    }

    /// The same, where it applies on a day `YYYY-MM-DD` of the seller's zone.
    pub fn guard_on(&self, certified: &[String], day: &str) -> Option<&'static Guard> {
        self.guard(certified).filter(|guard| guard.applies(self.seller_kind, day))
    }

    /// What a payment's paper is on a day.
    pub fn payment_kind(&self, certified: &[String], day: &str) -> PaperKind {
        if self.guard_on(certified, day).is_some() { PaperKind::PaymentReceipt } else { PaperKind::Invoice }
    }

    /// What the seller's country says of the tax, where that is known.
    pub fn vat_state(&self) -> Option<&'static VatState> {
        VatState::of(&self.country)
    }

    /// The rates that the seller may charge: their country's and those that they named; empty where the country's are
    /// not known and none is named.
    pub fn known_rates(&self) -> Vec<Decimal> {
        let of_country = self.vat_state().into_iter().flat_map(VatState::rates);
        of_country.chain(self.vat_rates.iter().map(Decimal::normalize)).collect()
    }

    /// The rate from a currency to the seller's own.
    pub fn exchange_rate(&self, currency: Currency) -> Option<&ExchangeRate> {
        self.exchange_rates.iter().find(|rate| rate.currency == currency)
    }

    /// Whether a payment that succeeded then is invoiced by itself.
    pub fn invoices(&self, succeeded_at: Option<Timestamp>) -> bool {
        self.enabled_since.zip(succeeded_at).is_some_and(|(since, at)| at >= since)
    }

    /// How lines are taxed.
    pub fn tax_rules(&self) -> TaxRules {
        let untaxed = self.untaxed.as_ref();
        TaxRules {
            default_rate: self.default_vat_rate,
            untaxed: untaxed.map(|untaxed| untaxed.category),
            reason: untaxed.and_then(|untaxed| untaxed.reason.clone()),
            code: untaxed.and_then(|untaxed| untaxed.code.clone()),
            rates: self.known_rates(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let mut profile = SellerProfile::default();
        let all = ["seller.name", "seller.address", "seller.city", "seller.country", "seller.taxNumber"];
        assert_eq!(profile.missing(), all);
        profile.seller = Party {
            name: "Example GmbH".to_owned(),
            address: vec!["Example Street 1".to_owned()],
            city: "Example City".to_owned(),
            country: "DE".to_owned(),
            vat_id: Some("DE123456789".to_owned()),
            ..Party::default()
        };
        assert!(profile.missing().is_empty());
    }

    #[test]
    fn guarded_countries_get_receipts_unless_the_software_is_certified() {
        let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
        let mut settings = InvoiceSettings::initial(tenant, Timestamp::default());
        let kind = |settings: &InvoiceSettings, day: &str| settings.payment_kind(&[], day);
        assert_eq!(kind(&settings, "2026-11-30"), PaperKind::Invoice);
        for country in ["PT", "IT"] {
            country.clone_into(&mut settings.country);
            assert_eq!(kind(&settings, "2026-11-30"), PaperKind::PaymentReceipt, "{country}");
            let operator = [country.to_owned()];
            assert_eq!(settings.payment_kind(&operator, "2026-11-30"), PaperKind::Invoice);
            assert_eq!(settings.payment_kind(&["ES".to_owned()], "2026-11-30"), PaperKind::PaymentReceipt);
            settings.certified_software = true;
            assert_eq!(kind(&settings, "2026-11-30"), PaperKind::Invoice);
            settings.certified_software = false;
        }
        settings.country = "ES".to_owned();
        assert_eq!(kind(&settings, "2026-12-31"), PaperKind::Invoice);
        assert_eq!(kind(&settings, "2027-01-01"), PaperKind::PaymentReceipt);
        settings.seller_kind = Some(SellerKind::Individual);
        assert_eq!(kind(&settings, "2027-06-30"), PaperKind::Invoice);
        assert_eq!(kind(&settings, "2027-07-01"), PaperKind::PaymentReceipt);
        assert_eq!(settings.series_for(PaperKind::CreditNote).unwrap().prefix, "CN-");
    }

    #[test]
    fn payments_before_the_switch_are_left_alone() {
        let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
        let mut settings = InvoiceSettings::initial(tenant, Timestamp::default());
        let at = Timestamp::from_seconds;
        assert!(!settings.invoices(Some(at(9))));
        settings.enabled_since = Some(at(5));
        assert!(
            settings.invoices(Some(at(5))) && !settings.invoices(Some(at(4))) && !settings.invoices(None)
        );
    }
}
