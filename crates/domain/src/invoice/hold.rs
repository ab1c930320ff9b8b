//! What keeps a draft from being issued: the law asks for something that is not on it. A draft of a payment waits
//! and is flagged for a person; one by hand is refused with the fields at fault.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};

use super::{
    paper::{Paper, PaperKind, Party, TaxCategory},
    settings::InvoiceSettings,
    vat_id,
    vat_states::{SimplifiedLimit, VatState},
};
use crate::{Currency, country, money::Money};

/// The reason where the buyer is missing.
pub const BUYER_MISSING: &str = "buyer_missing";
/// The reason where the buyer's VAT id is missing.
pub const BUYER_VAT_ID_MISSING: &str = "buyer_vat_id_missing";
/// The reason where a rate is none of the seller's.
pub const VAT_RATE_UNKNOWN: &str = "vat_rate_unknown";
/// The reason where the order has an invoice already.
pub const ORDER_ALREADY_INVOICED: &str = "order_already_invoiced";
/// The reason where only certified software may issue it.
pub const CERTIFIED_SOFTWARE_REQUIRED: &str = "certified_software_required";

/// Every reason of this module.
pub const REASONS: [&str; 5] = [
    BUYER_MISSING,
    BUYER_VAT_ID_MISSING,
    VAT_RATE_UNKNOWN,
    ORDER_ALREADY_INVOICED,
    CERTIFIED_SOFTWARE_REQUIRED,
];

/// Something that keeps a draft from being issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// A stable word: one of [`REASONS`].
    pub reason: &'static str,
    /// What a person should do, in a sentence.
    pub detail: String,
    /// The fields at fault, as the API names them, with what is wrong.
    pub fields: Vec<(String, String)>,
}

impl Hold {
    /// As drafts keep it: the word, then the sentence.
    pub fn said(&self) -> String {
        format!("{}: {}", self.reason, self.detail)
    }
}

/// What stands against issuing a document on a day `YYYY-MM-DD`, the most pressing first. `certified` names the
/// countries for which certified software stands behind the gateway.
pub fn holds(paper: &Paper, settings: &InvoiceSettings, certified: &[String], day: &str) -> Vec<Hold> {
    let mut holds = Vec::new();
    if paper.kind == PaperKind::PaymentReceipt {
        return holds;
    }
    if let Some(guard) = settings.guard_on(certified, day) {
        let detail = format!("{} Write this document there.", guard.reason);
        holds.push(Hold { reason: CERTIFIED_SOFTWARE_REQUIRED, detail, fields: Vec::new() });
    }
    // A credit note says what its invoice says.
    if paper.kind == PaperKind::CreditNote {
        return holds;
    }
    holds.extend(unknown_rate(paper, settings));
    holds.extend(missing_buyer(paper, settings));
    holds.extend(missing_vat_id(paper));
    holds
}

/// A rate that exists neither in the seller's country nor in the buyer's, and that the seller has not named.
fn unknown_rate(paper: &Paper, settings: &InvoiceSettings) -> Option<Hold> {
    let known = settings.known_rates();
    if known.is_empty() {
        return None;
    }
    // Who sells to consumers of another member state may owe the tax there (One-Stop Shop).
    let abroad = VatState::of(&paper.buyer.country)
        .filter(|state| country::is_eu(state.country) && country::is_eu(&settings.country));
    let is_unknown = |category: TaxCategory, rate: Decimal| {
        category == TaxCategory::S
            && !known.contains(&rate.normalize())
            && !abroad.is_some_and(|state| state.has_rate(rate.normalize()))
    };
    let said = |rate: Decimal| match settings.vat_state() {
        Some(state) => {
            let name = country::name(state.country, "en").unwrap_or(state.country);
            format!("{} % is no VAT rate of {name} ({})", rate.normalize(), state.rates_said())
        }
        None => format!("{} % is no VAT rate that you have named", rate.normalize()),
    };
    let lines = paper.lines.iter().enumerate().filter(|(_, line)| is_unknown(line.category, line.rate));
    let fields: Vec<(String, String)> = lines
        .map(|(index, line)| (format!("lines[{index}].vatRate"), format!("is unknown: {}", said(line.rate))))
        .collect();
    let of_groups = paper.taxes.iter().find(|tax| is_unknown(tax.category, tax.rate));
    let detail = of_groups.map(|tax| {
        format!(
            "{}: correct the rates of the lines, or name the rate in the invoice settings.",
            said(tax.rate)
        )
    });
    Some(Hold { reason: VAT_RATE_UNKNOWN, detail: detail?, fields })
}

/// A buyer without name or address, where the law asks for them.
fn missing_buyer(paper: &Paper, settings: &InvoiceSettings) -> Option<Hold> {
    let fields = missing_parts(&paper.buyer);
    if fields.is_empty() {
        return None;
    }
    let state = settings.vat_state()?;
    let limit = state.simplified_limit()?;
    let special = |category| matches!(category, TaxCategory::AE | TaxCategory::K | TaxCategory::G);
    let why = if paper.taxes.iter().any(|tax| special(tax.category)) {
        "this kind of supply needs it at any amount".to_owned()
    } else {
        match exceeds(paper, limit)? {
            Excess::Beyond => format!(
                "the invoice is over {}{} ({})",
                limit_money(limit),
                if limit.is_net { " without tax" } else { "" },
                limit.law
            ),
            Excess::Unknown => format!(
                "whether the invoice is over {} ({}) cannot be told without an exchange rate from {} to {}",
                limit_money(limit),
                limit.law,
                paper.currency,
                limit.currency
            ),
        }
    };
    let detail = format!("The buyer’s name and address are missing, and {why}.");
    let fields = fields.into_iter().map(|field| (field.to_owned(), format!("is required: {why}"))).collect();
    Some(Hold { reason: BUYER_MISSING, detail, fields })
}

/// What is missing of a buyer's name and address.
fn missing_parts(buyer: &Party) -> Vec<&'static str> {
    let is_empty = |text: &String| text.trim().is_empty();
    let mut missing = Vec::new();
    if is_empty(&buyer.name) {
        missing.push("buyer.name");
    }
    if buyer.address.iter().all(is_empty) && is_empty(&buyer.city) {
        missing.push("buyer.address");
    }
    if is_empty(&buyer.country) {
        missing.push("buyer.country");
    }
    missing
}

enum Excess {
    Beyond,
    Unknown,
}

/// Whether a document exceeds a limit; `None` where it does not.
fn exceeds(paper: &Paper, limit: SimplifiedLimit) -> Option<Excess> {
    let minor = if limit.is_net { paper.totals.net } else { paper.totals.gross };
    let Ok(currency) = limit.currency.parse::<Currency>() else { return Some(Excess::Unknown) };
    let minor = if currency == paper.currency {
        Some(minor)
    } else {
        let exchange = paper.exchange.as_ref().filter(|exchange| exchange.currency == currency);
        exchange.and_then(|exchange| converted(minor, paper.currency, currency, exchange.rate))
    };
    match minor {
        Some(minor) if minor <= limit.minor => None,
        Some(_) => Some(Excess::Beyond),
        None => Some(Excess::Unknown),
    }
}

fn limit_money(limit: SimplifiedLimit) -> String {
    let currency = limit.currency.parse().unwrap_or(Currency::EUR);
    Money::new(limit.minor, currency).to_string()
}

/// Minor units of one currency in another, half up: `rate` is units of `to` for one of `from`.
pub fn converted(minor: i64, from: Currency, to: Currency, rate: Decimal) -> Option<i64> {
    let exact = Decimal::from(minor).checked_mul(rate)?;
    let exact = exact.checked_mul(Decimal::from(to.minor_per_major()))?;
    let exact = exact.checked_div(Decimal::from(from.minor_per_major()))?;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64()
}

/// Reverse charge and supplies within the Union without the buyer's VAT id.
fn missing_vat_id(paper: &Paper) -> Option<Hold> {
    let category =
        paper.taxes.iter().map(|tax| tax.category).find(|category| category.needs_buyer_vat_id())?;
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let number = paper.buyer.vat_id.as_deref().map(vat_id::normalized).unwrap_or_default();
    let is_known = match category {
        // Reverse charge may be towards who is no taxable person but stands in a register (BR-AE-02).
        TaxCategory::AE => is_given(&paper.buyer.vat_id) || is_given(&paper.buyer.registration),
        _ => vat_id::has_prefix(&number),
    };
    if is_known {
        return None;
    }
    let what = if category == TaxCategory::K { "A supply within the Union" } else { "Reverse charge" };
    let detail = format!("{what} needs the buyer’s VAT id on the invoice.");
    let fields = vec![("buyer.vatId".to_owned(), "is required for this kind of tax".to_owned())];
    Some(Hold { reason: BUYER_VAT_ID_MISSING, detail, fields })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Mode, OrganizationId, Tenant, Timestamp,
        checkout::AmountType,
        invoice::{
            compose::{Heading, paper},
            paper::PaperExchange,
            tax::{Sale, compute},
            words::Words,
        },
    };

    fn settings(country: &str) -> InvoiceSettings {
        let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
        let mut settings = InvoiceSettings::initial(tenant, Timestamp::default());
        country.clone_into(&mut settings.country);
        settings
    }

    fn of(gross: i64, rate: &str, currency: &str, category: Option<TaxCategory>) -> Paper {
        let sale = Sale {
            name: "Work".to_owned(),
            description: String::new(),
            quantity: Decimal::ONE,
            unit: None,
            unit_price: gross,
            amount_type: AmountType::Gross,
            rate: Some(rate.parse().unwrap()),
            category,
            item_type: String::new(),
        };
        let computed = compute(&[sale], &settings("DE").tax_rules(), Words::of("en")).unwrap();
        paper(PaperKind::Invoice, currency.parse().unwrap(), Heading::default(), computed)
    }

    fn reasons(paper: &Paper, country: &str) -> Vec<&'static str> {
        holds(paper, &settings(country), &[], "2026-11-30").iter().map(|hold| hold.reason).collect()
    }

    #[test]
    fn buyer_is_needed_from_the_countrys_own_limit_on() {
        for (country, rate, small, large) in
            [("DE", "19", 25_000, 25_001), ("AT", "20", 40_000, 40_001), ("BE", "21", 40_000, 40_001)]
        {
            assert_eq!(reasons(&of(small, rate, "EUR", None), country), Vec::<&str>::new(), "{country}");
            assert_eq!(reasons(&of(large, rate, "EUR", None), country), [BUYER_MISSING], "{country}");
        }
        // Without tax: 150.00 in France.
        assert_eq!(reasons(&of(18_000, "20", "EUR", None), "FR"), Vec::<&str>::new());
        assert_eq!(reasons(&of(18_002, "20", "EUR", None), "FR"), [BUYER_MISSING]);
        // Where nothing is known of the law, nothing is held up.
        assert_eq!(reasons(&of(9_999_900, "19", "EUR", None), "US"), Vec::<&str>::new());
        let mut known = of(123_456, "19", "EUR", None);
        known.buyer = Party {
            name: "Example Buyer".to_owned(),
            address: vec!["Example Road 2".to_owned()],
            country: "DE".to_owned(),
            ..Party::default()
        };
        assert_eq!(reasons(&known, "DE"), Vec::<&str>::new());
        known.buyer.address.clear();
        let held = holds(&known, &settings("DE"), &[], "2026-11-30");
        assert_eq!(held[0].fields[0].0, "buyer.address");
        assert!(held[0].detail.contains("over €250.00 (§ 33 UStDV)"), "{}", held[0].detail);
    }

    #[test]
    fn limit_is_compared_in_its_own_currency() {
        let mut paper = of(20_000, "19", "USD", None);
        assert_eq!(reasons(&paper, "DE"), [BUYER_MISSING], "nobody knows what it is worth");
        let exchange = |rate: &str| {
            Some(PaperExchange { currency: Currency::EUR, rate: rate.parse().unwrap(), tax: 0, source: None })
        };
        paper.exchange = exchange("0.92");
        assert_eq!(reasons(&paper, "DE"), Vec::<&str>::new());
        paper.exchange = exchange("1.26");
        assert_eq!(reasons(&paper, "DE"), [BUYER_MISSING]);
        let (yen, euro) = ("JPY".parse().unwrap(), Currency::EUR);
        assert_eq!(converted(10_000, yen, euro, "0.00625".parse().unwrap()), Some(6_250));
    }

    #[test]
    fn only_rates_of_the_seller_or_the_buyer_or_by_name_are_issued() {
        let mut paper = of(1_130, "13", "EUR", None);
        let held = holds(&paper, &settings("DE"), &[], "2026-11-30");
        assert_eq!((held.len(), held[0].reason), (1, VAT_RATE_UNKNOWN));
        assert_eq!(held[0].fields[0].0, "lines[0].vatRate");
        assert!(
            held[0].detail.starts_with("13 % is no VAT rate of Germany (19 %, 7 %)"),
            "{}",
            held[0].detail
        );
        let mut named = settings("DE");
        named.vat_rates = vec!["13.00".parse().unwrap()];
        assert_eq!(holds(&paper, &named, &[], "2026-11-30"), []);
        assert_eq!(reasons(&paper, "AT"), Vec::<&str>::new());
        paper.buyer.country = "PT".to_owned();
        assert_eq!(reasons(&paper, "DE"), Vec::<&str>::new(), "the buyer's member state charges it");
        assert_eq!(reasons(&paper, "GB")[0], VAT_RATE_UNKNOWN, "the seller is in no member state");
    }

    #[test]
    fn reverse_charge_and_supplies_within_the_union_need_the_buyers_number() {
        for category in [TaxCategory::AE, TaxCategory::K] {
            let mut paper = of(1_000, "0", "EUR", Some(category));
            assert_eq!(reasons(&paper, "DE"), [BUYER_MISSING, BUYER_VAT_ID_MISSING], "{category:?}");
            paper.buyer = Party {
                name: "Example BV".to_owned(),
                city: "Example City".to_owned(),
                country: "NL".to_owned(),
                vat_id: Some("NL123456789B01".to_owned()),
                ..Party::default()
            };
            assert_eq!(reasons(&paper, "DE"), Vec::<&str>::new(), "{category:?}");
        }
        let mut export = of(1_000, "0", "EUR", Some(TaxCategory::G));
        assert_eq!(reasons(&export, "DE"), [BUYER_MISSING]);
        export.kind = PaperKind::PaymentReceipt;
        assert_eq!(reasons(&export, "DE"), Vec::<&str>::new(), "a receipt is no invoice");
    }

    #[test]
    fn guarded_countries_hold_invoices_and_credit_notes_back() {
        let mut paper = of(1_000, "21", "EUR", None);
        assert_eq!(reasons(&paper, "ES"), Vec::<&str>::new());
        let on = |paper: &Paper, certified: &[String]| holds(paper, &settings("ES"), certified, "2027-01-01");
        assert_eq!(on(&paper, &[])[0].reason, CERTIFIED_SOFTWARE_REQUIRED);
        assert_eq!(on(&paper, &["ES".to_owned()]), []);
        paper.kind = PaperKind::CreditNote;
        assert!(on(&paper, &[])[0].detail.contains("VERI*FACTU"));
    }
}
