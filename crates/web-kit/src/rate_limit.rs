//! Rate limits per API key, per organization and per address.
//!
//! Kept in memory, per process: a limit bounds what one node does for one caller; it is no quota to bill by.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

use crate::client_ip::ClientIp;
use crate::error::ApiError;

/// How much one caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zero counts as one.
    pub const fn new(per_second: u32, burst: u32) -> Self {
        const fn at_least_one(number: u32) -> NonZeroU32 {
            match NonZeroU32::new(number) {
                Some(number) => number,
                None => NonZeroU32::MIN,
            }
        }
        Self { per_second: at_least_one(per_second), burst: at_least_one(burst) }
    }
}

/// One limiter with a bucket per key. Cloning shares the buckets.
pub struct KeyedLimiter<K: Hash + Eq + Clone> {
    name: &'static str,
    inner: Option<Arc<RateLimiter<K, DashMapStateStore<K>, DefaultClock>>>,
}

impl<K: Hash + Eq + Clone> Clone for KeyedLimiter<K> {
    fn clone(&self) -> Self {
        Self { name: self.name, inner: self.inner.clone() }
    }
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for KeyedLimiter<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedLimiter").field("name", &self.name).field("on", &self.inner.is_some()).finish()
    }
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    /// A limiter; `name` labels its metric. `None` switches it off.
    pub fn new(name: &'static str, rate: Option<Rate>) -> Self {
        let quota = rate.map(|rate| Quota::per_second(rate.per_second).allow_burst(rate.burst));
        Self { name, inner: quota.map(|quota| Arc::new(RateLimiter::dashmap(quota))) }
    }

    /// A limiter of what should be rare: one each `every` in the long run, and some more at once.
    pub fn slow(name: &'static str, every: Duration, burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(every).map(|quota| quota.allow_burst(burst));
        Self { name, inner: quota.map(|quota| Arc::new(RateLimiter::dashmap(quota))) }
    }

    /// Takes one request from the key's bucket. 429 with `Retry-After` when it is empty.
    pub fn check(&self, key: &K) -> Result<(), ApiError> {
        let Some(limiter) = &self.inner else { return Ok(()) };
        limiter.check_key(key).map_err(|not_until| {
            metrics::counter!("rate_limited_total", "limit" => self.name).increment(1);
            ApiError::too_many_requests(not_until.wait_time_from(DefaultClock::default().now()))
        })
    }

    /// Takes several at once, all or none. More than fit into a full bucket never fit: 429 as well.
    pub fn check_many(&self, key: &K, count: NonZeroU32) -> Result<(), ApiError> {
        let Some(limiter) = &self.inner else { return Ok(()) };
        let wait = match limiter.check_key_n(key, count) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(not_until)) => not_until.wait_time_from(DefaultClock::default().now()),
            Err(_) => Duration::from_hours(1),
        };
        metrics::counter!("rate_limited_total", "limit" => self.name).increment(1);
        Err(ApiError::too_many_requests(wait))
    }

    /// Forgets keys whose bucket is full again, so that memory follows the callers of the last minutes.
    pub fn clean_up(&self) {
        if let Some(limiter) = &self.inner {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Keys with a bucket.
    pub fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, |limiter| limiter.len())
    }

    /// Whether no key has a bucket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The limits of a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateConfig {
    /// Per API key.
    pub per_key: Option<Rate>,
    /// Per organization, over all its keys.
    pub per_organization: Option<Rate>,
    /// Per address (IPv6: per /64).
    pub per_address: Option<Rate>,
}

/// The three limiters that a service keeps. Cloning shares the buckets.
#[derive(Debug, Clone)]
pub struct RateLimits {
    keys: KeyedLimiter<Box<str>>,
    organizations: KeyedLimiter<Box<str>>,
    addresses: KeyedLimiter<std::net::IpAddr>,
    unknown_hosts: KeyedLimiter<std::net::IpAddr>,
}

/// Questions from one address about hosts that nobody has here. The proxy asks with each handshake under such a name,
/// and anybody can begin those: they have a bucket of their own, so that they leave all else that address does alone.
const UNKNOWN_HOSTS: Rate = Rate::new(50, 200);

impl RateLimits {
    /// Limiters as configured.
    pub fn new(config: RateConfig) -> Self {
        Self {
            keys: KeyedLimiter::new("key", config.per_key),
            organizations: KeyedLimiter::new("organization", config.per_organization),
            addresses: KeyedLimiter::new("address", config.per_address),
            unknown_hosts: KeyedLimiter::new("unknown_host", Some(UNKNOWN_HOSTS)),
        }
    }

    /// Counts a request against an API key, by its id.
    pub fn check_key(&self, key_id: &str) -> Result<(), ApiError> {
        self.keys.check(&key_id.into())
    }

    /// Counts a request against an organization, by its id.
    pub fn check_organization(&self, organization_id: &str) -> Result<(), ApiError> {
        self.organizations.check(&organization_id.into())
    }

    /// Counts a request against an address.
    pub fn check_address(&self, ip: ClientIp) -> Result<(), ApiError> {
        self.addresses.check(&ip.limit_key())
    }

    /// Counts a question of an address about a host that nobody has here.
    pub fn check_unknown_host(&self, ip: ClientIp) -> Result<(), ApiError> {
        self.unknown_hosts.check(&ip.limit_key())
    }

    /// Cleans up once a minute until `stop`; to be spawned.
    pub async fn clean_up_until(self, stop: CancellationToken) {
        let mut every = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            self.keys.clean_up();
            self.organizations.clean_up();
            self.addresses.clean_up();
            self.unknown_hosts.clean_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_bucket() {
        let limits = RateLimits::new(RateConfig { per_key: Some(Rate::new(1, 2)), ..RateConfig::default() });
        assert!(limits.check_key("a").is_ok());
        assert!(limits.check_key("a").is_ok());
        let error = limits.check_key("a").expect_err("the bucket is empty");
        assert_eq!((error.status.as_u16(), error.retry_after_secs()), (429, Some(1)));
        assert!(limits.check_key("b").is_ok());
        assert!((0..1000).all(|_| limits.check_organization("o").is_ok()), "switched off");
    }

    #[test]
    fn what_should_be_rare_comes_back_slowly() {
        let limiter = KeyedLimiter::slow("test", Duration::from_secs(6), 3);
        assert!((0..3).all(|_| limiter.check(&1).is_ok()));
        let error = limiter.check(&1).expect_err("the bucket is empty");
        assert!((5..=6).contains(&error.retry_after_secs().unwrap()), "{:?}", error.retry_after_secs());
        assert!(limiter.check(&2).is_ok());
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let limiter = KeyedLimiter::new("test", Some(Rate::new(1000, 1)));
        assert!(limiter.check(&1).is_ok());
        assert_eq!(limiter.len(), 1);
        std::thread::sleep(Duration::from_millis(20));
        limiter.clean_up();
        assert!(limiter.is_empty());
    }
}
