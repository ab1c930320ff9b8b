//! The content of a legal document, complete in itself: what is printed and what stands in its XML.
//!
//! An issued document is never computed again from a checkout or a site that may have changed since; it is
//! rendered from this alone. The terms `BT-…` and `BG-…` are those of EN 16931-1.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::Currency;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperKind {
    /// A commercial invoice (UNTDID 1001 code 380).
    Invoice,
    /// A credit note (381).
    CreditNote,
    /// A receipt for a payment, where the law reserves "invoice" for certified software. Carries no XML.
    PaymentReceipt,
}

/// A category of value added tax (UNCL 5305).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaxCategory {
    /// Standard or reduced rate.
    S,
    /// Zero rated.
    Z,
    /// Exempt; a reason is needed.
    E,
    /// Reverse charge; a reason is needed.
    AE,
    /// Outside the scope of the tax.
    O,
    /// A supply of goods to a business in another member state; a reason is needed.
    K,
    /// An export out of the Union; a reason is needed.
    G,
}

impl TaxCategory {
    /// Every category.
    pub const ALL: &[Self] = &[Self::S, Self::Z, Self::E, Self::AE, Self::K, Self::G, Self::O];

    /// Its code (UNCL 5305).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::Z => "Z",
            Self::E => "E",
            Self::AE => "AE",
            Self::O => "O",
            Self::K => "K",
            Self::G => "G",
        }
    }

    /// Whether a document must say why no tax is charged (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10).
    pub const fn needs_reason(self) -> bool {
        !matches!(self, Self::S | Self::Z)
    }

    /// The code of that reason (BT-121, code list VATEX) where the category alone says it.
    pub const fn reason_code(self) -> Option<&'static str> {
        match self {
            Self::AE => Some("VATEX-EU-AE"),
            Self::K => Some("VATEX-EU-IC"),
            Self::G => Some("VATEX-EU-G"),
            Self::O => Some("VATEX-EU-O"),
            Self::S | Self::Z | Self::E => None,
        }
    }

    /// Whether the law wants the buyer's VAT id on the document, and the buyer named at any amount.
    pub const fn needs_buyer_vat_id(self) -> bool {
        matches!(self, Self::AE | Self::K)
    }
}

/// A quantity as documents store it: a whole number, or decimal text such as `"7.5"`, so that nothing passes
/// through a float and documents of before decimals are read as they are.
mod quantity {
    use super::{Decimal, ToPrimitive};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(quantity: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        let short = quantity.normalize();
        match short.to_i64().filter(|_| short.is_integer()) {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.collect_str(&short),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Whole(i64),
            Text(String),
        }
        match Stored::deserialize(deserializer)? {
            Stored::Whole(whole) => Ok(Decimal::from(whole)),
            Stored::Text(text) => Decimal::from_str_exact(&text).map_err(serde::de::Error::custom),
        }
    }
}

/// Seller or buyer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Party {
    /// Legal name (BT-27, BT-44).
    pub name: String,
    /// A contact person at the party, where that differs from the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Street and number, then what does not fit there.
    pub address: Vec<String>,
    /// Postal code.
    pub postcode: String,
    /// City.
    pub city: String,
    /// ISO 3166-1 alpha-2; empty where it is not known.
    pub country: String,
    /// VAT identification number with its country prefix (BT-31, BT-48).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
    /// A tax number without prefix, such as a German Steuernummer (BT-32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<String>,
    /// Entry in a commercial register (BT-30, BT-47).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
}

/// A line (BG-25).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperLine {
    /// What was sold (BT-153).
    pub name: String,
    /// More about it (BT-154).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How many (BT-129); positive, at most six decimals.
    #[serde(with = "quantity")]
    pub quantity: Decimal,
    /// The unit of the quantity (BT-130), a code of [`super::units`]; "one" where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Minor units for one, with tax or without it as [`Paper::prices_include_tax`] says; may be negative.
    pub unit_price: i64,
    /// Minor units of the whole line without tax (BT-131). Lines of a tax group add up to its share exactly.
    pub net: i64,
    /// Minor units of the whole line in the price mode of the document: what its last column shows.
    pub amount: i64,
    /// Category of tax.
    pub category: TaxCategory,
    /// Percent; zero outside category `S`.
    pub rate: Decimal,
    /// The number that is printed; its place in the list where absent. Lines of one sale that is split over several
    /// rates share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// A reduction of the whole document at one rate (BG-20), such as a discount code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// Why (BT-97).
    pub reason: String,
    /// Minor units without tax; positive (BT-92).
    pub net: i64,
    /// Minor units in the price mode of the document; positive.
    pub amount: i64,
    /// Category of tax.
    pub category: TaxCategory,
    /// Percent.
    pub rate: Decimal,
}

/// Tax at one category and rate (BG-23).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperTax {
    /// Category.
    pub category: TaxCategory,
    /// Percent (BT-119).
    pub rate: Decimal,
    /// Minor units that are taxed (BT-116): lines minus allowances.
    pub basis: i64,
    /// Minor units of tax (BT-117).
    pub tax: i64,
    /// Why no tax is charged (BT-120); needed for all categories but `S` and `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_reason: Option<String>,
    /// The same as a code of the list VATEX (BT-121), where it is not the category's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_code: Option<String>,
}

impl PaperTax {
    /// The code of the reason: the seller's, else the category's own.
    pub fn reason_code(&self) -> Option<&str> {
        let own = self.exemption_code.as_deref().filter(|code| !code.trim().is_empty());
        own.filter(|_| self.category.needs_reason()).or(self.category.reason_code())
    }
}

/// Totals (BG-22), in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperTotals {
    /// Sum of the lines without tax (BT-106).
    pub lines_net: i64,
    /// Sum of the allowances without tax (BT-107).
    pub allowances_net: i64,
    /// Without tax (BT-109).
    pub net: i64,
    /// Tax (BT-110).
    pub tax: i64,
    /// With tax (BT-112).
    pub gross: i64,
    /// Already paid (BT-113).
    pub paid: i64,
    /// A shop's rounding (BT-114), outside tax.
    pub rounding: i64,
    /// Still to be paid (BT-115): gross − paid + rounding.
    pub due: i64,
}

/// An organization's look for its papers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PaperLook {
    /// `#rrggbb` of headings and rules; the house's own where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// A sentence above the lines of an open invoice, where [`Self::texts`] has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    /// A sentence below the totals of an open invoice, where [`Self::texts`] has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// Sentences by kind of document and language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<PaperTexts>,
    /// Printed at the foot of each page: bank account, managing directors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
}

/// A kind of document, as far as its sentences differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// An invoice on which something is due.
    OpenInvoice,
    /// An invoice that is paid.
    PaidInvoice,
    /// A credit note.
    CreditNote,
    /// A payment receipt.
    PaymentReceipt,
}

impl TextKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::OpenInvoice, Self::PaidInvoice, Self::CreditNote, Self::PaymentReceipt];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenInvoice => "open_invoice",
            Self::PaidInvoice => "paid_invoice",
            Self::CreditNote => "credit_note",
            Self::PaymentReceipt => "payment_receipt",
        }
    }
}

/// The sentences of a kind of document in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperTexts {
    /// Of which documents.
    pub kind: TextKind,
    /// Language tag; every language that has no sentences of its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Above the lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    /// Below the totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// Terms of payment (BT-20); on open invoices alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
}

impl PaperTexts {
    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.intro.is_none() && self.closing.is_none() && self.terms.is_none()
    }
}

/// The sentences that stand on one document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sentences<'a> {
    /// Above the lines.
    pub intro: Option<&'a str>,
    /// Below the totals.
    pub closing: Option<&'a str>,
    /// Terms of payment.
    pub terms: Option<&'a str>,
}

impl PaperLook {
    /// The sentences for a kind of document in a language: those of the language, else those of every language; for
    /// open invoices at last the ones from before there were kinds.
    pub fn sentences<'a>(&'a self, kind: TextKind, language: &str) -> Sentences<'a> {
        let wanted = self.texts.iter().filter(|texts| texts.kind == kind);
        let mut fitting: Vec<&PaperTexts> =
            wanted.filter(|texts| texts.language.as_deref().is_none_or(|known| known == language)).collect();
        fitting.sort_by_key(|texts| texts.language.is_none());
        let legacy = |text: &'a Option<String>| text.as_deref().filter(|_| kind == TextKind::OpenInvoice);
        Sentences {
            intro: fitting.iter().find_map(|texts| texts.intro.as_deref()).or_else(|| legacy(&self.intro)),
            closing: fitting
                .iter()
                .find_map(|texts| texts.closing.as_deref())
                .or_else(|| legacy(&self.closing)),
            terms: fitting
                .iter()
                .find_map(|texts| texts.terms.as_deref())
                .filter(|_| kind == TextKind::OpenInvoice),
        }
    }
}

/// A logo's bytes, base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logo {
    /// PNG, JPEG or SVG.
    pub format: LogoFormat,
    /// The file, base64.
    pub data: String,
}

/// A file format of logos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogoFormat {
    Png,
    Jpeg,
    Svg,
}

/// The document that this one corrects (BG-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preceding {
    /// Its number.
    pub number: String,
    /// Its date, `YYYY-MM-DD`.
    pub date: String,
}

/// How it was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperPayment {
    /// What the customer knows the method as, such as "Card".
    pub method: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The transaction.
    pub reference: String,
}

/// The tax of a document in the seller's national currency, where it is in another one (Article 230 of Directive
/// 2006/112/EC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaperExchange {
    /// The national currency (BT-6).
    pub currency: Currency,
    /// Units of the national currency for one unit of the document's.
    pub rate: Decimal,
    /// Minor units of tax in the national currency (BT-111).
    pub tax: i64,
    /// Where the rate comes from, such as "ECB, 2026-11-30".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A document, ready to be rendered. Dates are civil dates `YYYY-MM-DD` in the seller's zone; amounts are
/// minor units of [`Self::currency`]. A credit note's amounts are positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paper {
    /// What it is.
    pub kind: PaperKind,
    /// Its number (BT-1); `None` on a draft, which is marked as one and carries no XML.
    pub number: Option<String>,
    /// When it was issued (BT-2).
    pub date: String,
    /// When goods or services were supplied (BT-72); on the day of issue where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_date: Option<String>,
    /// When it is to be paid (BT-9), where something is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<String>,
    /// Language tag: `en`, `pt`, `de`, `fr` or `es`; another is rendered in English.
    pub language: String,
    /// Currency (BT-5).
    pub currency: Currency,
    /// Of test mode, and marked so on every page.
    pub test: bool,
    /// Who sells (BG-4).
    pub seller: Party,
    /// Who buys (BG-7); the name may be empty.
    pub buyer: Party,
    /// "Your reference": the merchant's own `invoiceNumber` (BT-10).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub your_reference: String,
    /// The shop's order (BT-13).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub order_reference: String,
    /// What a credit note corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preceding: Option<Preceding>,
    /// Whether unit prices and line amounts hold the tax.
    pub prices_include_tax: bool,
    /// The lines; at least one.
    pub lines: Vec<PaperLine>,
    /// Reductions of the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowances: Vec<Allowance>,
    /// Tax by category and rate; at least one.
    pub taxes: Vec<PaperTax>,
    /// What it comes to.
    pub totals: PaperTotals,
    /// Its tax in the seller's currency, where that is another one and the rate is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<PaperExchange>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaperPayment>,
    /// Free text (BT-22), each a paragraph.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The organization's look when it was issued.
    #[serde(default)]
    pub look: PaperLook,
}

impl Paper {
    /// Which sentences stand on it.
    pub const fn text_kind(&self) -> TextKind {
        match self.kind {
            PaperKind::Invoice if self.totals.due > 0 => TextKind::OpenInvoice,
            PaperKind::Invoice => TextKind::PaidInvoice,
            PaperKind::CreditNote => TextKind::CreditNote,
            PaperKind::PaymentReceipt => TextKind::PaymentReceipt,
        }
    }

    /// The sentences that stand on it.
    pub fn sentences(&self) -> Sentences<'_> {
        self.look.sentences(self.text_kind(), &self.language)
    }

    /// The numbers that are printed before its lines: a line's place, or one of several parts of a place.
    pub fn line_numbers(&self) -> Vec<String> {
        let place = |(index, line): (usize, &PaperLine)| {
            line.position.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX))
        };
        let places: Vec<u32> = self.lines.iter().enumerate().map(place).collect();
        let mut parts: BTreeMap<u32, usize> = BTreeMap::new();
        for place in &places {
            *parts.entry(*place).or_default() += 1;
        }
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        let number = |place: &u32| {
            let part = seen.entry(*place).or_default();
            *part += 1;
            if parts.get(place) == Some(&1) { place.to_string() } else { format!("{place}.{part}") }
        };
        places.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_whole_numbers_or_decimal_text() {
        let line = |quantity: &str| {
            format!(
                r#"{{"name":"Work","quantity":{quantity},"unitPrice":1,"net":1,"amount":1,"category":"S","rate":"19"}}"#
            )
        };
        for (stored, value, written) in
            [("3", "3", "3"), ("\"7.5\"", "7.5", "\"7.5\""), ("\"2.00\"", "2", "2")]
        {
            let read: PaperLine = serde_json::from_str(&line(stored)).unwrap();
            assert_eq!(read.quantity, Decimal::from_str_exact(value).unwrap());
            assert!(
                serde_json::to_string(&read).unwrap().contains(&format!("\"quantity\":{written},")),
                "{stored}"
            );
        }
    }

    #[test]
    fn sentences_belong_to_a_kind_and_a_language() {
        let text = |kind, language: Option<&str>, intro: &str| PaperTexts {
            kind,
            language: language.map(str::to_owned),
            intro: Some(intro.to_owned()),
            closing: None,
            terms: Some("14 days".to_owned()),
        };
        let look = PaperLook {
            intro: Some("old".to_owned()),
            closing: Some("old closing".to_owned()),
            texts: vec![
                text(TextKind::CreditNote, None, "any"),
                text(TextKind::CreditNote, Some("de"), "deutsch"),
                text(TextKind::PaidInvoice, Some("fr"), "payé"),
            ],
            ..PaperLook::default()
        };
        let intro = |kind, language| look.sentences(kind, language).intro;
        assert_eq!(intro(TextKind::OpenInvoice, "de"), Some("old"));
        assert_eq!(intro(TextKind::CreditNote, "de"), Some("deutsch"));
        assert_eq!(intro(TextKind::CreditNote, "en"), Some("any"));
        assert_eq!(intro(TextKind::PaidInvoice, "de"), None);
        assert_eq!(
            look.sentences(TextKind::CreditNote, "de").closing,
            None,
            "the old texts are no credit note's"
        );
        assert_eq!(look.sentences(TextKind::CreditNote, "de").terms, None, "nothing is due");
    }
}
