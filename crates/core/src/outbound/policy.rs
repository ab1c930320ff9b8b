//! When to try again. Pure: time and randomness are parameters.

use std::time::Duration;

use gateway_domain::breaker::Receiver;

/// The wait before each attempt, the first included; 75 h 36 min in all.
pub const RETRY_SCHEDULE: [Duration; 11] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// The longest `Retry-After` that is heeded.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// How long after its first attempt an IPN may still be sent.
pub const IPN_LIFETIME: Duration = Duration::from_hours(48);

/// How long to wait before the next attempt, when `attempts_made` have been made (0 before the
/// first). `jitter_unit` is uniform randomness over all of `u32` and spreads the wait by ±20 %.
/// `retry_after`, up to 24 hours, can only raise it. `None` when the schedule is used up.
pub fn retry_delay(attempts_made: u32, retry_after: Option<Duration>, jitter_unit: u32) -> Option<Duration> {
    let planned = RETRY_SCHEDULE.get(usize::try_from(attempts_made).ok()?)?;
    // 80 % plus 0 to 40 %; u128 throughout, so nothing can overflow or round through a float.
    let planned_ms = planned.as_millis();
    let spread_ms = planned_ms * 4 / 10 * u128::from(jitter_unit) / u128::from(u32::MAX);
    let delay_ms = planned_ms * 8 / 10 + spread_ms;
    let delay = Duration::from_millis(u64::try_from(delay_ms).ok()?);
    Some(delay.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

/// The moment of the next attempt, in Unix milliseconds, or `None` when no more is to be made: the
/// schedule is used up, or an IPN would go out later than 48 hours after its first attempt.
pub fn next_attempt_at(
    receiver: Receiver,
    first_attempt_ms: i64,
    now_ms: i64,
    attempts_made: u32,
    retry_after: Option<Duration>,
    jitter_unit: u32,
) -> Option<i64> {
    let delay = retry_delay(attempts_made, retry_after, jitter_unit)?;
    let due_ms = now_ms.checked_add(i64::try_from(delay.as_millis()).ok()?)?;
    let lifetime_ms = i64::try_from(IPN_LIFETIME.as_millis()).ok()?;
    match receiver {
        Receiver::Ipn if due_ms > first_attempt_ms.checked_add(lifetime_ms)? => None,
        Receiver::Ipn | Receiver::Webhook => Some(due_ms),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIDDLE: u32 = u32::MAX / 2;

    #[test]
    fn schedule_takes_about_76_hours() {
        assert_eq!(RETRY_SCHEDULE.iter().sum::<Duration>(), Duration::from_secs(75 * 3600 + 36 * 60 + 5));
        assert_eq!(retry_delay(0, None, u32::MAX), Some(Duration::ZERO));
        assert_eq!(retry_delay(1, None, 0), Some(Duration::from_secs(4)));
        assert_eq!(retry_delay(1, None, u32::MAX), Some(Duration::from_secs(6)));
        assert_eq!(retry_delay(10, None, 0), Some(Duration::from_mins(24 * 60 * 8 / 10)));
        assert_eq!(retry_delay(11, None, 0), None);
        assert_eq!(retry_delay(u32::MAX, None, 0), None);
    }

    #[test]
    fn retry_after_raises_the_delay_and_never_lowers_it() {
        let minute = Some(Duration::from_mins(1));
        assert_eq!(retry_delay(1, minute, MIDDLE), minute);
        assert!(retry_delay(5, minute, MIDDLE).unwrap() > Duration::from_hours(1));
        assert_eq!(retry_delay(1, Some(Duration::from_hours(1000)), MIDDLE), Some(RETRY_AFTER_MAX));
        assert_eq!(retry_delay(11, minute, MIDDLE), None, "it buys no further attempt");
    }

    #[test]
    fn ipn_ends_after_48_hours_and_a_webhook_after_the_schedule() {
        let walk = |receiver| {
            let (mut now_ms, mut attempts) = (1_000, 0);
            while let Some(due) = next_attempt_at(receiver, 1_000, now_ms, attempts, None, MIDDLE) {
                now_ms = due;
                attempts += 1;
            }
            (attempts, (now_ms - 1_000) / 3_600_000)
        };
        assert_eq!(walk(Receiver::Ipn), (9, 31));
        assert_eq!(walk(Receiver::Webhook), (11, 75));
    }

    #[test]
    fn success_is_exactly_200_for_an_ipn_and_any_2xx_for_a_webhook() {
        assert!(Receiver::Ipn.accepts(200));
        for status in [201, 202, 204, 206, 301, 400, 410, 500] {
            assert!(!Receiver::Ipn.accepts(status), "{status}");
        }
        assert!(Receiver::Webhook.accepts(204) && Receiver::Webhook.accepts(299));
        assert!(!Receiver::Webhook.accepts(199) && !Receiver::Webhook.accepts(302));
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_fifth(attempts in 0_u32..11, jitter in any::<u32>()) {
            let planned = RETRY_SCHEDULE[attempts as usize].as_millis();
            let delay = retry_delay(attempts, None, jitter).unwrap().as_millis();
            prop_assert!(delay * 10 >= planned * 8 && delay * 10 <= planned * 12);
        }

        #[test]
        fn no_ipn_is_planned_past_its_lifetime(
            age_ms in 0_i64..400_000_000, attempts in 0_u32..12, jitter in any::<u32>(), wait in 0_u64..200_000,
        ) {
            let now_ms = 1_700_000_000_000 + age_ms;
            let wait = Some(Duration::from_secs(wait));
            if let Some(due) = next_attempt_at(Receiver::Ipn, 1_700_000_000_000, now_ms, attempts, wait, jitter) {
                prop_assert!(due >= now_ms && due <= 1_700_000_000_000 + 48 * 3_600_000);
            }
        }
    }
}
