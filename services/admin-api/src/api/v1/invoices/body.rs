//! Documents as the API shows them, and the parties on them.

use gateway_core::domain::invoice::{
    Credit, CreditLine, Invoice, Paper,
    paper::{Party, TaxCategory},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{body::at_most, v1::transactions::ReviewBody};

/// An invoice, credit note or payment receipt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceBody {
    /// Its id.
    pub id: String,
    /// `invoice`, `credit_note` or `payment_receipt`.
    pub kind: &'static str,
    /// draft, issued, open, `partially_settled`, settled, `partially_refunded`, refunded, credited or voided.
    pub status: &'static str,
    /// Its number, once issued.
    pub number: Option<String>,
    /// Its date, once issued: a day in the seller's zone.
    pub date: Option<String>,
    /// When it is to be paid.
    pub due_date: Option<String>,
    /// Its series.
    pub series_id: String,
    /// Whether a draft waits for its number.
    pub issuing: bool,
    /// Why a draft has none yet. One that is held back for a person begins with a word: `buyer_missing`,
    /// `buyer_vat_id_missing`, `vat_rate_unknown`, `order_already_invoiced` or `certified_software_required`.
    pub blocked: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Minor units to be paid, with tax and rounding.
    pub total: i64,
    /// Minor units that came in.
    pub amount_paid: i64,
    /// Minor units that went back by refunds and lost disputes.
    pub amount_refunded: i64,
    /// Minor units taken back by credit notes.
    pub amount_credited: i64,
    /// Its credits.
    pub credits: Vec<CreditBody>,
    /// The payment.
    pub transaction_id: Option<String>,
    /// The checkout.
    pub checkout_id: Option<String>,
    /// The shop.
    pub site_id: Option<String>,
    /// The shop's order.
    pub external_reference: String,
    /// A credit note's invoice.
    pub corrects: Option<String>,
    /// `waiting`, `done` or `parked`; absent on drafts.
    pub files: Option<&'static str>,
    /// Why the files were not made.
    pub files_problem: Option<String>,
    /// Whether there is an XML beside the PDF.
    pub has_xml: bool,
    /// Why there is none, once the files are made: the standard has no true statement of every document.
    pub no_xml: Option<String>,
    /// Characters on it that no font has.
    pub missing_glyphs: Vec<String>,
    /// What a person must look at: `refund_bounced`, `payment_failed`, `dispute_currency`, `not_rendered`,
    /// `missing_glyphs`, `rendered_with_notes`, `tax_currency_missing`, `credit_failed`, or what a draft is held back
    /// for (see `blocked`).
    pub needs_review: Option<ReviewBody>,
    /// `live` or `test`.
    pub mode: &'static str,
    /// Everything on it: seller, buyer, lines, allowances, taxes, totals. Never changes once issued.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
    /// When it was issued.
    pub issued_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// Part of an invoice that was taken back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditBody {
    /// The credit note.
    pub credit_note_id: String,
    /// Minor units, with tax.
    pub amount: i64,
    /// `refund`, `dispute`, `returned` or `request`.
    pub cause: String,
    /// Which lines, where lines were named.
    pub lines: Vec<CreditLineBody>,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// When it was decided.
    pub at: String,
}

/// Part of a line that was taken back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditLineBody {
    /// The line's place on the invoice, from 1.
    pub line: usize,
    /// How many of it, as decimal text.
    pub quantity: String,
    /// Minor units as the invoice prices its lines, before its allowances.
    pub amount: i64,
}

impl From<&CreditLine> for CreditLineBody {
    fn from(line: &CreditLine) -> Self {
        Self { line: line.line + 1, quantity: line.quantity.normalize().to_string(), amount: line.amount }
    }
}

impl From<&Credit> for CreditBody {
    fn from(credit: &Credit) -> Self {
        Self {
            credit_note_id: credit.id.to_string(),
            amount: credit.amount,
            cause: credit.cause.split(':').next().unwrap_or_default().to_owned(),
            lines: credit.lines.iter().map(CreditLineBody::from).collect(),
            reason: credit.reason.clone(),
            at: credit.at.to_string(),
        }
    }
}

impl InvoiceBody {
    /// A document with its paper.
    pub fn of(invoice: &Invoice, paper: &Paper) -> Self {
        let rendering = invoice.rendering.as_ref();
        let review = invoice.needs_review.as_ref();
        Self {
            id: invoice.id.to_string(),
            kind: invoice.kind.as_str(),
            status: invoice.status.as_str(),
            number: invoice.number().map(str::to_owned),
            date: invoice.numbered.as_ref().map(|numbered| numbered.date.clone()),
            due_date: invoice.due_date.clone(),
            series_id: invoice.series_id.to_string(),
            issuing: invoice.is_waiting(),
            blocked: invoice.blocked.clone(),
            currency: invoice.currency.to_string(),
            total: invoice.total,
            amount_paid: invoice.money.paid,
            amount_refunded: invoice.money.returned,
            amount_credited: invoice.credited(),
            credits: invoice.credits.iter().map(CreditBody::from).collect(),
            transaction_id: invoice.transaction_id.map(|id| id.to_string()),
            checkout_id: invoice.checkout_id.map(|id| id.to_string()),
            site_id: invoice.site_id.map(|id| id.to_string()),
            external_reference: invoice.external_reference.clone(),
            corrects: invoice.corrects.map(|id| id.to_string()),
            files: rendering.map(|rendering| rendering.status.as_str()),
            files_problem: rendering.and_then(|rendering| rendering.reason.clone()),
            has_xml: rendering.is_some_and(|rendering| rendering.has_xml),
            no_xml: rendering.and_then(|rendering| rendering.no_xml.clone()),
            missing_glyphs: rendering.map(|r| r.missing_glyphs.clone()).unwrap_or_default(),
            needs_review: review.map(ReviewBody::from),
            mode: invoice.mode.as_str(),
            // A paper holds text, numbers and lists.
            document: serde_json::to_value(paper).unwrap_or_default(),
            issued_at: invoice.issued_at.map(|at| at.to_string()),
            created_at: invoice.created_at.to_string(),
            updated_at: invoice.updated_at.to_string(),
        }
    }
}

/// Lines of an address that are read: those that hold nothing are not counted.
const LINES_MAX: usize = 20;

/// Seller or buyer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PartyBody {
    /// Legal name.
    pub name: String,
    /// A contact person.
    pub contact: Option<String>,
    /// Street and number, then what does not fit there; at most 4 lines.
    #[serde(deserialize_with = "at_most::<LINES_MAX, _, _>")]
    pub address: Vec<String>,
    /// Postal code.
    pub postcode: String,
    /// City.
    pub city: String,
    /// A code of the list that EN 16931 uses: ISO 3166-1 alpha-2, `1A` for Kosovo, `XI` for Northern Ireland. `UK`, `EL`
    /// and `XK` are taken for `GB`, `GR` and `1A`.
    pub country: String,
    /// VAT identification number with its country prefix; checked by its shape.
    pub vat_id: Option<String>,
    /// A tax number without prefix.
    pub tax_number: Option<String>,
    /// Entry in a commercial register.
    pub registration: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Web site.
    pub website: Option<String>,
}

impl From<PartyBody> for Party {
    fn from(body: PartyBody) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Self {
            name: body.name.trim().to_owned(),
            contact: given(body.contact),
            address: body.address.into_iter().filter(|line| !line.trim().is_empty()).collect(),
            postcode: body.postcode,
            city: body.city,
            country: body.country.trim().to_uppercase(),
            vat_id: given(body.vat_id),
            tax_number: given(body.tax_number),
            registration: given(body.registration),
            email: given(body.email),
            phone: given(body.phone),
            website: given(body.website),
        }
    }
}

impl From<Party> for PartyBody {
    fn from(party: Party) -> Self {
        Self {
            name: party.name,
            contact: party.contact,
            address: party.address,
            postcode: party.postcode,
            city: party.city,
            country: party.country,
            vat_id: party.vat_id,
            tax_number: party.tax_number,
            registration: party.registration,
            email: party.email,
            phone: party.phone,
            website: party.website,
        }
    }
}

/// A category of value added tax (UNCL 5305): `S`, `Z`, `E` (exempt), `AE` (reverse charge), `K` (supply within the
/// Union), `G` (export) or `O` (outside the tax).
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, example = "E")]
pub struct Category(pub TaxCategory);
