//! The electronic invoice: EN 16931 in the CII syntax (UN/CEFACT Cross Industry Invoice D22B), as Factur-X 1.0
//! profiles it. Rules `BR-…` are those of EN 16931-1; elements stand in the order of the schema.

mod writer;

use gateway_core::domain::{
    country,
    invoice::{
        paper::{Allowance, Paper, PaperExchange, PaperKind, PaperLine, PaperTax, Party, TaxCategory},
        tax::line_amount,
        units::{ONE, Unit},
        vat_id,
    },
};
use rust_decimal::Decimal;

use crate::{clean, language};
use writer::Xml;

/// The guideline that the XML follows (BT-24).
const GUIDELINE: &str = "urn:cen.eu:en16931:2017";

/// UNTDID 4461: paid through an online payment service.
const ONLINE_PAYMENT_SERVICE: &str = "68";

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
    /// Supplies within the Union and exports need the seller's VAT number (BR-IC-02, BR-G-02).
    #[error("supplies within the Union and exports need the seller's VAT number")]
    SellerVatNumber,
    /// The buyer's name and country are required (BR-07, BR-11).
    #[error("the buyer's name or country is missing")]
    Buyer,
    /// Countries are those of the standard's list (BR-CL-14).
    #[error("the buyer's country is no code of the list that EN 16931 uses")]
    BuyerCountry,
    /// Reverse charge and supplies within the Union need the buyer's VAT number (BR-AE-02, BR-IC-02).
    #[error("reverse charge and supplies within the Union need the buyer's VAT number")]
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
/// even, the line's total is the price of its whole quantity (BT-149), so that price × quantity is exact; a price
/// that was agreed without tax is stated as it is, and its line rounded once.
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
        for (number, line) in paper.line_numbers().iter().zip(&paper.lines) {
            write_line(xml, number, line, paper);
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
        if buyer.country.trim().is_empty() {
            return Err(NoXml::Buyer);
        }
        country(buyer).ok_or(NoXml::BuyerCountry)?;

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
        let any = |wanted| categories().any(|category| category == wanted);
        if (any(TaxCategory::K) || any(TaxCategory::G)) && seller_vat.is_none() {
            return Err(NoXml::SellerVatNumber);
        }
        let is_registered = filled(buyer.registration.as_deref()).is_some();
        if buyer_vat.is_none() && (any(TaxCategory::K) || any(TaxCategory::AE) && !is_registered) {
            return Err(NoXml::BuyerNumber);
        }
        let unexplained = |tax: &PaperTax| {
            tax.category.needs_reason()
                && filled(tax.exemption_reason.as_deref()).is_none()
                && tax.reason_code().is_none()
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

/// The standard's code.
fn country(party: &Party) -> Option<&'static str> {
    country::canonical(&party.country)
}

/// A VAT number in one piece, if it begins with a country (BR-CO-09).
fn vat_number(text: &str) -> Option<String> {
    let number = vat_id::normalized(text);
    (number.len() > 4 && vat_id::has_prefix(&number)).then_some(number)
}

fn write_line(xml: &mut Xml, number: &str, line: &PaperLine, paper: &Paper) {
    let exponent = paper.currency.exponent();
    let quantity = (if line.net < 0 { -line.quantity } else { line.quantity }).normalize();
    let (price, basis) = price(line, exponent, !paper.prices_include_tax);
    // "One": what is counted has no unit of its own.
    let unit = line.unit.as_deref().and_then(Unit::of).map_or(ONE, |unit| unit.code);
    xml.open("ram:IncludedSupplyChainTradeLineItem");
    xml.within("ram:AssociatedDocumentLineDocument", |xml| xml.text("ram:LineID", number));
    xml.within("ram:SpecifiedTradeProduct", |xml| {
        // BR-25: a line has a name.
        xml.text("ram:Name", &filled(line.name.as_str()).unwrap_or_else(|| "–".to_owned()));
        xml.optional("ram:Description", filled(line.description.as_str()).as_deref());
    });
    xml.within("ram:SpecifiedLineTradeAgreement", |xml| {
        xml.within("ram:NetPriceProductTradePrice", |xml| {
            xml.text("ram:ChargeAmount", &price.to_string());
            if let Some(basis) = basis {
                xml.attributed("ram:BasisQuantity", "unitCode", unit, &basis.to_string());
            }
        });
    });
    xml.within("ram:SpecifiedLineTradeDelivery", |xml| {
        xml.attributed("ram:BilledQuantity", "unitCode", unit, &quantity.to_string());
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
fn price(line: &PaperLine, exponent: u32, is_net: bool) -> (Decimal, Option<Decimal>) {
    let total = Decimal::from_i128_with_scale(i128::from(line.net).abs(), exponent);
    if is_net && line_amount(line.quantity, line.unit_price) == Some(line.net) {
        return (Decimal::from_i128_with_scale(i128::from(line.unit_price).abs(), exponent), None);
    }
    let short = total.checked_div(line.quantity).unwrap_or(total).normalize();
    if short.scale() <= 6 && short.checked_mul(line.quantity) == Some(total) {
        (if short.scale() < exponent { padded(short, exponent) } else { short }, None)
    } else {
        (total, Some(line.quantity.normalize()))
    }
}

fn padded(mut value: Decimal, scale: u32) -> Decimal {
    value.rescale(scale);
    value
}

fn write_category(xml: &mut Xml, category: TaxCategory, rate: Decimal) {
    xml.text("ram:TypeCode", "VAT");
    xml.text("ram:CategoryCode", category.as_str());
    write_rate(xml, category, rate);
}

/// What is outside the scope has no rate, not even zero (BR-O-05).
fn write_rate(xml: &mut Xml, category: TaxCategory, rate: Decimal) {
    if category != TaxCategory::O {
        xml.text("ram:RateApplicablePercent", &rate.normalize().to_string());
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
        // BR-IC-12: within the Union it is stated where the goods went.
        let within_union = paper.taxes.iter().any(|tax| tax.category == TaxCategory::K);
        if let Some(code) = country(&paper.buyer).filter(|_| within_union) {
            xml.within("ram:ShipToTradeParty", |xml| {
                xml.within("ram:PostalTradeAddress", |xml| xml.text("ram:CountryID", code));
            });
        }
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
    if let Some(exchange) = &paper.exchange {
        xml.text("ram:TaxCurrencyCode", exchange.currency.code());
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
        let terms = paper.sentences().terms.map(clean::paragraph).filter(|terms| !terms.is_empty());
        let now = Some(facts.words.due_now.to_owned()).filter(|_| paper.due_date.is_none());
        xml.within("ram:SpecifiedTradePaymentTerms", |xml| {
            xml.optional("ram:Description", terms.or(now).as_deref());
            if let Some(date) = &paper.due_date {
                xml.within("ram:DueDateDateTime", |xml| xml.date("udt:DateTimeString", date));
            }
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
    // BR-E-10, BR-AE-10, BR-IC-10, BR-G-10 and BR-O-10 ask for a reason, BR-S-10 and BR-Z-10 forbid one.
    let reason = filled(tax.exemption_reason.as_deref()).filter(|_| tax.category.needs_reason());
    xml.within("ram:ApplicableTradeTax", |xml| {
        xml.text("ram:CalculatedAmount", &amount(tax.tax, exponent));
        xml.text("ram:TypeCode", "VAT");
        xml.optional("ram:ExemptionReason", reason.as_deref());
        xml.text("ram:BasisAmount", &amount(tax.basis, exponent));
        xml.text("ram:CategoryCode", tax.category.as_str());
        xml.optional("ram:ExemptionReasonCode", tax.reason_code());
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
        if let Some(PaperExchange { currency, tax, .. }) = &paper.exchange {
            let tax = self::amount(*tax, currency.exponent());
            xml.attributed("ram:TaxTotalAmount", "currencyID", currency.code(), &tax);
        }
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
