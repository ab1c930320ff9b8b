//! The content of a legal document, complete in itself: what is printed and what stands in its XML.
//!
//! An issued document is never computed again from a checkout or a site that may have changed since; it is
//! rendered from this alone. The terms `BT-…` and `BG-…` are those of EN 16931-1.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::Currency;

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
    /// How many (BT-129); positive.
    pub quantity: i64,
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
    /// Why no tax is charged (BT-120); needed for `E`, `AE` and `O`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption_reason: Option<String>,
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
    /// A sentence above the lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    /// A sentence below the totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// Printed at the foot of each page: bank account, managing directors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
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
    /// When goods or services were supplied (BT-72), where that is another day.
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
