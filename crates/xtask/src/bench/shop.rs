//! Shops that hear of payments: as light as the generator, since they share its processor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use super::http::Connection;
use crate::Outcome;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// An IPN as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// `occurredAt`: when the change was decided, before it was written. Microseconds since 1970.
    pub occurred_us: i64,
    /// When its last byte had arrived, by the same clock.
    pub arrived_us: i64,
}

/// What an IPN of version 2 says, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipn {
    occurred_at: jiff::Timestamp,
    status: i8,
}

/// Shops on ports of their own: hosts of their own to the gateway.
pub struct Shops {
    urls: Vec<String>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Shops {
    /// Opens so many.
    pub async fn open(count: usize) -> Outcome<Self> {
        let heard = Arc::default();
        let mut urls = Vec::with_capacity(count);
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            urls.push(format!("http://{}/ipn", listener.local_addr()?));
            tokio::spawn(listen(listener, Arc::clone(&heard)));
        }
        Ok(Self { urls, heard })
    }

    /// The address of one of them.
    pub fn url(&self, index: usize) -> &str {
        &self.urls[index % self.urls.len()]
    }

    /// Waits until so many have been heard, or nothing new comes for `patience`; takes what there is.
    pub async fn hear(&self, count: usize, patience: Duration) -> Vec<Heard> {
        let (mut known, mut since) = (0, Instant::now());
        loop {
            let now = self.with(|heard| heard.len());
            if now != known {
                (known, since) = (now, Instant::now());
            }
            if now >= count || since.elapsed() > patience {
                return self.with(std::mem::take);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Vec<Heard>) -> R) -> R {
        act(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn listen(listener: TcpListener, heard: Arc<Mutex<Vec<Heard>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&heard)));
    }
}

#[expect(clippy::disallowed_methods, reason = "compared with the gateway's real clock")]
fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

async fn serve(stream: TcpStream, heard: Arc<Mutex<Vec<Heard>>>) {
    let Ok(mut connection) = Connection::accepted(stream) else { return };
    while let Ok(Some(body)) = connection.receive().await {
        let arrived_us = now_us();
        // Only payments are counted: each transaction's first and only success.
        if let Ok(Ipn { occurred_at, status: 1 }) = serde_json::from_slice(body) {
            let occurred_us = occurred_at.as_microsecond();
            let one = Heard { occurred_us, arrived_us };
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
        if connection.answer(ANSWER).await.is_err() {
            return;
        }
    }
}
