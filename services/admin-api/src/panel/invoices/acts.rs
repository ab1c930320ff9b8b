//! What may be done with a document. Each is a form on its page, and leads back there.

use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        invoices::{
            self, duplicate as copying, issue as documents, issue::NewCredit, mail, render as rendering,
        },
    },
    domain::{
        InvoiceId,
        invoice::{Invoice, LineRequest, Paper},
    },
};
use web_kit::{ApiError, Path};

use super::{
    PATH, lines,
    show::{self, One},
};
use crate::panel::{act, form::FormData, shell::Ctx};

const CREDIT: &str = "POST panel/invoices/{id}/credit";
const DUPLICATE: &str = "POST panel/invoices/{id}/duplicate";
const SEND: &str = "POST panel/invoices/{id}/send";

/// Issues a draft, and mails it where that is wished.
pub(super) async fn issue(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let invoice = match documents::issue(ctx.app(), ctx.tenant(), one.id).await {
        Ok(invoice) => invoice,
        Err(error) => {
            return match missing_seller(&error) {
                Some(alert) => show::again(&ctx, one.id, form, Some(alert)).await,
                None => stood_against(&ctx, one.id, form, error).await,
            };
        }
    };
    let seen = |what| Ok(ctx.see(&page(one.id), what));
    if !form.is("send", "yes") {
        return seen("issued");
    }
    if invoice.is_waiting() {
        // A mail needs the number. To send it later by itself would need a memory of the wish.
        return seen("issued-unsent");
    }
    let key = act::key(&form, SEND, &page(one.id))?;
    let to = form.text("email");
    match mail::send(ctx.app(), ctx.tenant(), one.id, to, Some(&key)).await {
        Ok(_) => seen("sent"),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            show::again(&ctx, one.id, form, alert).await
        }
    }
}

pub(super) async fn void(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = documents::void(ctx.app(), ctx.tenant(), one.id).await.map(drop);
    after(&ctx, one.id, form, done, "voided").await
}

pub(super) async fn credit(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let invoice = invoices::get(ctx.app(), ctx.tenant(), one.id).await?;
    let key = act::key(&form, CREDIT, &page(one.id))?;
    let by_line = form.is("act", "credit-lines");
    let (lines, rows) =
        if by_line { asked_lines(&ctx, &invoice, &mut form).await? } else { Default::default() };
    let amount = if by_line { None } else { form.amount("amount", invoice.currency) };
    let new = NewCredit { amount, lines, reason: form.text("reason") };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let said = |_: &_, credit: &gateway_core::domain::invoice::Credit| credit.id.to_string();
    match documents::credit(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &said).await {
        Ok(_) => Ok(ctx.see(&page(one.id), "credited")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            // The request names lines in its own order, the page in the invoice's.
            form.rename(|field| {
                let index = field.strip_prefix("lines[")?.split_once(']')?.0.parse::<usize>().ok()?;
                rows.get(index).map(|row| credit_field(*row))
            });
            show::again(&ctx, one.id, form, alert).await
        }
    }
}

/// The field that says how many of a line are credited.
pub(super) fn credit_field(line: usize) -> String {
    format!("credit[{line}]")
}

/// The lines for which a form names how many are credited, and their places on the invoice.
async fn asked_lines(
    ctx: &Ctx,
    invoice: &Invoice,
    form: &mut FormData,
) -> Result<(Vec<LineRequest>, Vec<usize>), ApiError> {
    let paper: Paper = invoices::bare_paper(&ctx.app().store.for_org(ctx.tenant()), invoice).await?;
    let (mut asked, mut rows) = (Vec::new(), Vec::new());
    for line in 0..paper.lines.len() {
        let field = credit_field(line);
        if form.text(&field).is_some() {
            asked.push(LineRequest { line, quantity: Some(lines::decimal(form, &field)) });
            rows.push(line);
        }
    }
    if asked.is_empty() {
        form.problem(&credit_field(0), "or another line needs how many of it are credited");
    }
    Ok((asked, rows))
}

/// Copies an invoice into a new draft.
pub(super) async fn duplicate(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let key = act::key(&form, DUPLICATE, &page(one.id))?;
    let said = |invoice: &Invoice, _: &Paper| invoice.id.to_string();
    match copying::duplicate(ctx.app(), ctx.tenant(), one.id, Some(&key), &said).await {
        Ok(made) => Ok(ctx.see(&format!("{PATH}/{}", super::new::id_of(made)), "created")),
        Err(error) => stood_against(&ctx, one.id, form, error).await,
    }
}

pub(super) async fn send(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let key = act::key(&form, SEND, &page(one.id))?;
    let done = mail::send(ctx.app(), ctx.tenant(), one.id, form.text("email"), Some(&key)).await.map(drop);
    after(&ctx, one.id, form, done, "sent").await
}

pub(super) async fn record_payment(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let invoice = invoices::get(ctx.app(), ctx.tenant(), one.id).await?;
    let amount = form.amount("amount", invoice.currency);
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let Ok(before) = form.value("paid").parse() else {
        return Err(ApiError::bad_field("paid", "is missing: reload the page and try again"));
    };
    let done =
        documents::record_payment(ctx.app(), ctx.tenant(), one.id, amount, Some(before)).await.map(drop);
    after(&ctx, one.id, form, done, "recorded").await
}

pub(super) async fn render(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = rendering::render_again(ctx.app(), ctx.tenant(), one.id).await.map(drop);
    after(&ctx, one.id, form, done, "rendered").await
}

pub(super) async fn resolve(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = documents::resolve_review(ctx.app(), ctx.tenant(), one.id).await.map(drop);
    after(&ctx, one.id, form, done, "resolved").await
}

/// What stands against issuing anything: fields of another page than the one that was sent.
pub(super) fn missing_seller(error: &AppError) -> Option<String> {
    let AppError::Invalid(problems) = error else { return None };
    let is_seller = problems.iter().all(|problem| problem.field.starts_with("seller."));
    let missing: Vec<&str> = problems.iter().map(|problem| seller_word(&problem.field)).collect();
    is_seller.then(|| format!("Fill in what is missing under Invoicing first: {}.", missing.join(", ")))
}

/// What is missing about the seller, as the settings' page calls it.
pub(super) fn seller_word(field: &str) -> &str {
    match field {
        "seller.name" => "your legal name",
        "seller.address" => "your address",
        "seller.city" => "your city",
        "seller.country" => "your country",
        "seller.taxNumber" => "your VAT id or tax number",
        other => other,
    }
}

fn page(id: InvoiceId) -> String {
    format!("{PATH}/{id}")
}

/// Back to the page: with a line that says what was done, or what stood against it.
async fn after(
    ctx: &Ctx,
    id: InvoiceId,
    form: FormData,
    done: Result<(), AppError>,
    what: &'static str,
) -> Result<Response, ApiError> {
    match done {
        Ok(()) => Ok(ctx.see(&page(id), what)),
        Err(error) => stood_against(ctx, id, form, error).await,
    }
}

async fn stood_against(
    ctx: &Ctx,
    id: InvoiceId,
    mut form: FormData,
    error: AppError,
) -> Result<Response, ApiError> {
    let alert = act::refused(&mut form, error)?;
    show::again(ctx, id, form, alert).await
}
