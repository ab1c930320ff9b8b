//! `…/checkouts/new`: a checkout by hand, for an order by telephone or mail.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        App, AppError,
        create_checkout::{self as creating, Expiry, IdempotencyKey, NewCheckout},
    },
    domain::{
        Currency, SiteId, Tenant,
        checkout::{Customer, Item},
        scope::Scope,
    },
};
use http::StatusCode;
use rust_decimal::Decimal;
use web_kit::ApiError;

use super::PATH;
use crate::panel::{
    account::LANGUAGES,
    act,
    form::FormData,
    shell::{self, Ctx, Shell},
    transactions::Names,
};

/// Names the slot of the form's key: sent twice, by a second click or a reload, it makes one checkout.
const ROUTE: &str = "POST panel/checkouts";

/// Rows for lines at first, and how many each press of "more" adds.
const ROWS: usize = 3;
/// Most rows; whoever sells more at once has a shop.
const ROWS_MAX: usize = 60;

/// How long a checkout can be paid, in seconds.
const LIFETIMES: &[(&str, &str)] = &[
    ("3600", "An hour"),
    ("86400", "A day"),
    ("259200", "Three days"),
    ("604800", "A week"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
];

#[derive(Template)]
#[template(path = "panel/checkout_new.html")]
struct NewPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    sites: Vec<(String, String)>,
    languages: Vec<(&'static str, &'static str)>,
    lifetimes: &'static [(&'static str, &'static str)],
    rows: Vec<Row>,
}

/// The names of a row's fields, which are those of the API.
struct Row {
    number: usize,
    name: String,
    quantity: String,
    price: String,
    rate: String,
}

impl Row {
    fn at(index: usize) -> Self {
        let field = |name: &str| format!("items[{index}].{name}");
        Self {
            number: index + 1,
            name: field("description"),
            quantity: field("quantity"),
            price: field("unitPrice"),
            rate: field("vatRate"),
        }
    }

    fn is_empty(&self, form: &FormData) -> bool {
        [&self.name, &self.price, &self.rate].iter().all(|field| form.text(field).is_none())
    }
}

pub(super) async fn form(ctx: Ctx) -> Result<Response, ApiError> {
    let mut form = FormData::of([("currency", "EUR".to_owned()), ("expiresIn", "604800".to_owned())]);
    // A link may fill the form in: a site's page, a customer's.
    let given = FormData::of_query(ctx.query());
    if given.pairs().next().is_some() {
        form = given;
    }
    Ok(shell::page(&page(&ctx, form, None).await?))
}

async fn page(ctx: &Ctx, form: FormData, alert: Option<String>) -> Result<NewPage, ApiError> {
    let names = Names::of(ctx).await?;
    let languages = LANGUAGES.iter().copied();
    Ok(NewPage {
        shell: ctx.shell(PATH, "New checkout"),
        alert,
        sites: names.sites.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        languages: std::iter::once(("", "The customer’s browser decides")).chain(languages).collect(),
        lifetimes: LIFETIMES,
        rows: (0..rows_of(&form)).map(Row::at).collect(),
        form,
    })
}

/// How many rows a form shows. Without scripts "more" is a button that sends the form.
fn rows_of(form: &FormData) -> usize {
    let shown: usize = form.value("rows").parse().unwrap_or(ROWS);
    let more = if form.value("more").is_empty() { 0 } else { ROWS };
    shown.saturating_add(more).clamp(ROWS, ROWS_MAX)
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    if !form.value("more").is_empty() {
        return Ok(shell::page(&page(&ctx, form, None).await?));
    }
    form.required("siteId");
    let site: Option<SiteId> = form.parsed("siteId");
    let (mut new, rows) = read(&mut form);
    let Some(site) = site else { return again(&ctx, form, None).await };
    // Its rows are those of the page: the lines are counted anew.
    let line_of = |name: &str| rows.iter().position(|row| name.starts_with(&format!("items[{row}].")));
    new.wrong = form.wrong();
    for problem in &mut new.wrong {
        if let Some(line) = line_of(&problem.field) {
            let rest = problem.field.split_once(']').map_or("", |(_, rest)| rest);
            problem.field = format!("items[{line}]{rest}");
        }
    }
    let key = act::key(&form, ROUTE, PATH)?;
    match create_one(ctx.app(), ctx.tenant(), site, new, Some(&key)).await {
        Ok(id) => Ok(ctx.see(&format!("{PATH}/{id}"), "created")),
        Err(error) => {
            let mut error = ApiError::from(error);
            error.details.iter_mut().for_each(|problem| problem.field = field_of(&problem.field, &rows));
            let alert = act::refused(&mut form, error)?;
            again(&ctx, form, alert).await
        }
    }
}

async fn again(ctx: &Ctx, form: FormData, alert: Option<String>) -> Result<Response, ApiError> {
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(ctx, form, alert).await?))
}

/// What the form asks for, and the row that each line stands in.
fn read(form: &mut FormData) -> (NewCheckout, Vec<usize>) {
    let currency: Option<Currency> = form.parsed("currency");
    if form.text("currency").is_none() {
        form.problem("currency", "is required");
    }
    let amount = currency.and_then(|currency| form.amount("amount", currency));
    let (mut items, mut rows) = (Vec::new(), Vec::new());
    for index in 0..rows_of(form) {
        let row = Row::at(index);
        if let (false, Some(currency)) = (row.is_empty(form), currency) {
            items.push(item(form, &row, currency));
            rows.push(index);
        }
    }
    if items.is_empty() && form.text("amount").is_none() && currency.is_some() {
        form.problem("amount", "is required, unless there are lines");
    }
    let new = NewCheckout {
        amount,
        currency: currency.map(|currency| currency.to_string()),
        items,
        discount_code: form.text("discountCode"),
        external_reference: form.text("externalReference"),
        customer: Customer { email: form.text("email"), ..Customer::default() },
        return_url: form.text("returnUrl"),
        expiry: form.parsed("expiresIn").map(Expiry::In),
        locale: form.text("locale"),
        in_minor_units: true,
        ..NewCheckout::default()
    };
    (new, rows)
}

fn item(form: &mut FormData, row: &Row, currency: Currency) -> Item {
    let unit_price = form.amount(&row.price, currency);
    if unit_price.is_none() && form.text(&row.price).is_none() {
        form.problem(&row.price, "is required");
    }
    let vat_rate = form.text(&row.rate).map(|text| Decimal::from_str_exact(&text.replace(',', ".")));
    if matches!(vat_rate, Some(Err(_))) {
        form.problem(&row.rate, "must be a percentage such as 23 or 5.5");
    }
    Item {
        description: form.text(&row.name).unwrap_or_default(),
        quantity: if form.text(&row.quantity).is_none() {
            1
        } else {
            form.parsed(&row.quantity).unwrap_or(0)
        },
        unit_price: unit_price.unwrap_or_default(),
        vat_rate: vat_rate.and_then(Result::ok),
        ..Item::default()
    }
}

/// `items[0]` of the request is the first row that holds anything.
fn field_of(field: &str, rows: &[usize]) -> String {
    let moved = || {
        let (index, rest) = field.strip_prefix("items[")?.split_once(']')?;
        Some(format!("items[{}]{rest}", rows.get(index.parse::<usize>().ok()?)?))
    };
    match field {
        // A sum that does not fit its lines is told at the sum.
        "items" => "amount".to_owned(),
        _ => moved().unwrap_or_else(|| field.to_owned()),
    }
}

/// Makes one; answers its id.
pub(in crate::panel) async fn create_one(
    app: &App,
    tenant: Tenant,
    site: SiteId,
    new: NewCheckout,
    key: Option<&IdempotencyKey>,
) -> Result<String, AppError> {
    let reply = creating::create_checkout(app, tenant, site, new, key).await?;
    let reply: serde_json::Value =
        serde_json::from_str(&reply).map_err(|error| AppError::internal(error.to_string()))?;
    let id = reply["id"].as_str().ok_or_else(|| AppError::internal("a reply without an id"))?;
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> FormData {
        FormData::of(fields.iter().map(|(name, value)| (*name, (*value).to_owned())))
    }

    #[test]
    fn empty_rows_are_no_lines_and_problems_find_their_row() {
        let mut sent = form(&[
            ("currency", "EUR"),
            ("items[0].quantity", "1"),
            ("items[1].description", "Mug"),
            ("items[1].quantity", "2"),
            ("items[1].unitPrice", "12,50"),
            ("items[1].vatRate", "5,5"),
        ]);
        let (new, rows) = read(&mut sent);
        assert!(sent.is_good(), "{:?}", sent.problems());
        assert_eq!((new.items.len(), rows.as_slice()), (1, &[1][..]));
        assert_eq!((new.items[0].quantity, new.items[0].unit_price), (2, 1250));
        assert_eq!(new.items[0].vat_rate, Some(Decimal::new(55, 1)));
        assert_eq!(field_of("items[0].unitPrice", &rows), "items[1].unitPrice");
        assert_eq!(field_of("items[7].unitPrice", &rows), "items[7].unitPrice");
        assert_eq!(field_of("email", &rows), "email");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let at_fault = |fields: &[(&str, &str)]| {
            let mut sent = form(fields);
            read(&mut sent);
            sent.problems().iter().map(|problem| problem.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(at_fault(&[]), ["currency"]);
        assert_eq!(at_fault(&[("currency", "EUR")]), ["amount"]);
        assert_eq!(at_fault(&[("currency", "JPY"), ("amount", "1.5")]), ["amount"]);
        let line = [("currency", "EUR"), ("items[2].description", "Mug"), ("items[2].vatRate", "x")];
        assert_eq!(at_fault(&line), ["items[2].unitPrice", "items[2].vatRate"]);
    }

    #[test]
    fn more_rows_are_asked_for_with_a_button() {
        assert_eq!(rows_of(&form(&[])), ROWS);
        assert_eq!(rows_of(&form(&[("rows", "6"), ("more", "yes")])), 9);
        assert_eq!(rows_of(&form(&[("rows", "999999999999"), ("more", "yes")])), ROWS_MAX);
        assert_eq!(rows_of(&form(&[("rows", "many")])), ROWS);
        assert_eq!(rows_of(&form(&[("rows", "500")])), ROWS_MAX);
    }
}
