//! Catching up: what no webhook brought is read from the provider's own list of events, account by account.
//!
//! Events go into the same inbox, which knows each by its id, so that what is known already costs nothing. The list is
//! read from new to old, as providers hand it out, back to where it was read before; a reading that is longer than one
//! pass goes on at its cursor. Nothing follows from the order in which events come (docs/adr/0003).

use std::{collections::HashSet, time::Duration};

use mongodb::bson::{Bson, Document, doc};
use tracing::Instrument;

use super::{
    App, AppError,
    health::{self, set_or_unset},
    intake,
};
use crate::{
    crypto::random,
    domain::{
        ProviderId, Tenant, Timestamp,
        provider_account::ProviderAccount,
        provider_event::ProviderEvent,
        provider_health::{Feed, ProviderHealth},
    },
    fault,
    jobs::turns::{self, Work},
    provider::{EventsQuery, IncomingEvent},
    store::{
        TenantStore,
        due::{self, Due, Waits},
    },
    timing::scaled,
};

/// How often each account's list is read.
pub const READ_EVERY: Duration = Duration::from_hours(1);
/// What is read a second time: an event may show up in a list a little after its own time, and clocks differ.
const OVERLAP: Duration = Duration::from_hours(1);
/// Pages per account and pass.
const PAGES_MAX: usize = 10;
/// How long a reader has before another may go on: longer than all pages with all repeats of their calls.
const LEASE: Duration = Duration::from_mins(10);
/// A first reading goes no further back. Stripe keeps events for 30 days.
const FIRST_BACK_MAX: Duration = Duration::from_hours(30 * 24);

/// What a pass over an account's list came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Events in the list.
    pub listed: usize,
    /// Those that no webhook had brought.
    pub found: usize,
    /// Whether everything up to now has been read; the worker goes on otherwise.
    pub complete: bool,
}

/// The worker's part: reads the lists that are due.
#[derive(Debug)]
pub struct CatchUp;

impl Work for CatchUp {
    const NAME: &'static str = "catch_up";
    const EVERY: Duration = Duration::from_secs(10);
    const WAITS: Waits = due::FEEDS;
    const AT_ONCE: usize = 2;

    fn is_on(&self) -> bool {
        fault::Recovery::CatchUp.is_on()
    }

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let turn = random::public_id("turn");
        let store = app.store.for_org(due.tenant);
        let id = ProviderId::from_bytes(due.id);
        let claim = doc! { "$set": { "feed.due": app.now() + scaled(LEASE), "feed.turn": &turn } };
        if !store.update::<ProviderHealth>(id, doc! { "feed.due": due.due }, claim).await? {
            return Ok(());
        }
        let Some(health) = store.get::<ProviderHealth>(id).await? else { return Ok(()) };
        let span = tracing::info_span!("catch up", provider = %id, organization = %due.tenant.organization);
        read(app, &health).instrument(span).await.map(drop)
    }
}

/// Reads what is due, in one hand. Answers how many accounts there were.
pub async fn sweep(app: &App) -> Result<usize, AppError> {
    turns::pass(app, &CatchUp).await
}

/// Makes the documents of accounts that an older version made. Answers how many were missing.
pub async fn adopt(app: &App) -> Result<usize, AppError> {
    let orphans = app.store.providers_without_health().await?;
    for account in &orphans {
        health::make(app, account).await?;
    }
    Ok(orphans.len())
}

/// Reads an account's list now.
pub async fn catch_up(app: &App, tenant: Tenant, id: ProviderId) -> Result<CaughtUp, AppError> {
    let store = app.store.for_org(tenant);
    let account = store.get::<ProviderAccount>(id).await?.ok_or(AppError::NotFound("provider"))?;
    if !app.adapter(account.kind)?.capabilities().lists_events {
        let message = "this provider has no list of events to catch up from";
        return Err(AppError::conflict("CATCH_UP_NOT_SUPPORTED", message));
    }
    health::make(app, &account).await?;
    let (now, turn) = (app.now(), random::public_id("turn"));
    // Whoever reads at this moment keeps its turn.
    let is_free = doc! { "$or": [{ "feed.turn": { "$exists": false } }, { "feed.due": { "$lte": now } }] };
    let take = doc! { "$set": { "feed.turn": &turn, "feed.due": now + scaled(LEASE) } };
    if !store.update::<ProviderHealth>(id, is_free, take).await? {
        let message = "the list is being read at this moment: look again in a minute";
        return Err(AppError::conflict("CATCH_UP_RUNNING", message));
    }
    let health = store.get::<ProviderHealth>(id).await?.ok_or(AppError::NotFound("provider"))?;
    read(app, &health).await
}

/// Reads on, as far as one pass goes, and notes how far it has come.
async fn read(app: &App, health: &ProviderHealth) -> Result<CaughtUp, AppError> {
    let store = app.store.for_org(health.tenant());
    let Some(account) = store.get::<ProviderAccount>(health.id).await? else {
        store.delete::<ProviderHealth>(health.id, doc! {}).await?;
        return Ok(CaughtUp::default());
    };
    let began = health.feed.began.unwrap_or_else(|| app.now());
    let since = health.feed.since.unwrap_or_else(|| first_since(&account, began));
    let mut feed = Feed { since: Some(since), began: Some(began), ..health.feed.clone() };
    let outcome = read_pages(app, &store, &account, &mut feed).await;
    let now = app.now();
    match &outcome {
        Ok(done) => {
            feed.problem = None;
            feed.found += i64::try_from(done.found).unwrap_or_default();
            feed.due = Some(if done.complete { now + scaled(READ_EVERY) } else { now });
            if done.complete {
                (feed.since, feed.began, feed.read_at) = (Some(began - OVERLAP), None, Some(now));
            }
        }
        Err(error) => {
            feed.problem = Some(error.to_string());
            feed.due = Some(now + scaled(READ_EVERY));
        }
    }
    keep(&store, health, &feed).await?;
    let done = outcome?;
    metrics::counter!("provider_events_caught_up_total", "type" => account.kind.as_str())
        .increment(u64::try_from(done.found).unwrap_or_default());
    if done.found > 0 {
        tracing::info!(provider = %account.id, found = done.found, "events that no webhook had brought");
    }
    Ok(done)
}

/// Where an account begins that was never read: at the last event heard, or when it was made.
fn first_since(account: &ProviderAccount, now: Timestamp) -> Timestamp {
    let heard = account.last_event_at.unwrap_or(account.created_at) - OVERLAP;
    heard.max(now - FIRST_BACK_MAX)
}

async fn read_pages(
    app: &App,
    store: &TenantStore,
    account: &ProviderAccount,
    feed: &mut Feed,
) -> Result<CaughtUp, AppError> {
    let opened = app.open_account(account).await?;
    let adapter = app.adapter(account.kind)?;
    let since = feed.since.unwrap_or_default();
    let mut done = CaughtUp::default();
    for _ in 0..PAGES_MAX {
        let query = EventsQuery { since, after: feed.after.as_deref() };
        let page = adapter.events(&opened, query).await?;
        done.listed += page.events.len();
        done.found += take_in(app, store, account, page.events).await?;
        feed.after = page.next;
        if feed.after.is_none() {
            done.complete = true;
            break;
        }
    }
    Ok(done)
}

/// Stores those of a page that are not in the inbox; the oldest first, as they happened.
async fn take_in(
    app: &App,
    store: &TenantStore,
    account: &ProviderAccount,
    events: Vec<IncomingEvent>,
) -> Result<usize, AppError> {
    let ids: Vec<Bson> = events.iter().map(|event| Bson::from(event.event_id.as_str())).collect();
    let about = doc! { "providerId": account.id, "eventId": { "$in": ids } };
    let known: Vec<ProviderEvent> = store.find(about, doc! { "_id": 1 }, 0).await?;
    let known: HashSet<&str> = known.iter().map(|event| event.event_id.as_str()).collect();
    let mut missed: Vec<IncomingEvent> =
        events.into_iter().filter(|event| !known.contains(event.event_id.as_str())).collect();
    missed.reverse();
    intake::store_listed(app, account, missed).await
}

/// Notes how far a reading has come, unless another has taken its turn meanwhile.
async fn keep(store: &TenantStore, read: &ProviderHealth, feed: &Feed) -> Result<(), AppError> {
    let (mut set, mut unset) = (Document::new(), doc! { "feed.turn": "" });
    set.insert("feed.found", feed.found);
    set_or_unset(&mut set, &mut unset, "feed.due", feed.due);
    set_or_unset(&mut set, &mut unset, "feed.since", feed.since);
    set_or_unset(&mut set, &mut unset, "feed.after", feed.after.clone());
    set_or_unset(&mut set, &mut unset, "feed.began", feed.began);
    set_or_unset(&mut set, &mut unset, "feed.readAt", feed.read_at);
    set_or_unset(&mut set, &mut unset, "feed.problem", feed.problem.clone());
    let is_mine = doc! { "feed.turn": read.feed.turn.as_deref() };
    store.update::<ProviderHealth>(read.id, is_mine, doc! { "$set": set, "$unset": unset }).await?;
    Ok(())
}
