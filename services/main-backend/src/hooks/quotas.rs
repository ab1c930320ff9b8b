//! How much providers may send: each account for itself, and each sender to each account, so that neither a merchant who
//! signs events without end nor a stranger takes the room of others.

use std::num::NonZeroU32;
use std::time::Duration;

use gateway_core::domain::ProviderId;
use tokio_util::sync::CancellationToken;
use web_kit::rate_limit::{KeyedLimiter, Rate};
use web_kit::{ApiError, ClientIp};

/// Between two rounds of forgetting senders that have gone.
const CLEAN_UP_EVERY: Duration = Duration::from_mins(1);

/// Characters of a path's account that count: an id has 24.
const ACCOUNT_CHARS: usize = 24;

/// The quotas. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Quotas {
    events: KeyedLimiter<ProviderId>,
    senders: KeyedLimiter<(std::net::IpAddr, Box<str>)>,
    /// Events that an account may send at once, at most.
    burst: Option<NonZeroU32>,
}

impl Quotas {
    /// Events of one account and webhooks from one address to one account; `None` for no limit.
    pub(crate) fn new(events: Option<Rate>, senders: Option<Rate>) -> Self {
        Self {
            events: KeyedLimiter::new("provider", events),
            senders: KeyedLimiter::new("hook", senders),
            burst: events.map(|rate| rate.burst),
        }
    }

    /// Counts a webhook before it is read. Providers send for many merchants from few addresses, so that what comes for
    /// one account must not use up what may come for another.
    pub(crate) fn check_sender(&self, ip: ClientIp, account: &str) -> Result<(), ApiError> {
        let account: String = account.chars().take(ACCOUNT_CHARS).collect();
        self.senders.check(&(ip.limit_key(), account.into()))
    }

    /// Counts verified events; 429 sends the provider away for a while, and it comes again with all of them.
    pub(crate) fn check_events(&self, provider: ProviderId, count: usize) -> Result<(), ApiError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // A webhook that holds more than may ever come at once would otherwise never be taken.
        let count = self.burst.map_or(count, |burst| count.min(burst.get()));
        NonZeroU32::new(count).map_or(Ok(()), |count| self.events.check_many(&provider, count))
    }

    /// Forgets those that have gone, until `stop`; to be spawned.
    pub(crate) async fn clean_up_until(self, stop: CancellationToken) {
        let mut every = tokio::time::interval(CLEAN_UP_EVERY);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            self.events.clean_up();
            self.senders.clean_up();
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn an_account_has_its_own_quota_and_a_stranger_uses_up_nobody_elses() {
        let quotas = Quotas::new(Some(Rate::new(1, 10)), Some(Rate::new(1, 3)));
        let [ours, theirs] = [1, 2].map(|byte| ProviderId::from_bytes([byte; 12]));
        quotas.check_events(ours, 250).unwrap();
        assert_eq!(quotas.check_events(ours, 1).unwrap_err().status, 429);
        quotas.check_events(theirs, 10).unwrap();
        let [provider, stranger] = ["192.0.2.1", "198.51.100.1"].map(|ip| ClientIp(ip.parse().unwrap()));
        let send = |ip, account: ProviderId| quotas.check_sender(ip, &account.to_string());
        assert_eq!((0..5).filter(|_| send(stranger, ours).is_ok()).count(), 3);
        send(provider, ours).unwrap();
        assert_eq!((0..5).filter(|_| send(provider, ours).is_ok()).count(), 2);
        send(provider, theirs).unwrap();
    }
}
