//! The electronic invoice: EN 16931 in the CII syntax (UN/CEFACT Cross Industry Invoice D22B), as Factur-X 1.0
//! profiles it. Rules `BR-…` are those of EN 16931-1; elements stand in the order of the schema.

mod writer;

use gateway_core::domain::invoice::paper::{
    Allowance, Paper, PaperKind, PaperLine, PaperTax, Party, TaxCategory,
};
use rust_decimal::Decimal;

use crate::{clean, language};
use writer::Xml;

/// The guideline that the XML follows (BT-24).
const GUIDELINE: &str = "urn:cen.eu:en16931:2017";

/// UNTDID 4461: paid through an online payment service.
const ONLINE_PAYMENT_SERVICE: &str = "68";

/// Countries' prefixes that BR-CO-09 takes beside the country codes.
const GREECE: &str = "EL";

/// Why a document has no electronic invoice. The standard asks for a fact that is not there or forbids one that
/// is; nothing is made up to please it, and the PDF is complete without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoXml {
    /// A draft is no invoice yet.
    #[error("a draft has no electronic invoice")]
    Draft,
    /// A payment receipt is no invoice.
    #[error("a payment receipt is not an invoice")]
    Receipt,
    /// Amounts have at most two decimals (BR-DEC), and dinars have three.
    #[error("EN 16931 allows two decimals and the currency has more")]
    Decimals,
    /// The seller's name and country are required (BR-06, BR-09).
    #[error("the seller's name or country is missing")]
    Seller,
    /// The seller needs a VAT number, a tax number or an entry in a register (BR-CO-26, BR-S-02 and others).
    #[error("the seller has no tax number")]
    SellerNumber,
    /// The buyer's name and country are required (BR-07, BR-11).
    #[error("the buyer's name or country is missing")]
    Buyer,
    /// Reverse charge needs the buyer's VAT number or entry in a register (BR-AE-02).
    #[error("reverse charge needs the buyer's VAT number")]
    BuyerNumber,
    /// What is outside VAT cannot stand beside what is within (BR-O-11 to 14).
    #[error("lines outside the scope of VAT cannot be mixed with others")]
    MixedScope,
    /// An exemption needs its reason (BR-E-10).
    #[error("the reason of a tax exemption is missing")]
    ExemptionReason,
}

/// The XML of an issued invoice or credit note, UTF-8.
///
/// Amounts of currencies without decimals are written as whole numbers. A line with a negative total has a
/// negative quantity, since its price may not be negative (BR-27). Where the price for one does not come out
/// even, the line's total is the price of its whole quantity (BT-149), so that price × quantity is exact.
pub fn xml(paper: &Paper) -> Result<String, NoXml> {
    let number = paper.number.as_deref().ok_or(NoXml::Draft)?;
    let type_code = match paper.kind {
        PaperKind::Invoice => "380",
        PaperKind::CreditNote => "381",
        PaperKind::PaymentReceipt => return Err(NoXml::Receipt),
    };
    if paper.currency.exponent() > 2 {
        return Err(NoXml::Decimals);
    }
    let facts = Facts::of(paper)?;
    let mut xml = Xml::new();
    xml.within("rsm:ExchangedDocumentContext", |xml| {
        xml.within("ram:GuidelineSpecifiedDocumentContextParameter", |xml| xml.text("ram:ID", GUIDELINE));
    });
    xml.within("rsm:ExchangedDocument", |xml| {
        xml.text("ram:ID", &clean::line(number));
        xml.text("ram:TypeCode", type_code);
        xml.within("ram:IssueDateTime", |xml| xml.date("udt:DateTimeString", &paper.date));
        let test_note = paper.test.then_some(facts.words.test_note);
        for note in test_note.into_iter().chain(paper.notes.iter().map(String::as_str)) {
            let note = clean::paragraph(note);
            if !note.is_empty() {
                xml.within("ram:IncludedNote", |xml| xml.text("ram:Content", &note));
            }
        }
    });
    xml.within("rsm:SupplyChainTradeTransaction", |xml| {
        for (index, line) in paper.lines.iter().enumerate() {
            write_line(xml, index + 1, line, paper.currency.exponent());
        }
        write_agreement(xml, paper, &facts);
        write_delivery(xml, paper);
        write_settlement(xml, paper, &facts);
    });
    Ok(xml.finish())
}

/// What the parties are called and known by, as far as the standard lets them be.
struct Facts {
    words: &'static language::Words,
    seller_name: String,
    buyer_name: String,
    seller_vat: Option<String>,
    seller_tax: Option<String>,
    seller_id: Option<String>,
    buyer_vat: Option<String>,
}

impl Facts {
    fn of(paper: &Paper) -> Result<Self, NoXml> {
        let (seller, buyer) = (&paper.seller, &paper.buyer);
        let seller_name = clean::line(&seller.name);
        if seller_name.is_empty() || country(seller).is_none() {
            return Err(NoXml::Seller);
        }
        // A buyer who gave no name is known by contact or e-mail address; an unknown one is not invented.
        let names = [Some(buyer.name.as_str()), buyer.contact.as_deref(), buyer.email.as_deref()];
        let buyer_name = names.into_iter().find_map(filled).ok_or(NoXml::Buyer)?;
        country(buyer).ok_or(NoXml::Buyer)?;

        let categories = || paper.taxes.iter().map(|tax| tax.category);
        let outside_scope = categories().any(|category| category == TaxCategory::O);
        if outside_scope && categories().any(|category| category != TaxCategory::O) {
            return Err(NoXml::MixedScope);
        }
        let stated = filled(seller.vat_id.as_deref());
        let seller_vat = stated.as_deref().and_then(vat_number).filter(|_| !outside_scope);
        // A VAT number without a country's prefix is a tax number to the standard.
        let seller_tax =
            filled(seller.tax_number.as_deref()).or_else(|| stated.filter(|_| seller_vat.is_none()));
        let registration = filled(seller.registration.as_deref());
        if !outside_scope && seller_vat.is_none() && seller_tax.is_none() {
            return Err(NoXml::SellerNumber);
        }
        let unidentified = seller_vat.is_none() && registration.is_none();
        let seller_id = seller_tax.clone().filter(|_| unidentified);
        if unidentified && seller_id.is_none() {
            return Err(NoXml::SellerNumber);
        }
        let buyer_vat =
            filled(buyer.vat_id.as_deref()).as_deref().and_then(vat_number).filter(|_| !outside_scope);
        let reverse_charge = categories().any(|category| category == TaxCategory::AE);
        if reverse_charge && buyer_vat.is_none() && filled(buyer.registration.as_deref()).is_none() {
            return Err(NoXml::BuyerNumber);
        }
        let unexplained = |tax: &PaperTax| {
            tax.category == TaxCategory::E && filled(tax.exemption_reason.as_deref()).is_none()
        };
        if paper.taxes.iter().any(unexplained) {
            return Err(NoXml::ExemptionReason);
        }
        let words = language::words(&paper.language);
        Ok(Self { words, seller_name, buyer_name, seller_vat, seller_tax, seller_id, buyer_vat })
    }
}

fn filled<'a>(text: impl Into<Option<&'a str>>) -> Option<String> {
    text.into().map(clean::line).filter(|text| !text.is_empty())
}

/// Two capital letters.
fn country(party: &Party) -> Option<&str> {
    let code = party.country.as_str();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// A VAT number in one piece, if it begins with a country (BR-CO-09).
fn vat_number(text: &str) -> Option<String> {
    let number: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let prefix = number.get(..2)?;
    let letters = prefix == GREECE || prefix.bytes().all(|byte| byte.is_ascii_uppercase());
    (letters && number.len() > 4).then_some(number)
}

fn write_line(xml: &mut Xml, number: usize, line: &PaperLine, exponent: u32) {
    let quantity = if line.net < 0 { -line.quantity } else { line.quantity };
    let (price, basis) = price(line, exponent);
    xml.open("ram:IncludedSupplyChainTradeLineItem");
    xml.within("ram:AssociatedDocumentLineDocument", |xml| xml.text("ram:LineID", &number.to_string()));
    xml.within("ram:SpecifiedTradeProduct", |xml| {
        // BR-25: a line has a name.
        xml.text("ram:Name", &filled(line.name.as_str()).unwrap_or_else(|| "–".to_owned()));
        xml.optional("ram:Description", filled(line.description.as_str()).as_deref());
    });
    xml.within("ram:SpecifiedLineTradeAgreement", |xml| {
        xml.within("ram:NetPriceProductTradePrice", |xml| {
            xml.text("ram:ChargeAmount", &price.to_string());
            if let Some(basis) = basis {
                // "One": what is counted has no unit of its own.
                xml.attributed("ram:BasisQuantity", "unitCode", "C62", &basis.to_string());
            }
        });
    });
    xml.within("ram:SpecifiedLineTradeDelivery", |xml| {
        xml.attributed("ram:BilledQuantity", "unitCode", "C62", &quantity.to_string());
    });
    xml.within("ram:SpecifiedLineTradeSettlement", |xml| {
        xml.within("ram:ApplicableTradeTax", |xml| write_category(xml, line.category, line.rate));
        xml.within("ram:SpecifiedTradeSettlementLineMonetarySummation", |xml| {
            xml.text("ram:LineTotalAmount", &amount(line.net, exponent));
        });
    });
    xml.close("ram:IncludedSupplyChainTradeLineItem");
}

/// The price without tax, and for how many it is where that is not one.
fn price(line: &PaperLine, exponent: u32) -> (Decimal, Option<i64>) {
    let total = Decimal::from_i128_with_scale(i128::from(line.net).abs(), exponent);
    let each = total / Decimal::from(line.quantity);
    let short = each.normalize();
    if short.scale() <= 6 && short * Decimal::from(line.quantity) == total {
        (if short.scale() < exponent { padded(short, exponent) } else { short }, None)
    } else {
        (total, Some(line.quantity))
    }
}

fn padded(mut value: Decimal, scale: u32) -> Decimal {
    value.rescale(scale);
    value
}

fn write_category(xml: &mut Xml, category: TaxCategory, rate: Decimal) {
    xml.text("ram:TypeCode", "VAT");
    xml.text("ram:CategoryCode", code(category));
    write_rate(xml, category, rate);
}

/// What is outside the scope has no rate, not even zero (BR-O-05).
fn write_rate(xml: &mut Xml, category: TaxCategory, rate: Decimal) {
    if category != TaxCategory::O {
        xml.text("ram:RateApplicablePercent", &rate.normalize().to_string());
    }
}

fn code(category: TaxCategory) -> &'static str {
    match category {
        TaxCategory::S => "S",
        TaxCategory::Z => "Z",
        TaxCategory::E => "E",
        TaxCategory::AE => "AE",
        TaxCategory::O => "O",
    }
}

fn write_agreement(xml: &mut Xml, paper: &Paper, facts: &Facts) {
    xml.within("ram:ApplicableHeaderTradeAgreement", |xml| {
        xml.optional("ram:BuyerReference", filled(paper.your_reference.as_str()).as_deref());
        xml.within("ram:SellerTradeParty", |xml| {
            xml.optional("ram:ID", facts.seller_id.as_deref());
            write_party(xml, &paper.seller, &facts.seller_name);
            for (scheme, number) in [("VA", &facts.seller_vat), ("FC", &facts.seller_tax)] {
                write_registration(xml, scheme, number.as_deref());
            }
        });
        xml.within("ram:BuyerTradeParty", |xml| {
            write_party(xml, &paper.buyer, &facts.buyer_name);
            write_registration(xml, "VA", facts.buyer_vat.as_deref());
        });
        if let Some(order) = filled(paper.order_reference.as_str()) {
            xml.within("ram:BuyerOrderReferencedDocument", |xml| xml.text("ram:IssuerAssignedID", &order));
        }
    });
}

fn write_registration(xml: &mut Xml, scheme: &str, number: Option<&str>) {
    if let Some(number) = number {
        xml.within("ram:SpecifiedTaxRegistration", |xml| {
            xml.attributed("ram:ID", "schemeID", scheme, number);
        });
    }
}

fn write_party(xml: &mut Xml, party: &Party, name: &str) {
    xml.text("ram:Name", name);
    if let Some(registration) = filled(party.registration.as_deref()) {
        xml.within("ram:SpecifiedLegalOrganization", |xml| xml.text("ram:ID", &registration));
    }
    let contact = filled(party.contact.as_deref());
    let phone = filled(party.phone.as_deref());
    let email = filled(party.email.as_deref());
    if contact.is_some() || phone.is_some() || email.is_some() {
        xml.within("ram:DefinedTradeContact", |xml| {
            xml.optional("ram:PersonName", contact.as_deref());
            if let Some(phone) = &phone {
                xml.within("ram:TelephoneUniversalCommunication", |xml| {
                    xml.text("ram:CompleteNumber", phone);
                });
            }
            if let Some(email) = &email {
                xml.within("ram:EmailURIUniversalCommunication", |xml| xml.text("ram:URIID", email));
            }
        });
    }
    write_address(xml, party);
    if let Some(email) = &email {
        // BT-34, BT-49: an electronic address of the scheme "e-mail".
        xml.within("ram:URIUniversalCommunication", |xml| {
            xml.attributed("ram:URIID", "schemeID", "EM", email);
        });
    }
}

fn write_address(xml: &mut Xml, party: &Party) {
    let lines: Vec<String> = party.address.iter().filter_map(|line| filled(line.as_str())).collect();
    // Three lines is all that there is room for.
    let rest = lines.get(2..).unwrap_or_default().join(", ");
    xml.within("ram:PostalTradeAddress", |xml| {
        xml.optional("ram:PostcodeCode", filled(party.postcode.as_str()).as_deref());
        xml.optional("ram:LineOne", lines.first().map(String::as_str));
        xml.optional("ram:LineTwo", lines.get(1).map(String::as_str));
        xml.optional("ram:LineThree", filled(rest.as_str()).as_deref());
        xml.optional("ram:CityName", filled(party.city.as_str()).as_deref());
        xml.optional("ram:CountryID", country(party));
    });
}

fn write_delivery(xml: &mut Xml, paper: &Paper) {
    xml.within("ram:ApplicableHeaderTradeDelivery", |xml| {
        // A supply on another day is stated; without one it was on the day of issue.
        let date = paper.supply_date.as_ref().unwrap_or(&paper.date);
        xml.within("ram:ActualDeliverySupplyChainEvent", |xml| {
            xml.within("ram:OccurrenceDateTime", |xml| xml.date("udt:DateTimeString", date));
        });
    });
}

fn write_settlement(xml: &mut Xml, paper: &Paper, facts: &Facts) {
    let exponent = paper.currency.exponent();
    xml.open("ram:ApplicableHeaderTradeSettlement");
    if let Some(payment) = &paper.payment {
        xml.optional("ram:PaymentReference", filled(payment.reference.as_str()).as_deref());
    }
    xml.text("ram:InvoiceCurrencyCode", paper.currency.code());
    if let Some(payment) = &paper.payment {
        xml.within("ram:SpecifiedTradeSettlementPaymentMeans", |xml| {
            xml.text("ram:TypeCode", ONLINE_PAYMENT_SERVICE);
            xml.optional("ram:Information", filled(payment.method.as_str()).as_deref());
        });
    }
    for tax in &paper.taxes {
        write_tax(xml, tax, exponent);
    }
    for allowance in &paper.allowances {
        write_allowance(xml, allowance, facts, exponent);
    }
    // BR-CO-25: what is due has a date or terms.
    if paper.due_date.is_some() || paper.totals.due > 0 {
        xml.within("ram:SpecifiedTradePaymentTerms", |xml| match &paper.due_date {
            Some(date) => {
                xml.within("ram:DueDateDateTime", |xml| xml.date("udt:DateTimeString", date));
            }
            None => xml.text("ram:Description", facts.words.due_now),
        });
    }
    write_totals(xml, paper);
    if let Some(preceding) = &paper.preceding {
        xml.within("ram:InvoiceReferencedDocument", |xml| {
            xml.text("ram:IssuerAssignedID", &clean::line(&preceding.number));
            xml.within("ram:FormattedIssueDateTime", |xml| {
                xml.date("qdt:DateTimeString", &preceding.date);
            });
        });
    }
    xml.close("ram:ApplicableHeaderTradeSettlement");
}

fn write_tax(xml: &mut Xml, tax: &PaperTax, exponent: u32) {
    let reason = filled(tax.exemption_reason.as_deref());
    // BR-E-10, BR-AE-10 and BR-O-10 ask for a reason, BR-S-10 and BR-Z-10 forbid one.
    let (needs, reason_code) = match tax.category {
        TaxCategory::S | TaxCategory::Z => (false, None),
        TaxCategory::E => (true, None),
        TaxCategory::AE => (true, Some("VATEX-EU-AE")),
        TaxCategory::O => (true, Some("VATEX-EU-O")),
    };
    let reason = reason.filter(|_| needs);
    xml.within("ram:ApplicableTradeTax", |xml| {
        xml.text("ram:CalculatedAmount", &amount(tax.tax, exponent));
        xml.text("ram:TypeCode", "VAT");
        xml.optional("ram:ExemptionReason", reason.as_deref());
        xml.text("ram:BasisAmount", &amount(tax.basis, exponent));
        xml.text("ram:CategoryCode", code(tax.category));
        xml.optional("ram:ExemptionReasonCode", reason_code);
        write_rate(xml, tax.category, tax.rate);
    });
}

fn write_allowance(xml: &mut Xml, allowance: &Allowance, facts: &Facts, exponent: u32) {
    xml.within("ram:SpecifiedTradeAllowanceCharge", |xml| {
        xml.within("ram:ChargeIndicator", |xml| xml.text("udt:Indicator", "false"));
        xml.text("ram:ActualAmount", &amount(allowance.net, exponent));
        let reason = filled(allowance.reason.as_str());
        xml.text("ram:Reason", reason.as_deref().unwrap_or(facts.words.discount));
        xml.within("ram:CategoryTradeTax", |xml| write_category(xml, allowance.category, allowance.rate));
    });
}

fn write_totals(xml: &mut Xml, paper: &Paper) {
    let totals = &paper.totals;
    let amount = |minor| amount(minor, paper.currency.exponent());
    xml.within("ram:SpecifiedTradeSettlementHeaderMonetarySummation", |xml| {
        xml.text("ram:LineTotalAmount", &amount(totals.lines_net));
        if !paper.allowances.is_empty() {
            xml.text("ram:AllowanceTotalAmount", &amount(totals.allowances_net));
        }
        xml.text("ram:TaxBasisTotalAmount", &amount(totals.net));
        xml.attributed("ram:TaxTotalAmount", "currencyID", paper.currency.code(), &amount(totals.tax));
        if totals.rounding != 0 {
            xml.text("ram:RoundingAmount", &amount(totals.rounding));
        }
        xml.text("ram:GrandTotalAmount", &amount(totals.gross));
        if totals.paid != 0 {
            xml.text("ram:TotalPrepaidAmount", &amount(totals.paid));
        }
        xml.text("ram:DuePayableAmount", &amount(totals.due));
    });
}

fn amount(minor: i64, exponent: u32) -> String {
    Decimal::from_i128_with_scale(minor.into(), exponent).to_string()
}
