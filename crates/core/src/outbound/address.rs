//! Which addresses may be dialled: global unicast only.
//!
//! Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), the
//! IANA IPv6 address space registry (only `2000::/3` is handed out for global unicast), and for the
//! addresses that carry an IPv4 address inside: RFC 4291 §2.5.5 (mapped, compatible), RFC 6052 and
//! RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
//!
//! Where a registry marks a block inside a refused one as globally reachable (anycast services in
//! `2001::/23`, for example), the whole block stays refused: no shop is served from there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `0.0.0.0`, `::`.
    #[error("it is the unspecified address")]
    Unspecified,
    /// The rest of `0.0.0.0/8` (RFC 791 §3.2).
    #[error("it belongs to \"this network\" (0.0.0.0/8)")]
    ThisNetwork,
    /// `127.0.0.0/8`, `::1`.
    #[error("it is a loopback address")]
    Loopback,
    /// `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` (RFC 1918).
    #[error("it is a private address")]
    Private,
    /// `100.64.0.0/10`, carrier-grade NAT (RFC 6598).
    #[error("it is a shared (carrier NAT) address")]
    Shared,
    /// `169.254.0.0/16` (RFC 3927), `fe80::/10`; cloud metadata services live here.
    #[error("it is a link-local address")]
    LinkLocal,
    /// A metadata or host service of a cloud at an address that looks public.
    #[error("it is a cloud provider's internal service")]
    CloudService,
    /// `192.0.0.0/24` (RFC 6890) and `2001::/23` (RFC 2928).
    #[error("it is reserved for protocol assignments")]
    ProtocolAssignment,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20`.
    #[error("it is reserved for documentation")]
    Documentation,
    /// `192.88.99.0/24`, the 6to4 relay anycast (RFC 7526).
    #[error("it is the 6to4 relay anycast prefix")]
    RelayAnycast,
    /// `198.18.0.0/15` (RFC 2544), `2001:2::/48` (RFC 5180).
    #[error("it is reserved for benchmarking")]
    Benchmarking,
    /// `224.0.0.0/4`, `ff00::/8`.
    #[error("it is a multicast address")]
    Multicast,
    /// `240.0.0.0/4` (RFC 1112 §4).
    #[error("it is reserved for future use")]
    Reserved,
    /// `255.255.255.255`.
    #[error("it is the broadcast address")]
    Broadcast,
    /// `fc00::/7` (RFC 4193).
    #[error("it is a unique local (private) address")]
    UniqueLocal,
    /// `fec0::/10` (deprecated by RFC 3879, still routed inside some networks).
    #[error("it is a site-local address")]
    SiteLocal,
    /// `100::/64` (RFC 6666) and `100:0:0:1::/64` (RFC 9780).
    #[error("it is a discard or dummy prefix")]
    Discard,
    /// ORCHID, `2001:10::/28` and `2001:20::/28` (RFC 4843, RFC 7343): identifiers, not locations.
    #[error("it is an ORCHID identifier")]
    Orchid,
    /// `5f00::/16`, segment routing identifiers (RFC 9602).
    #[error("it is a segment routing identifier")]
    SegmentRouting,
    /// `64:ff9b:1::/48` (RFC 8215): a network's own NAT64; where the IPv4 address sits in it depends
    /// on that network's prefix length, so it cannot be judged and is refused whole.
    #[error("it is a local-use NAT64 address")]
    LocalNat64,
    /// Outside of `2000::/3`.
    #[error("it is not a global unicast address")]
    NotGlobalUnicast,
}

impl Refusal {
    /// True where the address is one that a developer's own machine or network uses, which is what
    /// `IPN_ALLOW_PRIVATE_TARGETS` opens. Link-local stays closed even then: metadata services
    /// answer there, and no development set-up needs it.
    pub fn is_own_network(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::Shared | Self::UniqueLocal)
    }
}

/// Decides whether `address` is global unicast; an IPv4 address inside an IPv6 one is judged as
/// itself.
///
/// # Errors
/// The block that it belongs to.
pub fn is_global_unicast(address: IpAddr) -> Result<(), Refusal> {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    }
}

/// [`is_global_unicast`], with the developer's own networks open if `allow_private`.
///
/// # Errors
/// The block that it belongs to.
pub fn may_dial(address: IpAddr, allow_private: bool) -> Result<(), Refusal> {
    match is_global_unicast(address) {
        Err(refusal) if allow_private && refusal.is_own_network() => Ok(()),
        decided => decided,
    }
}

/// A block: its first address, its prefix length, and why it is refused.
type Block<A> = (A, u32, Refusal);

/// Most specific first, since the first match names the reason.
const REFUSED_V4: &[Block<Ipv4Addr>] = &[
    (Ipv4Addr::UNSPECIFIED, 32, Refusal::Unspecified),
    (Ipv4Addr::UNSPECIFIED, 8, Refusal::ThisNetwork),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Refusal::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Refusal::Shared),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Refusal::Loopback),
    // Azure's host agent: a public number that every machine there reaches as its own host.
    (Ipv4Addr::new(168, 63, 129, 16), 32, Refusal::CloudService),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Refusal::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Refusal::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Refusal::ProtocolAssignment),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Refusal::Documentation),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Refusal::RelayAnycast),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Refusal::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Refusal::Benchmarking),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Refusal::Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Refusal::Documentation),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Refusal::Multicast),
    (Ipv4Addr::BROADCAST, 32, Refusal::Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Refusal::Reserved),
];

/// Most specific first. The last rule, "outside of `2000::/3`", is in [`judge_v6`].
const REFUSED_V6: &[Block<Ipv6Addr>] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Refusal::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Refusal::Loopback),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Refusal::LocalNat64),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Refusal::Discard),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64, Refusal::Discard),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Refusal::Benchmarking),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, Refusal::Orchid),
    (Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, Refusal::Orchid),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Refusal::Documentation),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Refusal::ProtocolAssignment),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Refusal::Documentation),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Refusal::SegmentRouting),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Refusal::UniqueLocal),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Refusal::LinkLocal),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Refusal::SiteLocal),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Refusal::Multicast),
];

fn judge_v4(address: Ipv4Addr) -> Result<(), Refusal> {
    for (base, prefix, refusal) in REFUSED_V4 {
        if (address.to_bits() ^ base.to_bits()) >> (32 - prefix) == 0 {
            return Err(*refusal);
        }
    }
    Ok(())
}

fn judge_v6(address: Ipv6Addr) -> Result<(), Refusal> {
    let segments = address.segments();
    match segments {
        // `::` and `::1` look like IPv4-compatible addresses but are named in the table.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => {}
        // IPv4-mapped (the operating system dials the IPv4 address), NAT64 with its well-known prefix,
        // and 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => return judge_v4(joined(high, low)),
        // IPv4-compatible and IPv4-translated (RFC 2765): named by what they hide, never global.
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low] => {
            return judge_v4(joined(high, low)).and(Err(Refusal::NotGlobalUnicast));
        }
        // Teredo: the server in the clear, the client's address with all bits flipped.
        [0x2001, 0, server_high, server_low, _, _, client_high, client_low] => {
            judge_v4(joined(server_high, server_low))?;
            return judge_v4(joined(!client_high, !client_low));
        }
        _ => {}
    }
    for (base, prefix, refusal) in REFUSED_V6 {
        if (address.to_bits() ^ base.to_bits()) >> (128 - prefix) == 0 {
            return Err(*refusal);
        }
    }
    if segments[0] & 0xe000 == 0x2000 { Ok(()) } else { Err(Refusal::NotGlobalUnicast) }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(text: &str) -> Result<(), Refusal> {
        is_global_unicast(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_dialled() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "2001:200::1",
            "2003::1",
            "3ffe::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            // Teredo with server 8.8.8.8 and client 1.1.1.1.
            "2001:0:808:808:0:0:fefe:fefe",
        ] {
            assert_eq!(judged(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn special_purpose_addresses_are_refused_by_name() {
        for (text, refusal) in [
            ("0.0.0.0", Refusal::Unspecified),
            ("0.1.2.3", Refusal::ThisNetwork),
            ("10.0.0.0", Refusal::Private),
            ("10.255.255.255", Refusal::Private),
            ("100.64.0.0", Refusal::Shared),
            ("100.100.100.200", Refusal::Shared),
            ("100.127.255.255", Refusal::Shared),
            ("127.0.0.1", Refusal::Loopback),
            ("127.255.255.254", Refusal::Loopback),
            ("168.63.129.16", Refusal::CloudService),
            ("169.254.0.0", Refusal::LinkLocal),
            ("169.254.169.254", Refusal::LinkLocal),
            ("172.16.0.0", Refusal::Private),
            ("172.31.255.255", Refusal::Private),
            ("192.0.0.192", Refusal::ProtocolAssignment),
            ("192.0.2.1", Refusal::Documentation),
            ("192.88.99.1", Refusal::RelayAnycast),
            ("192.168.0.1", Refusal::Private),
            ("198.18.0.0", Refusal::Benchmarking),
            ("198.19.255.255", Refusal::Benchmarking),
            ("198.51.100.7", Refusal::Documentation),
            ("203.0.113.7", Refusal::Documentation),
            ("224.0.0.1", Refusal::Multicast),
            ("239.255.255.250", Refusal::Multicast),
            ("240.0.0.1", Refusal::Reserved),
            ("255.255.255.254", Refusal::Reserved),
            ("255.255.255.255", Refusal::Broadcast),
            ("::", Refusal::Unspecified),
            ("::1", Refusal::Loopback),
            ("::2", Refusal::ThisNetwork),
            ("::127.0.0.1", Refusal::Loopback),
            ("::8.8.8.8", Refusal::NotGlobalUnicast),
            ("::ffff:127.0.0.1", Refusal::Loopback),
            ("::ffff:169.254.169.254", Refusal::LinkLocal),
            ("::ffff:0:10.0.0.1", Refusal::Private),
            ("64:ff9b::10.0.0.1", Refusal::Private),
            ("64:ff9b:1::8.8.8.8", Refusal::LocalNat64),
            ("64:ff9b:2::1", Refusal::NotGlobalUnicast),
            ("100::1", Refusal::Discard),
            ("100:0:0:1::1", Refusal::Discard),
            ("2001::1", Refusal::Unspecified),
            // Teredo: a private client behind a public server, and the other way round.
            ("2001:0:808:808:0:0:f5ff:fffe", Refusal::Private),
            ("2001:0:a00:1:0:0:fefe:fefe", Refusal::Private),
            ("2001:2::1", Refusal::Benchmarking),
            ("2001:10::1", Refusal::Orchid),
            ("2001:2f:ffff::1", Refusal::Orchid),
            ("2001:1::1", Refusal::ProtocolAssignment),
            ("2001:1ff::1", Refusal::ProtocolAssignment),
            ("2001:db8::1", Refusal::Documentation),
            ("2002:7f00:1::1", Refusal::Loopback),
            ("2002:c0a8:101::1", Refusal::Private),
            ("3fff:fff::1", Refusal::Documentation),
            ("4000::1", Refusal::NotGlobalUnicast),
            ("5f00::1", Refusal::SegmentRouting),
            ("fc00::1", Refusal::UniqueLocal),
            ("fd00:ec2::254", Refusal::UniqueLocal),
            ("fe80::1", Refusal::LinkLocal),
            ("febf::1", Refusal::LinkLocal),
            ("fec0::1", Refusal::SiteLocal),
            ("ff02::1", Refusal::Multicast),
            ("ffff::1", Refusal::Multicast),
        ] {
            assert_eq!(judged(text), Err(refusal), "{text}");
        }
    }

    #[test]
    fn development_opens_the_own_network_and_nothing_else() {
        for text in ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::1", "8.8.8.8"] {
            assert_eq!(may_dial(text.parse().unwrap(), true), Ok(()), "{text}");
        }
        for text in ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::", "255.255.255.255", "100::1"]
        {
            assert!(may_dial(text.parse().unwrap(), true).is_err(), "{text}");
        }
    }

    /// Every way of hiding an IPv4 address in an IPv6 one.
    fn embeddings(address: Ipv4Addr) -> Vec<Ipv6Addr> {
        let bits = address.to_bits();
        let high = u16::try_from(bits >> 16).unwrap();
        let low = u16::try_from(bits & 0xffff).unwrap();
        vec![
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0xfefe, 0xfefe),
            Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
        ]
    }

    /// Half of the inputs are drawn from the blocks that matter, so that the filter below keeps them.
    fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
        let local =
            prop::sample::select(vec![[10, 0], [127, 0], [169, 254], [172, 16], [172, 31], [192, 168]]);
        prop_oneof![
            any::<u32>().prop_map(Ipv4Addr::from_bits),
            (local, any::<u8>(), any::<u8>()).prop_map(|([a, b], c, d)| Ipv4Addr::new(a, b, c, d)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn what_std_calls_local_is_refused_in_every_encoding(address in any_v4()) {
            let local = address.is_loopback() || address.is_private() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            if local {
                prop_assert!(is_global_unicast(IpAddr::V4(address)).is_err());
                for hidden in embeddings(address) {
                    prop_assert!(is_global_unicast(IpAddr::V6(hidden)).is_err(), "{hidden}");
                }
            }
        }

        #[test]
        fn an_embedded_address_is_never_treated_better_than_itself(address in any_v4()) {
            if is_global_unicast(IpAddr::V4(address)).is_err() {
                for hidden in embeddings(address) {
                    prop_assert!(is_global_unicast(IpAddr::V6(hidden)).is_err(), "{hidden}");
                }
            }
        }

        #[test]
        fn local_ipv6_is_refused(bits in any::<u128>(), prefix in prop::sample::select(vec![0xfc00_u16, 0xfd00, 0xfe80, 0xff00, 0])) {
            let address = Ipv6Addr::from_bits((bits & (u128::MAX >> 16)) | (u128::from(prefix) << 112));
            let local = address.is_unique_local() || address.is_unicast_link_local()
                || address.is_multicast() || address.is_loopback() || address.is_unspecified();
            if local {
                prop_assert!(is_global_unicast(IpAddr::V6(address)).is_err());
            }
        }

        #[test]
        fn only_two_blocks_of_ipv6_are_ever_dialled(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            if is_global_unicast(IpAddr::V6(address)).is_ok() {
                let [first, ..] = address.segments();
                prop_assert!(first & 0xe000 == 0x2000 || first == 0x64 || address.to_ipv4_mapped().is_some());
            }
        }
    }
}
