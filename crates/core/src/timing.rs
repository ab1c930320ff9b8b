//! How long recovery waits before it steps in, made shorter for tests that wait for it again and again.
//!
//! `TOLLGATE_TIMING_SCALE_PERMILLE=100` makes leases, sweeps, take-overs, the reconciler's schedule, the
//! pauses between attempts and the grace of a stop ten times shorter. It exists in debug builds only; a release build keeps every
//! duration as it is written down.
//!
//! `TOLLGATE_CLOCK_AHEAD_MS=3000` puts the clock of a process ahead, a negative number behind: also in debug builds only.

use std::time::Duration;

/// A duration of recovery code, as this process uses it.
pub fn scaled(duration: Duration) -> Duration {
    debug::scaled(duration)
}

/// Milliseconds that this process's clock goes ahead of the machine's.
pub(crate) fn clock_ahead_ms() -> i64 {
    debug::clock_ahead_ms()
}

#[cfg(debug_assertions)]
mod debug {
    use std::{sync::LazyLock, time::Duration};

    static CLOCK_AHEAD_MS: LazyLock<i64> = LazyLock::new(|| {
        std::env::var("TOLLGATE_CLOCK_AHEAD_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    });

    pub(super) fn clock_ahead_ms() -> i64 {
        *CLOCK_AHEAD_MS
    }

    static PERMILLE: LazyLock<Option<u32>> =
        LazyLock::new(|| std::env::var("TOLLGATE_TIMING_SCALE_PERMILLE").ok()?.parse().ok());

    pub(super) fn scaled(duration: Duration) -> Duration {
        PERMILLE.map_or(duration, |permille| duration.saturating_mul(permille) / 1000)
    }
}

#[cfg(not(debug_assertions))]
mod debug {
    use std::time::Duration;

    pub(super) const fn scaled(duration: Duration) -> Duration {
        duration
    }

    pub(super) const fn clock_ahead_ms() -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_scaled_unless_asked_for() {
        assert_eq!(scaled(Duration::from_secs(30)), Duration::from_secs(30));
    }
}
