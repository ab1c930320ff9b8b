//! `GET …/invoices`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::invoices::{self, list::InvoiceFilter},
    domain::{
        invoice::{Invoice, InvoiceStatus, PaperKind},
        scope::Scope,
    },
};
use web_kit::ApiError;

use super::{PATH, kinds, status_pill};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager, days},
        shell::{self, Ctx, Html, Pill, Shell, words},
    },
};

#[derive(Template)]
#[template(path = "panel/invoices.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    kinds: Vec<(&'static str, String)>,
    statuses: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    at: Html,
    number: String,
    kind: String,
    buyer: String,
    status: Pill,
    needs_review: bool,
    total: String,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Invoices"),
        is_filtered: asked.is_filtered(),
        problem: None,
        kinds: kinds(),
        statuses: InvoiceStatus::ALL.iter().map(|s| (s.as_str(), words(s.as_str()))).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = invoices::list::invoices(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            for invoice in &found.rows {
                page.rows.push(row(&ctx, invoice).await?);
            }
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

async fn row(ctx: &Ctx, invoice: &Invoice) -> Result<Row, ApiError> {
    let paper = invoices::bare_paper(&ctx.app().store.for_org(ctx.tenant()), invoice).await?;
    let buyer = Some(paper.buyer.name).filter(|name| !name.is_empty()).or(paper.buyer.email);
    Ok(Row {
        url: ctx.url(&format!("{PATH}/{}", invoice.id)),
        at: shell::moment(invoice.issued_at.unwrap_or(invoice.created_at)),
        number: invoice.number().unwrap_or("Draft").to_owned(),
        kind: words(invoice.kind.as_str()),
        buyer: buyer.unwrap_or_else(|| "–".to_owned()),
        status: status_pill(invoice.status),
        needs_review: invoice.needs_review.is_some(),
        total: ctx.money(invoice.total, invoice.currency),
    })
}

/// The list's filters: those of the API, and `q` for people. What holds an `@` is the buyer's address, all else a
/// number.
fn filter(query: &str) -> Result<InvoiceFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let mut filter = InvoiceFilter {
        kinds: filters.words("kind", PaperKind::ALL, PaperKind::as_str),
        statuses: filters.words("status", InvoiceStatus::ALL, InvoiceStatus::as_str),
        number: filters.text("number"),
        series: filters.parsed("seriesId"),
        currency: filters.parsed("currency"),
        site: filters.parsed("siteId"),
        transaction: filters.parsed("transactionId"),
        checkout: filters.parsed("checkoutId"),
        corrects: filters.parsed("invoiceId"),
        external_reference: filters.text("externalReference"),
        email: filters.text("email"),
        needs_review: filters.flag("needsReview"),
        span: days(&mut filters),
    };
    match filters.text("q").map(|text| text.trim().to_owned()) {
        Some(text) if text.contains('@') => filter.email = Some(text),
        Some(text) if !text.is_empty() => filter.number = Some(text),
        _ => {}
    }
    filters.finish(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_search_field_finds_numbers_and_addresses() {
        assert_eq!(filter("q=INV-2030-00001").unwrap().number.as_deref(), Some("INV-2030-00001"));
        assert_eq!(filter("q=+a%40example.com").unwrap().email.as_deref(), Some("a@example.com"));
        assert_eq!(filter("q=++").unwrap().number, None);
        assert_eq!(filter("kind=credit_note").unwrap().kinds, [PaperKind::CreditNote]);
        assert!(filter("").unwrap().kinds.is_empty(), "credit notes stand beside invoices");
        assert!(filter("status=paid").is_err());
    }
}
