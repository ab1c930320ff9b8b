//! Takes a person out of everything that is held about them (docs/adr/0018-erasure.md).
//!
//! The client's record says that an erasure runs, and keeps what finds the person until all else is done. Each
//! checkout goes last of what hangs on it, so that it is found until nothing is left there. Every step looks at how
//! things stand and may be repeated; where the request is cut off, the worker goes on.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use tokio::time::Instant;
use tracing::Instrument;

use super::Subject;
use crate::{
    app::{
        App, AppError, CONFLICT_RETRIES,
        invoices::{self, follow, issue},
        settings::clients,
    },
    crypto::Sealed,
    domain::{
        CheckoutId, ClientId, DiscountId, InvoiceId, Tenant, Timestamp, TransactionId,
        checkout::{Checkout, CheckoutStatus},
        client::{Client, Erasure},
        delivery::Delivery,
        discount::DiscountClaim,
        erasure::scrubbed,
        invoice::{DocumentMail, Invoice, InvoiceStatus, PaperKind, paper::Party},
        provider_event::{EventState, ProviderEvent},
        transaction::Transaction,
    },
    fault::{self, Recovery},
    store::{Entity, StoreError, TenantStore},
    timing::scaled,
};

/// How long a request goes on before it leaves the rest to the worker.
const WITHIN: Duration = Duration::from_secs(10);
/// How long one has before another may go on with it.
const LEASE: Duration = Duration::from_mins(1);
/// Money may be disputed, and its provider tell of it, so long after: until then it is looked at again.
const LOOKED_AFTER: Duration = Duration::from_hours(24 * 400);
/// Between two such looks.
const LOOK_EVERY: Duration = Duration::from_hours(24 * 30);
/// Documents that are read at once.
const BATCH: i64 = 100;
/// Erasures that the worker takes on in one pass.
pub const HAND_FULL: usize = 10;
/// Open checkouts that a refusal names.
const NAMED_MAX: usize = 5;
/// How far a report counts.
const COUNTED_MAX: u64 = 1_000_000;
/// What stands in place of a provider's event.
const EMPTY: &str = "{}";

/// A document that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The document.
    pub id: InvoiceId,
    /// What it is.
    pub kind: PaperKind,
    /// Its number, once issued.
    pub number: Option<String>,
}

/// What has become of an erasure.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whose data.
    pub client: ClientId,
    /// When it was asked for.
    pub begun_at: Timestamp,
    /// When everything was gone; until then the worker is at it.
    pub done_at: Option<Timestamp>,
    /// Checkouts without a customer now.
    pub checkouts: u64,
    /// Transactions without one.
    pub transactions: u64,
    /// What the law wants kept.
    pub kept: Vec<Kept>,
}

/// Erases what is held about a client. Harmless to repeat: it then takes away what has come in since, and answers
/// how things stand.
pub async fn erase(app: &App, tenant: Tenant, id: ClientId) -> Result<Report, AppError> {
    let asked_at = app.now();
    let client = clients::get_even_erased(app, tenant, id).await?;
    if client.erasure.is_none() {
        refuse_open(app, &client).await?;
    }
    let lease = app.now() + scaled(LEASE);
    let (client, ()) = clients::change(app, tenant, id, |client| {
        let fresh = Erasure { begun_at: asked_at, due: None, done_at: None, kept: Vec::new() };
        client.erasure.get_or_insert(fresh).due = Some(lease);
        Ok(())
    })
    .await?;
    fault::point("erase.after_begin");
    let client = go_on(app, client, Some(Instant::now() + WITHIN)).await?;
    report(app, &client).await?.ok_or(AppError::NotFound("client"))
}

/// How an erasure stands; `None` where none was asked for.
pub async fn report(app: &App, client: &Client) -> Result<Option<Report>, AppError> {
    let Some(erasure) = &client.erasure else { return Ok(None) };
    let store = app.store.for_org(client.tenant());
    let theirs = doc! { "clientId": client.id.to_string() };
    let kept: Vec<Bson> = erasure.kept.iter().map(|id| Bson::from(*id)).collect();
    let kept: Vec<Invoice> = store.find(doc! { "_id": { "$in": kept } }, doc! { "_id": 1 }, 0).await?;
    let kept = kept.into_iter().map(|one| Kept {
        id: one.id,
        kind: one.kind,
        number: one.numbered.map(|numbered| numbered.number),
    });
    Ok(Some(Report {
        client: client.id,
        begun_at: erasure.begun_at,
        done_at: erasure.done_at,
        checkouts: store.count::<Checkout>(theirs.clone(), COUNTED_MAX).await?,
        transactions: store.count::<Transaction>(theirs, COUNTED_MAX).await?,
        kept: kept.collect(),
    }))
}

/// The worker's part: goes on with what was cut off, and looks again for what came in late. Answers how many
/// erasures it looked at.
pub async fn sweep(app: &App) -> Result<usize, AppError> {
    if !Recovery::ErasureSweep.is_on() {
        return Ok(0);
    }
    let due = app.store.due_erasures(app.now(), i64::try_from(HAND_FULL).unwrap_or(i64::MAX)).await?;
    for client in &due {
        let span = tracing::info_span!("erase", client = %client.id, organization = %client.org);
        if let Err(error) = take_up(app, client.clone()).instrument(span).await {
            tracing::warn!(client = %client.id, ?error, "an erasure could not be finished yet");
        }
    }
    Ok(due.len())
}

async fn take_up(app: &App, mut client: Client) -> Result<(), AppError> {
    if let Some(erasure) = &mut client.erasure {
        erasure.due = Some(app.now() + scaled(LEASE));
    }
    match app.store.for_org(client.tenant()).save(&mut client).await {
        Ok(()) => go_on(app, client, None).await.map(|_| ()),
        // Another worker has it.
        Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses while somebody may still pay: their address is needed for that.
async fn refuse_open(app: &App, client: &Client) -> Result<(), AppError> {
    let store = app.store.for_org(client.tenant());
    let subject = Subject::of(client, &clients::profile(app, client).await?);
    let mut open = subject.checkouts(app)?;
    open.insert("status", CheckoutStatus::Open.as_str());
    let limit = i64::try_from(NAMED_MAX).unwrap_or(i64::MAX);
    let open: Vec<Checkout> = store.find(open, doc! { "_id": 1 }, limit).await?;
    let mut open: Vec<CheckoutId> = open.into_iter().map(|checkout| checkout.id).collect();
    if open.is_empty() {
        let all = store.ids::<Checkout>(subject.checkouts(app)?).await?;
        let all: Vec<Bson> = all.into_iter().map(Bson::from).collect();
        let paying = doc! { "checkoutId": { "$in": all }, "open": true };
        let paying: Vec<Transaction> = store.find(paying, doc! { "_id": 1 }, limit).await?;
        open.extend(paying.into_iter().map(|transaction| transaction.checkout_id));
    }
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = open.iter().map(CheckoutId::to_string).collect();
    let message = format!(
        "checkouts of this client are open or being paid: cancel them, or wait for their end ({})",
        names.join(", ")
    );
    Err(AppError::conflict("CLIENT_HAS_OPEN_CHECKOUTS", message))
}

/// Does what is left, up to `until`, and notes how far it has come.
async fn go_on(app: &App, mut client: Client, until: Option<Instant>) -> Result<Client, AppError> {
    let is_done = pass(app, &mut client, until).await?;
    fault::point("erase.before_end");
    let now = app.now();
    let (client, ()) = clients::change(app, client.tenant(), client.id, |client| {
        let Some(erasure) = &mut client.erasure else { return Ok(()) };
        if !is_done {
            erasure.due = Some(now + scaled(LEASE));
            return Ok(());
        }
        erasure.done_at.get_or_insert(now);
        erasure.due = (now.since(erasure.begun_at) < LOOKED_AFTER).then(|| now + LOOK_EVERY);
        (client.profile, client.email_hash, client.reference) = (None, None, None);
        client.name_hashes = Vec::new();
        client.updated_at = now;
        Ok(())
    })
    .await?;
    Ok(client)
}

/// Once through everything; whether nothing is left.
async fn pass(app: &App, client: &mut Client, until: Option<Instant>) -> Result<bool, AppError> {
    let store = app.store.for_org(client.tenant());
    let subject = Subject::of(client, &clients::profile(app, client).await?);
    let begun_at = client.erasure.as_ref().map_or(app.now(), |erasure| erasure.begun_at);
    let is_late = || until.is_some_and(|until| Instant::now() >= until);
    // What somebody buys after they asked is not meant.
    let mut theirs = subject.checkouts(app)?;
    theirs.insert("createdAt", doc! { "$lte": begun_at });
    let (mut is_done, mut after) = (true, None);
    while let Some(batch) = next_of::<Checkout>(&store, &theirs, &mut after).await? {
        for checkout in batch {
            if is_late() {
                return Ok(false);
            }
            is_done &= erase_checkout(app, client, &checkout).await?;
        }
    }
    let Some(mut by_hand) = subject.by_email(app)? else { return Ok(is_done) };
    by_hand.insert("createdAt", doc! { "$lte": begun_at });
    let mut after = None;
    while let Some(batch) = next_of::<Invoice>(&store, &by_hand, &mut after).await? {
        for invoice in batch {
            if is_late() {
                return Ok(false);
            }
            erase_around(app, client, &invoice).await?;
        }
    }
    Ok(is_done)
}

/// The next documents by id; `None` after the last.
async fn next_of<E: Entity>(
    store: &TenantStore,
    filter: &Document,
    after: &mut Option<E::Id>,
) -> Result<Option<Vec<E>>, AppError> {
    let mut filter = filter.clone();
    if let Some(after) = *after {
        let after: Bson = after.into();
        filter.insert("_id", doc! { "$gt": after });
    }
    let batch: Vec<E> = store.find(filter, doc! { "_id": 1 }, BATCH).await?;
    *after = batch.last().map(E::entity_id);
    Ok(Some(batch).filter(|batch| !batch.is_empty()))
}

/// A checkout and all that hangs on it. Whether nothing is left; what is being paid is for later.
async fn erase_checkout(app: &App, client: &mut Client, checkout: &Checkout) -> Result<bool, AppError> {
    let store = app.store.for_org(checkout.tenant());
    let of_it = doc! { "checkoutId": checkout.id };
    let payments: Vec<Transaction> = store.find(of_it.clone(), doc! { "_id": 1 }, 0).await?;
    if checkout.status == CheckoutStatus::Open || payments.iter().any(|payment| payment.status.is_open()) {
        return Ok(false);
    }
    let mut discounts: Vec<DiscountId> = payments.iter().filter_map(|payment| payment.discount_id).collect();
    discounts.extend(checkout.discount.as_ref().map(|discount| discount.id));
    for discount in discounts {
        forget_use(&store, discount, checkout.id).await?;
    }
    let mut is_done = true;
    for payment in &payments {
        is_done &= erase_payment(app, client, payment, checkout.customer.is_some()).await?;
    }
    erase_messages(&store, of_it).await?;
    if !is_done {
        return Ok(false);
    }
    let (id, now) = (client.id, app.now());
    let erased = app.change::<Checkout, (), _>(checkout.tenant(), checkout.id, "checkout", |checkout| {
        Ok((checkout.erase_person(id, now), ()))
    });
    erased.await?;
    Ok(true)
}

/// A payment and all that hangs on it; whether nothing is left. Its document is made first where that has not
/// happened yet: it needs the buyer.
async fn erase_payment(
    app: &App,
    client: &mut Client,
    payment: &Transaction,
    has_buyer: bool,
) -> Result<bool, AppError> {
    let store = app.store.for_org(payment.tenant());
    if has_buyer {
        follow::follow(app, payment).await?;
    }
    let of_it = doc! { "transactionId": payment.id };
    let papers: Vec<Invoice> = store.find(of_it.clone(), doc! { "_id": 1 }, 0).await?;
    for paper in &papers {
        erase_around(app, client, paper).await?;
    }
    if let Some(receipt) = store.get::<DocumentMail>(DocumentMail::receipt_id(payment.id)).await? {
        erase_mail(app, receipt).await?;
    }
    let is_done = erase_events(&store, payment.id).await?;
    erase_messages(&store, of_it).await?;
    let (id, now) = (client.id, app.now());
    let erased = app.change::<Transaction, (), _>(payment.tenant(), payment.id, "transaction", |payment| {
        Ok((payment.erase_person(id, now), ()))
    });
    erased.await?;
    fault::point("erase.after_transaction");
    Ok(is_done)
}

/// What a provider said of a payment. What is not applied yet is needed: whether nothing is left.
async fn erase_events(store: &TenantStore, payment: TransactionId) -> Result<bool, AppError> {
    let (about, mut is_done, mut after) = (doc! { "transactionId": payment }, true, None);
    while let Some(batch) = next_of::<ProviderEvent>(store, &about, &mut after).await? {
        for event in batch {
            if event.state == EventState::Received {
                is_done = false;
                continue;
            }
            let (collection, field) = (ProviderEvent::COLLECTION, ProviderEvent::RAW_FIELD);
            let Some(raw) = &event.raw else { continue };
            if store.open(collection, event.id, field, raw).await? != EMPTY {
                let empty = store.seal(collection, event.id, field, EMPTY.as_bytes()).await?;
                let set = doc! { "$set": { "raw": bson_of(&empty)? } };
                store.update::<ProviderEvent>(event.id, doc! {}, set).await?;
            }
            erase_messages(store, doc! { "providerEventId": event.id }).await?;
        }
    }
    Ok(is_done)
}

/// What was, or is still to be, told to the merchant's own receivers.
async fn erase_messages(store: &TenantStore, about: Document) -> Result<(), AppError> {
    let mut after = None;
    while let Some(batch) = next_of::<Delivery>(store, &about, &mut after).await? {
        for delivery in batch {
            let (collection, field) = (Delivery::COLLECTION, Delivery::BODY_FIELD);
            let body = match &delivery.body {
                Some(body) => store.open(collection, delivery.id, field, body).await?,
                None => String::new(),
            };
            if let Some(clean) = scrubbed(&body).filter(|_| delivery.body.is_some()) {
                let clean = store.seal(collection, delivery.id, field, clean.as_bytes()).await?;
                let set = doc! { "$set": { "body": bson_of(&clean)? } };
                store.update::<Delivery>(delivery.id, doc! {}, set).await?;
            }
            // Receivers may answer with anything.
            if delivery.attempts.iter().any(|attempt| attempt.response.is_some()) {
                let unset = doc! { "$unset": { "attempts.$[].response": "" } };
                store.update::<Delivery>(delivery.id, doc! {}, unset).await?;
            }
        }
    }
    Ok(())
}

fn bson_of(sealed: &Sealed) -> Result<Bson, AppError> {
    mongodb::bson::serialize_to_bson(sealed).map_err(|error| AppError::internal(error.to_string()))
}

async fn forget_use(store: &TenantStore, discount: DiscountId, checkout: CheckoutId) -> Result<(), AppError> {
    let used = doc! { "discountId": discount, "checkoutId": checkout, "customer": { "$exists": true } };
    let unset = doc! { "$unset": { "customer": "", "customerSlot": "" } };
    for id in store.ids::<DiscountClaim>(used).await? {
        store.update::<DiscountClaim>(id, doc! {}, unset.clone()).await?;
    }
    Ok(())
}

/// A document, its mails and its messages. What has a number, or is about to get one, is kept as it is; a draft by
/// hand is thrown away.
async fn erase_around(app: &App, client: &mut Client, invoice: &Invoice) -> Result<(), AppError> {
    let store = app.store.for_org(invoice.tenant());
    let mails: Vec<DocumentMail> = store.find(doc! { "invoiceId": invoice.id }, doc! { "_id": 1 }, 0).await?;
    for mail in mails {
        erase_mail(app, mail).await?;
    }
    erase_messages(&store, doc! { "invoiceId": invoice.id }).await?;
    let clean = if is_legal(invoice) {
        note_kept(app, client, invoice.id).await?;
        None
    } else {
        issue::void(app, invoice.tenant(), invoice.id).await?;
        without_buyer(&store, invoice).await?
    };
    let erased = app.change::<Invoice, (), _>(invoice.tenant(), invoice.id, "invoice", |invoice| {
        let mut had = invoice.erase_traces();
        // Discarded above, it never gets a number.
        if let Some(clean) = clean.as_ref().filter(|_| !is_legal(invoice)) {
            invoice.paper = clean.clone();
            had = true;
        }
        Ok((had, ()))
    });
    erased.await?;
    Ok(())
}

/// A draft's paper without its buyer; `None` where there is none in it.
async fn without_buyer(store: &TenantStore, invoice: &Invoice) -> Result<Option<Sealed>, AppError> {
    let mut paper = invoices::bare_paper(store, invoice).await?;
    if paper.buyer == Party::default() && paper.notes.is_empty() {
        return Ok(None);
    }
    (paper.buyer, paper.notes) = (Party::default(), Vec::new());
    let json = serde_json::to_string(&paper).map_err(|error| AppError::internal(error.to_string()))?;
    let sealed = store.seal(Invoice::COLLECTION, invoice.id, Invoice::PAPER_FIELD, json.as_bytes()).await?;
    Ok(Some(sealed))
}

/// Whether the law wants a document kept: it has its number, or what it is about has happened and it waits for one.
fn is_legal(invoice: &Invoice) -> bool {
    let waits = invoice.payment_of.is_some() || invoice.corrects.is_some() || invoice.is_waiting();
    invoice.numbered.is_some() || (invoice.status == InvoiceStatus::Draft && waits)
}

/// Before what finds the document is taken out of it.
async fn note_kept(app: &App, client: &mut Client, id: InvoiceId) -> Result<(), AppError> {
    let is_noted =
        |client: &Client| client.erasure.as_ref().is_some_and(|erasure| erasure.kept.contains(&id));
    if is_noted(client) {
        return Ok(());
    }
    let noted = clients::change(app, client.tenant(), client.id, |client| {
        let known = is_noted(client);
        if let Some(erasure) = client.erasure.as_mut().filter(|_| !known) {
            erasure.kept.push(id);
        }
        Ok(())
    });
    (*client, ()) = noted.await?;
    Ok(())
}

async fn erase_mail(app: &App, mail: DocumentMail) -> Result<(), AppError> {
    let store = app.store.for_org(mail.tenant());
    let (collection, field) = (DocumentMail::COLLECTION, DocumentMail::TO_FIELD);
    let mut mail = mail;
    for _ in 0..CONFLICT_RETRIES {
        if store.open(collection, mail.id, field, &mail.to).await?.is_empty() {
            return Ok(());
        }
        let nobody = store.seal(collection, mail.id, field, b"").await?;
        mail.erase_person(nobody, app.now());
        match store.save(&mut mail).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        mail = store.get(mail.id).await?.ok_or(AppError::NotFound("mail"))?;
    }
    Err(AppError::Busy)
}
