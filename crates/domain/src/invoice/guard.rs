//! Countries where an invoice exists only through certified software or a state's exchange. There payments get a
//! receipt, unless who runs the gateway says that such software stands behind it.

use serde::{Deserialize, Serialize};

/// What kind of business the seller is, where the law makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SellerKind {
    /// Pays corporation tax.
    Company,
    /// A person in business.
    Individual,
}

impl SellerKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Company, Self::Individual];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Individual => "individual",
        }
    }
}

/// A country's rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Guard {
    /// ISO 3166-1.
    pub country: &'static str,
    /// Since when for companies, `YYYY-MM-DD`; also for sellers of whom nothing is known.
    companies_since: &'static str,
    /// Since when for individuals.
    individuals_since: &'static str,
    /// Why, in a sentence for merchants.
    pub reason: &'static str,
}

static GUARDS: [Guard; 3] = [
    Guard {
        country: "ES",
        companies_since: "2027-01-01",
        individuals_since: "2027-07-01",
        reason: "From this day invoices in Spain are made by software that follows VERI*FACTU (Royal Decree \
                 1007/2023, dates of Royal Decree-Law 15/2025).",
    },
    Guard {
        country: "IT",
        companies_since: "2019-01-01",
        individuals_since: "2019-01-01",
        reason: "An Italian invoice exists only once the exchange system SdI has taken it (D.Lgs. 127/2015, Art. 1).",
    },
    Guard {
        country: "PT",
        companies_since: "2011-01-01",
        individuals_since: "2011-01-01",
        reason: "In Portugal only software that the tax authority has certified issues invoices (Portaria 363/2010).",
    },
];

impl Guard {
    /// The rule of a country, whether it applies already or not.
    pub fn of(country: &str) -> Option<&'static Self> {
        GUARDS.iter().find(|guard| guard.country == country)
    }

    /// Since when it applies to a kind of seller, `YYYY-MM-DD`.
    pub const fn since(&self, kind: Option<SellerKind>) -> &'static str {
        match kind {
            Some(SellerKind::Individual) => self.individuals_since,
            Some(SellerKind::Company) | None => self.companies_since,
        }
    }

    /// Whether it applies on a day.
    pub fn applies(&self, kind: Option<SellerKind>, day: &str) -> bool {
        day >= self.since(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_country_has_its_day_and_its_reason() {
        let spain = Guard::of("ES").unwrap();
        assert!(!spain.applies(None, "2026-12-31") && spain.applies(None, "2027-01-01"));
        assert!(spain.applies(Some(SellerKind::Company), "2027-01-01"));
        assert!(!spain.applies(Some(SellerKind::Individual), "2027-06-30"));
        assert!(spain.applies(Some(SellerKind::Individual), "2027-07-01"));
        for country in ["IT", "PT"] {
            assert!(Guard::of(country).unwrap().applies(None, "2026-01-01"), "{country}");
        }
        assert!(Guard::of("DE").is_none());
        let mut reasons: Vec<_> = GUARDS.iter().map(|guard| guard.reason).collect();
        reasons.dedup();
        assert_eq!(reasons.len(), 3);
    }
}
