//! `…/invoices/{id}/edit`: changes a draft, of a payment or by hand.

use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        invoices::{
            self,
            edit::{DraftEdit, edit},
        },
    },
    domain::{
        checkout::items::ROUNDING_TYPE,
        invoice::{Invoice, Paper, compose::sales_of, paper::TaxCategory},
    },
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{
    PATH, lines,
    new::{self, Draft, NewPage},
    party,
    show::One,
};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx},
};

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let (invoice, paper) = load(&ctx, one).await?;
    let (form, count) = stored(&paper);
    let page = page(&ctx, &invoice, form, count, None).await?;
    Ok(shell::page(&page))
}

pub(super) async fn save(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let (mut form, count) = lines::compacted(&form);
    if form.is("add", "rows") {
        let (invoice, _) = load(&ctx, One { id: one.id }).await?;
        let page = page(&ctx, &invoice, form, count + lines::ROWS, None).await?;
        return Ok(shell::page(&page));
    }
    let change = read(&mut form, count);
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let (invoice, paper) = load(&ctx, One { id: one.id }).await?;
        let (stored, _) = stored(&paper);
        let on = Some(("invoices", id.as_str()));
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, "updateInvoice", on).await?;
        let mut alert = None;
        if !is_stale && form.is_good() {
            let change = DraftEdit { expected_version: Some(invoice.version), ..change.clone() };
            match edit(ctx.app(), ctx.tenant(), one.id, change).await {
                Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
                Err(AppError::Stale) => continue,
                Err(error) => alert = act::refused(&mut form, error)?,
            }
        }
        let page = page(&ctx, &invoice, form, count, alert).await?;
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    Err(AppError::Busy.into())
}

async fn load(ctx: &Ctx, one: One) -> Result<(Invoice, Paper), ApiError> {
    let invoice = invoices::get(ctx.app(), ctx.tenant(), one.id).await?;
    let paper = invoices::bare_paper(&ctx.app().store.for_org(ctx.tenant()), &invoice).await?;
    Ok((invoice, paper))
}

async fn page(
    ctx: &Ctx,
    invoice: &Invoice,
    form: FormData,
    rows: usize,
    alert: Option<String>,
) -> Result<NewPage, ApiError> {
    let mut page = new::page(ctx, form, rows, alert).await?;
    let path = format!("{PATH}/{}", invoice.id);
    page.shell = ctx.shell(PATH, "Edit draft");
    page.path = format!("{path}/edit");
    let paid = invoice.payment_of.map(|_| ctx.money(invoice.total, invoice.currency));
    page.draft = Some(Draft { path, paid });
    Ok(page)
}

/// The form as it shows what is stored, and how many rows its lines take.
fn stored(paper: &Paper) -> (FormData, usize) {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    // What a shop rounded is no line, and stays as it is.
    let mut sales = sales_of(paper);
    sales.retain(|sale| sale.item_type != ROUNDING_TYPE);
    let exempt = paper.taxes.iter().find(|tax| tax.category == TaxCategory::E);
    let rate = paper.exchange.as_ref().filter(|exchange| exchange.source.is_none());
    let amount_type = if paper.prices_include_tax { "gross" } else { "net" };
    let mut fields = vec![
        ("currency".to_owned(), paper.currency.to_string()),
        ("amountType".to_owned(), amount_type.to_owned()),
        ("dueDate".to_owned(), given(&paper.due_date)),
        ("supplyDate".to_owned(), given(&paper.supply_date)),
        ("exchangeRate".to_owned(), rate.map(|exchange| exchange.rate.to_string()).unwrap_or_default()),
        (
            "exemptionReason".to_owned(),
            exempt.and_then(|tax| tax.exemption_reason.clone()).unwrap_or_default(),
        ),
        ("yourReference".to_owned(), paper.your_reference.clone()),
        ("orderReference".to_owned(), paper.order_reference.clone()),
        ("language".to_owned(), paper.language.clone()),
        ("notes".to_owned(), paper.notes.join("\n")),
    ];
    fields.extend(party::buyer_fields(&paper.buyer));
    fields.extend(lines::fields(&sales, paper.currency));
    let form = FormData::of_stored(fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
    (form, sales.len())
}

fn read(form: &mut FormData, count: usize) -> DraftEdit {
    let currency = new::currency(form);
    let heading = new::heading(form);
    DraftEdit {
        expected_version: None,
        currency,
        lines: Some(lines::read(form, count, currency)),
        buyer: Some(heading.buyer),
        language: Some(heading.language),
        due_date: Some(heading.due_date),
        supply_date: Some(heading.supply_date),
        your_reference: Some(heading.your_reference),
        order_reference: Some(heading.order_reference),
        notes: Some(heading.notes),
        exchange_rate: Some(heading.exchange_rate),
        exemption_reason: Some(heading.exemption_reason),
        series: None,
    }
}
