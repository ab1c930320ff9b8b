//! How simulated providers deliver their events.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

/// What happens to an event once the provider has made it.
#[derive(Debug, Clone)]
pub struct DeliveryPolicy {
    /// Keep events instead of sending them; a test takes and delivers them by hand.
    pub hold: bool,
    /// How many more times than once each delivery is made.
    pub duplicates: u32,
    /// Shuffle what is sent together (all that gathers during `delay`), reproducibly.
    pub shuffle_seed: Option<u64>,
    /// How long events gather before they are sent.
    pub delay: Duration,
    /// Attempts per delivery, the first included; further ones follow an answer that is not 2xx.
    pub attempts_max: u32,
    /// Pause before the second attempt; doubled for each further one, up to 5 s.
    pub backoff: Duration,
}

/// The longest pause between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

impl DeliveryPolicy {
    /// Each event is sent at once, in order, and up to ten times until it is accepted.
    pub fn immediately() -> Self {
        Self {
            hold: false,
            duplicates: 0,
            shuffle_seed: None,
            delay: Duration::ZERO,
            attempts_max: 10,
            backoff: Duration::from_millis(200),
        }
    }

    /// Events pile up until a test takes them.
    pub fn hold() -> Self {
        Self { hold: true, ..Self::immediately() }
    }

    /// Sends every delivery `extra` more times.
    pub fn with_duplicates(self, extra: u32) -> Self {
        Self { duplicates: extra, ..self }
    }

    /// Shuffles the deliveries that go out together.
    pub fn with_shuffle(self, seed: u64) -> Self {
        Self { shuffle_seed: Some(seed), ..self }
    }

    /// Lets events gather for this long before they are sent.
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Limits the attempts per delivery.
    pub fn with_attempts(self, attempts_max: u32, backoff: Duration) -> Self {
        Self { attempts_max, backoff, ..self }
    }

    pub(crate) fn pause_after(&self, attempt: u32) -> Duration {
        let factor = 1_u32 << attempt.saturating_sub(1).min(16);
        self.backoff.saturating_mul(factor).min(BACKOFF_MAX)
    }
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self::immediately()
    }
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The events in the body.
    pub event_ids: Vec<String>,
    /// From 1; deliveries made by hand are always 1.
    pub attempt: u32,
    /// The receiver's status, if it answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// How a provider writes and signs a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Most events in one body.
    pub batch_max: usize,
    /// The body for these events.
    pub render: fn(&[Value]) -> Vec<u8>,
    /// Header name and value for a secret, the time in Unix seconds and the body.
    pub sign: fn(&str, i64, &[u8]) -> (&'static str, String),
}

/// Where webhooks go.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) secret: String,
}

/// Counts a delivery as under way for as long as it lives.
pub(crate) struct Pending(watch::Sender<usize>);

impl Pending {
    pub(crate) fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|pending| *pending += 1);
        Self(count.clone())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_modify(|pending| *pending -= 1);
    }
}

/// Events that belong to one change of state, on their way to the endpoint.
pub(crate) struct Message {
    pub(crate) events: Vec<Value>,
    pub(crate) _pending: Pending,
}
