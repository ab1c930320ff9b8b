//! What the handlers of all listeners share.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gateway_core::app::{App, apply, images};
use gateway_core::domain::checkout::Checkout;
use gateway_core::domain::transaction::Transaction;
use gateway_core::domain::{ImageId, TransactionId};
use moka::future::Cache;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use web_kit::rate_limit::{RateConfig, RateLimits};
use web_kit::{ApiError, ClientIp};

use crate::background::Background;
use crate::checkout::CodeLimits;
use crate::config::Config;
use crate::hooks::{Quotas, Refusals};
use crate::live::Seats;

/// Between two questions to a provider about one transaction that a customer's browser causes.
const CONFIRM_EVERY: Duration = Duration::from_secs(2);

/// How long a customer waits for the provider's answer; after it the page says that the payment is on its
/// way, and the question runs on.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(8);

/// As handlers take it.
pub(crate) type Shared = Arc<Gateway>;

/// What the handlers share.
pub(crate) struct Gateway {
    /// The use cases.
    pub(crate) app: App,
    /// Work that outlives its request.
    pub(crate) background: Background,
    /// Counts webhooks that were refused.
    pub(crate) refusals: Refusals,
    /// Seats for streams of events.
    pub(crate) seats: Seats,
    /// Limits per address.
    pub(crate) limits: RateLimits,
    /// How much providers may send.
    pub(crate) quotas: Quotas,
    /// How quickly discount codes can be tried.
    pub(crate) codes: CodeLimits,
    /// Ends streams when the service stops.
    pub(crate) stop: CancellationToken,
    confirmed: Cache<TransactionId, ()>,
}

impl Gateway {
    /// Puts the parts together.
    pub(crate) fn new(app: App, config: &Config, stop: CancellationToken) -> Shared {
        let rates = RateConfig { per_address: config.per_address, ..RateConfig::default() };
        Arc::new(Self {
            app,
            background: Background::default(),
            refusals: Refusals::default(),
            seats: Seats::default(),
            limits: RateLimits::new(rates),
            quotas: Quotas::new(config.events_per_provider, config.hooks_per_sender),
            codes: CodeLimits::default(),
            stop,
            confirmed: Cache::builder().max_capacity(100_000).time_to_live(CONFIRM_EVERY).build(),
        })
    }

    /// The pictures of a checkout that can be shown; no query where it has none. A page does without where
    /// that fails.
    pub(crate) async fn images_of(&self, checkout: &Checkout) -> HashSet<ImageId> {
        let wanted = checkout.items.iter().filter_map(|item| item.image_id);
        images::ready(&self.app, checkout.tenant(), wanted).await.unwrap_or_else(|error| {
            tracing::warn!(checkout = %checkout.id, %error, "pictures could not be looked up");
            HashSet::new()
        })
    }

    /// Asks the provider how a transaction stands, at most once per [`CONFIRM_EVERY`]. What it answers is
    /// taken in; that it could not be asked is logged and no reason to fail a page.
    pub(crate) async fn confirm(self: &Arc<Self>, transaction: &Transaction) {
        if !self.confirmed.entry(transaction.id).or_insert(()).await.is_fresh() {
            return;
        }
        let (gateway, transaction, id) = (Arc::clone(self), transaction.clone(), transaction.id);
        let asking = async move {
            if let Err(error) = apply::confirm(&gateway.app, &transaction).await {
                tracing::info!(transaction = %transaction.id, %error, "could not be confirmed on return");
            }
        };
        // A span of its own: it may go on when the request has been answered.
        let span = tracing::info_span!("confirm", transaction = %id);
        let asking = self.background.spawn(asking.instrument(span));
        let _ = tokio::time::timeout(CONFIRM_PATIENCE, asking).await;
    }
}

/// Middleware: counts a request against its address.
pub(crate) async fn limit_address(
    State(gateway): State<Shared>,
    ip: ClientIp,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    gateway.limits.check_address(ip)?;
    Ok(next.run(request).await)
}
