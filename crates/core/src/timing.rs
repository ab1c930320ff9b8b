//! How long recovery waits before it steps in, made shorter for tests that wait for it again and again: what the
//! environment asks for is read here and kept by the domain ([`gateway_domain::pace`]).
//!
//! `TOLLGATE_TIMING_SCALE_PERMILLE=100` makes leases, sweeps, take-overs, the reconciler's schedule, the
//! pauses between attempts and the grace of a stop ten times shorter. It exists in debug builds only; a release build keeps every
//! duration as it is written down.
//!
//! `TOLLGATE_CLOCK_AHEAD_MS=3000` puts the clock of a process ahead, a negative number behind: also in debug builds only.

use std::time::Duration;

/// Reads what is asked for; whoever starts a process's work calls it, since the domain reads no environment.
pub(crate) fn begin() {
    debug::begin();
}

/// A duration of recovery code, as this process uses it.
pub fn scaled(duration: Duration) -> Duration {
    begin();
    gateway_domain::pace::scaled(duration)
}

/// Milliseconds that this process's clock goes ahead of the machine's.
pub(crate) fn clock_ahead_ms() -> i64 {
    debug::clock_ahead_ms()
}

#[cfg(debug_assertions)]
mod debug {
    use std::sync::{LazyLock, Once};

    static CLOCK_AHEAD_MS: LazyLock<i64> = LazyLock::new(|| {
        std::env::var("TOLLGATE_CLOCK_AHEAD_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    });

    pub(super) fn clock_ahead_ms() -> i64 {
        *CLOCK_AHEAD_MS
    }

    static READ: Once = Once::new();

    pub(super) fn begin() {
        READ.call_once(|| {
            let text = std::env::var("TOLLGATE_TIMING_SCALE_PERMILLE");
            if let Some(permille) = text.ok().and_then(|text| text.parse().ok()) {
                gateway_domain::pace::set_permille(permille);
            }
        });
    }
}

#[cfg(not(debug_assertions))]
mod debug {
    pub(super) const fn begin() {}

    pub(super) const fn clock_ahead_ms() -> i64 {
        0
    }
}
