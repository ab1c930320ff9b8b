//! Pay: a customer chose a provider. The transaction is stored before the provider is called, and names the
//! provider's idempotency key, so that a click repeated after a crash starts nothing twice.

use std::time::Duration;

use mongodb::bson::doc;

use super::{
    App, AppError, apply,
    discount_claims::{self, Moment},
    orders::gate::{self, SecondPayment},
    project, reprice,
};
use crate::{
    domain::{
        Money, ProviderId, Timestamp, TransactionId,
        checkout::{Checkout, CheckoutStatus, Customer, Price, items},
        discount::DiscountRefusal,
        provider_account::ProviderAccount,
        transaction::{
            Failure, NextStep, PROVIDER_REJECTED, Payment, PaymentState, ProviderRef, StartPlan,
            StatusChange, Transaction, TransactionStatus,
        },
    },
    fault::{self, Recovery},
    provider::{Account, NotTaken, PaymentHandle, ProviderError, StartPayment, Started},
    store::{Entity, StoreError, seal_with},
};

/// A page that ends sooner than this is not worth leading a customer to.
const PAGE_MARGIN: Duration = Duration::from_mins(5);

/// Why a checkout cannot be paid (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpayable {
    /// Paid.
    Paid,
    /// Its time ran out.
    Expired,
    /// The merchant ended it.
    Cancelled,
    /// A newer checkout of the same order took its place.
    Superseded,
}

impl Unpayable {
    /// How an open payment of such a checkout ends.
    const fn end_state(self) -> PaymentState {
        match self {
            Self::Expired => PaymentState::Expired,
            Self::Cancelled | Self::Superseded | Self::Paid => PaymentState::Cancelled,
        }
    }

    /// As an error of the runtime API.
    pub fn into_error(self) -> AppError {
        let (code, message) = match self {
            Self::Paid => ("CHECKOUT_ALREADY_PAID", "this checkout has been paid"),
            Self::Expired => ("CHECKOUT_EXPIRED", "this checkout has expired"),
            Self::Cancelled => ("CHECKOUT_CANCELLED", "this checkout was cancelled"),
            Self::Superseded => ("CHECKOUT_SUPERSEDED", "there is a newer checkout for this order"),
        };
        AppError::conflict(code, message)
    }
}

/// A started payment, as the page needs it.
#[derive(Debug, Clone)]
pub struct StartedPayment {
    /// The transaction.
    pub transaction: Transaction,
    /// What the customer does next; absent where there is nothing but to wait.
    pub next: Option<NextStep>,
}

/// Whether a checkout can be paid now.
pub async fn payable(app: &App, checkout: &Checkout) -> Result<Result<(), Unpayable>, AppError> {
    let verdict = match checkout.status {
        CheckoutStatus::Paid | CheckoutStatus::Completed => Err(Unpayable::Paid),
        CheckoutStatus::Expired => Err(Unpayable::Expired),
        CheckoutStatus::Cancelled => Err(Unpayable::Cancelled),
        CheckoutStatus::Open if checkout.is_past_expiry(app.now()) => Err(Unpayable::Expired),
        CheckoutStatus::Open if app.store.for_org(checkout.tenant()).is_superseded(checkout).await? => {
            Err(Unpayable::Superseded)
        }
        CheckoutStatus::Open => Ok(()),
    };
    Ok(verdict)
}

/// The providers that a checkout offers, in the site's order: those that take its amount.
pub async fn offered_providers(app: &App, checkout: &Checkout) -> Result<Vec<ProviderAccount>, AppError> {
    let of_site = providers_of_site(app, checkout).await?;
    Ok(of_site.into_iter().filter(|provider| takes(app, checkout, provider).is_ok()).collect())
}

/// Why no provider of the site takes a checkout, where its amount stands against it: the bound that is nearest. `None`
/// where one takes it, or nothing but other reasons are left.
pub async fn amount_out_of_range(app: &App, checkout: &Checkout) -> Result<Option<NotTaken>, AppError> {
    let (mut least, mut most) = (None::<Money>, None::<Money>);
    for provider in providers_of_site(app, checkout).await? {
        match takes(app, checkout, &provider) {
            Ok(()) => return Ok(None),
            Err(NotTaken::TooSmall(bound)) if least.is_none_or(|known| bound.minor < known.minor) => {
                least = Some(bound);
            }
            Err(NotTaken::TooLarge(bound)) if most.is_none_or(|known| bound.minor > known.minor) => {
                most = Some(bound);
            }
            Err(_) => {}
        }
    }
    Ok(least.map(NotTaken::TooSmall).or(most.map(NotTaken::TooLarge)))
}

/// The enabled providers of a checkout's site, in its order.
async fn providers_of_site(app: &App, checkout: &Checkout) -> Result<Vec<ProviderAccount>, AppError> {
    let tenant = checkout.tenant();
    let site = app.site(tenant, checkout.site_id).await?.ok_or(AppError::NotFound("site"))?;
    let enabled = app.enabled_providers(tenant).await?;
    if site.provider_ids.is_empty() {
        return Ok(enabled.iter().cloned().collect());
    }
    let chosen = site.provider_ids.iter().filter_map(|id| enabled.iter().find(|p| p.id == *id));
    Ok(chosen.cloned().collect())
}

/// Whether a provider takes a checkout.
fn takes(app: &App, checkout: &Checkout, provider: &ProviderAccount) -> Result<(), NotTaken> {
    if !provider.is_for(checkout.currency) {
        return Err(NotTaken::Currency);
    }
    let adapter = app.adapter(provider.kind).map_err(|_| NotTaken::Currency)?;
    adapter.accepts(checkout.money(), checkout.capture_method)
}

/// Starts a payment, or answers the one that runs. Where another payment of the order holds money or is on its way, the
/// customer is asked first: `second` says whether they were.
pub async fn start_payment(
    app: &App,
    checkout: &Checkout,
    provider_id: ProviderId,
    second: SecondPayment,
) -> Result<StartedPayment, AppError> {
    if let Err(reason) = payable(app, checkout).await? {
        return Err(reason.into_error());
    }
    let offered = offered_providers(app, checkout).await?;
    let provider = offered.into_iter().find(|p| p.id == provider_id);
    let provider =
        provider.ok_or_else(|| AppError::field("providerId", "is not offered for this checkout"))?;
    // Boxed: these futures are large, and every handler that starts payments would carry them.
    let transaction = match open_transaction(app, checkout).await? {
        None => Box::pin(begin(app, checkout, &provider, second)).await?,
        Some(open) => match Box::pin(take_over(app, checkout, &provider, open)).await? {
            Taken::Running(started) => return Ok(started),
            Taken::Resume(transaction) => {
                // Another click may have stored it, with a price that is not what is seen here.
                reprice::agree(app, checkout, &transaction).await?;
                transaction
            }
            Taken::Ended => Box::pin(begin(app, checkout, &provider, second)).await?,
        },
    };
    enter_into_order(app, checkout, &transaction).await?;
    Box::pin(discount_claims::hold(app, checkout, &transaction)).await?;
    Box::pin(call_provider(app, checkout, &provider, transaction)).await
}

/// Stores a payment, unless one has succeeded or the checkout has ended meanwhile.
async fn begin(
    app: &App,
    checkout: &Checkout,
    provider: &ProviderAccount,
    second: SecondPayment,
) -> Result<Transaction, AppError> {
    if take_in_paid(app, checkout).await? {
        return Err(Unpayable::Paid.into_error());
    }
    if second == SecondPayment::Ask
        && let Some(asks) = gate::asks(app, checkout).await?
    {
        return Err(asks.into_error());
    }
    discount_claims::refuse_spent(app, checkout).await?;
    let transaction = insert(app, checkout, provider, second).await?;
    // Whoever ends a checkout looks for open payments once more after that; here the checkout is looked at
    // once more after the payment was stored. So one of the two sees the other.
    let current = reprice::agree(app, checkout, &transaction).await?;
    if let Err(reason) = payable(app, &current).await? {
        end_at_provider(app, &transaction, reason.end_state(), "customer").await?;
        return Err(reason.into_error());
    }
    Ok(transaction)
}

/// Enters a payment into its order before its provider is called. Where another one has come before it meanwhile, it is
/// ended, and the customer asked.
async fn enter_into_order(app: &App, checkout: &Checkout, transaction: &Transaction) -> Result<(), AppError> {
    let Some(asks) = gate::begin(app, checkout, transaction).await? else { return Ok(()) };
    end_unheard(app, transaction).await?;
    Err(asks.into_error())
}

/// Projects a payment that succeeded and whose projection was cut off; whether there is one.
pub(super) async fn take_in_paid(app: &App, checkout: &Checkout) -> Result<bool, AppError> {
    let filter = doc! { "checkoutId": checkout.id, "succeededAt": { "$exists": true } };
    let paid = app.store.for_org(checkout.tenant()).find_one::<Transaction>(filter).await?;
    if let Some(paid) = &paid {
        project::project_checkout(app, paid).await?;
    }
    Ok(paid.is_some())
}

/// The transaction of a checkout that may still be paid.
pub async fn open_transaction(app: &App, checkout: &Checkout) -> Result<Option<Transaction>, AppError> {
    let filter = doc! { "checkoutId": checkout.id, "open": true };
    Ok(app.store.for_org(checkout.tenant()).find_one(filter).await?)
}

enum Taken {
    /// Nothing to start.
    Running(StartedPayment),
    /// Stored, but the provider was never heard: call it (again).
    Resume(Transaction),
    /// Ended; another may begin.
    Ended,
}

/// A customer who comes back resumes their payment; one who chooses another method ends the first.
async fn take_over(
    app: &App,
    checkout: &Checkout,
    provider: &ProviderAccount,
    open: Transaction,
) -> Result<Taken, AppError> {
    if !open.may_be_given_up() {
        // A transfer that has come in part still needs the rest.
        let next = if open.awaits_transfer() { next_step(app, &open).await? } else { None };
        return Ok(Taken::Running(StartedPayment { transaction: open, next }));
    }
    if open.provider_id == Some(provider.id) && Recovery::StartResume.is_on() {
        return match next_step(app, &open).await? {
            Some(_) if is_spent(app, &open)? => renew(app, checkout, provider, open).await,
            Some(next) => Ok(Taken::Running(StartedPayment { transaction: open, next: Some(next) })),
            None => Ok(Taken::Resume(open)),
        };
    }
    give_up(app, &open, PaymentState::Cancelled).await
}

/// Ends a payment so that another may begin.
async fn give_up(app: &App, open: &Transaction, state: PaymentState) -> Result<Taken, AppError> {
    let ended = end_at_provider(app, open, state, "customer").await?;
    if ended.succeeded_at.is_some() {
        project::project_checkout(app, &ended).await?;
        return Err(Unpayable::Paid.into_error());
    }
    if ended.status.is_open() {
        let message = "the payment that was begun cannot be ended now: wait for its outcome";
        return Err(AppError::conflict("PAYMENT_RUNNING", message));
    }
    Ok(Taken::Ended)
}

/// Whether the way that the customer was shown works no more, or is about to end: providers' pages live for hours or
/// days, checkouts up to 130 days.
fn is_spent(app: &App, open: &Transaction) -> Result<bool, AppError> {
    let Some(kind) = open.provider_kind else { return Ok(false) };
    let lives = app.adapter(kind)?.capabilities().page_lives;
    let ends = open.next_until.or_else(|| lives.map(|lives| open.created_at + lives));
    Ok(ends.is_some_and(|ends| app.now() + PAGE_MARGIN >= ends))
}

/// Leads the customer to the same payment by another way, or ends it where its provider knows none. Looks first: it
/// may have been paid, or have ended, without anybody here having heard.
async fn renew(
    app: &App,
    checkout: &Checkout,
    provider: &ProviderAccount,
    open: Transaction,
) -> Result<Taken, AppError> {
    let open = apply::confirm(app, &open).await?;
    if open.succeeded_at.is_some() {
        project::project_checkout(app, &open).await?;
        return Err(Unpayable::Paid.into_error());
    }
    if !open.status.is_open() {
        return Ok(Taken::Ended);
    }
    if !open.may_be_given_up() {
        return Ok(Taken::Running(StartedPayment { transaction: open, next: None }));
    }
    let account = app.open_account(provider).await?;
    let adapter = app.adapter(provider.kind)?;
    let mut request = request_of(app, checkout, &open).await?;
    let handle = apply::handle_of(app, &open);
    let mut renewed = adapter.renew(&account, &handle, &request).await;
    if let Err(ProviderError::CustomerData(_)) = renewed {
        request.plan = keep_plan(app, &open, StartPlan { without_customer: true, ..request.plan }).await?;
        renewed = adapter.renew(&account, &handle, &request).await;
    }
    match renewed {
        Ok(Some(started)) => save_started(app, open, started).await.map(Taken::Running),
        Ok(None) => give_up(app, &open, PaymentState::Expired).await,
        Err(error) => {
            tracing::warn!(transaction = %open.id, %error, "a payment's page could not be made anew");
            Err(error.into())
        }
    }
}

/// What the customer does next in a payment that was started.
pub async fn next_step(app: &App, transaction: &Transaction) -> Result<Option<NextStep>, AppError> {
    let Some(sealed) = &transaction.next else { return Ok(None) };
    let store = app.store.for_org(transaction.tenant());
    let text = store.open(Transaction::COLLECTION, transaction.id, Transaction::NEXT_FIELD, sealed).await?;
    serde_json::from_str(&text).map(Some).map_err(|e| AppError::internal(e.to_string()))
}

async fn insert(
    app: &App,
    checkout: &Checkout,
    provider: &ProviderAccount,
    second: SecondPayment,
) -> Result<Transaction, AppError> {
    let tenant = checkout.tenant();
    let mut transaction = new_transaction(checkout, TransactionId::generate(), app.now());
    transaction.second_accepted = second == SecondPayment::Accepted;
    transaction.provider_id = Some(provider.id);
    transaction.provider_kind = Some(provider.kind);
    transaction.schedule_reconcile(true, app.now());
    transaction.announce_initiated(app.now());
    app.address(&mut transaction, 0).await?;
    match app.store.for_org(tenant).insert(&transaction).await {
        Ok(()) => {
            fault::point("start.after_insert");
            Ok(transaction)
        }
        // Two clicks at once: the index on (checkout, open) let one through; this one takes its result.
        Err(StoreError::Duplicate) => match open_transaction(app, checkout).await? {
            Some(open) if open.provider_id == Some(provider.id) => Ok(open),
            _ => Err(AppError::conflict("PAYMENT_RUNNING", "another payment was just begun")),
        },
        Err(error) => Err(error.into()),
    }
}

/// A transaction that pays a checkout, not yet stored and without a provider.
pub(super) fn new_transaction(checkout: &Checkout, id: TransactionId, now: Timestamp) -> Transaction {
    let money = Money::new(checkout.amount, checkout.currency);
    let begun = StatusChange { status: TransactionStatus::Initiated, at: now, source: "customer".to_owned() };
    Transaction {
        session_public_id: checkout.public_id.clone(),
        external_reference: checkout.external_reference.clone(),
        invoice_number: checkout.invoice_number.clone(),
        metadata: checkout.metadata.clone(),
        client_id: checkout.client_id.clone(),
        discount_id: checkout.discount.as_ref().map(|discount| discount.id),
        capture_method: checkout.capture_method,
        stands_alone: checkout.stands_alone,
        history: vec![begun],
        expires_at: checkout.expires_at,
        ..Transaction::initiated(id, checkout.tenant(), checkout.site_id, checkout.id, money, now)
    }
}

async fn call_provider(
    app: &App,
    checkout: &Checkout,
    provider: &ProviderAccount,
    transaction: Transaction,
) -> Result<StartedPayment, AppError> {
    let account = app.open_account(provider).await?;
    let mut request = request_of(app, checkout, &transaction).await?;
    match start(app, provider, &account, &transaction, &mut request).await? {
        Ok(started) => {
            let started = save_started(app, transaction, started).await?;
            let saved = &started.transaction;
            if saved.status.is_open() || saved.succeeded_at.is_some() {
                return Ok(started);
            }
            withdraw(app, provider, &account, saved).await;
            let text = "this payment was ended while it was being started: choose again";
            Err(AppError::conflict("PAYMENT_ENDED", text))
        }
        Err(ProviderError::Rejected(failure) | ProviderError::CustomerData(failure)) => {
            tracing::info!(transaction = %transaction.id, code = %failure.code, "a start was refused");
            fail_start(app, &transaction, failure).await?;
            // Not in the provider's words: they may repeat what the customer entered, and whoever holds the session
            // reads this.
            let message = "the payment provider did not take this payment".to_owned();
            Err(AppError::Provider { code: PROVIDER_REJECTED, message })
        }
        Err(error) => {
            tracing::warn!(transaction = %transaction.id, %error, "a payment could not be started");
            Err(error.into())
        }
    }
}

/// Asks the provider to start a payment; otherwise than before where it says why that cannot work. What is changed is
/// stored before it is used, so that whoever resumes the payment asks alike.
async fn start(
    app: &App,
    provider: &ProviderAccount,
    account: &Account,
    transaction: &Transaction,
    request: &mut StartPayment,
) -> Result<Result<Started, ProviderError>, AppError> {
    let adapter = app.adapter(provider.kind)?;
    let first = request.plan;
    loop {
        let answer = adapter.start(account, request).await;
        fault::point("start.after_provider");
        let plan = match &answer {
            Err(ProviderError::CustomerData(_)) if !request.plan.without_customer => {
                StartPlan { without_customer: true, ..request.plan }
            }
            // Once a click: while the provider is down every key is spent at once.
            Err(ProviderError::KeySpent(_)) if request.plan.round == first.round => {
                StartPlan { round: request.plan.round + 1, ..request.plan }
            }
            _ => return Ok(answer),
        };
        request.plan = keep_plan(app, transaction, plan).await?;
        request.now = app.now();
    }
}

/// Remembers how a payment is started from now on. Clicks at the same moment agree: nothing that one of them has
/// learned is forgotten.
async fn keep_plan(app: &App, transaction: &Transaction, plan: StartPlan) -> Result<StartPlan, AppError> {
    let (_, plan) = app
        .change::<Transaction, _, _>(transaction.tenant(), transaction.id, "transaction", |t| {
            let stored = t.start_plan.unwrap_or_default();
            let agreed = stored.merged(plan);
            t.start_plan = Some(agreed);
            Ok((agreed != stored, agreed))
        })
        .await?;
    Ok(plan)
}

/// Ends a payment of which its provider has heard nothing.
pub(super) async fn end_unheard(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let now = app.now();
    app.change::<Transaction, (), _>(transaction.tenant(), transaction.id, "transaction", |t| {
        let is_unheard = t.status.is_open() && t.refs.is_empty();
        if is_unheard {
            t.end(PaymentState::Cancelled, "customer", None, now);
        }
        Ok((is_unheard, ()))
    })
    .await?;
    Ok(())
}

/// A payment that was ended here (another tab, the merchant, time) while its provider was being asked for it:
/// nothing was known to end there then. Its address is shown to nobody, so that a failure here only leaves a
/// session that runs out by itself.
async fn withdraw(app: &App, provider: &ProviderAccount, account: &Account, transaction: &Transaction) {
    let Ok(adapter) = app.adapter(provider.kind) else { return };
    let key = end_key(transaction);
    if let Err(error) = adapter.cancel(account, &apply::handle_of(app, transaction), &key).await {
        tracing::warn!(transaction = %transaction.id, %error, "an ended payment is still open at its provider");
    }
}

fn end_key(transaction: &Transaction) -> String {
    format!("tollgate-end-{}", transaction.id)
}

async fn request_of(
    app: &App,
    checkout: &Checkout,
    transaction: &Transaction,
) -> Result<StartPayment, AppError> {
    let tenant = checkout.tenant();
    let site = app.site(tenant, checkout.site_id).await?.ok_or(AppError::NotFound("site"))?;
    let description = match checkout.external_reference.as_str() {
        "" => site.name.clone(),
        reference => format!("{} · {reference}", site.name),
    };
    let has_net = checkout.items.iter().any(|i| i.amount_type == items::AmountType::Net);
    Ok(StartPayment {
        transaction_id: transaction.id,
        checkout_id: checkout.id,
        session_public_id: checkout.public_id.clone(),
        amount: checkout.money(),
        capture_method: checkout.capture_method,
        // Net lines do not add up to what is charged: the provider's page then shows one line.
        items: if has_net { Vec::new() } else { checkout.items.clone() },
        description,
        external_reference: checkout.external_reference.clone(),
        customer: customer_of(app, checkout).await?,
        locale: checkout.locale.clone(),
        return_url: app.return_url(&checkout.short_code),
        cancel_url: app.back_url(&checkout.short_code),
        expires_at: checkout.expires_at,
        plan: transaction.start_plan.unwrap_or_default(),
        now: app.now(),
    })
}

/// A checkout's personal data, opened.
pub async fn customer_of(app: &App, checkout: &Checkout) -> Result<Customer, AppError> {
    let Some(sealed) = &checkout.customer else { return Ok(Customer::default()) };
    let store = app.store.for_org(checkout.tenant());
    let text = store.open(Checkout::COLLECTION, checkout.id, Checkout::CUSTOMER_FIELD, sealed).await?;
    serde_json::from_str(&text).map_err(|e| AppError::internal(e.to_string()))
}

async fn save_started(
    app: &App,
    transaction: Transaction,
    started: Started,
) -> Result<StartedPayment, AppError> {
    let (tenant, now) = (transaction.tenant(), app.now());
    let keys = app.store.for_org(tenant).keys().await?;
    let json = serde_json::to_string(&started.next).map_err(|e| AppError::internal(e.to_string()))?;
    let sealed = seal_with(
        &keys,
        tenant,
        Transaction::COLLECTION,
        &transaction.id.to_string(),
        Transaction::NEXT_FIELD,
        json.as_bytes(),
    );
    let (saved, is_second) = app
        .change::<Transaction, _, _>(tenant, transaction.id, "transaction", |t| {
            // Another click, which asked under another key, was first: its customer may be on the way already.
            let is_second = !t.refs.is_empty() && !started.refs.iter().any(|one| t.refs.contains(one));
            if is_second {
                return Ok((false, true));
            }
            for reference in &started.refs {
                if !t.refs.contains(reference) {
                    t.refs.push(reference.clone());
                }
            }
            t.next = Some(sealed.clone());
            t.next_until = started.good_until;
            t.updated_at = now;
            if let Some(until) = started.pending_until {
                t.await_transfer(until, now);
            }
            Ok((true, false))
        })
        .await?;
    fault::point("start.after_save");
    if is_second {
        withdraw_second(app, &saved, started).await;
        let next = next_step(app, &saved).await?;
        return Ok(StartedPayment { transaction: saved, next });
    }
    Ok(StartedPayment { transaction: saved, next: Some(started.next) })
}

/// Ends at the provider what a second click made under another key. Nobody was shown its address.
async fn withdraw_second(app: &App, transaction: &Transaction, started: Started) {
    let name = started.refs.first().map_or("", ProviderRef::id).to_owned();
    let handle = PaymentHandle { refs: started.refs, ..apply::handle_of(app, transaction) };
    let ended = async {
        let id = transaction.provider_id.ok_or(AppError::NotFound("provider"))?;
        let provider = app.provider(id).await?.ok_or(AppError::NotFound("provider"))?;
        let account = app.open_account(&provider).await?;
        let key = format!("{}-{name}", end_key(transaction));
        app.adapter(provider.kind)?.cancel(&account, &handle, &key).await.map_err(AppError::from)
    };
    if let Err(error) = ended.await {
        tracing::warn!(transaction = %transaction.id, %error, "a second start is still open at its provider");
    }
}

async fn fail_start(app: &App, transaction: &Transaction, failure: Failure) -> Result<(), AppError> {
    let now = app.now();
    app.change::<Transaction, (), _>(transaction.tenant(), transaction.id, "transaction", |t| {
        // Not one that a click at the same moment got through, nor one that was ended meanwhile.
        let is_ours = t.status == TransactionStatus::Initiated && t.refs.is_empty();
        if is_ours {
            t.failure = Some(failure.clone());
            t.end(PaymentState::Failed, "provider", Some(failure.clone()), now);
        }
        Ok((is_ours, ()))
    })
    .await?;
    Ok(())
}

/// Ends an open payment at its provider and here. Money that came meanwhile is taken in instead.
pub async fn end_at_provider(
    app: &App,
    transaction: &Transaction,
    state: PaymentState,
    source: &str,
) -> Result<Transaction, AppError> {
    let (tenant, now) = (transaction.tenant(), app.now());
    if let (Some(provider_id), false) = (transaction.provider_id, transaction.refs.is_empty()) {
        let store = app.store.for_org(tenant);
        let provider = store.get::<ProviderAccount>(provider_id).await?;
        let provider = provider.ok_or(AppError::NotFound("provider"))?;
        let account = app.open_account(&provider).await?;
        let key = end_key(transaction);
        let handle = apply::handle_of(app, transaction);
        match app.adapter(provider.kind)?.cancel(&account, &handle, &key).await {
            Ok(()) | Err(ProviderError::Unsupported(_)) => {}
            // Refused mostly means that it is over already, one way or the other: ask.
            Err(ProviderError::Rejected(failure)) => {
                tracing::info!(transaction = %transaction.id, code = %failure.code, "could not be ended");
                return apply::confirm(app, transaction).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (ended, ()) = app
        .change::<Transaction, _, _>(tenant, transaction.id, "transaction", |t| {
            let open = t.status.is_open();
            if open {
                t.end(state, source, None, now);
            }
            Ok((open, ()))
        })
        .await?;
    Ok(ended)
}

/// The reconciler's part: an open payment of a checkout that can no longer be paid is ended, and so is a transfer
/// that did not come in its time.
pub async fn end_if_unpayable(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    if !transaction.may_be_given_up() {
        return Ok(());
    }
    let store = app.store.for_org(transaction.tenant());
    let Some(checkout) = store.get::<Checkout>(transaction.checkout_id).await? else { return Ok(()) };
    let keeps_waiting = transaction.keeps_waiting(app.now());
    let state = match payable(app, &checkout).await? {
        Err(Unpayable::Expired) if keeps_waiting => return Ok(()),
        Err(reason) => reason.end_state(),
        Ok(()) if transaction.awaits_transfer() && !keeps_waiting => PaymentState::Expired,
        Ok(()) => return Ok(()),
    };
    end_at_provider(app, transaction, state, "reconciler").await?;
    Ok(())
}

/// A total of zero completes without a provider. Called by the worker; harmless to repeat. Where a code that
/// the customer entered made it zero, they say when: see [`confirm_free`].
pub async fn settle_free(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    if checkout.amount != 0 || checkout.status != CheckoutStatus::Open || checkout.has_entered_code() {
        return Ok(());
    }
    match complete_free(app, checkout).await? {
        Ok(()) => Ok(()),
        Err(_) => give_up_free(app, checkout).await,
    }
}

/// The customer completes an order of which their code left nothing to pay. From here on the price stays.
pub async fn confirm_free(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    if let Err(reason) = payable(app, checkout).await? {
        return Err(reason.into_error());
    }
    let (tenant, id) = (checkout.tenant(), checkout.id);
    let (current, is_free) = app
        .change::<Checkout, _, _>(tenant, id, "checkout", |c| {
            let is_free = c.amount == 0 && c.status == CheckoutStatus::Open;
            let is_new = is_free && c.price != Price::Final;
            if is_new {
                c.price = Price::Final;
            }
            Ok((is_new, is_free))
        })
        .await?;
    if !is_free {
        let message = "the price of this checkout has changed: look at it again";
        return Err(AppError::conflict("CHECKOUT_CHANGED", message));
    }
    let Err(refusal) = complete_free(app, &current).await? else { return Ok(()) };
    app.change::<Checkout, (), _>(tenant, id, "checkout", |c| {
        let may_change = c.status == CheckoutStatus::Open && c.price == Price::Final;
        if may_change {
            c.price = Price::Settled;
        }
        Ok((may_change, ()))
    })
    .await?;
    Err(discount_claims::refused(refusal))
}

async fn complete_free(app: &App, checkout: &Checkout) -> Result<Result<(), DiscountRefusal>, AppError> {
    let tenant = checkout.tenant();
    let now = app.now();
    let id = TransactionId::from_bytes(crate::domain::derived_id(&[b"free", &checkout.id.bytes()]));
    // The claim first: a transaction that is made here has succeeded already.
    if let Err(refusal) = discount_claims::claim(app, checkout, id, Moment::Start).await? {
        return Ok(Err(refusal));
    }
    fault::point("claim.after_insert");
    let mut transaction = new_transaction(checkout, id, now);
    transaction.payment =
        Some(Payment { state: PaymentState::Succeeded, at: now, sticky: true, failure: None });
    transaction.settle_now("free", now);
    app.address(&mut transaction, 0).await?;
    let store = app.store.for_org(tenant);
    match store.insert(&transaction).await {
        Ok(()) | Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(stored) = store.get::<Transaction>(transaction.id).await? {
        project::project_checkout(app, &stored).await?;
    }
    Ok(Ok(()))
}

/// Others used the code up between this checkout's creation and now, which is a moment: nothing can be paid
/// here, so that it ends.
async fn give_up_free(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    let now = app.now();
    app.change::<Checkout, (), _>(checkout.tenant(), checkout.id, "checkout", |checkout| {
        Ok((checkout.cancel(now).is_ok(), ()))
    })
    .await?;
    Ok(())
}
