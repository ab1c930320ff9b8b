//! What states say of value added tax: their rates, their currency, and up to which amount an invoice may do
//! without its buyer.
//!
//! Rates: European Commission, "VAT rates applied in the Member States" (TEDB), and for Great Britain, Switzerland,
//! Liechtenstein and Norway their tax authorities; as of 2026-11. A rate that changed within the last year stands
//! beside the new one, since payments of before are invoiced late. Rates of special territories stand with their
//! state. Amounts: the laws that are named; where a member state is not known to say otherwise, the 400 EUR of
//! Article 238(2) of Directive 2006/112/EC.

use rust_decimal::Decimal;

use crate::{Currency, country};

/// Up to which amount an invoice may do without its buyer's name and address ("simplified invoice").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimplifiedLimit {
    /// Minor units of [`Self::currency`].
    pub minor: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// Whether the amount is without tax.
    pub is_net: bool,
    /// The law that says so.
    pub law: &'static str,
}

/// A state's rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VatState {
    /// The code of [`country`].
    pub country: &'static str,
    /// Its currency, ISO 4217.
    pub currency: &'static str,
    /// Percent in hundredths: 1900 is 19 %. Zero is every state's.
    rates: &'static [u32],
    limit: Option<SimplifiedLimit>,
}

/// Major units, with tax; all these currencies have two decimals.
const fn gross(major: i64, currency: &'static str, law: &'static str) -> SimplifiedLimit {
    SimplifiedLimit { minor: major * 100, currency, is_net: false, law }
}

/// Major units, without tax.
const fn net(major: i64, currency: &'static str, law: &'static str) -> SimplifiedLimit {
    SimplifiedLimit { is_net: true, ..gross(major, currency, law) }
}

const fn state(
    country: &'static str,
    currency: &'static str,
    rates: &'static [u32],
    limit: SimplifiedLimit,
) -> VatState {
    VatState { country, currency, rates, limit: Some(limit) }
}

/// The ceiling for member states that say nothing else.
const DIRECTIVE: SimplifiedLimit = gross(400, "EUR", "Art. 238(2) Directive 2006/112/EC");

#[rustfmt::skip]
static STATES: [VatState; 32] = [
    // 19: Jungholz and Mittelberg.
    state("AT", "EUR", &[2000, 1900, 1300, 1000], gross(400, "EUR", "§ 11 Abs. 6 UStG")),
    state("BE", "EUR", &[2100, 1200, 600], DIRECTIVE),
    state("BG", "EUR", &[2000, 900], DIRECTIVE),
    state("CH", "CHF", &[810, 380, 260], gross(400, "CHF", "Art. 57 MWSTV")),
    state("CY", "EUR", &[1900, 900, 500, 300], gross(85, "EUR", "VAT Law 95(I)/2000, Annex 10")),
    state("CZ", "CZK", &[2100, 1200], gross(10_000, "CZK", "§ 30 ZDPH")),
    state("DE", "EUR", &[1900, 700], gross(250, "EUR", "§ 33 UStDV")),
    state("DK", "DKK", &[2500], gross(3_000, "DKK", "Momsbekendtgørelsen § 66")),
    // 22 and 13: before and after 2025-07.
    state("EE", "EUR", &[2400, 2200, 1300, 900], net(160, "EUR", "KMS § 37 lg 9")),
    state("ES", "EUR", &[2100, 1000, 400], gross(400, "EUR", "Art. 4 RD 1619/2012")),
    // 14: until 2025.
    state("FI", "EUR", &[2550, 1400, 1350, 1000], gross(400, "EUR", "AVL 209 f §")),
    // 13, 0.9: Corsica; 8.5: overseas departments.
    state("FR", "EUR", &[2000, 1300, 1000, 850, 550, 210, 90], net(150, "EUR", "CGI ann. II art. 242 nonies A")),
    state("GB", "GBP", &[2000, 500], gross(250, "GBP", "VAT Regulations 1995, reg. 16A")),
    // 17, 9, 4: islands.
    state("GR", "EUR", &[2400, 1700, 1300, 900, 600, 400], gross(100, "EUR", "N. 4308/2014 art. 11")),
    state("HR", "EUR", &[2500, 1300, 500], gross(100, "EUR", "Pravilnik o PDV-u čl. 157")),
    state("HU", "HUF", &[2700, 1800, 500], gross(100, "EUR", "Áfa tv. 176. §")),
    state("IE", "EUR", &[2300, 1350, 900, 480], gross(100, "EUR", "VAT Regulations 2010, reg. 20A")),
    state("IT", "EUR", &[2200, 1000, 500, 400], gross(400, "EUR", "D.M. 10.05.2019")),
    state("LI", "CHF", &[810, 380, 260], gross(400, "CHF", "MWSTV Art. 57")),
    // 9: until 2025.
    state("LT", "EUR", &[2100, 1200, 900, 500], gross(100, "EUR", "PVM įstatymas 80 str.")),
    state("LU", "EUR", &[1700, 1400, 800, 300], net(100, "EUR", "LTVA art. 63 § 9")),
    state("LV", "EUR", &[2100, 1200, 500], net(150, "EUR", "PVN likums 125. pants")),
    state("MT", "EUR", &[1800, 1200, 700, 500], gross(100, "EUR", "VAT Act, 12th Schedule")),
    state("NL", "EUR", &[2100, 900], gross(100, "EUR", "Art. 34d Wet OB")),
    // 11.11: raw fish.
    VatState { country: "NO", currency: "NOK", rates: &[2500, 1500, 1200, 1111], limit: None },
    state("PL", "PLN", &[2300, 800, 700, 500, 400], gross(450, "PLN", "Art. 106e ust. 5 pkt 3 ustawy o VAT")),
    // 22, 12, 5, 4: Madeira; 16, 9, 4: Azores.
    state("PT", "EUR", &[2300, 2200, 1600, 1300, 1200, 900, 600, 500, 400], gross(100, "EUR", "Art. 40.º CIVA")),
    // 19, 9, 5: until 2025-07, 9 for homes until 2026-07.
    state("RO", "RON", &[2100, 1900, 1100, 900, 500], gross(100, "EUR", "Cod fiscal art. 319 (12)")),
    state("SE", "SEK", &[2500, 1200, 600], gross(4_000, "SEK", "17 kap. 26 § ML")),
    state("SI", "EUR", &[2200, 950, 500], gross(100, "EUR", "83. člen ZDDV-1")),
    state("SK", "EUR", &[2300, 1900, 500], gross(100, "EUR", "§ 74 ods. 3 ZDPH")),
    state("XI", "GBP", &[2000, 500], gross(250, "GBP", "VAT Regulations 1995, reg. 16A")),
];

impl VatState {
    /// A state's, where its rules are known.
    pub fn of(code: &str) -> Option<&'static Self> {
        let code = country::canonical(code)?;
        STATES.iter().find(|state| state.country == code)
    }

    /// Whether a rate exists there. Zero does everywhere.
    pub fn has_rate(&self, rate: Decimal) -> bool {
        rate.is_zero() || self.rates().any(|known| known == rate)
    }

    /// Its rates in percent, highest first.
    pub fn rates(&self) -> impl Iterator<Item = Decimal> + '_ {
        self.rates.iter().map(|hundredths| Decimal::new(i64::from(*hundredths), 2).normalize())
    }

    /// Its rates as a sentence names them: `19 %, 7 %`.
    pub fn rates_said(&self) -> String {
        self.rates().map(|rate| format!("{rate} %")).collect::<Vec<_>>().join(", ")
    }

    /// Up to which amount a buyer may be missing; `None` where invoices there need none at any amount, or none is known.
    pub const fn simplified_limit(&self) -> Option<SimplifiedLimit> {
        self.limit
    }

    /// Its currency.
    pub fn currency(&self) -> Option<Currency> {
        self.currency.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_state_has_rates_a_currency_and_a_limit() {
        for line in country::TABLE.lines() {
            let code = &line[..2];
            let Some(state) = VatState::of(code) else {
                assert!(!country::is_eu(code), "{code}");
                continue;
            };
            let rates: Vec<Decimal> = state.rates().collect();
            assert!(rates.windows(2).all(|pair| pair[0] > pair[1]), "{code}: highest first, none twice");
            assert!(state.currency().is_some(), "{code}");
            assert!(!country::is_eu(code) || state.limit.is_some(), "{code}");
            let limit = state.simplified_limit();
            assert!(limit.is_none_or(|limit| limit.currency.parse::<Currency>().is_ok()), "{code}");
        }
    }

    #[test]
    fn rates_are_those_of_the_state() {
        let germany = VatState::of("de").unwrap();
        assert!(germany.has_rate("19".parse().unwrap()) && germany.has_rate("7.00".parse().unwrap()));
        assert!(!germany.has_rate("13".parse().unwrap()) && germany.has_rate(Decimal::ZERO));
        assert_eq!(germany.rates_said(), "19 %, 7 %");
        assert!(VatState::of("FR").unwrap().has_rate("5.5".parse().unwrap()));
        assert!(VatState::of("US").is_none());
        assert_eq!(VatState::of("DE").unwrap().simplified_limit().unwrap().minor, 25_000);
    }
}
