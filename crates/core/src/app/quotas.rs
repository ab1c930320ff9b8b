//! Quotas: what one organization, or one address, may have done only so often, since others pay for it: mails through
//! the operator's mail server, hosts that need certificates, documents that are drawn while somebody waits.
//!
//! A use is counted in MongoDB, and so on every node, before anything is done. A refusal says when it goes on.

use std::time::Duration;

use super::{App, AppError};
use crate::{crypto::TokenHash, domain::Timestamp};

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Its name, for counters and metrics.
    pub(crate) name: &'static str,
    /// What a refusal says, before the number: "an organization registers at most … new domains in a week".
    pub(crate) most: (&'static str, &'static str),
    /// How often.
    pub(crate) max: i64,
    /// In how long, from the first use on.
    pub(crate) window: Duration,
}

/// It was done as often as it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsedUp {
    quota: Quota,
    /// When it goes on.
    pub(crate) until: Timestamp,
    now: Timestamp,
}

impl From<UsedUp> for AppError {
    fn from(UsedUp { quota, until, now }: UsedUp) -> Self {
        let (before, after) = quota.most;
        let message = format!("{before} {} {after}: it goes on at {until}", quota.max);
        Self::UsedUp { message, wait: until.since(now) }
    }
}

/// Uses that were counted.
#[derive(Debug)]
pub(crate) struct Taken(Vec<TokenHash>);

impl Taken {
    /// Nothing came of it.
    pub(crate) async fn give_back(&self, app: &App) -> Result<(), AppError> {
        for slot in &self.0 {
            app.store.give_use_back(slot).await?;
        }
        Ok(())
    }
}

/// Counts one use of each quota, by whom it is kept; of all or of none.
pub(crate) async fn take(app: &App, uses: &[(Quota, String)]) -> Result<Result<Taken, UsedUp>, AppError> {
    let now = app.now();
    let mut taken = Taken(Vec::new());
    for (quota, of) in uses {
        let slot = app.store.keys().tokens().hash(&format!("quota: {}", quota.name), of);
        match app.store.take_use(&slot, quota.max, quota.window, now).await? {
            None => taken.0.push(slot),
            Some(until) => {
                taken.give_back(app).await?;
                metrics::counter!("quotas_used_up_total", "quota" => quota.name).increment(1);
                return Ok(Err(UsedUp { quota: *quota, until, now }));
            }
        }
    }
    Ok(Ok(taken))
}
