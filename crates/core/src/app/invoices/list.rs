//! Lists of documents, with the filters of the API.

use mongodb::bson::{Document, doc};

use crate::{
    app::{
        App, AppError,
        list::{Span, insert, of_email, one_of, within},
    },
    domain::{
        CheckoutId, Currency, InvoiceId, SeriesId, SiteId, Tenant, TransactionId,
        invoice::{Invoice, InvoiceStatus, PaperKind},
    },
    store::list::{Page, PageRequest},
};

/// Which documents.
#[derive(Debug, Clone, Default)]
pub struct InvoiceFilter {
    /// Of these kinds; of any when empty.
    pub kinds: Vec<PaperKind>,
    /// In one of these states; in any when empty.
    pub statuses: Vec<InvoiceStatus>,
    /// With this number.
    pub number: Option<String>,
    /// Of this series.
    pub series: Option<SeriesId>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// About this payment.
    pub transaction: Option<TransactionId>,
    /// Of this checkout.
    pub checkout: Option<CheckoutId>,
    /// On this invoice.
    pub corrects: Option<InvoiceId>,
    /// With this reference.
    pub external_reference: Option<String>,
    /// Of this buyer, found by a keyed hash.
    pub email: Option<String>,
    /// Whether a person must look at it.
    pub needs_review: Option<bool>,
    /// Made when.
    pub span: Span,
}

/// A page of documents, newest first.
pub async fn invoices(
    app: &App,
    tenant: Tenant,
    filter: &InvoiceFilter,
    page: &PageRequest,
) -> Result<Page<Invoice>, AppError> {
    let mut wanted = Document::new();
    one_of(&mut wanted, "kind", filter.kinds.iter().map(|kind| kind.as_str()));
    one_of(&mut wanted, "status", filter.statuses.iter().map(|status| status.as_str()));
    insert(&mut wanted, "numbered.number", filter.number.as_deref());
    insert(&mut wanted, "seriesId", filter.series);
    insert(&mut wanted, "currency", filter.currency.as_ref().map(Currency::code));
    insert(&mut wanted, "siteId", filter.site);
    insert(&mut wanted, "transactionId", filter.transaction);
    insert(&mut wanted, "checkoutId", filter.checkout);
    insert(&mut wanted, "corrects", filter.corrects);
    insert(&mut wanted, "externalReference", filter.external_reference.as_deref());
    insert(&mut wanted, "needsReview", filter.needs_review.map(|yes| doc! { "$exists": yes }));
    of_email(app, tenant, &mut wanted, filter.email.as_deref())?;
    within(&mut wanted, filter.span);
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}
