//! A loopback HTTP server whose connections can be cut at will.
//!
//! A lost answer (the effect happened, the connection broke) is what a payment gateway must survive, and an
//! ordinary HTTP server cannot produce one: it always answers. Here each connection carries a token; once it
//! is cancelled, nothing more is read from or written to the socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Connections that wait to be served before the listener stops accepting.
const BACKLOG: usize = 1024;

/// A running server. Dropping it closes the port and every connection at once.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    token: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds to `port` on the loopback address; 0 means any free port.
    pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Serves `router` on `listener` until the server is dropped; over TLS if a configuration is given.
    pub(crate) fn serve(
        listener: TcpListener,
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        router: Router,
    ) -> Self {
        let token = CancellationToken::new();
        let (sender, ready) = mpsc::channel(BACKLOG);
        let accept = tokio::spawn(accept_connections(listener, tls, token.clone(), sender));
        let wires = Wires { ready, address };
        let service = router.into_make_service_with_connect_info::<Connection>();
        let serve = tokio::spawn(async move {
            // axum's serve loop only ends with an error of the listener, and ours has none.
            let _ = axum::serve(wires, service).await;
        });
        Self { address, token, tasks: vec![accept, serve] }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token that is cancelled when the server is dropped.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The token reaches the connections, which are tasks of their own and outlive the serve loop.
        self.token.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept_connections(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    token: CancellationToken,
    ready: mpsc::Sender<(Wire, SocketAddr)>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let Ok((tcp, peer)) = listener.accept().await else { continue };
        // Without it, small writes of a drip-fed body would be gathered by the kernel.
        let _ = tcp.set_nodelay(true);
        let cut = token.child_token();
        let ready = ready.clone();
        match acceptor.clone() {
            None => {
                if ready.send((Wire::new(Stream::Plain(tcp), cut), peer)).await.is_err() {
                    return;
                }
            }
            // A client that stalls in its handshake must not hold up the others.
            Some(acceptor) => {
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        let _ = ready.send((Wire::new(Stream::Tls(Box::new(stream)), cut), peer)).await;
                    }
                });
            }
        }
    }
}

/// The connections that are ready to be served, as axum wants them.
struct Wires {
    ready: mpsc::Receiver<(Wire, SocketAddr)>,
    address: SocketAddr,
}

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accept loop has ended; the serve loop is aborted with it.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// What a handler can do to the connection that its request came in on.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    cut: CancellationToken,
}

impl Connection {
    /// Breaks the connection; whatever the handler answers is not sent.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits until the connection is cut or the server is dropped.
    pub(crate) async fn closed(&self) {
        self.cut.cancelled().await;
    }
}

impl Connected<IncomingStream<'_, Wires>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        Self { cut: stream.io().cut.clone() }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that can be cut.
struct Wire {
    stream: Stream,
    cut: CancellationToken,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn new(stream: Stream, cut: CancellationToken) -> Self {
        let cancelled = Box::pin(cut.clone().cancelled_owned());
        Self { stream, cut, cancelled }
    }

    /// Whether the connection is cut; registers the task to be woken when it is.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.cut.is_cancelled() || self.cancelled.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
