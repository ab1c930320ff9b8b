//! How far this machine's clock is from MongoDB's. Which checkout of an order is the newest, and whether one has run out,
//! is told by the clocks of the services: two of them that differ by seconds would decide against each other.

use std::fmt;

use mongodb::bson::doc;

use super::{Store, StoreError};
use crate::domain::Clock;

/// Milliseconds that a clock may be from MongoDB's.
const SKEW_MAX_MS: i64 = 1000;

/// An answer that came as fast as this, in milliseconds, is not asked for again.
const GOOD_ENOUGH_MS: i64 = 50;

/// How often is asked at most; the fastest answer counts.
const TRIES: usize = 3;

/// How a clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// Milliseconds that this clock is ahead of MongoDB's; negative where it is behind.
    pub ahead_ms: i64,
    /// What the way there and back leaves unsure, in milliseconds.
    pub unsure_ms: i64,
}

impl ClockSkew {
    /// From the time at which was asked, the server's answer, and the time at which that came; milliseconds.
    const fn of(asked: i64, server: i64, answered: i64) -> Self {
        let half = (answered - asked) / 2;
        Self { ahead_ms: asked + half - server, unsure_ms: half }
    }

    /// Whether the services may rely on it. What is not sure counts for the clock: a slow network is no wrong clock.
    pub const fn is_tolerable(self) -> bool {
        self.ahead_ms.abs() - self.unsure_ms <= SKEW_MAX_MS
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.ahead_ms < 0 { "behind" } else { "ahead of" };
        let ms = self.ahead_ms.unsigned_abs();
        write!(f, "the clock is {}.{:03} s {way} MongoDB's", ms / 1000, ms % 1000)
    }
}

impl Store {
    /// Compares a clock with that of the server that is written to.
    pub async fn clock_skew(&self, clock: &dyn Clock) -> Result<ClockSkew, StoreError> {
        let mut best = None::<ClockSkew>;
        for _ in 0..TRIES {
            let asked = clock.now().millis();
            let hello = self.database().run_command(doc! { "hello": 1 }).await?;
            let answered = clock.now().millis();
            let server = hello.get_datetime("localTime");
            let server = server.map_err(|_| StoreError::Malformed("`hello` tells no time".to_owned()))?;
            let skew = ClockSkew::of(asked, server.timestamp_millis(), answered);
            if best.is_none_or(|best| skew.unsure_ms < best.unsure_ms) {
                best = Some(skew);
            }
            if skew.unsure_ms <= GOOD_ENOUGH_MS {
                break;
            }
        }
        best.ok_or_else(|| StoreError::Malformed("`hello` tells no time".to_owned()))
    }

    /// Refuses to go on with a clock that is too far away.
    pub(crate) async fn refuse_wrong_clock(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        let skew = self.clock_skew(clock).await?;
        if skew.is_tolerable() {
            return Ok(());
        }
        let advice =
            "let NTP set both machines: which checkout of an order is the newest is told by the time";
        Err(StoreError::Unsafe(format!("{skew}: {advice}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_borne_and_what_is_unsure_is_not_held_against_a_clock() {
        for (asked, server, answered, ahead, tolerable) in [
            (10_000, 10_001, 10_002, 0, true),
            (10_000, 9_001, 10_002, 1_000, true),
            (10_000, 8_999, 10_000, 1_001, false),
            (10_000, 11_001, 10_000, -1_001, false),
            // Three seconds on the way: the server's time may be any of them.
            (10_000, 10_100, 13_000, 1_400, true),
            (10_000, 20_000, 13_000, -8_500, false),
        ] {
            let skew = ClockSkew::of(asked, server, answered);
            assert_eq!((skew.ahead_ms, skew.is_tolerable()), (ahead, tolerable), "{skew:?}");
        }
    }

    #[test]
    fn it_says_which_way() {
        let text = |ahead_ms| ClockSkew { ahead_ms, unsure_ms: 0 }.to_string();
        assert_eq!(text(2_050), "the clock is 2.050 s ahead of MongoDB's");
        assert_eq!(text(-12_345), "the clock is 12.345 s behind MongoDB's");
    }
}
