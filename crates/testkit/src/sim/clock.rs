//! The one place where the simulators read the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "simulators stand outside the gateway and keep real time")]
pub(crate) fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-11-21T23:31:00.000Z`, the way `GoCardless` writes times.
pub(crate) fn iso_ms(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned(), |time| format!("{time:.3}"))
}

/// `2026-11-21`, in UTC.
pub(crate) fn date(at_ms: i64) -> String {
    iso_ms(at_ms).chars().take(10).collect()
}
