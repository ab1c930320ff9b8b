//! How much sooner things fall due, for tests that wait for them again and again. A release keeps every duration as it
//! is written down.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const WHOLE: u32 = 1000;

static PERMILLE: AtomicU32 = AtomicU32::new(WHOLE);

/// Makes waits this many thousandths of what they are, in this process, from now on. Debug builds only: in a release
/// it does nothing.
pub fn set_permille(permille: u32) {
    if cfg!(debug_assertions) {
        PERMILLE.store(permille, Ordering::Relaxed);
    }
}

/// A wait, as this process keeps it.
pub fn scaled(duration: Duration) -> Duration {
    match PERMILLE.load(Ordering::Relaxed) {
        WHOLE => duration,
        permille => duration.saturating_mul(permille) / WHOLE,
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
