//! What is left of a request's body when its answer is ready.
//!
//! Many answers are ready before the body was read: to a wrong key, an unknown route, a caller beyond their limit.
//! Were the connection closed under the rest of the body, a proxy that keeps it for the next request would send that
//! one into a closed connection and could not repeat it. So the rest is read and thrown away, up to a limit; beyond
//! it the answer says `Connection: close`, so that nobody uses the connection again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// How much of a body is thrown away at most, in bytes. More than the proxy in front lets through (8 MB), so that a body
/// that is too large is answered 413 there as well.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The body that a handler gets: hands what was not read of it to whoever waits for [`Rest`].
pub(crate) struct Watched {
    body: Option<Incoming>,
    rest: Option<oneshot::Sender<Incoming>>,
}

/// What a handler has left of a body.
pub(crate) struct Rest(oneshot::Receiver<Incoming>);

/// Lets a body be read by a handler.
pub(crate) fn watch(body: Incoming) -> (Watched, Rest) {
    let (rest, receiver) = oneshot::channel();
    (Watched { body: Some(body), rest: Some(rest) }, Rest(receiver))
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(body), Some(rest)) = (self.body.take(), self.rest.take())
            && !body.is_end_stream()
        {
            // Nobody waits any more when the connection is gone.
            let _ = rest.send(body);
        }
    }
}

impl Rest {
    /// Reads it to its end, for at most `limit`; answers whether the connection can carry another request. `invited` is
    /// false where the caller waits for a word before it sends the body (`Expect: 100-continue`): to read would be that
    /// word.
    pub(crate) async fn drain(mut self, invited: bool, limit: Duration) -> bool {
        // Empty where the body was read, or where somebody still reads it while the answer is sent.
        let Ok(mut body) = self.0.try_recv() else { return true };
        if !invited || body.size_hint().lower() > BYTES_MAX {
            return false;
        }
        let read_all = async {
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > BYTES_MAX {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(limit, read_all).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::shutdown::{ServeLimits, serve};

    /// A service that refuses everything unread, a connection to it, and what tells that it has refused.
    async fn refusing(limits: ServeLimits) -> (TcpStream, Arc<Notify>) {
        let refused = Arc::new(Notify::new());
        let tell = Arc::clone(&refused);
        let refuse = move || {
            tell.notify_one();
            async { (StatusCode::UNAUTHORIZED, "no") }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(refuse);
        // It ends with the test's runtime.
        tokio::spawn(serve(listener, router, limits, CancellationToken::new()));
        (TcpStream::connect(address).await.unwrap(), refused)
    }

    fn head(length: u64, more: &str) -> Vec<u8> {
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{more}\r\n").into_bytes()
    }

    /// One answer, up to its body.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nno") {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "{}", String::from_utf8_lossy(&text));
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_connection_carries_the_next_request_after_an_early_answer() {
        let (mut stream, refused) = refusing(ServeLimits::default()).await;
        for _ in 0..3 {
            stream.write_all(&head(7, "")).await.unwrap();
            // As a proxy's packets: the body comes when the head was answered already.
            refused.notified().await;
            stream.write_all(b"{\"a\":1}").await.unwrap();
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_connection_whose_body_cannot_be_read_to_its_end_is_given_up_by_name() {
        let quick = ServeLimits { drain_max: Duration::from_millis(20), ..ServeLimits::default() };
        for (limits, head) in [
            // It never comes.
            (quick, head(7, "")),
            (ServeLimits::default(), head(BYTES_MAX + 1, "")),
            // The caller has not been told to send it, and is not.
            (ServeLimits::default(), head(7, "expect: 100-continue\r\n")),
        ] {
            let (mut stream, _refused) = refusing(limits).await;
            stream.write_all(&head).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
            assert!(answer.contains("connection: close") && answer.ends_with("no"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_thrown_away_too() {
        let (mut stream, refused) = refusing(ServeLimits::default()).await;
        for _ in 0..2 {
            stream
                .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                .await
                .unwrap();
            refused.notified().await;
            stream.write_all(b"3\r\nabc\r\n0\r\n\r\n").await.unwrap();
            assert!(answer(&mut stream).await.starts_with("HTTP/1.1 401"));
        }
    }

    #[tokio::test]
    async fn an_old_connection_is_given_up_between_two_requests() {
        let old = ServeLimits { connection_age_max: Duration::ZERO, ..ServeLimits::default() };
        let (mut stream, _refused) = refusing(old).await;
        stream.write_all(&head(0, "")).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.contains("connection: close") && text.ends_with("no"), "{text}");
    }
}
