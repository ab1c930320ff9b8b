//! Copies a document into a new draft by hand.

use super::{
    bare_paper,
    create::{Created, NewInvoice, create},
    get,
};
use crate::{
    app::{App, AppError, create_checkout::IdempotencyKey},
    domain::{
        InvoiceId, Tenant,
        checkout::items::ROUNDING_TYPE,
        invoice::{
            Invoice, Paper, PaperKind,
            compose::{Heading, sales_of},
        },
    },
};

/// Makes a draft with the buyer, lines and notes of an invoice or a draft. Dates, references to an order and the
/// payment are not taken along: it is another sale.
pub async fn duplicate(
    app: &App,
    tenant: Tenant,
    id: InvoiceId,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Invoice, &Paper) -> String + Send + Sync),
) -> Result<Created, AppError> {
    let invoice = get(app, tenant, id).await?;
    if invoice.kind != PaperKind::Invoice {
        let message = format!("a {} is not copied: only invoices are", invoice.kind.as_str());
        return Err(AppError::conflict("INVOICE_NOT_COPIED", message));
    }
    let paper = bare_paper(&app.store.for_org(tenant), &invoice).await?;
    let mut lines = sales_of(&paper);
    lines.retain(|line| line.item_type != ROUNDING_TYPE);
    let new = NewInvoice {
        currency: Some(paper.currency),
        lines,
        heading: Heading {
            language: paper.language,
            buyer: paper.buyer,
            notes: paper.notes,
            ..Heading::default()
        },
        site: invoice.site_id,
        ..NewInvoice::default()
    };
    create(app, tenant, new, idempotency, render).await
}
