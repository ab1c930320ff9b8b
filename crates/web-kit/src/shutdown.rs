//! Serving, and stopping without dropping anybody.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use gateway_core::timing::scaled;
use http::{HeaderValue, Request, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::drain;

/// Limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for a request's head to arrive. hyper starts this clock while a kept-alive connection idles, too,
    /// so it must be longer than the proxy in front keeps idle connections, or the proxy would now and then
    /// send a POST into a closing one.
    pub head_timeout: Duration,
    /// From this age on a connection is closed behind its next answer, which says so: a proxy's connections spread
    /// over all replicas again, one that came back among them.
    pub connection_age_max: Duration,
    /// How long the rest of a body is read whose answer is ready; then the answer closes the connection.
    pub drain_max: Duration,
    /// How long a connection that idles is still served once stopping has begun; what is answered then closes it. A proxy
    /// that sends just then meets no closed connection.
    pub linger: Duration,
    /// Time that running requests get once stopping has begun.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            head_timeout: Duration::from_secs(75),
            connection_age_max: Duration::from_secs(20),
            drain_max: Duration::from_secs(1),
            linger: Duration::from_millis(500),
            grace: scaled(Duration::from_secs(20)),
        }
    }
}

/// Largest request head, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Serves until `stop`, then lets running requests end, for at most the grace period.
///
/// HTTP/1.1 only: the proxy in front speaks it to us, whatever it speaks to the world. Handlers that stream
/// without end should watch `stop` themselves.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    stop: CancellationToken,
) -> io::Result<()> {
    let seats = Arc::new(Semaphore::new(limits.connections_max));
    let tasks = TaskTracker::new();
    loop {
        let next = stop.run_until_cancelled(async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, listener.accept().await)
        });
        match next.await {
            None | Some((Err(_), Ok(_))) => break,
            Some((Ok(seat), Ok((stream, peer)))) => {
                let connection = serve_connection(stream, peer, router.clone(), limits, stop.clone());
                tasks.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
            Some((_, Err(error))) => pause_after(&error).await,
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(limits.grace, tasks.wait()).await.is_err() {
        tracing::warn!(open = tasks.len(), "grace period over, closing connections");
    }
    Ok(())
}

/// A caller that hung up is nothing; no file handles left is a reason to wait.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ServeLimits,
    stop: CancellationToken,
) {
    // Answers are written whole; waiting for more to send would only add latency.
    let _ = stream.set_nodelay(true);
    let opened = Instant::now();
    let stopping = stop.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, stopping) = (router.clone(), stopping.clone());
        async move {
            let (mut response, reusable) = answer(router, request, limits.drain_max).await;
            if !reusable || stopping.is_cancelled() || opened.elapsed() >= limits.connection_age_max {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = async { stop.cancelled().await; tokio::time::sleep(limits.linger).await } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(%error, "connection ended early");
    }
}

/// An answer, and whether the connection can carry another request behind it.
async fn answer(router: Router, request: Request<Incoming>, drain_max: Duration) -> (Response, bool) {
    let invited = !request.headers().contains_key(header::EXPECT);
    if request.body().is_end_stream() {
        return (router.oneshot(request.map(Body::new)).await.unwrap_or_else(|e| match e {}), true);
    }
    let (parts, body) = request.into_parts();
    let (body, rest) = drain::watch(body);
    let request = Request::from_parts(parts, Body::new(body));
    let response = router.oneshot(request).await.unwrap_or_else(|e| match e {});
    (response, rest.drain(invited, drain_max).await)
}

/// Runs a service to its end. What blocks a thread even then (a name that is looked up, a picture that is
/// read) is not waited for: each wait of a stopping service has its limit.
pub fn block_on<F: Future>(service: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let output = runtime.block_on(service);
    runtime.shutdown_background();
    Ok(output)
}

/// A token that is cancelled by Ctrl-C or SIGTERM. A second signal ends the process at once.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let seen = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                tracing::info!("stopping");
                seen.cancel();
            } else {
                tracing::warn!("second signal, ending at once");
                std::process::exit(1);
            }
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start(
        limits: ServeLimits,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let slow = get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            peer.ip().to_string()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Router::new().route("/", slow), limits, stop.clone()));
        (address, stop, serving)
    }

    #[tokio::test]
    async fn running_requests_end_and_new_ones_are_refused() {
        let (address, stop, serving) = start(ServeLimits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_that_idles_when_stopping_begins_is_closed_by_an_answer() {
        let (address, stop, serving) = start(ServeLimits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = Vec::new();
        while !first.ends_with(b"127.0.0.1") {
            assert!(stream.read_buf(&mut first).await.unwrap() > 0);
        }
        stop.cancel();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut last = String::new();
        stream.read_to_string(&mut last).await.unwrap();
        assert!(last.starts_with("HTTP/1.1 200") && last.contains("connection: close"), "{last}");
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_cut_off() {
        let limits = ServeLimits { head_timeout: Duration::from_millis(100), ..ServeLimits::default() };
        let (address, stop, _serving) = start(limits).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open");
        stop.cancel();
    }

    #[test]
    fn thread_that_is_blocked_does_not_hold_up_the_end() {
        let started = std::time::Instant::now();
        let blocked =
            async { drop(tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(5)))) };
        block_on(blocked).unwrap();
        assert!(started.elapsed() < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn idle_connections_do_not_hold_up_the_stop() {
        let (address, stop, serving) = start(ServeLimits::default()).await;
        let _idle = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap().unwrap();
    }
}
