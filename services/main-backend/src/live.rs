//! Server-sent events: the state at once, then again whenever it has changed, until it is final.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use gateway_core::app::AppError;
use tokio::time::Instant;
use web_kit::{ApiError, ClientIp};

use crate::gateway::Shared;

/// Streams at once; each reads MongoDB once a second.
const STREAMS_MAX: usize = 2000;

/// Streams of one address at once.
const STREAMS_PER_ADDRESS_MAX: usize = 100;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two comments that keep proxies from closing a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// After this a stream ends and the browser opens another: streams whose reader is gone unnoticed end too.
const LIFE: Duration = Duration::from_mins(10);

/// What a stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// The event's data, as JSON.
    pub(crate) data: String,
    /// Whether nothing more will come.
    pub(crate) is_final: bool,
}

/// Counts the streams that are open.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One stream's seat; free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

impl Seats {
    /// A seat for a stream to this address.
    pub(crate) fn take(&self, ip: ClientIp) -> Result<Seat, ApiError> {
        let address = ip.limit_key();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if own >= STREAMS_PER_ADDRESS_MAX {
            return Err(ApiError::too_many_requests(KEEP_ALIVE));
        }
        if taken.all >= STREAMS_MAX {
            return Err(ApiError::unavailable(KEEP_ALIVE));
        }
        taken.all += 1;
        taken.by_address.insert(address, own + 1);
        Ok(Seat { taken: Arc::clone(&self.taken), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let own = taken.by_address.get(&self.address).copied().unwrap_or(1) - 1;
        if own == 0 {
            taken.by_address.remove(&self.address);
        } else {
            taken.by_address.insert(self.address, own);
        }
    }
}

struct Watch<F> {
    gateway: Shared,
    _seat: Seat,
    look: F,
    told: Option<Look>,
    ends_at: Instant,
}

/// A stream of events named `status`. A look that fails is repeated: the reader hears nothing of it.
pub(crate) fn stream<F, Looking>(gateway: Shared, seat: Seat, look: F) -> Response
where
    F: Fn() -> Looking + Send + 'static,
    Looking: Future<Output = Result<Look, AppError>> + Send,
{
    let watch = Watch { gateway, _seat: seat, look, told: None, ends_at: Instant::now() + LIFE };
    let events = futures::stream::unfold(watch, async |mut watch| {
        let look = next_change(&mut watch).await?;
        let event = Event::default().event("status").data(&look.data);
        watch.told = Some(look);
        Some((Ok::<_, Infallible>(event), watch))
    });
    // Boxed, since the state above is moved around while it is polled.
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(futures::StreamExt::boxed(events)).keep_alive(keep_alive).into_response()
}

async fn next_change<F, Looking>(watch: &mut Watch<F>) -> Option<Look>
where
    F: Fn() -> Looking,
    Looking: Future<Output = Result<Look, AppError>>,
{
    if watch.told.as_ref().is_some_and(|told| told.is_final) {
        return None;
    }
    let mut is_first = watch.told.is_none();
    loop {
        if !is_first {
            watch.gateway.stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
        }
        is_first = false;
        if Instant::now() >= watch.ends_at {
            return None;
        }
        match (watch.look)().await {
            Ok(look) if watch.told.as_ref() != Some(&look) => return Some(look),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a stream could not look"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_and_given_back() {
        let seats = Seats::default();
        let ip = ClientIp("192.0.2.1".parse().unwrap());
        let mut taken: Vec<_> = (0..STREAMS_PER_ADDRESS_MAX).map(|_| seats.take(ip).unwrap()).collect();
        assert_eq!(seats.take(ip).unwrap_err().status, 429);
        assert!(seats.take(ClientIp("192.0.2.2".parse().unwrap())).is_ok());
        taken.pop();
        taken.push(seats.take(ip).unwrap());
        drop(taken);
        assert_eq!(seats.taken.lock().unwrap().all, 0);
        assert!(seats.taken.lock().unwrap().by_address.is_empty());
    }
}
