//! `…/invoices/new`: an invoice by hand; and the one of a payment.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::invoices::{
        create::{Created, NewInvoice, create as make},
        follow,
    },
    domain::{
        Currency, SiteId, TransactionId,
        invoice::{Invoice, Paper, compose::Heading, words::LANGUAGES},
        scope::Scope,
    },
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{
    PATH,
    acts::missing_seller,
    lines::{self, CATEGORIES, Row},
    party,
};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx, Shell},
    transactions::{list::Names, show as transaction},
};

const ROUTE: &str = "POST panel/invoices";

/// What people call the languages of papers.
const LANGUAGE_NAMES: [&str; LANGUAGES.len()] = ["English", "Portuguese", "German", "French", "Spanish"];

/// The form of a draft: a new one, or one that is changed.
#[derive(Template)]
#[template(path = "panel/invoice_new.html")]
pub(super) struct NewPage {
    pub(super) shell: Shell,
    form: FormData,
    alert: Option<String>,
    /// Where it is sent to.
    pub(super) path: String,
    /// A draft that is changed.
    pub(super) draft: Option<Draft>,
    rows: Vec<Row>,
    units: Vec<(&'static str, &'static str)>,
    categories: Vec<(&'static str, &'static str)>,
    languages: Vec<(&'static str, &'static str)>,
    sites: Vec<(String, String)>,
    amount_types: [(&'static str, &'static str); 2],
}

/// What the form of a draft that is changed says of it.
pub(super) struct Draft {
    /// Its page.
    pub(super) path: String,
    /// The payment that it is of, as its lines must come to it.
    pub(super) paid: Option<String>,
}

/// Languages of papers, as a choice.
pub(super) fn languages() -> Vec<(&'static str, &'static str)> {
    LANGUAGES.into_iter().zip(LANGUAGE_NAMES).collect()
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    let (settings, _) = gateway_core::app::settings::invoicing::get(ctx.app(), ctx.tenant()).await?;
    let language = settings.language.unwrap_or_else(|| "en".to_owned());
    let form = FormData::of([("currency", "EUR".to_owned()), ("language", language)]);
    let page = page(&ctx, form, lines::ROWS, None).await?;
    Ok(shell::page(&page))
}

pub(super) async fn page(
    ctx: &Ctx,
    form: FormData,
    rows: usize,
    alert: Option<String>,
) -> Result<NewPage, ApiError> {
    let names = Names::of(ctx).await?;
    let mut sites = vec![(String::new(), "None".to_owned())];
    sites.extend(names.sites.into_iter().map(|(id, name)| (id.to_string(), name)));
    let mut categories = vec![("", "By the rate")];
    categories.extend(CATEGORIES.iter().map(|(_, code, name)| (*code, *name)));
    Ok(NewPage {
        shell: ctx.shell(PATH, "New invoice"),
        form,
        alert,
        path: "/invoices/new".to_owned(),
        draft: None,
        rows: lines::rows(rows),
        units: lines::units(),
        categories,
        languages: languages(),
        sites,
        amount_types: [("gross", "Prices include tax"), ("net", "Prices are without tax")],
    })
}

async fn again(ctx: &Ctx, form: FormData, rows: usize, alert: Option<String>) -> Result<Response, ApiError> {
    let page = page(ctx, form, rows, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

pub(super) async fn create(ctx: Ctx, form: FormData) -> Result<Response, ApiError> {
    let (mut form, count) = lines::compacted(&form);
    if form.is("add", "rows") {
        let page = page(&ctx, form, count + lines::ROWS, None).await?;
        return Ok(shell::page(&page));
    }
    let key = act::key(&form, ROUTE, PATH)?;
    let mut new = read(&mut form, count);
    new.wrong = form.wrong();
    let (said, issue) = (|invoice: &Invoice, _: &Paper| invoice.id.to_string(), new.issue);
    match make(ctx.app(), ctx.tenant(), new, Some(&key), &said).await {
        Ok(made) => Ok(ctx.see(&format!("{PATH}/{}", id_of(made)), if issue { "issued" } else { "created" })),
        Err(error) => {
            let alert = match missing_seller(&error) {
                Some(alert) => Some(alert),
                None => act::refused(&mut form, error)?,
            };
            again(&ctx, form, count, alert).await
        }
    }
}

pub(super) fn id_of(made: Created) -> String {
    match made {
        Created::Done(invoice) => invoice.id.to_string(),
        Created::Replay(id) => id,
    }
}

/// The currency of a form.
pub(super) fn currency(form: &mut FormData) -> Option<Currency> {
    if form.text("currency").is_none() {
        form.problem("currency", "is required");
    }
    form.parsed::<Currency>("currency")
}

/// Buyer, dates, references and texts of a form.
pub(super) fn heading(form: &mut FormData) -> Heading {
    let has_rate = form.text("exchangeRate").is_some();
    Heading {
        language: form.text("language").unwrap_or_default(),
        test: false,
        buyer: party::read(form, "buyer"),
        your_reference: form.text("yourReference").unwrap_or_default(),
        order_reference: form.text("orderReference").unwrap_or_default(),
        due_date: form.text("dueDate"),
        supply_date: form.text("supplyDate"),
        exchange_rate: has_rate.then(|| lines::decimal(form, "exchangeRate")),
        exemption_reason: form.text("exemptionReason"),
        notes: form.lines("notes"),
    }
}

fn read(form: &mut FormData, count: usize) -> NewInvoice {
    let currency = currency(form);
    NewInvoice {
        transaction: None,
        currency,
        lines: lines::read(form, count, currency),
        heading: heading(form),
        site: form.parsed::<SiteId>("siteId"),
        series: None,
        issue: form.is("issue", "yes"),
        wrong: Vec::new(),
    }
}

#[derive(Deserialize)]
pub(super) struct OfTransaction {
    id: TransactionId,
}

/// The draft of a payment that was not invoiced by itself.
pub(super) async fn of_transaction(
    ctx: Ctx,
    Path(one): Path<OfTransaction>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let found = follow::of_transaction(ctx.app(), ctx.tenant(), one.id).await?;
    if let Some(found) = found.filter(|invoice| invoice.payment_of.is_some()) {
        // It has one already: that is what was looked for.
        return Ok(Redirect::to(&ctx.url(&format!("{PATH}/{}", found.id))).into_response());
    }
    let new = NewInvoice { transaction: Some(one.id), ..NewInvoice::default() };
    match make(ctx.app(), ctx.tenant(), new, None, &|_, _| String::new()).await {
        Ok(made) => Ok(ctx.see(&format!("{PATH}/{}", id_of(made)), "created")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            transaction::again(&ctx, one.id, form, alert).await
        }
    }
}
