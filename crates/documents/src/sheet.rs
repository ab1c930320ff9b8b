//! What stands on the pages: every text finished, so that the template only places it.

use gateway_core::domain::{
    country,
    invoice::{
        paper::{Allowance, Paper, PaperKind, PaperTax, Party, TaxCategory},
        units::Unit,
    },
};
use serde::Serialize;

use crate::clean::{breakable, line, paragraph, reference};
use crate::language::{Words, fill, words};
use crate::{RenderError, check};

/// The colour where an organization has set none.
const HOUSE_COLOR: &str = "#1f4d5c";

/// The colour of text.
const INK: &str = "#16191d";

/// Brightness (0 to 255) from which a colour is too light to be read on white.
const READABLE: u32 = 140;

/// The data of the template, as its JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Sheet {
    language: &'static str,
    /// Of rules.
    accent: String,
    /// Of the title.
    heading: String,
    logo: Option<&'static str>,
    attachment: bool,
    document_title: String,
    author: String,
    /// Across each page.
    mark: Option<String>,
    /// Small, at the head of each page but the first.
    running: String,
    title: &'static str,
    warnings: Vec<&'static str>,
    billed_to: &'static str,
    buyer: Vec<String>,
    from: &'static str,
    seller_name: String,
    seller: Vec<String>,
    facts: Vec<[String; 2]>,
    intro: Option<String>,
    columns: [&'static str; 6],
    lines: Vec<SheetLine>,
    totals: Vec<Total>,
    remarks: Vec<String>,
    payment: Option<String>,
    payment_reference: Option<String>,
    notes: Vec<String>,
    terms: Option<String>,
    closing: Option<String>,
    footer: Option<String>,
    page: &'static str,
    of: &'static str,
}

#[derive(Debug, Serialize)]
struct SheetLine {
    number: String,
    name: String,
    description: String,
    quantity: String,
    price: String,
    tax: String,
    amount: String,
}

/// A row of the totals.
#[derive(Debug, Serialize)]
struct Total {
    label: String,
    value: String,
    weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Plain,
    Minor,
    Total,
    Due,
}

impl Sheet {
    /// The sheet of a paper that has been checked.
    pub(crate) fn of(
        paper: &Paper,
        logo: Option<&'static str>,
        attachment: bool,
    ) -> Result<Self, RenderError> {
        let words = words(&paper.language);
        let title = words.title(paper.kind);
        let number = paper.number.as_deref().map(line);
        let seller_name = line(&paper.seller.name);
        let named = number.as_ref().map_or_else(|| title.to_owned(), |number| format!("{title} {number}"));
        let marks = [(number.is_none(), words.draft), (paper.test, words.test)];
        let marks: Vec<&str> = marks.into_iter().filter_map(|(set, mark)| set.then_some(mark)).collect();
        let warnings =
            [(paper.test, words.test_note), (paper.kind == PaperKind::PaymentReceipt, words.not_invoice)];
        let (accent, heading) = colors(paper.look.color.as_deref());
        let (payment, payment_reference) = payment(paper, words)?;
        let sentences = paper.sentences();
        Ok(Self {
            language: words.code,
            accent,
            heading,
            logo,
            attachment,
            document_title: format!("{named} – {seller_name}"),
            author: seller_name.clone(),
            mark: (!marks.is_empty()).then(|| marks.join(" · ")),
            running: format!("{seller_name} · {named}"),
            title,
            warnings: warnings.into_iter().filter_map(|(set, text)| set.then_some(text)).collect(),
            billed_to: words.billed_to,
            buyer: buyer(&paper.buyer, words),
            from: words.from,
            seller: seller(&paper.seller, words),
            seller_name: breakable(&seller_name),
            facts: facts(paper, words)?,
            intro: text(sentences.intro),
            columns: ["#", words.description, words.quantity, words.unit_price, words.tax, words.amount],
            lines: lines(paper, words),
            totals: totals(paper, words),
            remarks: remarks(paper, words),
            payment,
            payment_reference,
            notes: paper.notes.iter().filter_map(|note| text(Some(note))).collect(),
            terms: text(sentences.terms),
            closing: text(sentences.closing),
            footer: text(paper.look.footer.as_deref()),
            page: words.page,
            of: words.of,
        })
    }
}

/// A paragraph, if it says something.
fn text(text: Option<&str>) -> Option<String> {
    text.map(|text| breakable(&paragraph(text))).filter(|text| !text.is_empty())
}

/// The colour of rules, and of headings: the same unless it is too light to be read.
fn colors(color: Option<&str>) -> (String, String) {
    let accent = color.filter(|color| is_color(color)).unwrap_or(HOUSE_COLOR).to_owned();
    let part = |at| u32::from_str_radix(accent.get(at..at + 2).unwrap_or_default(), 16).unwrap_or_default();
    let brightness = (299 * part(1) + 587 * part(3) + 114 * part(5)) / 1000;
    let heading = if brightness < READABLE { accent.clone() } else { INK.to_owned() };
    (accent, heading)
}

fn is_color(color: &str) -> bool {
    let digits = color.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Name, then the address as far as it is known.
fn address(party: &Party, words: &Words) -> Vec<String> {
    let mut lines = Vec::new();
    let contact = party.contact.as_deref().map(line).filter(|contact| !contact.is_empty());
    lines.extend(contact.map(|contact| fill(words.attention, &[&contact])));
    lines.extend(party.address.iter().map(|text| line(text)));
    let city = line(&format!("{} {}", party.postcode, party.city));
    lines.push(city);
    let name = country::name(&party.country, words.code).map(str::to_owned);
    lines.push(name.unwrap_or_else(|| line(&party.country)));
    lines
}

/// Why no tax is charged, each reason once; and where an exchange rate comes from.
fn remarks(paper: &Paper, words: &Words) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    let reasons = paper.taxes.iter().filter_map(|tax| text(tax.exemption_reason.as_deref()));
    let source = paper.exchange.as_ref().and_then(|exchange| exchange.source.as_deref());
    for remark in reasons.chain(source.and_then(|source| text(Some(&fill(words.exchange_rate, &[source]))))) {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks
}

fn finished(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| !line.is_empty()).map(|line| breakable(&line)).collect()
}

fn numbers(party: &Party, words: &Words) -> Vec<String> {
    [
        (words.vat_id, &party.vat_id),
        (words.tax_number, &party.tax_number),
        ("{}", &party.registration),
        ("{}", &party.email),
        ("{}", &party.phone),
        ("{}", &party.website),
    ]
    .into_iter()
    .filter_map(|(label, value)| {
        let value = value.as_deref().map(line).filter(|value| !value.is_empty())?;
        Some(fill(label, &[&value]))
    })
    .collect()
}

fn buyer(party: &Party, words: &Words) -> Vec<String> {
    let mut lines = vec![line(&party.name)];
    lines.extend(address(party, words));
    lines.extend(numbers(party, words));
    finished(lines)
}

fn seller(party: &Party, words: &Words) -> Vec<String> {
    let mut lines = address(party, words);
    lines.extend(numbers(party, words));
    finished(lines)
}

/// What stands between the addresses and the lines.
fn facts(paper: &Paper, words: &Words) -> Result<Vec<[String; 2]>, RenderError> {
    let day = |field, text: &str| check::date(field, text).map(|date| words.date(date));
    let mut facts = Vec::new();
    let number =
        paper.number.as_deref().map_or_else(|| words.draft.to_owned(), |number| reference(&line(number)));
    facts.push([words.number_of(paper.kind).to_owned(), number]);
    facts.push([words.date.to_owned(), day("date", &paper.date)?]);
    // A date of supply stands on every invoice, also where it is the day of issue.
    match &paper.supply_date {
        Some(date) => facts.push([words.supply_date.to_owned(), day("supplyDate", date)?]),
        None if paper.kind == PaperKind::Invoice => {
            facts.push([words.supply_date.to_owned(), words.supply_same.to_owned()]);
        }
        None => {}
    }
    if let Some(date) = &paper.due_date {
        facts.push([words.due_date.to_owned(), day("dueDate", date)?]);
    }
    if let Some(preceding) = &paper.preceding {
        let date = day("preceding.date", &preceding.date)?;
        let value = fill(words.corrects_of, &[&line(&preceding.number), &date]);
        facts.push([words.corrects.to_owned(), reference(&value)]);
    }
    for (label, value) in
        [(words.your_reference, &paper.your_reference), (words.order, &paper.order_reference)]
    {
        let value = line(value);
        if !value.is_empty() {
            facts.push([label.to_owned(), reference(&value)]);
        }
    }
    Ok(facts)
}

fn lines(paper: &Paper, words: &Words) -> Vec<SheetLine> {
    let exponent = paper.currency.exponent();
    let quantity = |item: &gateway_core::domain::invoice::paper::PaperLine| {
        let number = words.quantity(item.quantity);
        let unit =
            item.unit.as_deref().map(|code| Unit::of(code).map_or(code, |unit| unit.label(words.code)));
        unit.map_or(number.clone(), |unit| format!("{number}\u{a0}{}", line(unit)))
    };
    let sheet_line = |(number, item): (String, &gateway_core::domain::invoice::paper::PaperLine)| SheetLine {
        number,
        name: breakable(&line(&item.name)),
        description: breakable(&paragraph(&item.description)),
        quantity: quantity(item),
        price: words.number(item.unit_price, exponent),
        tax: match item.category {
            TaxCategory::O => "–".to_owned(),
            _ => words.percent(item.rate),
        },
        amount: words.number(item.amount, exponent),
    };
    paper.line_numbers().into_iter().zip(&paper.lines).map(sheet_line).collect()
}

/// Down to what is due, in the price mode of the document.
fn totals(paper: &Paper, words: &Words) -> Vec<Total> {
    let totals = &paper.totals;
    let row = |label: &str, minor, weight| Total {
        label: label.to_owned(),
        value: words.amount(minor, paper.currency),
        weight,
    };
    let mut rows = Vec::new();
    if !paper.allowances.is_empty() {
        let subtotal = if paper.prices_include_tax {
            paper.lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount))
        } else {
            totals.lines_net
        };
        rows.push(row(words.subtotal, subtotal, Weight::Plain));
        for allowance in &paper.allowances {
            let minor = if paper.prices_include_tax { allowance.amount } else { allowance.net };
            rows.push(row(&allowance_label(paper, allowance, words), -minor, Weight::Plain));
        }
    }
    let credit = paper.kind == PaperKind::CreditNote;
    let outside_scope = paper.taxes.iter().all(|tax| tax.category == TaxCategory::O);
    let label = match (credit, outside_scope) {
        (true, _) => words.credit_total,
        (false, true) => words.untaxed_total,
        (false, false) => words.total,
    };
    let total = row(label, totals.gross, Weight::Total);
    if outside_scope {
        rows.push(total);
    } else if paper.prices_include_tax {
        rows.push(total);
        rows.push(row(words.net, totals.net, Weight::Minor));
        rows.extend(paper.taxes.iter().map(|tax| tax_row(paper, tax, words, Weight::Minor)));
    } else {
        rows.push(row(words.net, totals.net, Weight::Plain));
        rows.extend(paper.taxes.iter().map(|tax| tax_row(paper, tax, words, Weight::Plain)));
        rows.push(total);
    }
    rows.extend(tax_abroad(paper, words));
    if totals.rounding != 0 {
        rows.push(row(words.rounding, totals.rounding, Weight::Plain));
    }
    if totals.paid != 0 {
        let label = if credit { words.refunded } else { words.paid };
        rows.push(row(label, -totals.paid, Weight::Plain));
    }
    let open = totals.due != totals.gross;
    if open && paper.kind != PaperKind::PaymentReceipt {
        rows.push(row(if credit { words.credit_due } else { words.due }, totals.due, Weight::Due));
    }
    rows
}

/// The reason, and the tax rate where one reduction is spread over several.
fn allowance_label(paper: &Paper, allowance: &Allowance, words: &Words) -> String {
    let reason = line(&allowance.reason);
    let label = if reason.is_empty() { words.discount.to_owned() } else { breakable(&reason) };
    let alike = paper.allowances.iter().filter(|other| other.reason == allowance.reason);
    if alike.count() > 1 { format!("{label} ({})", words.percent(allowance.rate)) } else { label }
}

/// The tax in the seller's own currency, where the document is in another.
fn tax_abroad(paper: &Paper, words: &Words) -> Option<Total> {
    let exchange = paper.exchange.as_ref()?;
    let (national, rate) = (exchange.currency.code(), words.quantity(exchange.rate));
    let label = fill(words.tax_in, &[national, paper.currency.code(), &rate, national]);
    let value = words.amount(exchange.tax, exchange.currency);
    Some(Total { label, value, weight: Weight::Minor })
}

fn tax_row(paper: &Paper, tax: &PaperTax, words: &Words, weight: Weight) -> Total {
    let pattern = if weight == Weight::Minor { words.includes_tax_on } else { words.tax_on };
    let basis = words.number(tax.basis, paper.currency.exponent());
    let label = fill(pattern, &[&words.percent(tax.rate), &basis]);
    Total { label, value: words.amount(tax.tax, paper.currency), weight }
}

/// "Paid on … by …", and the reference of the payment.
fn payment(paper: &Paper, words: &Words) -> Result<(Option<String>, Option<String>), RenderError> {
    let Some(payment) = &paper.payment else { return Ok((None, None)) };
    let day = words.date(check::date("payment.date", &payment.date)?);
    let pattern = if paper.kind == PaperKind::CreditNote { words.refunded_on } else { words.paid_on };
    let number = line(&payment.reference);
    let sentence = fill(pattern, &[&day, &breakable(&line(&payment.method))]);
    Ok((Some(sentence), (!number.is_empty()).then(|| reference(&number))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn labels(paper: &Paper) -> Vec<String> {
        let shown = totals(paper, words(&paper.language));
        shown
            .into_iter()
            .map(|total| format!("{} {}", total.label, total.value).replace('\u{a0}', " "))
            .collect()
    }

    #[test]
    fn totals_add_up_as_the_reader_goes_down() {
        let net = samples::Draft::new("en", "EUR")
            .line("Desk", 2, 10_000, TaxCategory::S, 20)
            .allowance("SPRING", 5_000, TaxCategory::S, 20)
            .paid(10_000)
            .finish();
        assert_eq!(
            labels(&net),
            [
                "Subtotal €200.00",
                "SPRING \u{2212}€50.00",
                "Net amount €150.00",
                "VAT 20% on 150.00 €30.00",
                "Total €180.00",
                "Paid \u{2212}€100.00",
                "Amount due €80.00"
            ]
        );
        let gross =
            samples::Draft::new("de", "EUR").gross().line("Tisch", 1, 11_900, TaxCategory::S, 19).finish();
        assert_eq!(
            labels(&gross),
            ["Gesamtbetrag 119,00 €", "Nettobetrag 100,00 €", "darin USt. 19 % auf 100,00 19,00 €"]
        );
    }

    #[test]
    fn a_reduction_over_two_rates_names_them() {
        let paper = samples::Draft::new("de", "EUR")
            .line("Becher", 2, 1_000, TaxCategory::S, 19)
            .line("Buch", 1, 1_000, TaxCategory::S, 7)
            .allowance("Rabatt TEN", 200, TaxCategory::S, 19)
            .allowance("Rabatt TEN", 100, TaxCategory::S, 7)
            .finish();
        let shown = labels(&paper);
        assert!(
            shown[1].starts_with("Rabatt TEN (19 %)") && shown[2].starts_with("Rabatt TEN (7 %)"),
            "{shown:?}"
        );
    }

    #[test]
    fn outside_the_scope_no_tax_is_shown() {
        let paper = samples::Draft::new("en", "EUR").line("Donation", 1, 500, TaxCategory::O, 0).finish();
        assert_eq!(labels(&paper), ["Total €5.00"]);
    }

    #[test]
    fn light_colours_do_not_make_headings_unreadable() {
        assert_eq!(colors(Some("#ffee00")), ("#ffee00".to_owned(), INK.to_owned()));
        assert_eq!(colors(Some("#003366")), ("#003366".to_owned(), "#003366".to_owned()));
        assert_eq!(colors(Some("red; #")).0, HOUSE_COLOR);
    }
}
