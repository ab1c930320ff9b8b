//! The sandbox's own side: its payments, its page's buttons, its clock and its webhooks.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt;
use gateway_core::{
    app::{
        App, AppError, apply,
        intake::{self, WebhookAccount},
    },
    config::Reader,
    crypto::signature,
    domain::{
        ProviderId, SandboxPaymentId, Tenant, Timestamp, provider_account::ProviderAccount,
        provider_account::ProviderKind,
    },
    provider::{Account, StartPayment},
    store::{Store, StoreError, codec::oid},
};
use http::{HeaderMap, HeaderValue};
use mongodb::{Collection, bson::doc};
use subtle::ConstantTimeEq;

use super::{Outcome, SandboxPayment, SandboxState};

/// How long "after some seconds" takes: `SANDBOX_DELAY_MS`, 5 s where absent.
static DELAY: LazyLock<Duration> = LazyLock::new(|| {
    let configured = Reader::from_env().optional("SANDBOX_DELAY_MS");
    Duration::from_millis(configured.unwrap_or(5000))
});

fn collection(store: &Store) -> Collection<SandboxPayment> {
    store.database().collection(SandboxPayment::COLLECTION)
}

pub(super) async fn get(store: &Store, id: SandboxPaymentId) -> Result<Option<SandboxPayment>, StoreError> {
    Ok(collection(store).find_one(doc! { "_id": oid(id) }).await?)
}

pub(super) async fn save(store: &Store, payment: &mut SandboxPayment) -> Result<(), StoreError> {
    let read = payment.version;
    payment.version += 1;
    let filter = doc! { "_id": oid(payment.id), "version": read };
    let done = collection(store).replace_one(filter, &*payment).await?;
    if done.matched_count == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// A payment as it is started; the account's organization is looked up, since an adapter knows none.
pub(super) async fn new_payment(
    store: &Store,
    account: &Account,
    payment: &StartPayment,
    id: SandboxPaymentId,
    token: String,
) -> Result<SandboxPayment, StoreError> {
    let provider = store.lookup_provider(account.id).await?;
    let provider: ProviderAccount =
        provider.ok_or_else(|| StoreError::Malformed("the sandbox account is gone".to_owned()))?;
    Ok(SandboxPayment {
        id,
        org: provider.org,
        mode: provider.mode,
        kind: ProviderKind::Sandbox,
        provider_id: provider.id,
        transaction_id: payment.transaction_id,
        session_public_id: payment.session_public_id.clone(),
        amount: payment.amount.minor,
        captured: 0,
        currency: payment.amount.currency.to_string(),
        capture_method: payment.capture_method,
        token,
        return_url: payment.return_url.to_string(),
        cancel_url: payment.cancel_url.to_string(),
        state: SandboxState::Created,
        refunds: Vec::new(),
        disputes: Vec::new(),
        next: None,
        unsent: Vec::new(),
        due: None,
        event_seq: 0,
        stated_at: payment.now,
        expires_at: payment.expires_at,
        version: 1,
        created_at: payment.now,
    })
}

/// Starting twice answers the first payment.
pub(super) async fn insert_or_get(
    store: &Store,
    fresh: SandboxPayment,
) -> Result<SandboxPayment, StoreError> {
    match collection(store).insert_one(&fresh).await.map_err(StoreError::from) {
        Ok(_) => Ok(fresh),
        Err(StoreError::Duplicate) => get(store, fresh.id).await?.ok_or(StoreError::Conflict),
        Err(error) => Err(error),
    }
}

/// The payment of a page; the token in its address proves the customer.
pub async fn load(app: &App, id: SandboxPaymentId, token: &str) -> Result<SandboxPayment, AppError> {
    let found = get(&app.store, id).await?.ok_or(AppError::NotFound("payment"))?;
    if bool::from(found.token.as_bytes().ct_eq(token.as_bytes())) {
        Ok(found)
    } else {
        Err(AppError::NotFound("payment"))
    }
}

/// Takes the customer's choice and tells the gateway of it at once. A second click changes nothing.
pub async fn choose(
    app: &App,
    id: SandboxPaymentId,
    token: &str,
    outcome: Outcome,
) -> Result<SandboxPayment, AppError> {
    loop {
        let mut payment = load(app, id, token).await?;
        let now = app.now();
        if payment.expires_at <= now && payment.is_open() {
            return Err(AppError::conflict("PAYMENT_EXPIRED", "this payment has expired"));
        }
        if !payment.take(outcome, *DELAY, now) {
            return Ok(payment);
        }
        payment.schedule(now);
        match save(&app.store, &mut payment).await {
            Ok(()) => {
                if let Err(error) = send_events(app, &payment).await {
                    tracing::warn!(payment = %id, %error, "the worker sends the sandbox's event");
                }
                return Ok(payment);
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The worker's part: does what is due and sends what was not sent. Answers how many it looked at.
pub async fn tick(app: &App) -> Result<usize, AppError> {
    let due = doc! { "due": { "$lte": app.now() } };
    let found = collection(&app.store).find(due).sort(doc! { "due": 1 }).limit(100).await;
    let found: Vec<SandboxPayment> =
        found.map_err(StoreError::from)?.try_collect().await.map_err(StoreError::from)?;
    let count = found.len();
    for mut payment in found {
        let now = app.now();
        payment.step(now);
        payment.schedule(now);
        match save(&app.store, &mut payment).await {
            Ok(()) => send_events(app, &payment).await?,
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

/// Sends events as a provider does: signed, through the same door, again until they are taken.
async fn send_events(app: &App, payment: &SandboxPayment) -> Result<(), AppError> {
    if payment.unsent.is_empty() {
        return Ok(());
    }
    let secret = signing_secret(app, payment.tenant(), payment.provider_id).await?;
    let mut sent = Vec::new();
    for event in &payment.unsent {
        let body = Bytes::from(event.clone());
        let signed = signature::sandbox::sign(&secret, app.now().seconds(), &body);
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&signed).map_err(|e| AppError::internal(e.to_string()))?;
        headers.insert(signature::sandbox::HEADER, value);
        let account = WebhookAccount::Id(payment.provider_id);
        let receipt = intake::receive_webhook(app, ProviderKind::Sandbox, account, &headers, &body).await?;
        if receipt.status != 200 {
            return Err(AppError::internal("the sandbox's own webhook was refused"));
        }
        for event in receipt.fresh {
            apply::apply_fresh(app, event).await?;
        }
        sent.push(event.clone());
    }
    forget_sent(app, payment, &sent, app.now()).await
}

async fn forget_sent(
    app: &App,
    payment: &SandboxPayment,
    sent: &[String],
    now: Timestamp,
) -> Result<(), AppError> {
    loop {
        let Some(mut current) = get(&app.store, payment.id).await? else { return Ok(()) };
        current.unsent.retain(|event| !sent.contains(event));
        current.schedule(now);
        match save(&app.store, &mut current).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn signing_secret(app: &App, tenant: Tenant, id: ProviderId) -> Result<String, AppError> {
    let provider = app.store.for_org(tenant).get::<ProviderAccount>(id).await?;
    let provider = provider.ok_or(AppError::NotFound("provider"))?;
    let account = app.open_account(&provider).await?;
    let secret = account.credentials.webhook_secrets.first().cloned();
    secret.ok_or_else(|| AppError::internal("the sandbox account has no webhook secret"))
}
