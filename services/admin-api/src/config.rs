//! Settings of this service.

use std::net::{Ipv4Addr, SocketAddr};

use gateway_core::{
    config::{CommonConfig, ConfigError, Reader, listen},
    crypto::VersionedKeys,
    store::provision::Provision,
};
use web_kit::{
    TrustedProxies,
    rate_limit::{Rate, RateConfig},
};

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// What every service needs.
    pub common: CommonConfig,
    /// `ADMIN_PANEL_LISTEN`: browsers.
    pub panel: SocketAddr,
    /// `ADMIN_API_LISTEN`: merchants' servers.
    pub api: SocketAddr,
    /// `ADMIN_HEALTH_LISTEN`: health and metrics, never routed to from outside.
    pub health: SocketAddr,
    /// `TRUSTED_PROXIES`: whose `X-Real-IP` is believed.
    pub proxies: TrustedProxies,
    /// `RATE_LIMIT_{KEY,ORGANIZATION,ADDRESS}_{PER_SECOND,BURST}`.
    pub rates: RateConfig,
    /// `JWT_KEY`: signs people's access tokens.
    pub jwt: VersionedKeys,
    /// `WORKER_URL`: where the worker's internal listener is.
    pub worker: Option<url::Url>,
    /// Whether `SMTP_URL` is set: the worker, which has the same, can send codes to sign in with.
    pub sends_mail: bool,
}

impl AdminConfig {
    /// Reads the environment; tells all problems at once.
    pub fn read() -> Result<Self, ConfigError> {
        let mut reader = Reader::from_env();
        let common = CommonConfig::read(&mut reader, "admin-api");
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let panel = listen(&mut reader, "ADMIN_PANEL_LISTEN", loopback(5000));
        let api = listen(&mut reader, "ADMIN_API_LISTEN", loopback(5001));
        let health = listen(&mut reader, "ADMIN_HEALTH_LISTEN", loopback(5090));
        let proxies = reader.optional("TRUSTED_PROXIES").unwrap_or_default();
        // Generous: any answer but 200 makes a shop cancel its customer's order.
        let rates = RateConfig {
            per_key: rate(&mut reader, "KEY", (200, 1_000)),
            per_organization: rate(&mut reader, "ORGANIZATION", (300, 1_500)),
            per_address: rate(&mut reader, "ADDRESS", (1_000, 4_000)),
        };
        let worker = reader.optional("WORKER_URL");
        let jwt = reader.required::<VersionedKeys>("JWT_KEY", "32 bytes in hex");
        let sends_mail = reader.text("SMTP_URL").is_some();
        let config = || {
            let (common, jwt) = (common?, jwt?);
            Some(Self { common, panel, api, health, proxies, rates, jwt, worker, sends_mail })
        };
        let config = config();
        reader.finish(config)
    }
}

/// Requests per second and at once; 0 per second switches a limit off.
///
/// The defaults fit two cores that many organizations share: one that goes to its limit leaves room for the others.
fn rate(reader: &mut Reader, of: &str, (usual, at_once): (u32, u32)) -> Option<Rate> {
    let per_second: Option<u32> = reader.optional(&format!("RATE_LIMIT_{of}_PER_SECOND"));
    let burst: Option<u32> = reader.optional(&format!("RATE_LIMIT_{of}_BURST"));
    let burst = burst.unwrap_or(per_second.unwrap_or(at_once));
    let per_second = per_second.unwrap_or(usual);
    (per_second > 0).then(|| Rate::new(per_second, burst))
}

/// What `database init` works with; not read by the service itself.
pub fn provision_from_env() -> Result<Provision, ConfigError> {
    let mut reader = Reader::from_env();
    let uri = reader.required::<String>("MONGODB_URI", "with the user and the password to be made");
    let database = reader.text("MONGODB_DATABASE").unwrap_or_else(|| "tollgate".to_owned());
    let member = reader.text("MONGO_MEMBER").unwrap_or_else(|| "127.0.0.1:27017".to_owned());
    let root_password = reader.required::<String>("MONGO_ROOT_PASSWORD", "the password of the user root");
    let caddy_uri = reader.text("CADDY_MONGODB_URI");
    let wanted = || Some(Provision { member, root_password: root_password?, uri: uri?, database, caddy_uri });
    let wanted = wanted();
    reader.finish(wanted)
}
