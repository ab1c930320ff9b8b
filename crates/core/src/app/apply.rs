//! Hear: what providers state becomes what we know. The webhook, the customer's return and the reconciler
//! all end here.

use std::time::Duration;

use bytes::Bytes;
use mongodb::bson::doc;
use tracing::{Instrument, Span, field::Empty};

use super::{App, AppError, CONFLICT_RETRIES, MAJORITY_PAUSE, health, intake::FreshEvent, project};
use crate::{
    domain::{
        ProviderEventId, Tenant, Timestamp, TransactionId,
        provider_account::ProviderAccount,
        provider_event::{ATTEMPTS_MAX, EventState, ProviderEvent},
        transaction::{ProviderUpdate, Source, Transaction},
    },
    fault::{self, Recovery},
    jobs::turns::{self, Work},
    provider::{EventUpdate, IncomingEvent, Interpretation, PaymentHandle, ProviderError, Resolved},
    store::{
        Entity, StoreError,
        due::{self, Due, Waits},
    },
    telemetry,
    timing::scaled,
};

/// How long one worker has to apply an event before another may: longer than its provider may take.
const CLAIM: Duration = Duration::from_mins(2);

/// How often a snapshot that came too late is fetched anew before the work is put off.
const FETCHES_MAX: usize = 5;

/// Why an event is looked at again, or by a person.
const NOT_ASKED: &str = "the provider could not be asked how the payment stands";

/// Why an event cannot be applied again.
const NOT_KEPT: &str = "what the provider said is not kept any longer";

/// Why an event is left alone: an account has payments that are not ours.
const FOREIGN: &str = "not a payment of this gateway";
/// Why an event is ignored that another account here is told of as well.
const ELSEWHERE: &str = "a payment through another provider account of this gateway";

/// What became of an event.
enum Verdict {
    Applied(TransactionId),
    Ignored(&'static str),
    Parked(String, Option<TransactionId>),
    Later(String),
}

/// Applies a stored event. Harmless to repeat, and from several processes at once.
pub async fn apply_event(app: &App, id: ProviderEventId) -> Result<(), AppError> {
    let Some(event) = app.store.lookup_event(id).await? else { return Ok(()) };
    if event.state != EventState::Received {
        return Ok(());
    }
    let applying = async {
        let store = app.store.for_org(event.tenant());
        let verdict = match &event.raw {
            Some(raw) => {
                match store.open(ProviderEvent::COLLECTION, event.id, ProviderEvent::RAW_FIELD, raw).await {
                    Ok(raw) => judge(app, &event, Bytes::from(raw)).await,
                    Err(error) => Err(error.into()),
                }
            }
            None => Ok(Verdict::Parked(NOT_KEPT.to_owned(), event.transaction_id)),
        };
        conclude(app, &event, verdict).await
    };
    telemetry::follow(event.trail.as_ref(), span_of(&event), applying).await
}

fn span_of(event: &ProviderEvent) -> Span {
    tracing::info_span!(
        "apply",
        event = %event.id,
        provider = event.provider_kind.as_str(),
        organization = %event.org,
        request_id = Empty,
        outcome = Empty,
    )
}

/// Applies an event that this process has just stored, without reading it again.
pub async fn apply_fresh(app: &App, fresh: FreshEvent) -> Result<(), AppError> {
    let FreshEvent { event, raw } = fresh;
    let applying = async {
        let verdict = judge(app, &event, raw).await;
        conclude(app, &event, verdict).await
    };
    telemetry::follow(event.trail.as_ref(), span_of(&event), applying).await
}

async fn conclude(
    app: &App,
    event: &ProviderEvent,
    verdict: Result<Verdict, AppError>,
) -> Result<(), AppError> {
    fault::point("apply.after_project");
    Span::current().record("outcome", outcome_of(&verdict));
    mark(app, event, verdict.unwrap_or_else(|error| Verdict::Later(error.to_string()))).await?;
    fault::point("apply.after_mark");
    Ok(())
}

const fn outcome_of(verdict: &Result<Verdict, AppError>) -> &'static str {
    match verdict {
        Ok(Verdict::Applied(_)) => "applied",
        Ok(Verdict::Ignored(_)) => "ignored",
        Ok(Verdict::Parked(..)) => "parked",
        Ok(Verdict::Later(_)) => "later",
        Err(_) => "failed",
    }
}

async fn judge(app: &App, event: &ProviderEvent, raw: Bytes) -> Result<Verdict, AppError> {
    let tenant = event.tenant();
    crate::jobs::relay::announce_provider_event(app, event, &raw).await?;
    let incoming = IncomingEvent { event_id: event.event_id.clone(), name: event.name.clone(), raw };
    let EventUpdate { livemode, account, update } =
        match app.adapter(event.provider_kind)?.interpret(&incoming) {
            Ok(Interpretation::Ignored(reason)) => return Ok(Verdict::Ignored(reason)),
            Ok(Interpretation::Update(update)) => *update,
            Err(error) => return Ok(Verdict::Later(format!("the event could not be read: {error}"))),
        };
    let provider = app.provider(event.provider_id).await?.ok_or(AppError::NotFound("provider"))?;
    if livemode.is_some_and(|live| live != event.mode.is_live()) {
        return Ok(Verdict::Parked("the event is of the other mode".to_owned(), None));
    }
    if let (Some(stated), Some(known)) = (&account, &provider.account)
        && stated != known
    {
        return Ok(Verdict::Parked(format!("the event is of the account {stated}"), None));
    }
    let mut update = update;
    let found = match find(app, tenant, &provider, &update).await? {
        Some(transaction) => Ok(transaction),
        None => follow(app, event, &provider, &incoming, &mut update).await?,
    };
    match found {
        Ok(transaction) => take_event(app, event, &provider, transaction, &update).await,
        Err(verdict) => Ok(verdict),
    }
}

/// Applies an event to its transaction, beside a snapshot where it needs one.
async fn take_event(
    app: &App,
    event: &ProviderEvent,
    provider: &ProviderAccount,
    mut transaction: Transaction,
    update: &ProviderUpdate,
) -> Result<Verdict, AppError> {
    let store = app.store.for_org(transaction.tenant());
    for _ in 0..FETCHES_MAX {
        let id = transaction.id;
        let needs_snapshot = transaction.needs_snapshot(update);
        let snapshot = if needs_snapshot { try_fetch(app, provider, &transaction).await } else { None };
        let is_alone = needs_snapshot && snapshot.is_none();
        // What does not fit is not held against the payment before its provider was asked.
        if is_alone && !is_last(event) && transaction.check(update).is_err() {
            return Ok(Verdict::Later(NOT_ASKED.to_owned()));
        }
        if let Some(verdict) = take_in(app, transaction, snapshot, Some(update)).await? {
            return if is_alone { alone(app, event, verdict, update).await } else { Ok(verdict) };
        }
        transaction = store.get(id).await?.ok_or(AppError::NotFound("transaction"))?;
    }
    Ok(Verdict::Later("the transaction changed each time while it was fetched".to_owned()))
}

/// An event that was applied without the snapshot that it needs is not done with: its provider is asked again. In the
/// end what it says by itself counts, and a person looks where it does not say enough.
async fn alone(
    app: &App,
    event: &ProviderEvent,
    verdict: Verdict,
    update: &ProviderUpdate,
) -> Result<Verdict, AppError> {
    let Verdict::Applied(id) = verdict else { return Ok(verdict) };
    if !is_last(event) {
        return Ok(Verdict::Later(NOT_ASKED.to_owned()));
    }
    let transaction = app.store.for_org(event.tenant()).get::<Transaction>(id).await?;
    let misses = transaction.is_some_and(|transaction| transaction.misses_refund_of(update));
    Ok(if misses { Verdict::Parked(NOT_ASKED.to_owned(), Some(id)) } else { Verdict::Applied(id) })
}

const fn is_last(event: &ProviderEvent) -> bool {
    event.attempts + 1 >= ATTEMPTS_MAX
}

/// Follows an event that names nothing known here over its provider to the payment, and remembers the way.
async fn follow(
    app: &App,
    event: &ProviderEvent,
    provider: &ProviderAccount,
    incoming: &IncomingEvent,
    update: &mut ProviderUpdate,
) -> Result<Result<Transaction, Verdict>, AppError> {
    // It says whose it is: that one is not there, and asking changes nothing.
    if update.transaction_id.is_some() {
        return Ok(Err(not_found(app, event, update).await?));
    }
    let account = app.open_account(provider).await?;
    let resolved = app.adapter(provider.kind)?.resolve(&account, incoming).await;
    let (refs, transaction_id) = match resolved {
        Ok(Resolved::Payment { refs, transaction_id }) => (refs, transaction_id),
        Ok(Resolved::Foreign) => return Ok(Err(Verdict::Ignored(FOREIGN))),
        Err(ProviderError::Unsupported(_)) => return Ok(Err(not_found(app, event, update).await?)),
        Err(error) => {
            return Ok(Err(Verdict::Later(format!("its payment could not be asked for: {error}"))));
        }
    };
    for reference in refs {
        if !update.refs.contains(&reference) {
            update.refs.push(reference);
        }
    }
    update.transaction_id = transaction_id;
    match find(app, event.tenant(), provider, update).await? {
        Some(transaction) => Ok(Ok(transaction)),
        None if transaction_id.is_none() => Ok(Err(Verdict::Ignored(FOREIGN))),
        None => Ok(Err(not_found(app, event, update).await?)),
    }
}

/// An account has payments that are not ours, and two of ours may be one at the provider: each then hears of the other's
/// payments. What names a transaction that nobody here has must be found, though.
async fn not_found(app: &App, event: &ProviderEvent, update: &ProviderUpdate) -> Result<Verdict, AppError> {
    if let Some(id) = update.transaction_id
        && let Some(other) = app.store.lookup_provider_of(id).await?
        && other != event.provider_id
        && app.provider(other).await?.is_some_and(|account| account.enabled)
    {
        // That account hears of it by itself.
        return Ok(Verdict::Ignored(ELSEWHERE));
    }
    Ok(match update.transaction_id {
        Some(id) if is_last(event) => Verdict::Parked(format!("the transaction {id} is not there"), None),
        None if is_last(event) => Verdict::Ignored(FOREIGN),
        _ => Verdict::Later("the transaction is not there (yet)".to_owned()),
    })
}

async fn find(
    app: &App,
    tenant: Tenant,
    provider: &ProviderAccount,
    update: &ProviderUpdate,
) -> Result<Option<Transaction>, AppError> {
    let store = app.store.for_org(tenant);
    if let Some(id) = update.transaction_id {
        let found = store.get::<Transaction>(id).await?;
        return Ok(found.filter(|t| t.provider_id == Some(provider.id)));
    }
    if update.refs.is_empty() {
        return Ok(None);
    }
    let refs: Vec<&str> = update.refs.iter().map(crate::domain::transaction::ProviderRef::as_str).collect();
    Ok(store.find_one(doc! { "providerId": provider.id, "refs": { "$in": refs } }).await?)
}

/// A snapshot of a transaction as its provider has it now.
async fn fetch(
    app: &App,
    provider: &ProviderAccount,
    transaction: &Transaction,
) -> Result<ProviderUpdate, AppError> {
    let account = app.open_account(provider).await?;
    let handle = handle_of(app, transaction);
    let snapshot = app.adapter(provider.kind)?.fetch(&account, &handle).await?;
    health::note_unread(app, provider, &snapshot.unread).await;
    Ok(snapshot)
}

async fn try_fetch(
    app: &App,
    provider: &ProviderAccount,
    transaction: &Transaction,
) -> Option<ProviderUpdate> {
    match fetch(app, provider, transaction).await {
        Ok(snapshot) => Some(snapshot),
        Err(error) => {
            tracing::info!(transaction = %transaction.id, %error, "no snapshot, the event alone is applied");
            None
        }
    }
}

/// A transaction as an adapter sees it.
pub fn handle_of(app: &App, transaction: &Transaction) -> PaymentHandle {
    PaymentHandle {
        transaction_id: transaction.id,
        amount: transaction.money(),
        refs: transaction.refs.clone(),
        now: app.now(),
    }
}

/// Takes a snapshot (fetched after `transaction` was read) and an event in, by compare-and-set. `None` where
/// somebody came between read and write: the snapshot may be older than what is stored now, so it is dropped
/// and must be fetched again.
async fn take_in(
    app: &App,
    transaction: Transaction,
    snapshot: Option<ProviderUpdate>,
    event: Option<&ProviderUpdate>,
) -> Result<Option<Verdict>, AppError> {
    let store = app.store.for_org(transaction.tenant());
    let id = transaction.id;
    let mut current = transaction;
    let mut gives_way = false;
    for _ in 0..CONFLICT_RETRIES {
        fault::point("apply.after_load");
        if !current.outbox.has_room() {
            return Err(AppError::Busy);
        }
        let seq = current.outbox.seq;
        let outcome = merge(&mut current, snapshot.as_ref(), event, app.now());
        if !outcome.changed {
            // Whoever took it in may not have a majority behind them yet: a fail-over would take it back.
            if !store.is_committed(&current).await? {
                tokio::time::sleep(MAJORITY_PAUSE).await;
                let read = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
                if snapshot.is_some() && read.version != current.version {
                    return Ok(None);
                }
                current = read;
                continue;
            }
            // It may have been this very update whose projection was cut off.
            if Recovery::Projection.is_on() {
                project::project_checkout(app, &current).await?;
            }
            return Ok(Some(outcome.verdict(id)));
        }
        if gives_way {
            current.open = None;
        }
        app.address(&mut current, seq).await?;
        match store.save(&mut current).await {
            Ok(()) => {
                fault::point("apply.after_save");
                project::project_checkout(app, &current).await?;
                return Ok(Some(outcome.verdict(id)));
            }
            Err(StoreError::Conflict) if snapshot.is_some() => return Ok(None),
            Err(StoreError::Conflict) => {}
            // The bank tries a failed payment again, and the customer has begun another meanwhile: only one
            // may be the checkout's open one.
            Err(StoreError::Duplicate) if !gives_way => gives_way = true,
            Err(error) => return Err(error.into()),
        }
        let read = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
        if gives_way && snapshot.is_some() && read.version != current.version {
            return Ok(None);
        }
        current = read;
    }
    Err(AppError::Busy)
}

struct Merged {
    changed: bool,
    mismatch: Option<String>,
}

impl Merged {
    fn verdict(self, id: TransactionId) -> Verdict {
        match self.mismatch {
            Some(reason) => Verdict::Parked(reason, Some(id)),
            None => Verdict::Applied(id),
        }
    }
}

fn merge(
    transaction: &mut Transaction,
    snapshot: Option<&ProviderUpdate>,
    event: Option<&ProviderUpdate>,
    now: Timestamp,
) -> Merged {
    let before = transaction.outbox.seq;
    let mut merged = Merged { changed: false, mismatch: None };
    let mut status_changed = false;
    let (snapshot, event) = (snapshot.cloned(), event.cloned());
    let agreed = snapshot.as_ref().filter(|snapshot| transaction.check(snapshot).is_ok()).cloned();
    if let Some(agreed) = &agreed {
        merged.changed |= transaction.before_snapshot(agreed, now);
    }
    for mut update in [snapshot, event].into_iter().flatten() {
        if let Some(agreed) = &agreed {
            update.refunds.retain(|fact| !transaction.is_released(&fact.reference, agreed));
            update.refunds.extend(transaction.released_refunds(agreed));
        }
        match transaction.check(&update) {
            Ok(()) => {
                let applied = transaction.apply(&update, now);
                merged.changed |= applied.changed;
                status_changed |= applied.status_changed;
            }
            // The provider, asked in the version of its API that is pinned here, says what was stored: the event is
            // told in another one.
            Err(mismatch) if agreed.is_some() => {
                tracing::info!(transaction = %transaction.id, %mismatch, "an event gives way to its snapshot");
            }
            Err(mismatch) => {
                transaction.flag(mismatch.reason(), mismatch.to_string(), now);
                merged.mismatch = Some(mismatch.to_string());
            }
        }
    }
    merged.changed |= transaction.outbox.seq != before;
    if merged.changed {
        transaction.schedule_reconcile(status_changed, now);
    }
    merged
}

async fn mark(app: &App, event: &ProviderEvent, verdict: Verdict) -> Result<(), AppError> {
    let now = app.now();
    let (state, reason, transaction) = match verdict {
        Verdict::Applied(id) => ("applied", None, Some(id)),
        Verdict::Ignored(reason) => ("ignored", Some(reason.to_owned()), None),
        Verdict::Parked(reason, id) => ("parked", Some(reason), id),
        Verdict::Later(reason) if event.attempts + 1 >= ATTEMPTS_MAX => ("parked", Some(reason), None),
        Verdict::Later(reason) => {
            let due = now + backoff(event.attempts);
            let update = doc! { "$set": { "attempts": event.attempts + 1, "due": due, "reason": reason } };
            return update_event(app, event, update).await;
        }
    };
    if state == "parked" {
        tracing::warn!(event = %event.event_id, reason = reason.as_deref(), "a provider's event is parked");
        metrics::counter!("provider_events_parked_total").increment(1);
    }
    let mut set = doc! { "state": state };
    let mut unset = doc! { "due": "" };
    match reason {
        Some(reason) => {
            set.insert("reason", reason);
        }
        None => {
            unset.insert("reason", "");
        }
    }
    if let Some(id) = transaction {
        set.insert("transactionId", id);
    }
    update_event(app, event, doc! { "$set": set, "$unset": unset }).await
}

async fn update_event(
    app: &App,
    event: &ProviderEvent,
    update: mongodb::bson::Document,
) -> Result<(), AppError> {
    let mut filter = app.store.for_org(event.tenant()).by_id::<ProviderEvent>(event.id);
    filter.insert("state", "received");
    Ok(app.store.event_marks().update(filter, update).await?)
}

/// 2 s, 4 s … 4 min: eight attempts take about eight minutes.
fn backoff(attempts: i64) -> Duration {
    scaled(Duration::from_secs(2_u64 << attempts.clamp(0, 7)))
}

/// The worker's part: applies what nobody applied.
#[derive(Debug)]
pub struct EventSweep;

impl Work for EventSweep {
    const NAME: &'static str = "event_sweep";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = due::EVENTS;
    /// After a flood this is how fast an organization's inbox empties; most of it is waiting for the database.
    const AT_ONCE: usize = 8;

    fn is_on(&self) -> bool {
        Recovery::EventSweep.is_on()
    }

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        if app.store.claim_due(Self::WAITS, due, app.now() + scaled(CLAIM)).await? {
            apply_event(app, ProviderEventId::from_bytes(due.id)).await?;
        }
        Ok(())
    }
}

/// Applies what is due, in one hand. Answers how many there were.
pub async fn sweep_events(app: &App) -> Result<usize, AppError> {
    turns::pass(app, &EventSweep).await
}

/// The customer is back, or a person asks: fetch from the provider and take it in.
pub async fn confirm(app: &App, transaction: &Transaction) -> Result<Transaction, AppError> {
    Ok(look(app, transaction).await?.transaction)
}

/// A payment after its provider was asked.
pub(super) struct Looked {
    /// With everything that was said taken in.
    pub(super) transaction: Transaction,
    /// Whether the provider showed every refund that it has.
    pub(super) shows_refunds: bool,
}

/// [`confirm`], for those who must know what was seen.
pub(super) async fn look(app: &App, transaction: &Transaction) -> Result<Looked, AppError> {
    let (Some(provider_id), false) = (transaction.provider_id, transaction.refs.is_empty()) else {
        return Ok(Looked { transaction: transaction.clone(), shows_refunds: false });
    };
    let store = app.store.for_org(transaction.tenant());
    let provider = store.get::<ProviderAccount>(provider_id).await?;
    let provider = provider.ok_or(AppError::NotFound("provider"))?;
    let mut shows_refunds = false;
    for _ in 0..FETCHES_MAX {
        let current =
            store.get::<Transaction>(transaction.id).await?.ok_or(AppError::NotFound("transaction"))?;
        let snapshot = fetch(app, &provider, &current).await?;
        let is_whole = !snapshot.unread.iter().any(|unread| unread.is_of("refund"));
        if take_in(app, current, Some(snapshot), None).await?.is_some() {
            shows_refunds = is_whole;
            break;
        }
    }
    let transaction = store.get(transaction.id).await?.ok_or(AppError::NotFound("transaction"))?;
    Ok(Looked { transaction, shows_refunds })
}

/// Takes in an answer that an adapter gave to a call of ours (a refund).
pub async fn take_answer(
    app: &App,
    transaction: &Transaction,
    update: ProviderUpdate,
) -> Result<(), AppError> {
    debug_assert!(update.source != Source::Fetch, "an answer about a part is not a snapshot of the whole");
    take_in(app, transaction.clone(), None, Some(&update)).await?;
    Ok(())
}

/// The reconciler: asks providers about transactions that are not final, and finishes refunds, captures and cancels that
/// were cut off.
#[derive(Debug)]
pub struct Reconciler;

impl Work for Reconciler {
    const NAME: &'static str = "reconciler";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = due::RECONCILES;
    const AT_ONCE: usize = 4;

    fn is_on(&self) -> bool {
        Recovery::Reconciler.is_on()
    }

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let id = TransactionId::from_bytes(due.id);
        let span =
            tracing::info_span!("reconcile", transaction = %id, organization = %due.tenant.organization);
        reconcile(app, due.tenant, id).instrument(span).await
    }
}

/// Asks about what is due, in one hand. Answers how many there were.
pub async fn reconcile_due(app: &App) -> Result<usize, AppError> {
    turns::pass(app, &Reconciler).await
}

async fn reconcile(app: &App, tenant: Tenant, id: TransactionId) -> Result<(), AppError> {
    // First the next date, so that a provider that hangs is not asked again at once; whoever sets it has the turn.
    let Some(transaction) = &postpone(app, tenant, id).await? else { return Ok(()) };
    let asked = ask(app, transaction).await;
    // Also where the provider cannot be asked: that is when a person is needed most.
    let store = app.store.for_org(transaction.tenant());
    if let Some(current) = store.get::<Transaction>(transaction.id).await? {
        flag_overdue(app, &current).await?;
    }
    asked
}

async fn ask(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    super::operate::resume(app, transaction).await?;
    super::start_payment::end_if_unpayable(app, transaction).await?;
    confirm(app, transaction).await?;
    Ok(())
}

/// Sets the next date; `None` where another worker has done so.
async fn postpone(app: &App, tenant: Tenant, id: TransactionId) -> Result<Option<Transaction>, AppError> {
    let now = app.now();
    let change = app.change::<Transaction, bool, _>(tenant, id, "transaction", |t| {
        let due = t.reconcile.is_some_and(|r| r.due <= now);
        if due {
            t.advance_reconcile(now);
        }
        Ok((due, due))
    });
    let (transaction, is_ours) = change.await?;
    Ok(is_ours.then_some(transaction))
}

/// A payment is never failed because polling ran out: a person looks at it.
async fn flag_overdue(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let now = app.now();
    let kind = transaction.provider_kind;
    let lasts = kind.and_then(|kind| app.adapter(kind).ok()?.capabilities().authorization_lasts);
    if !transaction.overdue(lasts, now).iter().any(|overdue| !transaction.is_flagged(overdue.reason())) {
        return Ok(());
    }
    app.change::<Transaction, (), _>(transaction.tenant(), transaction.id, "transaction", |t| {
        let overdue = t.overdue(lasts, now);
        let fresh: Vec<_> = overdue.iter().filter(|overdue| !t.is_flagged(overdue.reason())).collect();
        for overdue in &fresh {
            t.flag(overdue.reason(), overdue.to_string(), now);
        }
        Ok((!fresh.is_empty(), ()))
    })
    .await?;
    metrics::counter!("transactions_overdue_total").increment(1);
    Ok(())
}
