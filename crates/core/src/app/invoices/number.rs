//! Numbers: one lane per organization, mode and series.
//!
//! A number is taken by being written into its document, by compare-and-set on a draft that has none; nothing
//! counts beside the documents. So whatever is killed, there is no number without a document: no gap. Two
//! writers that meet are told apart by a unique index: one has the number, the other looks again. The lease
//! keeps them from meeting; it is for speed, the index is for right.
//!
//! The date of a number is the later of today and the date of the number before it, which its writer has read:
//! a clock that is behind takes no date back.

use std::{collections::HashSet, time::Duration};

use futures::StreamExt;
use mongodb::bson::doc;
use tracing::field::Empty;

use super::{bare_paper, civil_date, open_profile, write};
use crate::{
    app::{App, AppError, CONFLICT_RETRIES},
    crypto::random,
    domain::{
        InvoiceId, LookId, SeriesId, Tenant,
        invoice::{
            Invoice, InvoiceSettings, InvoiceStatus, Numbered, SellerProfile, Series, StoredLook,
            compose::needs_exchange, paper::PaperLook,
        },
    },
    fault,
    store::{Entity, StoreError, TenantStore},
    telemetry,
    timing::scaled,
};

/// How long a lane is held at most; a dead worker's lane waits this long.
pub const LEASE: Duration = Duration::from_secs(30);
/// A holder lets go long before its lease ends.
const HOLD: Duration = Duration::from_secs(10);
/// Drafts read at once.
const BATCH: i64 = 50;
/// Lanes looked for in one pass.
const HAND: i64 = 500;
/// Lanes worked on at once.
const LANES_AT_ONCE: usize = 8;
/// When drafts are looked at again that lack something.
const BLOCKED: Duration = Duration::from_mins(1);

/// A pass over all lanes that have something to number; answers how many drafts were found waiting, and how
/// long the first of them has waited.
pub async fn number_due(app: &App) -> Result<(usize, Duration), AppError> {
    let due = app.store.due_numberings(app.now(), HAND).await?;
    let lag = due.first().and_then(|first| first.issue_due).map_or(Duration::ZERO, |at| app.now().since(at));
    let key = |invoice: &Invoice| (invoice.org, invoice.mode, invoice.series_id);
    let lanes: HashSet<_> = due.iter().map(key).collect();
    futures::stream::iter(lanes)
        .for_each_concurrent(LANES_AT_ONCE, async |(organization, mode, series)| {
            let tenant = Tenant::new(organization, mode);
            if let Err(error) = hold_and_number(app, tenant, series).await {
                tracing::warn!(?error, %series, "a series could not be numbered");
            }
        })
        .await;
    Ok((due.len(), lag))
}

/// Numbers a lane while nobody else does.
async fn hold_and_number(app: &App, tenant: Tenant, series: SeriesId) -> Result<(), AppError> {
    let lane = format!("{}:{}:{series}", tenant.organization, tenant.mode);
    let token = hex::encode(random::bytes::<12>());
    let until = app.now() + scaled(LEASE);
    if !app.store.claim_numbering_lane(&lane, &token, app.now(), until).await? {
        return Ok(());
    }
    fault::point("number.after_claim");
    let numbered = number_series(app, tenant, series).await;
    app.store.release_numbering_lane(&lane, &token, app.now()).await?;
    numbered.map(|_| ())
}

/// Numbers what waits in a series, oldest first; answers how many got one. Right without a lease, too.
pub async fn number_series(app: &App, tenant: Tenant, series: SeriesId) -> Result<usize, AppError> {
    let Some(lane) = Lane::open(app, tenant, series).await? else {
        return Ok(0);
    };
    let mut newest = lane.newest().await?;
    let (mut numbered, started) = (0, tokio::time::Instant::now());
    loop {
        let filter = doc! { "seriesId": series, "issueDue": { "$lte": app.now() } };
        let waiting: Vec<Invoice> = lane.store.find(filter, doc! { "issueDue": 1, "_id": 1 }, BATCH).await?;
        if waiting.is_empty() {
            return Ok(numbered);
        }
        for draft in waiting {
            let (id, organization) = (draft.id, draft.org);
            let span = tracing::info_span!("number", invoice = %id, %organization, request_id = Empty);
            let numbering = lane.number(draft.id, &mut newest);
            if telemetry::follow(draft.trail.as_ref(), span, numbering).await? {
                numbered += 1;
            }
            if started.elapsed() > scaled(HOLD) {
                return Ok(numbered);
            }
        }
    }
}

/// What is needed to number in a series.
struct Lane<'a> {
    app: &'a App,
    store: TenantStore,
    settings: InvoiceSettings,
    series: Series,
    profile: SellerProfile,
    look: LookId,
}

impl<'a> Lane<'a> {
    /// `None` where something is missing; then the drafts have been told what.
    async fn open(app: &'a App, tenant: Tenant, series: SeriesId) -> Result<Option<Self>, AppError> {
        let store = app.store.for_org(tenant);
        let settings = super::settings_or_initial(app, tenant).await?;
        let profile = open_profile(app, &settings).await?;
        let missing = profile.missing();
        if !missing.is_empty() {
            block(app, &store, series, &format!("missing: {}", missing.join(", "))).await?;
            return Ok(None);
        }
        let Some(settings) = settle_series(app, &store, settings, series).await? else {
            block(app, &store, series, "its series is gone").await?;
            return Ok(None);
        };
        let Some(found) = settings.series(series).cloned() else { return Ok(None) };
        let look = keep_look(&store, &profile.look).await?;
        Ok(Some(Self { app, store, settings, series: found, profile, look }))
    }

    /// The highest number of the series, in the order of its periods.
    async fn newest(&self) -> Result<Option<Numbered>, StoreError> {
        let filter = doc! { "numbered.seriesId": self.series.id };
        let order = doc! { "numbered.period": -1, "numbered.sequence": -1 };
        let found: Vec<Invoice> = self.store.find(filter, order, 1).await?;
        Ok(found.into_iter().next().and_then(|invoice| invoice.numbered))
    }

    /// Gives a draft the number after `newest`; false where it is no draft any more.
    async fn number(&self, id: InvoiceId, newest: &mut Option<Numbered>) -> Result<bool, AppError> {
        for _ in 0..CONFLICT_RETRIES * 10 {
            let Some(mut invoice) = self.store.get::<Invoice>(id).await? else { return Ok(false) };
            if !invoice.is_waiting() {
                return Ok(false);
            }
            let now = self.app.now();
            let numbered = self.series.next(newest.as_ref(), &civil_date(now, &self.settings.time_zone));
            if !self.fill_in(&mut invoice, &numbered).await? {
                return Ok(false);
            }
            self.app.address(&mut invoice, 0).await?;
            fault::point("number.before_save");
            match self.store.save(&mut invoice).await {
                Ok(()) => {
                    fault::point("number.after_save");
                    count(&invoice);
                    tracing::debug!(invoice = %id, "numbered");
                    *newest = Some(numbered);
                    return Ok(true);
                }
                // Another writer has that number, or has changed the draft: look again.
                Err(StoreError::Duplicate) => {
                    let seen = self.newest().await?;
                    if seen == *newest {
                        let why = format!("the number {} is another series' already", numbered.number);
                        block(self.app, &self.store, self.series.id, &why).await?;
                        return Ok(false);
                    }
                    *newest = seen;
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }

    /// The final paper: number, date, seller; and the look beside it. False where something stands against it now, such
    /// as a law that has come into force: then the draft is held back.
    async fn fill_in(&self, invoice: &mut Invoice, numbered: &Numbered) -> Result<bool, AppError> {
        let mut paper = bare_paper(&self.store, invoice).await?;
        paper.number = Some(numbered.number.clone());
        paper.date.clone_from(&numbered.date);
        paper.seller = self.profile.seller.clone();
        super::take_exchange(&mut paper, &self.settings);
        if let Some(hold) = super::holds(self.app, &self.settings, &paper).into_iter().next() {
            invoice.hold(&hold, self.app.now());
            // Another writer has changed it: it is looked at again.
            return match self.store.save(invoice).await {
                Ok(()) | Err(StoreError::Conflict) => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
        let text = write(&paper)?;
        let sealed =
            self.store.seal(Invoice::COLLECTION, invoice.id, Invoice::PAPER_FIELD, text.as_bytes()).await?;
        let now = self.app.now();
        invoice
            .issue(numbered.clone(), sealed, self.look, now)
            .map_err(|error| AppError::conflict("INVOICE_NOT_A_DRAFT", error.to_string()))?;
        if needs_exchange(&paper, &self.settings.country) {
            let text =
                "its tax must be stated in your currency, too: add an exchange rate to the invoice settings";
            invoice.flag("tax_currency_missing", text, now);
        }
        Ok(true)
    }
}

fn count(invoice: &Invoice) {
    debug_assert!(invoice.status != InvoiceStatus::Draft);
    metrics::counter!("invoices_issued_total", "kind" => invoice.kind.as_str()).increment(1);
}

/// Marks the series as used before its first number: from then on nobody changes what numbers look like.
/// `None` where the series is gone.
async fn settle_series(
    app: &App,
    store: &TenantStore,
    mut settings: InvoiceSettings,
    id: SeriesId,
) -> Result<Option<InvoiceSettings>, AppError> {
    for _ in 0..CONFLICT_RETRIES {
        let Some(series) = settings.series.iter_mut().find(|series| series.id == id) else {
            return Ok(None);
        };
        if series.used {
            return Ok(Some(settings));
        }
        series.used = true;
        match store.save(&mut settings).await {
            Ok(()) => return Ok(Some(settings)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        settings = super::settings_or_initial(app, store.tenant()).await?;
    }
    Err(AppError::Busy)
}

/// Keeps the look that papers are issued with.
async fn keep_look(store: &TenantStore, look: &PaperLook) -> Result<LookId, AppError> {
    let (tenant, text) = (store.tenant(), write(look)?);
    let id = StoredLook::id_of(tenant, &text);
    if store.get::<StoredLook>(id).await?.is_some() {
        return Ok(id);
    }
    let look = store.seal(StoredLook::COLLECTION, id, StoredLook::LOOK_FIELD, text.as_bytes()).await?;
    let stored = StoredLook { id, org: tenant.organization, mode: tenant.mode, look };
    match store.insert(&stored).await {
        Ok(()) | Err(StoreError::Duplicate) => Ok(id),
        Err(error) => Err(error.into()),
    }
}

/// Says why drafts of a series wait, and looks at them again later.
async fn block(app: &App, store: &TenantStore, series: SeriesId, why: &str) -> Result<(), AppError> {
    let now = app.now();
    let filter = doc! { "seriesId": series, "issueDue": { "$lte": now } };
    let waiting: Vec<Invoice> = store.find(filter, doc! { "issueDue": 1 }, HAND).await?;
    for draft in waiting {
        let mut set = doc! { "issueDue": now + scaled(BLOCKED) };
        if draft.blocked.as_deref() != Some(why) {
            set.insert("blocked", why);
        }
        let filter = doc! { "version": draft.version, "issueDue": { "$exists": true } };
        store.update::<Invoice>(draft.id, filter, doc! { "$set": set, "$inc": { "version": 1_i64 } }).await?;
    }
    Ok(())
}

/// Lets drafts that were blocked be looked at again: the settings have changed.
pub async fn unblock(app: &App, tenant: Tenant) -> Result<(), AppError> {
    let store = app.store.for_org(tenant);
    let filter = doc! { "status": "draft", "blocked": { "$exists": true } };
    let blocked: Vec<Invoice> = store.find(filter, doc! { "_id": 1 }, HAND).await?;
    for draft in blocked {
        let filter = doc! { "version": draft.version, "issueDue": { "$exists": true } };
        let update = doc! {
            "$set": { "issueDue": app.now() }, "$unset": { "blocked": "" }, "$inc": { "version": 1_i64 },
        };
        store.update::<Invoice>(draft.id, filter, update).await?;
    }
    Ok(())
}
