//! Everything that is held about a client, as one JSON document.
//!
//! It is written while it is read, so that it may be of any length. A failure on the way breaks the connection:
//! a document that just ended would be taken for whole.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{Stream, StreamExt, pin_mut};
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use tracing::Instrument;

use super::Subject;
use crate::{
    app::{App, AppError, audit, invoices, list::raw_event, paced, settings::clients, start_payment},
    domain::{
        ClientId, DiscountId, Tenant,
        checkout::Checkout,
        client::{Client, ClientProfile},
        delivery::Delivery,
        discount::DiscountClaim,
        invoice::{DocumentMail, Invoice},
        provider_event::ProviderEvent,
        transaction::Transaction,
    },
    jobs::render,
    store::{Entity, TenantStore},
};

/// Bytes that are sent as one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// Everything about a client. The audit log is told before the first byte is read.
pub async fn export(
    app: &App,
    tenant: Tenant,
    id: ClientId,
) -> Result<impl Stream<Item = Result<Bytes, AppError>> + Send + use<>, AppError> {
    let (client, profile) = clients::get(app, tenant, id).await?;
    audit::must_record(app).await?;
    let (pieces, received) = paced::paced(paced::EXPORT);
    let app = app.clone();
    let writing = async move {
        let mut out = Writer { buffer: Vec::new(), pieces };
        if let Err(error) = write(&app, &client, &profile, &mut out).await {
            tracing::error!(%error, "an export broke off");
            // Nobody may be listening any more, and who was too slow is told by the stream itself.
            let _ = out.pieces.send(Err(error)).await;
        }
    };
    tokio::spawn(writing.in_current_span());
    Ok(received)
}

/// What has been written and not sent yet.
struct Writer {
    buffer: Vec<u8>,
    pieces: paced::Sender<Bytes>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &Value) -> Result<(), AppError> {
        serde_json::to_writer(&mut self.buffer, value).map_err(|error| AppError::internal(error.to_string()))
    }

    async fn flush(&mut self) -> Result<(), AppError> {
        let piece = std::mem::take(&mut self.buffer);
        self.pieces.send(Ok(piece.into())).await.map_err(|error| AppError::internal(error.to_string()))
    }

    /// A list of everything of a kind that fits.
    async fn list<E: Told>(
        &mut self,
        app: &App,
        name: &str,
        store: &TenantStore,
        filter: Document,
        found: &mut Found,
    ) -> Result<(), AppError> {
        self.text(&format!(",\"{name}\":["));
        let rows = store.stream::<E>(filter).await?;
        pin_mut!(rows);
        let mut is_first = true;
        while let Some(row) = rows.next().await {
            let row = row?;
            row.note(found);
            if !std::mem::take(&mut is_first) {
                self.text(",");
            }
            let told = row.told(app).await?;
            self.value(&told)?;
            if self.buffer.len() >= PIECE_BYTES {
                self.flush().await?;
            }
        }
        self.text("]");
        Ok(())
    }
}

/// What others are found by.
#[derive(Default)]
struct Found {
    checkouts: Vec<Bson>,
    payments: Vec<Bson>,
    receipts: Vec<Bson>,
    papers: Vec<Bson>,
    discounts: BTreeSet<DiscountId>,
}

async fn write(
    app: &App,
    client: &Client,
    profile: &ClientProfile,
    out: &mut Writer,
) -> Result<(), AppError> {
    let store = app.store.for_org(client.tenant());
    let subject = Subject::of(client, profile);
    let mut found = Found::default();
    out.text(&format!("{{\"exportedAt\":\"{}\",\"client\":", app.now()));
    out.value(&render::client(client, profile))?;
    let theirs = subject.checkouts(app)?;
    out.list::<Checkout>(app, "checkouts", &store, theirs, &mut found).await?;
    let of_checkouts = doc! { "checkoutId": { "$in": &found.checkouts } };
    out.list::<Transaction>(app, "transactions", &store, of_checkouts.clone(), &mut found).await?;
    let theirs = subject.invoices(app, found.payments.clone())?;
    out.list::<Invoice>(app, "invoices", &store, theirs, &mut found).await?;
    let sent =
        vec![doc! { "_id": { "$in": &found.receipts } }, doc! { "invoiceId": { "$in": &found.papers } }];
    out.list::<DocumentMail>(app, "mails", &store, doc! { "$or": sent }, &mut found).await?;
    let mut used = of_checkouts;
    let discounts: Vec<Bson> = found.discounts.iter().map(|id| Bson::from(*id)).collect();
    used.insert("discountId", doc! { "$in": discounts });
    out.list::<DiscountClaim>(app, "discountUses", &store, used, &mut found).await?;
    let about = doc! { "transactionId": { "$in": &found.payments } };
    out.list::<ProviderEvent>(app, "providerEvents", &store, about, &mut found).await?;
    let about = vec![
        doc! { "transactionId": { "$in": &found.payments } },
        doc! { "checkoutId": { "$in": &found.checkouts } },
        doc! { "invoiceId": { "$in": &found.papers } },
    ];
    out.list::<Delivery>(app, "deliveries", &store, doc! { "$or": about }, &mut found).await?;
    out.text("}\n");
    out.flush().await
}

/// What is held, as it is told.
trait Told: Entity {
    /// Notes what others are found by.
    fn note(&self, _found: &mut Found) {}

    /// All of it, opened.
    fn told(&self, app: &App) -> impl Future<Output = Result<Value, AppError>> + Send;
}

impl Told for Checkout {
    fn note(&self, found: &mut Found) {
        found.checkouts.push(self.id.into());
        found.discounts.extend(self.discount.as_ref().map(|discount| discount.id));
    }

    async fn told(&self, app: &App) -> Result<Value, AppError> {
        let customer = start_payment::customer_of(app, self).await?;
        let superseded = app.store.for_org(self.tenant()).is_superseded(self).await?;
        Ok(render::checkout(self, Some(&customer), superseded, app.payment_url(&self.short_code).as_str()))
    }
}

impl Told for Transaction {
    fn note(&self, found: &mut Found) {
        found.payments.push(self.id.into());
        found.receipts.push(DocumentMail::receipt_id(self.id).into());
        found.discounts.extend(self.discount_id);
    }

    async fn told(&self, _app: &App) -> Result<Value, AppError> {
        Ok(render::transaction(self))
    }
}

impl Told for Invoice {
    fn note(&self, found: &mut Found) {
        found.papers.push(self.id.into());
    }

    async fn told(&self, app: &App) -> Result<Value, AppError> {
        let paper = invoices::bare_paper(&app.store.for_org(self.tenant()), self).await?;
        Ok(render::invoice(self, &paper))
    }
}

impl Told for DocumentMail {
    async fn told(&self, app: &App) -> Result<Value, AppError> {
        let store = app.store.for_org(self.tenant());
        let to = store.open(Self::COLLECTION, self.id, Self::TO_FIELD, &self.to).await?;
        Ok(json!({
            "id": self.id,
            "kind": if self.invoice_id.is_some() { "document" } else { "receipt" },
            "invoiceId": self.invoice_id,
            "transactionId": self.transaction_id,
            "to": to,
            "status": self.state,
            "attempts": self.attempts,
            "createdAt": self.created_at,
        }))
    }
}

impl Told for DiscountClaim {
    async fn told(&self, _app: &App) -> Result<Value, AppError> {
        Ok(json!({
            "id": self.id,
            "discountId": self.discount_id,
            "checkoutId": self.checkout_id,
            "transactionId": self.transaction_id,
            "paid": self.kept,
            "createdAt": self.created_at,
        }))
    }
}

impl Told for ProviderEvent {
    async fn told(&self, app: &App) -> Result<Value, AppError> {
        Ok(render::provider_event(self, &raw_event(app, self).await?.unwrap_or_default()))
    }
}

impl Told for Delivery {
    /// To whom what stands above was told, and when; the message itself repeats it.
    async fn told(&self, _app: &App) -> Result<Value, AppError> {
        Ok(json!({
            "id": self.id,
            "kind": self.kind,
            "event": self.event,
            "siteId": self.site_id,
            "endpointId": self.endpoint_id,
            "checkoutId": self.checkout_id,
            "transactionId": self.transaction_id,
            "invoiceId": self.invoice_id,
            "status": self.state,
            "createdAt": self.created_at,
        }))
    }
}
