//! Where a merchant may ask us to send: the rules for the text of a URL.
//!
//! These checks give the merchant an early, readable answer. They are not the guard: a name can
//! resolve to anything at any time, so the connector judges every address again when it is dialled.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::{Refusal, may_dial};

/// Longest URL that is accepted, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// What a deployment allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// Loopback, private and unique local addresses and names (`IPN_ALLOW_PRIVATE_TARGETS`).
    pub allow_private: bool,
    /// Plain `http://`; heeded only together with `allow_private`.
    pub allow_http: bool,
}

impl TargetPolicy {
    /// The public internet over TLS.
    pub const STRICT: Self = Self { allow_private: false, allow_http: false };

    /// A developer's own machine: private targets and plain HTTP.
    pub const DEVELOPMENT: Self = Self { allow_private: true, allow_http: true };
}

/// What is wrong with a URL and what to change; the text is meant for the merchant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetRefusal {
    /// Empty text.
    #[error("the URL is empty: give an address such as https://shop.example.com/ipn")]
    Empty,
    /// Longer than [`URL_BYTES_MAX`].
    #[error("the URL is {length} bytes long: shorten it to at most {URL_BYTES_MAX}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// White space, a control character or a backslash; URL parsers disagree about them.
    #[error("the URL contains {what}: remove it, or percent-encode it if it belongs to the URL")]
    ForbiddenCharacter {
        /// A name for the character.
        what: &'static str,
    },
    /// The parser gave up.
    #[error("the URL cannot be read ({reason}): give an address such as https://shop.example.com/ipn")]
    Unreadable {
        /// The parser's reason.
        reason: String,
    },
    /// Neither https nor, where allowed, http.
    #[error("the URL must start with https://, not {scheme}://: change it to https")]
    Scheme {
        /// The scheme that was given.
        scheme: String,
    },
    /// `https:host` or `https:///host`, which parsers read in different ways.
    #[error("the URL must have exactly two slashes before the host: write it as https://host/path")]
    Slashes,
    /// `user:password@host`.
    #[error("the URL contains a user name or password: remove everything between // and @")]
    UserInfo,
    /// No host.
    #[error("the URL has no host name: write it as https://host/path")]
    NoHost,
    /// A name that only means something inside some network.
    #[error("the host {host} is only reachable inside a private network: use a public host name")]
    PrivateName {
        /// The name.
        host: String,
    },
    /// `example.com.`, which virtual hosts and certificates do not match.
    #[error("the host name ends with a dot: remove the dot")]
    TrailingDot,
    /// A literal address that is not global unicast.
    #[error("the address {address} cannot be used ({refusal}): use a public host name")]
    Address {
        /// As the parser normalised it.
        address: IpAddr,
        /// The block that it belongs to.
        refusal: Refusal,
    },
    /// Port 0, or one that belongs to another protocol.
    #[error("port {port} is not for web traffic: use 443, or another port that your web server listens on")]
    Port {
        /// The port.
        port: u16,
    },
    /// A query that would not go out as it was written.
    #[error(
        "the URL's query contains characters that must be percent-encoded: write \" as %22, ' as %27, < as %3C, > as %3E, and anything but ASCII as its UTF-8 bytes"
    )]
    QueryNotEncoded,
}

/// Ports of other protocols that an HTTP request could be smuggled into: the Fetch standard's list
/// of bad ports (§2.9 "Port blocking"), with 0. Sorted.
const REFUSED_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Last labels that never name a public host: RFC 6761, RFC 6762 (with its appendix G), RFC 7686 and
/// the name that ICANN set aside for private use.
const PRIVATE_SUFFIXES: [&str; 11] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "onion",
    "invalid",
];

/// Reads a merchant's URL. The query is kept byte for byte, the fragment dropped.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse_target(text: &str, policy: &TargetPolicy) -> Result<Url, TargetRefusal> {
    check_text(text)?;
    let mut url =
        Url::parse(text).map_err(|error| TargetRefusal::Unreadable { reason: error.to_string() })?;
    check_url(&url, policy)?;
    let without_fragment = text.split_once('#').map_or(text, |(before, _)| before);
    if without_fragment.split_once('?').map(|(_, query)| query) != url.query() {
        return Err(TargetRefusal::QueryNotEncoded);
    }
    url.set_fragment(None);
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(TargetRefusal::TooLong { length: url.as_str().len() });
    }
    Ok(url)
}

/// Judges a URL that has been parsed before, at the time of sending: the policy may have become
/// stricter since it was stored.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_url(url: &Url, policy: &TargetPolicy) -> Result<(), TargetRefusal> {
    match url.scheme() {
        "https" => {}
        "http" if policy.allow_http && policy.allow_private => {}
        scheme => return Err(TargetRefusal::Scheme { scheme: scheme.to_owned() }),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetRefusal::UserInfo);
    }
    if let Some(port) = url.port()
        && REFUSED_PORTS.binary_search(&port).is_ok()
    {
        return Err(TargetRefusal::Port { port });
    }
    match url.host() {
        None => Err(TargetRefusal::NoHost),
        Some(Host::Ipv4(address)) => check_address(address.into(), *policy),
        Some(Host::Ipv6(address)) => check_address(address.into(), *policy),
        Some(Host::Domain(name)) => check_name(name, *policy),
    }
}

fn check_address(address: IpAddr, policy: TargetPolicy) -> Result<(), TargetRefusal> {
    may_dial(address, policy.allow_private).map_err(|refusal| TargetRefusal::Address { address, refusal })
}

/// `name` is lower case and punycode, as the parser leaves it.
fn check_name(name: &str, policy: TargetPolicy) -> Result<(), TargetRefusal> {
    if name.ends_with('.') {
        return Err(TargetRefusal::TrailingDot);
    }
    if policy.allow_private {
        return Ok(());
    }
    let last_label = name.rsplit('.').next().unwrap_or(name);
    // A single label is looked up in the search domains of whoever resolves it.
    let private =
        !name.contains('.') || PRIVATE_SUFFIXES.contains(&last_label) || name.ends_with(".home.arpa");
    if private { Err(TargetRefusal::PrivateName { host: name.to_owned() }) } else { Ok(()) }
}

/// What must be seen before parsing, since the parser silently repairs it.
fn check_text(text: &str) -> Result<(), TargetRefusal> {
    if text.trim().is_empty() {
        return Err(TargetRefusal::Empty);
    }
    if text.len() > URL_BYTES_MAX {
        return Err(TargetRefusal::TooLong { length: text.len() });
    }
    for character in text.chars() {
        let what = match character {
            '\\' => "a backslash",
            _ if character.is_control() => "a control character or line break",
            _ if character.is_whitespace() => "a space",
            _ => continue,
        };
        return Err(TargetRefusal::ForbiddenCharacter { what });
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let is_web = lower.starts_with("https:") || lower.starts_with("http:");
    let after_scheme = text.split_once(':').map_or("", |(_, rest)| rest);
    if is_web && (!after_scheme.starts_with("//") || after_scheme.starts_with("///")) {
        return Err(TargetRefusal::Slashes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name of the trick, the URL, and a part of what the merchant is told.
    const HOSTILE: &[(&str, &str, &str)] = &[
        ("plain http", "http://example.com/", "must start with https://"),
        ("file", "file:///etc/passwd", "must start with https://"),
        ("gopher", "gopher://example.com/", "must start with https://"),
        ("ftp", "ftp://example.com/", "must start with https://"),
        ("data", "data:text/plain,x", "must start with https://"),
        ("javascript", "javascript:alert(1)", "must start with https://"),
        ("websocket", "wss://example.com/", "must start with https://"),
        ("unix socket", "unix:///var/run/docker.sock", "must start with https://"),
        ("relative", "/ipn", "cannot be read"),
        ("scheme-relative", "//example.com/ipn", "cannot be read"),
        ("no scheme", "example.com/ipn", "cannot be read"),
        ("empty", "", "is empty"),
        ("blank", "   ", "is empty"),
        ("one slash", "https:/example.com/", "two slashes"),
        ("no slash", "https:example.com/", "two slashes"),
        ("three slashes", "https:///127.0.0.1/", "two slashes"),
        ("upper-case scheme, three slashes", "HTTPS:///127.0.0.1/", "two slashes"),
        ("backslashes", "https:\\\\127.0.0.1\\", "backslash"),
        ("backslash before at", "https://example.com\\@127.0.0.1/", "backslash"),
        ("leading space", " https://example.com/", "a space"),
        ("tab in host", "https://exa\tmple.com/", "control character"),
        ("line feed in host", "https://127.0\n.0.1/", "control character"),
        ("header injection", "https://example.com/\r\nX-Evil: 1", "control character"),
        ("NUL", "https://example.com/\0", "control character"),
        ("space in query", "https://example.com/?a=b c", "a space"),
        ("no-break space", "https://example.com/\u{a0}", "a space"),
        ("user info", "https://user@example.com/", "user name or password"),
        ("password only", "https://:secret@example.com/", "user name or password"),
        ("public name as user", "https://example.com@127.0.0.1/", "user name or password"),
        ("public name and port as user", "https://example.com:443@10.0.0.1/", "user name or password"),
        ("localhost", "https://localhost/", "private network"),
        ("localhost in capitals", "https://LOCALHOST/", "private network"),
        ("localhost, full width", "https://ｌｏｃａｌｈｏｓｔ/", "private network"),
        ("localhost, percent-encoded", "https://%6cocalhost/", "private network"),
        ("localhost with a dot", "https://localhost./", "ends with a dot"),
        ("below localhost", "https://shop.localhost/", "private network"),
        ("localdomain", "https://localhost.localdomain/", "private network"),
        ("cloud metadata by name", "https://metadata.google.internal/", "private network"),
        ("internal with a dot", "https://metadata.google.internal./", "ends with a dot"),
        ("multicast DNS", "https://printer.local/", "private network"),
        ("home network", "https://router.home.arpa/", "private network"),
        ("router's domain", "https://nas.lan/", "private network"),
        ("single label", "https://mongo/", "private network"),
        ("onion service", "https://abc.onion/", "private network"),
        ("dotted quad", "https://127.0.0.1/", "loopback"),
        ("with a trailing dot", "https://127.0.0.1./", "loopback"),
        ("short form, two parts", "https://127.1/", "loopback"),
        ("short form, three parts", "https://10.0.1/", "private address"),
        ("decimal", "https://2130706433/", "loopback"),
        ("octal", "https://0177.0.0.1/", "loopback"),
        ("octal throughout", "https://0300.0250.01.01/", "private address"),
        ("hexadecimal", "https://0x7f000001/", "loopback"),
        ("hexadecimal by part", "https://0x7f.0x0.0x0.0x1/", "loopback"),
        ("mixed radix", "https://0x7f.1/", "loopback"),
        ("octal decimal metadata", "https://0251.0376.169.254/", "link-local"),
        ("metadata as a number", "https://2852039166/", "link-local"),
        ("full-width digits", "https://１２７.０.０.１/", "loopback"),
        ("circled digits", "https://①②⑦.⓪.⓪.①/", "loopback"),
        ("ideographic full stops", "https://127。0。0。1/", "loopback"),
        ("percent-encoded digits", "https://%31%32%37.0.0.1/", "loopback"),
        ("too large a number", "https://4294967296/", "cannot be read"),
        ("part out of range", "https://256.0.0.1/", "cannot be read"),
        ("zero", "https://0/", "unspecified"),
        ("unspecified", "https://0.0.0.0/", "unspecified"),
        ("this network", "https://0.0.0.1/", "this network"),
        ("broadcast", "https://255.255.255.255/", "broadcast"),
        ("ten", "https://10.11.12.13/", "private address"),
        ("one hundred and seventy-two", "https://172.20.0.1/", "private address"),
        ("carrier NAT", "https://100.64.0.1/", "carrier NAT"),
        ("Azure's host agent", "https://168.63.129.16/", "cloud provider"),
        ("documentation", "https://203.0.113.5/", "documentation"),
        ("multicast", "https://224.0.0.251/", "multicast"),
        ("IPv6 loopback", "https://[::1]/", "loopback"),
        ("IPv6 loopback, long", "https://[0:0:0:0:0:0:0:1]/", "loopback"),
        ("IPv6 unspecified", "https://[::]/", "unspecified"),
        ("IPv6 mapped", "https://[::ffff:127.0.0.1]/", "loopback"),
        ("IPv6 mapped in hexadecimal", "https://[::ffff:7f00:1]/", "loopback"),
        ("IPv6 compatible", "https://[::127.0.0.1]/", "loopback"),
        ("NAT64", "https://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("local NAT64", "https://[64:ff9b:1::a00:1]/", "NAT64"),
        ("6to4", "https://[2002:7f00:1::]/", "loopback"),
        ("Teredo client", "https://[2001:0:808:808::80ff:fffe]/", "loopback"),
        ("unique local", "https://[fd00:ec2::254]/", "unique local"),
        ("link-local", "https://[fe80::1]/", "link-local"),
        ("link-local with a zone", "https://[fe80::1%25eth0]/", "cannot be read"),
        ("site-local", "https://[fec0::1]/", "site-local"),
        ("IPv6 documentation", "https://[2001:db8::1]/", "documentation"),
        ("IPv6 multicast", "https://[ff02::1]/", "multicast"),
        ("segment routing", "https://[5f00::1]/", "segment routing"),
        ("port 0", "https://example.com:0/", "port 0"),
        ("SSH", "https://example.com:22/", "port 22"),
        ("SMTP", "https://example.com:25/", "port 25"),
        ("IRC", "https://example.com:6667/", "port 6667"),
        ("port too large", "https://example.com:65536/", "cannot be read"),
        ("no host", "https://?a=b", "cannot be read"),
        ("only user info", "https://@/", "cannot be read"),
        ("quote in query", "https://example.com/?a=\"b\"", "percent-encoded"),
        ("letters beyond ASCII in query", "https://example.com/?a=é", "percent-encoded"),
    ];

    #[test]
    fn hostile_urls_are_refused() {
        assert!(HOSTILE.len() >= 60);
        for (name, text, told) in HOSTILE {
            let refusal = parse_target(text, &TargetPolicy::STRICT).expect_err(name).to_string();
            assert!(refusal.contains(told), "{name}: {refusal}");
        }
    }

    #[test]
    fn ordinary_targets_go_out_as_written() {
        for (text, sent) in [
            ("https://example.com", "https://example.com/"),
            (
                "https://example.com/ipn?wc-api=tollgate&x=%2F%20+",
                "https://example.com/ipn?wc-api=tollgate&x=%2F%20+",
            ),
            ("https://example.com:8443/a//b?&&=", "https://example.com:8443/a//b?&&="),
            ("https://example.com/?", "https://example.com/?"),
            (
                "https://example.com/?next=https://a.example/b?c#frag",
                "https://example.com/?next=https://a.example/b?c",
            ),
            ("https://EXAMPLE.com:443/#?not=query", "https://example.com/"),
            ("https://bücher.example.com/", "https://xn--bcher-kva.example.com/"),
            ("https://8.8.8.8/ipn", "https://8.8.8.8/ipn"),
            ("https://[2606:4700::1111]:65535/", "https://[2606:4700::1111]:65535/"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
        ] {
            assert_eq!(parse_target(text, &TargetPolicy::STRICT).unwrap().as_str(), sent, "{text}");
        }
    }

    #[test]
    fn development_allows_the_own_machine_over_http() {
        for text in
            ["http://localhost:3000/ipn", "http://127.0.0.1:8080/", "https://[::1]/", "http://shop/ipn"]
        {
            assert!(parse_target(text, &TargetPolicy::DEVELOPMENT).is_ok(), "{text}");
        }
        for text in
            ["http://169.254.169.254/", "http://[fe80::1]/", "http://u@localhost/", "ftp://localhost/"]
        {
            assert!(parse_target(text, &TargetPolicy::DEVELOPMENT).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_needs_private_targets_as_well() {
        let policy = TargetPolicy { allow_private: false, allow_http: true };
        assert!(matches!(parse_target("http://example.com/", &policy), Err(TargetRefusal::Scheme { .. })));
    }

    #[test]
    fn length_is_limited_as_written_and_as_sent() {
        let text = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX - 20));
        assert!(parse_target(&text, &TargetPolicy::STRICT).is_ok());
        assert!(matches!(
            parse_target(&format!("{text}a"), &TargetPolicy::STRICT),
            Err(TargetRefusal::TooLong { length: 2049 })
        ));
        // Each letter becomes six bytes on the wire.
        let text = format!("https://example.com/{}", "é".repeat(700));
        assert!(matches!(parse_target(&text, &TargetPolicy::STRICT), Err(TargetRefusal::TooLong { .. })));
    }

    #[test]
    fn refused_ports_are_sorted_for_the_search() {
        assert!(REFUSED_PORTS.is_sorted());
    }
}
