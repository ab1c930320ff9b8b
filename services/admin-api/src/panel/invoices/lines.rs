//! Lines of an invoice as rows of a form: some empty ones to fill, and more on request. Rows that stay empty are
//! taken out before anything is read, so that what is wrong with a line is named by the row that shows it.

use std::collections::BTreeMap;

use gateway_core::domain::{
    Currency,
    checkout::AmountType,
    invoice::{paper::TaxCategory, tax::Sale, units::UNITS},
};
use rust_decimal::Decimal;

use crate::panel::form::{FormData, major_units};

/// Rows that are added at once.
pub(super) const ROWS: usize = 5;
/// Most rows of a form; longer invoices come through the API.
const ROWS_MAX: usize = 200;

/// Categories of tax that a person can choose, and what they are called.
pub(super) const CATEGORIES: &[(TaxCategory, &str, &str)] = &[
    (TaxCategory::Z, "Z", "Zero rated"),
    (TaxCategory::E, "E", "Exempt"),
    (TaxCategory::AE, "AE", "Reverse charge"),
    (TaxCategory::K, "K", "Supply within the EU"),
    (TaxCategory::G, "G", "Export"),
    (TaxCategory::O, "O", "Outside the tax"),
];

/// Units that a person can choose.
pub(super) fn units() -> Vec<(&'static str, &'static str)> {
    // One code for pieces is enough for people.
    let known = UNITS.iter().filter(|unit| unit.code != "H87").map(|unit| (unit.code, unit.name));
    std::iter::once(("", "–")).chain(known).collect()
}

/// A row, by the names of its fields.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) quantity: String,
    pub(super) unit: String,
    pub(super) item_type: String,
    pub(super) unit_price: String,
    pub(super) vat_rate: String,
    pub(super) vat_category: String,
}

/// So many rows, and never fewer than some.
pub(super) fn rows(count: usize) -> Vec<Row> {
    let row = |index: usize| {
        let field = |name: &str| format!("lines[{index}].{name}");
        Row {
            number: index + 1,
            name: field("name"),
            description: field("description"),
            quantity: field("quantity"),
            unit: field("unit"),
            item_type: field("itemType"),
            unit_price: field("unitPrice"),
            vat_rate: field("vatRate"),
            vat_category: field("vatCategory"),
        }
    };
    (0..count.clamp(ROWS, ROWS_MAX)).map(row).collect()
}

/// The form without its empty rows, and how many are left.
pub(super) fn compacted(form: &FormData) -> (FormData, usize) {
    let mut filled: BTreeMap<usize, Vec<(&str, &str)>> = BTreeMap::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in form.pairs() {
        match of_row(name) {
            Some((index, field)) => filled.entry(index).or_default().push((field, value)),
            None => fields.push((name.to_owned(), value.to_owned())),
        }
    }
    // What a line is comes hidden with it, and does not make it one.
    filled.retain(|_, row| row.iter().any(|(name, value)| *name != "itemType" && !value.trim().is_empty()));
    for (index, row) in filled.values().take(ROWS_MAX).enumerate() {
        let row = row.iter().map(|(field, value)| (format!("lines[{index}].{field}"), (*value).to_owned()));
        fields.extend(row);
    }
    let count = filled.len().min(ROWS_MAX);
    (form.having(fields.iter().map(|(name, value)| (name.as_str(), value.clone()))), count)
}

/// `lines[3].name` → 3 and `name`.
fn of_row(name: &str) -> Option<(usize, &str)> {
    let (index, field) = name.strip_prefix("lines[")?.split_once("].")?;
    Some((index.parse().ok()?, field))
}

/// The lines of a compacted form. Prices are read in the currency; where that is not known yet, they wait.
pub(super) fn read(form: &mut FormData, count: usize, currency: Option<Currency>) -> Vec<Sale> {
    let amount_type = if form.is("amountType", "net") { AmountType::Net } else { AmountType::Gross };
    let mut lines = Vec::with_capacity(count);
    for index in 0..count {
        let field = |name: &str| format!("lines[{index}].{name}");
        let text = |form: &FormData, name: &str| form.text(&field(name)).unwrap_or_default();
        let price = field("unitPrice");
        if form.text(&price).is_none() {
            form.problem(&price, "is required");
        }
        let quantity = field("quantity");
        let category = text(form, "vatCategory");
        lines.push(Sale {
            name: text(form, "name"),
            description: text(form, "description"),
            quantity: if form.text(&quantity).is_none() { Decimal::ONE } else { decimal(form, &quantity) },
            unit: form.text(&field("unit")),
            unit_price: currency
                .and_then(|currency| form.signed_amount(&price, currency))
                .unwrap_or_default(),
            amount_type,
            rate: percent(form, &field("vatRate")),
            category: category_of(&category),
            item_type: text(form, "itemType"),
        });
    }
    lines
}

/// Lines as the fields of rows show them, priced in a currency.
pub(super) fn fields(lines: &[Sale], currency: Currency) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut add = |name: &str, value: String| fields.push((format!("lines[{index}].{name}"), value));
        add("name", line.name.clone());
        add("description", line.description.clone());
        add("quantity", line.quantity.normalize().to_string());
        add("unit", line.unit.clone().unwrap_or_default());
        add("itemType", line.item_type.clone());
        add("unitPrice", major_units(line.unit_price, currency));
        add("vatRate", line.rate.map(|rate| rate.normalize().to_string()).unwrap_or_default());
        add("vatCategory", line.category.map(code_of).unwrap_or_default().to_owned());
    }
    fields
}

/// A category by its code.
pub(super) fn category_of(code: &str) -> Option<TaxCategory> {
    CATEGORIES.iter().find(|(_, known, _)| *known == code).map(|(category, _, _)| *category)
}

/// The code of a category; that of rates has none, since nobody chooses it.
pub(super) fn code_of(category: TaxCategory) -> &'static str {
    CATEGORIES.iter().find(|(known, _, _)| *known == category).map_or("", |(_, code, _)| code)
}

/// A quantity as people write it: `3`, `7.5`, `7,5`.
pub(super) fn decimal(form: &mut FormData, name: &str) -> Decimal {
    if let Ok(number) = Decimal::from_str_exact(&form.value(name).trim().replace(',', ".")) {
        return number;
    }
    form.problem(name, "must be a number such as 3 or 7.5");
    Decimal::ONE
}

/// A percentage as people write it: `23`, `5,5`, `19 %`.
pub(super) fn percent(form: &mut FormData, name: &str) -> Option<Decimal> {
    let text = form.text(name)?;
    let text = text.trim_end_matches('%').trim_end().replace(',', ".");
    let read = Decimal::from_str_exact(&text).ok();
    if read.is_none() {
        form.problem(name, "must be a percentage such as 23 or 5.5");
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> FormData {
        FormData::of(fields.iter().map(|(name, value)| (*name, (*value).to_owned())))
    }

    #[test]
    fn empty_rows_are_taken_out_and_the_others_keep_their_order() {
        let sent = [
            ("currency", "EUR"),
            ("lines[0].name", " "),
            ("lines[0].quantity", ""),
            ("lines[2].name", "Second"),
            ("lines[1].name", "First"),
            ("lines[x].name", "no row"),
        ];
        let (form, count) = compacted(&form(&sent));
        assert_eq!(count, 2);
        assert_eq!(form.value("lines[0].name"), "First");
        assert_eq!(form.value("lines[1].name"), "Second");
        assert_eq!(form.value("currency"), "EUR");
        assert_eq!(rows(count).len(), ROWS);
        assert_eq!(rows(7)[6].unit_price, "lines[6].unitPrice");
    }

    #[test]
    fn lines_are_read_as_people_write_them() {
        let mut form = form(&[
            ("amountType", "net"),
            ("lines[0].name", "Work"),
            ("lines[0].unitPrice", "-12,50"),
            ("lines[0].vatRate", "5,5 %"),
            ("lines[1].quantity", "many"),
            ("lines[1].unitPrice", "1"),
            ("lines[1].vatRate", "high"),
            ("lines[1].vatCategory", "AE"),
            ("lines[2].name", "Free?"),
        ]);
        let lines = read(&mut form, 3, Some(Currency::EUR));
        assert_eq!((lines[0].quantity, lines[0].unit_price), (Decimal::ONE, -1250));
        assert_eq!(lines[0].rate, Some("5.5".parse().unwrap()));
        assert_eq!((lines[0].amount_type, lines[1].category), (AmountType::Net, Some(TaxCategory::AE)));
        let wrong: Vec<&str> = form.problems().iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(wrong, ["lines[1].quantity", "lines[1].vatRate", "lines[2].unitPrice"]);
    }

    #[test]
    fn hours_are_read_with_their_unit_and_shown_again() {
        let sent = [
            ("lines[0].name", "Work"),
            ("lines[0].quantity", "7,5"),
            ("lines[0].unit", "HUR"),
            ("lines[0].unitPrice", "95.00"),
            ("lines[0].vatCategory", "K"),
        ];
        let mut sent = form(&sent);
        let lines = read(&mut sent, 1, Some(Currency::EUR));
        assert!(sent.is_good());
        assert_eq!(
            (lines[0].quantity.to_string(), lines[0].unit.as_deref()),
            ("7.5".to_owned(), Some("HUR"))
        );
        let shown = fields(&lines, Currency::EUR);
        let mut again = FormData::of(shown.iter().map(|(name, value)| (name.as_str(), value.clone())));
        again.problem("amountType", "is not looked at");
        assert_eq!(read(&mut again, 1, Some(Currency::EUR)), lines);
    }
}
