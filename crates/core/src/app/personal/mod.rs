//! Personal data of merchants' customers: what is held about one of them, a copy of all of it, and its end
//! (docs/adr/0018-erasure.md).
//!
//! Somebody is known by the record of a client. What is theirs is found by the `clientId` of checkouts, which may
//! be the client's id or the merchant's own reference, and by the keyed hash of their e-mail address. All else
//! hangs on those checkouts, or on the address alone where an invoice was written by hand.

pub mod erase;
pub mod export;

use mongodb::bson::{Bson, Document, doc};

use super::{
    App, AppError,
    list::{CHECKOUTS_MAX, of_email},
};
use crate::{
    domain::{
        Tenant,
        checkout::Checkout,
        client::{Client, ClientProfile},
        invoice::Invoice,
        transaction::Transaction,
    },
    store::list::{Page, PageRequest},
};

/// Somebody, as what is held about them is found.
#[derive(Debug, Clone)]
pub struct Subject {
    tenant: Tenant,
    labels: Vec<String>,
    email: Option<String>,
}

impl Subject {
    /// A client.
    pub fn of(client: &Client, profile: &ClientProfile) -> Self {
        Self { tenant: client.tenant(), labels: client.labels(), email: profile.email.clone() }
    }

    /// Their checkouts.
    fn checkouts(&self, app: &App) -> Result<Document, AppError> {
        let mut ways = vec![doc! { "clientId": { "$in": &self.labels } }];
        ways.extend(self.by_email(app)?);
        Ok(doc! { "$or": ways })
    }

    fn by_email(&self, app: &App) -> Result<Option<Document>, AppError> {
        let Some(email) = &self.email else { return Ok(None) };
        let mut found = Document::new();
        of_email(app, self.tenant, &mut found, Some(email))?;
        Ok(Some(found))
    }

    /// Their documents: of these payments, or written to their address by hand.
    fn invoices(&self, app: &App, payments: Vec<Bson>) -> Result<Document, AppError> {
        let mut ways = vec![doc! { "transactionId": { "$in": payments } }];
        ways.extend(self.by_email(app)?);
        Ok(doc! { "$or": ways })
    }

    async fn newest(&self, app: &App) -> Result<Vec<Bson>, AppError> {
        let store = app.store.for_org(self.tenant);
        let found = store.newest_ids::<Checkout>(self.checkouts(app)?, CHECKOUTS_MAX).await?;
        Ok(found.into_iter().map(Bson::from).collect())
    }
}

/// How many checkouts name somebody by their id or the merchant's reference, up to `most`. Others are theirs only by
/// their e-mail address.
pub async fn named(app: &App, of: &Subject, most: u64) -> Result<u64, AppError> {
    let filter = doc! { "clientId": { "$in": &of.labels } };
    Ok(app.store.for_org(of.tenant).count::<Checkout>(filter, most).await?)
}

/// A page of somebody's checkouts, newest first.
pub async fn checkouts(app: &App, of: &Subject, page: &PageRequest) -> Result<Page<Checkout>, AppError> {
    Ok(app.store.for_org(of.tenant).page(of.checkouts(app)?, page).await?)
}

/// A page of somebody's payments, newest first; of their newest [`CHECKOUTS_MAX`] checkouts.
pub async fn transactions(
    app: &App,
    of: &Subject,
    page: &PageRequest,
) -> Result<Page<Transaction>, AppError> {
    let filter = doc! { "checkoutId": { "$in": of.newest(app).await? } };
    Ok(app.store.for_org(of.tenant).page(filter, page).await?)
}

/// A page of somebody's invoices, credit notes and receipts, newest first.
pub async fn invoices(app: &App, of: &Subject, page: &PageRequest) -> Result<Page<Invoice>, AppError> {
    let store = app.store.for_org(of.tenant);
    let payments = store.ids::<Transaction>(doc! { "checkoutId": { "$in": of.newest(app).await? } }).await?;
    let filter = of.invoices(app, payments.into_iter().map(Bson::from).collect())?;
    Ok(store.page(filter, page).await?)
}
