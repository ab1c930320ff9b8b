//! What the DNS says of a name, asked for in a way that tells "there is none" from "nobody answered": one is a reason to
//! act on, the other is not.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};

/// Longest wait for all that is asked about one name.
const LIMIT: Duration = Duration::from_secs(5);
/// Most records of one name that are looked at.
const RECORDS_MAX: usize = 100;

/// The DNS did not answer, or not in a way that says anything: nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the DNS did not answer")]
pub struct Unanswered;

/// Whoever is asked for names.
#[async_trait]
pub trait Names: Send + Sync + std::fmt::Debug {
    /// The addresses of a host; none where it has none.
    async fn addresses(&self, host: &str) -> Result<BTreeSet<IpAddr>, Unanswered>;

    /// The texts at a name (TXT); none where there are none.
    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered>;
}

/// The name servers of this machine, as they are configured when they are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames {
    /// This one in their place.
    server: Option<SocketAddr>,
}

impl SystemNames {
    /// One name server, and not those of this machine.
    pub const fn at(server: SocketAddr) -> Self {
        Self { server: Some(server) }
    }

    fn resolver(self) -> Result<TokioResolver, Unanswered> {
        let mut builder = match self.server {
            None => TokioResolver::builder_tokio().map_err(|error| unanswered(&error))?,
            Some(server) => {
                let mut config = NameServerConfig::udp(server.ip());
                for connection in &mut config.connections {
                    connection.port = server.port();
                }
                let config = ResolverConfig::from_name_servers(vec![config]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        // Somebody who has just made a record waits for it. And the file of this machine is not what customers see.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        builder.build().map_err(|error| unanswered(&error))
    }
}

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, host: &str) -> Result<BTreeSet<IpAddr>, Unanswered> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(BTreeSet::from([address.to_canonical()]));
        }
        let resolver = self.resolver()?;
        let (v4, v6) =
            tokio::join!(records(&resolver, host, RecordType::A), records(&resolver, host, RecordType::AAAA));
        let address = |record| match record {
            RData::A(v4) => Some(IpAddr::V4(v4.0)),
            RData::AAAA(v6) => Some(IpAddr::V6(v6.0).to_canonical()),
            _ => None,
        };
        // Half an answer is none: the other half may be what points elsewhere.
        Ok(v4?.into_iter().chain(v6?).filter_map(address).collect())
    }

    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered> {
        let found = records(&self.resolver()?, name, RecordType::TXT).await?;
        // A long text comes in pieces.
        let text = |record| match record {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(found.into_iter().filter_map(text).collect())
    }
}

/// The records of a kind; none where the name or the kind is not there.
async fn records(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Vec<RData>, Unanswered> {
    // With the dot at its end no search list of this machine is tried.
    let asked = tokio::time::timeout(LIMIT, resolver.lookup(format!("{name}."), kind)).await;
    match asked.map_err(|_| Unanswered)? {
        Ok(found) => Ok(found.answers().iter().take(RECORDS_MAX).map(|record| record.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(unanswered(&error)),
    }
}

fn unanswered(error: &NetError) -> Unanswered {
    tracing::debug!(%error, "a name was not answered");
    Unanswered
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{Message, MessageType, ResponseCode},
        rr::{Record, rdata::TXT},
    };
    use tokio::net::UdpSocket;

    use super::*;

    /// A name server with a few names.
    async fn server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
                let asked = Message::from_vec(&bytes[..length]).unwrap();
                if let Some(answer) = answer(&asked) {
                    socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        address
    }

    fn answer(asked: &Message) -> Option<Message> {
        let query = asked.queries.first().unwrap().clone();
        let (name, kind) = (query.name().to_string(), query.query_type());
        let mut answer = asked.clone();
        answer.metadata.message_type = MessageType::Response;
        let record = |data| Record::from_rdata(query.name().clone(), 60, data);
        match (name.trim_end_matches('.'), kind) {
            ("both.example.com", RecordType::A) => {
                answer.add_answer(record(RData::A("192.0.2.1".parse().unwrap())));
            }
            ("both.example.com" | "half.example.com", RecordType::AAAA) => {
                answer.add_answer(record(RData::AAAA("2001:db8::1".parse().unwrap())));
            }
            ("text.example.com", RecordType::TXT) => {
                let pieces = vec!["in two ".to_owned(), "pieces".to_owned()];
                answer.add_answer(record(RData::TXT(TXT::new(pieces))));
            }
            ("half.example.com" | "broken.example.com", _) => {
                answer.metadata.response_code = ResponseCode::ServFail;
            }
            ("silent.example.com", _) => return None,
            ("other.example.com", _) => {}
            _ => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        Some(answer)
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_was_not_answered_differ() {
        let names = SystemNames::at(server().await);
        let both = names.addresses("both.example.com").await.unwrap();
        assert_eq!(both, ["192.0.2.1", "2001:db8::1"].map(|one| one.parse().unwrap()).into());
        for none in ["other.example.com", "nobody.example.com", "nobody.invalid"] {
            assert_eq!(names.addresses(none).await, Ok(BTreeSet::new()), "{none}");
            assert_eq!(names.texts(none).await, Ok(Vec::new()), "{none}");
        }
        for unanswered in ["half.example.com", "broken.example.com"] {
            assert_eq!(names.addresses(unanswered).await, Err(Unanswered), "{unanswered}");
        }
        assert_eq!(names.texts("text.example.com").await.unwrap(), ["in two pieces"]);
        assert_eq!(names.addresses("[2001:db8::2]").await.unwrap().len(), 1, "an address is its own answer");
    }

    #[tokio::test]
    async fn silence_is_no_answer_and_has_an_end() {
        let began = std::time::Instant::now();
        assert_eq!(SystemNames::at(server().await).texts("silent.example.com").await, Err(Unanswered));
        assert!(began.elapsed() < LIMIT + Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
