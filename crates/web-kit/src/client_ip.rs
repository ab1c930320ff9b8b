//! Who is calling: the peer's address, or the one that a trusted proxy vouches for.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gateway_core::domain::network_of;
use http::{Extensions, HeaderMap, request};
use ipnet::IpNet;

use crate::error::ApiError;

/// Networks whose word on `X-Real-IP` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Believes nobody: the peer's address counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a peer's word is believed.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|net| net.contains(&peer))
    }

    /// The caller's address: `X-Real-IP` when the peer is a trusted proxy and sent exactly one readable
    /// address, else the peer's own. `X-Forwarded-For` is never read: its left end is the caller's to choose.
    pub fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let mut values = headers.get_all("x-real-ip").iter();
        match (values.next(), values.next()) {
            (Some(one), None) => one
                .to_str()
                .ok()
                .and_then(|text| IpAddr::from_str(text.trim()).ok())
                .map_or(peer, |ip| ip.to_canonical()),
            _ => peer,
        }
    }
}

/// Text that names no network.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is neither a network such as 10.0.0.0/8, nor an address, nor 'loopback' or 'private'")]
pub struct ProxiesError(String);

impl FromStr for TrustedProxies {
    type Err = ProxiesError;

    /// A comma-separated list of networks, addresses and the words `loopback` and `private`; empty believes
    /// nobody. Behind a proxy in the same compose network, `loopback,private` is the usual choice.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];
        const PRIVATE: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
        let mut nets = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let one = [word];
            let names = match word {
                "loopback" => LOOPBACK,
                "private" => PRIVATE,
                _ => &one[..],
            };
            for name in names {
                let net = IpNet::from_str(name).or_else(|_| IpAddr::from_str(name).map(IpNet::from));
                nets.push(net.map_err(|_| ProxiesError(word.to_owned()))?);
            }
        }
        Ok(Self(nets.into()))
    }
}

/// The caller's address, as an extractor. Needs [`layer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// The address by which limits are kept: an IPv6 caller owns a whole /64.
    pub fn limit_key(self) -> IpAddr {
        network_of(self.0)
    }
}

impl ClientIp {
    /// What [`layer`] has left there.
    pub fn of(extensions: &Extensions) -> Result<Self, ApiError> {
        let found = extensions.get::<Self>().copied();
        found.ok_or_else(|| ApiError::internal("the client_ip layer is missing on this route"))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.extensions)
    }
}

/// Middleware: works out the caller's address once and leaves it as [`ClientIp`].
pub async fn layer(State(proxies): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    if let Some(peer) = peer_of(request.extensions()) {
        let ip = proxies.client_ip(peer, request.headers());
        request.extensions_mut().insert(ClientIp(ip));
    }
    next.run(request).await
}

fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(proxies: &str, peer: &str, real: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in real {
            headers.append("x-real-ip", value.parse().unwrap());
        }
        let proxies: TrustedProxies = proxies.parse().unwrap();
        proxies.client_ip(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        assert_eq!(seen("", "127.0.0.1", &["203.0.113.7"]), "127.0.0.1");
        assert_eq!(seen("loopback", "127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("loopback", "203.0.113.9", &["203.0.113.7"]), "203.0.113.9");
        assert_eq!(seen("private", "::ffff:10.1.2.3", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("203.0.113.9", "203.0.113.9", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn unreadable_or_doubled_headers_are_ignored() {
        assert_eq!(seen("loopback", "127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(seen("loopback", "127.0.0.1", &["203.0.113.7", "203.0.113.8"]), "127.0.0.1");
        assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
    }

    #[test]
    fn ipv6_callers_are_limited_by_network() {
        let key = |text: &str| ClientIp(text.parse().unwrap()).limit_key();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::"));
        assert_ne!(key("2001:db8:1:3::"), key("2001:db8:1:2::"));
    }
}
