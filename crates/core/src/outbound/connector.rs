//! From a host name to a connected stream. All that is dialled is dialled here, by number, after
//! that very number has been judged; no library resolves or connects on its own.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, select_ok};
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::address::{Refusal, may_dial};

/// How many of a name's addresses are tried at most.
const ADDRESSES_DIALLED_MAX: usize = 6;

/// Head start of an address over the next one: the "Connection Attempt Delay" of RFC 8305 §5.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Looks up a host name. What it answers is judged by the caller.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, in the order in which to try them.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    #[error("the address {address} may not be dialled: {refusal}")]
    Refused { address: IpAddr, refusal: Refusal },
    #[error("name lookup failed: {0}")]
    Dns(String),
    #[error("connection failed: {0}")]
    Connect(io::Error),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("no connection in time")]
    Timeout,
}

/// Opens a TCP connection to exactly this address. A parameter so that tests can watch it.
pub(super) type Dial = Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> + Send + Sync>;

pub(super) fn system_dial() -> Dial {
    Arc::new(|address| Box::pin(TcpStream::connect(address)))
}

/// What is needed to connect.
pub(super) struct Connector {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dial: Dial,
    pub(super) allow_private: bool,
    pub(super) tls: TlsConnector,
    /// Bounds an attempt that outlives its request (hyper lets one finish for the pool when another
    /// connection became free first); the request's own deadline covers the usual case.
    pub(super) deadline: Duration,
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> Result<Transport, ConnectFailure> {
        tokio::time::timeout(self.deadline, self.connect_unbounded(uri))
            .await
            .unwrap_or(Err(ConnectFailure::Timeout))
    }

    async fn connect_unbounded(&self, uri: &Uri) -> Result<Transport, ConnectFailure> {
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });

        let addresses = self.judged_addresses(host).await?;
        let (stream, peer) = self.dial_first(&addresses, port).await.map_err(ConnectFailure::Connect)?;
        stream.set_nodelay(true).map_err(ConnectFailure::Connect)?;
        if !secure {
            return Ok(Transport { io: Box::new(stream), peer });
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConnectFailure::Tls("the host name cannot stand in a certificate".to_owned()))?;
        let stream =
            self.tls.connect(name, stream).await.map_err(|error| ConnectFailure::Tls(error.to_string()))?;
        Ok(Transport { io: Box::new(stream), peer })
    }

    /// The addresses of `host`, every one of them allowed; one that is not refuses the name whole,
    /// since an attacker who mixes them only has to wait for the right one to be picked.
    async fn judged_addresses(&self, host: &str) -> Result<Vec<IpAddr>, ConnectFailure> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => {
                self.resolver.resolve(host).await.map_err(|error| ConnectFailure::Dns(error.to_string()))?
            }
        };
        if addresses.is_empty() {
            return Err(ConnectFailure::Dns("the name has no address".to_owned()));
        }
        for address in &addresses {
            may_dial(*address, self.allow_private)
                .map_err(|refusal| ConnectFailure::Refused { address: *address, refusal })?;
        }
        Ok(addresses)
    }

    /// Dials the addresses one after the other, each a little later, and keeps the first that answers.
    async fn dial_first(&self, addresses: &[IpAddr], port: u16) -> io::Result<(TcpStream, SocketAddr)> {
        let mut wait = Duration::ZERO;
        let mut attempts = Vec::new();
        for address in addresses.iter().take(ADDRESSES_DIALLED_MAX) {
            let peer = SocketAddr::new(*address, port);
            let dial = Arc::clone(&self.dial);
            attempts.push(Box::pin(async move {
                tokio::time::sleep(wait).await;
                dial(peer).await.map(|stream| (stream, peer))
            }));
            wait += NEXT_ADDRESS_AFTER;
        }
        select_ok(attempts).await.map(|(connected, _)| connected)
    }
}

/// [`Connector`] as hyper wants it.
#[derive(Clone)]
pub(super) struct SharedConnector(pub(super) Arc<Connector>);

impl Service<Uri> for SharedConnector {
    type Response = TokioIo<Transport>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = Arc::clone(&self.0);
        Box::pin(async move { connector.connect(&uri).await.map(TokioIo::new) })
    }
}

/// The address that a response came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connected stream, with or without TLS, that remembers its peer.
pub(super) struct Transport {
    io: Box<dyn Io>,
    peer: SocketAddr,
}

impl Connection for Transport {
    fn connected(&self) -> Connected {
        Connected::new().extra(Peer(self.peer))
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
