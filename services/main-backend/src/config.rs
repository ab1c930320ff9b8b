//! The service's own variables, beside those that all services read.

use std::net::{Ipv4Addr, SocketAddr};

use gateway_core::config::{CommonConfig, ConfigError, Reader, listen};
use web_kit::TrustedProxies;
use web_kit::rate_limit::Rate;

/// Requests per second that one address may send to pages and runtime API in the long run: many customers
/// may share one.
const RATE_PER_ADDRESS: u32 = 50;

/// How much more it may send at once, as a multiple of the rate.
const BURST_FACTOR: u32 = 4;

/// Verified events per second of one provider account in the long run: a payment makes about five.
const EVENTS_PER_PROVIDER: u32 = 100;

/// Webhooks per second from one address to one account in the long run.
const HOOKS_PER_SENDER: u32 = 100;

/// How many more of these at once: providers send what they have kept during an outage in one go.
const EVENTS_BURST_FACTOR: u32 = 10;

/// What the service runs with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// What every service needs.
    pub(crate) common: CommonConfig,
    /// `CHECKOUT_LISTEN`: pages.
    pub(crate) checkout: SocketAddr,
    /// `RUNTIME_LISTEN`: webhooks and the runtime API.
    pub(crate) runtime: SocketAddr,
    /// `MAIN_HEALTH_LISTEN`: health and metrics, never public.
    pub(crate) health: SocketAddr,
    /// `TRUSTED_PROXIES`: whose word on the caller's address is believed.
    pub(crate) proxies: TrustedProxies,
    /// `RATE_LIMIT_PER_ADDRESS`: requests per second; 0 switches the limit off.
    pub(crate) per_address: Option<Rate>,
    /// `RATE_LIMIT_EVENTS_PER_PROVIDER`: verified events per second of one provider account; 0 switches the limit off.
    pub(crate) events_per_provider: Option<Rate>,
    /// `RATE_LIMIT_HOOKS_PER_SENDER`: webhooks per second from one address to one account; 0 switches the limit off.
    pub(crate) hooks_per_sender: Option<Rate>,
}

impl Config {
    /// Reads the environment.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let mut reader = Reader::from_env();
        let common = CommonConfig::read(&mut reader, "main-backend");
        let mut local = |name, port| listen(&mut reader, name, (Ipv4Addr::LOCALHOST, port).into());
        let checkout = local("CHECKOUT_LISTEN", 7000);
        let runtime = local("RUNTIME_LISTEN", 7001);
        let health = local("MAIN_HEALTH_LISTEN", 7090);
        let proxies = reader.optional("TRUSTED_PROXIES").unwrap_or_default();
        let mut rate = |name, usual, burst_factor| {
            let per_second: u32 = reader.optional(name).unwrap_or(usual);
            (per_second > 0).then(|| Rate::new(per_second, per_second.saturating_mul(burst_factor)))
        };
        let per_address = rate("RATE_LIMIT_PER_ADDRESS", RATE_PER_ADDRESS, BURST_FACTOR);
        let events_per_provider =
            rate("RATE_LIMIT_EVENTS_PER_PROVIDER", EVENTS_PER_PROVIDER, EVENTS_BURST_FACTOR);
        let hooks_per_sender = rate("RATE_LIMIT_HOOKS_PER_SENDER", HOOKS_PER_SENDER, EVENTS_BURST_FACTOR);
        reader.finish(common.map(|common| Self {
            common,
            checkout,
            runtime,
            health,
            proxies,
            per_address,
            events_per_provider,
            hooks_per_sender,
        }))
    }
}
