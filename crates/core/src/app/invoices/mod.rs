//! Write it down: invoices, credit notes and receipts.
//!
//! | Module | Does |
//! |---|---|
//! | [`follow`] | what a payment's state asks of its papers: a draft, its money, its credits |
//! | [`create`] | drafts by hand |
//! | [`edit`], [`duplicate`] | changes and copies of drafts |
//! | `order` | what an order's earlier invoice means for its next payment |
//! | [`issue`] | lets a draft wait for its number; voids and credits what has one |
//! | [`number`] | gives numbers, one lane per series |
//! | [`render`] | the files of what is issued |
//! | [`mail`] | sends what is issued to buyers |
//! | [`list`] | lists |
//!
//! The settings stand in [`super::settings::invoicing`].

pub mod create;
pub mod duplicate;
pub mod edit;
pub mod follow;
pub mod issue;
pub mod list;
pub mod mail;
pub mod number;
mod order;
pub mod render;

use std::time::Duration;

use super::{
    App, AppError,
    quotas::{self, Quota},
};
use crate::{
    domain::{
        InvoiceId, Tenant, Timestamp,
        invoice::{Invoice, InvoiceSettings, Paper, SellerProfile, StoredLook, compose, hold},
        transaction::Transaction,
    },
    store::{Entity, StoreError, TenantStore},
};

pub use render::{PaperRenderer, RenderError, Rendered};

/// The paper of a document, opened, with the look that it was issued with.
pub async fn open_paper(app: &App, invoice: &Invoice) -> Result<Paper, AppError> {
    let store = app.store.for_org(invoice.tenant());
    let mut paper = bare_paper(&store, invoice).await?;
    if let Some(id) = invoice.look_id
        && let Some(stored) = store.get::<StoredLook>(id).await?
    {
        let text = store.open(StoredLook::COLLECTION, id, StoredLook::LOOK_FIELD, &stored.look).await?;
        paper.look = read(&text)?;
    }
    Ok(paper)
}

/// The paper of a document without its look.
pub async fn bare_paper(store: &TenantStore, invoice: &Invoice) -> Result<Paper, AppError> {
    let text = store.open(Invoice::COLLECTION, invoice.id, Invoice::PAPER_FIELD, &invoice.paper).await?;
    read(&text)
}

/// Drafts of an organization that are drawn while somebody waits: by the same processes that draw issued documents.
const PREVIEWS: Quota = Quota {
    name: "previews",
    most: ("an organization looks at", "drafts in a minute at most"),
    max: 60,
    window: Duration::from_mins(1),
};

/// Counts a look at a draft, or refuses it.
pub async fn count_preview(app: &App, tenant: Tenant) -> Result<(), AppError> {
    quotas::take(app, &[(PREVIEWS, tenant.organization.to_string())]).await??;
    Ok(())
}

/// A draft's paper as it would be issued now: with seller, look and today's date, and no number.
pub async fn preview(app: &App, invoice: &Invoice) -> Result<Paper, AppError> {
    let mut paper = open_paper(app, invoice).await?;
    if invoice.numbered.is_none()
        && let Some(settings) = app.invoice_settings(invoice.tenant()).await?
    {
        let profile = open_profile(app, &settings).await?;
        paper.date = civil_date(app.now(), &settings.time_zone);
        paper.seller = profile.seller;
        paper.look = profile.look;
        take_exchange(&mut paper, &settings);
    }
    Ok(paper)
}

/// The seller and the look, opened.
pub async fn open_profile(app: &App, settings: &InvoiceSettings) -> Result<SellerProfile, AppError> {
    let Some(sealed) = &settings.profile else { return Ok(SellerProfile::default()) };
    let store = app.store.for_org(settings.tenant());
    let field = InvoiceSettings::PROFILE_FIELD;
    read(&store.open(InvoiceSettings::COLLECTION, settings.id, field, sealed).await?)
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|error| AppError::internal(error.to_string()))
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, AppError> {
    serde_json::to_string(value).map_err(|error| AppError::internal(error.to_string()))
}

/// The day in a zone, `YYYY-MM-DD`. A zone that is not known any more is UTC.
pub fn civil_date(at: Timestamp, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let instant = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    instant.to_zoned(zone).date().to_string()
}

/// Today in the seller's zone.
pub fn today(app: &App, settings: &InvoiceSettings) -> String {
    civil_date(app.now(), &settings.time_zone)
}

/// What stands against issuing a document now.
pub(crate) fn holds(app: &App, settings: &InvoiceSettings, paper: &Paper) -> Vec<hold::Hold> {
    hold::holds(paper, settings, &app.certified_invoicing, &today(app, settings))
}

/// Gives a document its tax in the seller's currency, where that is another one and nobody has stated a rate.
fn take_exchange(paper: &mut Paper, settings: &InvoiceSettings) {
    if paper.exchange.is_none() {
        let rate = settings.exchange_rate(paper.currency);
        paper.exchange = compose::exchange(paper, &settings.country, rate);
    }
}

/// Whether a payment's own paper goes to its buyer by e-mail.
pub async fn of_payment_is_mailed(app: &App, transaction: &Transaction) -> Result<bool, AppError> {
    let settings = app.invoice_settings(transaction.tenant()).await?;
    Ok(settings.is_some_and(|s| s.send_by_email && s.invoices(transaction.succeeded_at)))
}

/// A document; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Invoice, AppError> {
    app.store.for_org(tenant).get::<Invoice>(id).await?.ok_or(AppError::NotFound("invoice"))
}

/// A tenant's settings as they are stored, made with nothing about the seller where there are none.
pub async fn settings_or_initial(app: &App, tenant: Tenant) -> Result<InvoiceSettings, AppError> {
    let store = app.store.for_org(tenant);
    let id = InvoiceSettings::id_of(tenant);
    if let Some(found) = store.get::<InvoiceSettings>(id).await? {
        return Ok(found);
    }
    match store.insert(&InvoiceSettings::initial(tenant, app.now())).await {
        Ok(()) | Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error.into()),
    }
    app.forget_settings(tenant).await;
    store.get::<InvoiceSettings>(id).await?.ok_or(AppError::Busy)
}

/// An id that begins with a time, as ids do that are not derived, so that lists by id are lists by time.
fn timed_id(at: Timestamp, parts: &[&[u8]]) -> InvoiceId {
    let mut id = crate::domain::derived_id(parts);
    id[..4].copy_from_slice(&u32::try_from(at.seconds()).unwrap_or(u32::MAX).to_be_bytes());
    InvoiceId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_that_of_the_sellers_zone() {
        let at = Timestamp::parse("2030-12-31T23:30:00Z").unwrap();
        assert_eq!(civil_date(at, "UTC"), "2030-12-31");
        assert_eq!(civil_date(at, "Europe/Berlin"), "2031-01-01");
        assert_eq!(civil_date(at, "Nowhere/Else"), "2030-12-31");
    }
}
