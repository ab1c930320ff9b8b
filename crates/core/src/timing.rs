//! How long recovery waits before it steps in, made shorter for tests that wait for it again and again.
//!
//! `TOLLGATE_TIMING_SCALE_PERMILLE=100` makes leases, sweeps, take-overs, the reconciler's schedule, the
//! pauses between attempts and the grace of a stop ten times shorter. It exists in debug builds only; a release build keeps every
//! duration as it is written down.

use std::time::Duration;

/// A duration of recovery code, as this process uses it.
pub fn scaled(duration: Duration) -> Duration {
    debug::scaled(duration)
}

#[cfg(debug_assertions)]
mod debug {
    use std::{sync::LazyLock, time::Duration};

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_scaled_unless_asked_for() {
        assert_eq!(scaled(Duration::from_secs(30)), Duration::from_secs(30));
    }
}
