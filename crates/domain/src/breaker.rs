//! When to stop trying for a while: one breaker per webhook endpoint or IPN host.
//!
//! Plain data without a clock, to be stored beside the endpoint; times are Unix milliseconds.
//!
//! A receiver may refuse one message for good (aMember answers "failed" for an unpaid invoice with an
//! error each time) and must still be sent the next "paid". So only failures of the *host* open the
//! breaker, only when several different messages met them, and a message that is already known to
//! fail proves nothing when it happens to be the probe.

use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// So many different messages in a row must have met a failing host.
pub const OPENS_AT_MESSAGES: usize = 5;

/// First pause; each further one is twice as long, up to [`PAUSE_MS_MAX`].
pub const PAUSE_MS_FIRST: i64 = MINUTE_MS;

/// Longest pause between two probes.
pub const PAUSE_MS_MAX: i64 = 30 * MINUTE_MS;

/// A probe without a result after this long was lost (a crash): another may be made.
pub const PROBE_MS_MAX: i64 = MINUTE_MS;

/// A webhook endpoint that has done nothing but fail for so long is disabled.
pub const DISABLED_AFTER_MS: i64 = 5 * DAY_MS;

/// Days of failing after which the merchant is told.
pub const NOTICE_DAYS: [u8; 2] = [1, 3];

/// Failures further apart than this are not one outage: the longest wait in the retry schedule is
/// 24 h + 20 %, so within an outage there is always one sooner.
pub const STREAK_GAP_MS_MAX: i64 = 36 * HOUR_MS;

/// How many failing messages are remembered by id.
const MESSAGES_MAX: usize = 16;

/// What is being sent, which decides what counts as delivered and for how long it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// A site's `ipnUrl`: delivered by exactly 200; tried for 48 hours, as long as receivers keep
    /// what they need to recognise a repetition.
    Ipn,
    /// An organization's webhook endpoint: delivered by any 2xx; tried for the whole schedule.
    Webhook,
}

impl Receiver {
    /// Whether an answer with this status means that the message has been taken.
    pub fn accepts(self, status: u16) -> bool {
        match self {
            Self::Ipn => status == 200,
            Self::Webhook => (200..300).contains(&status),
        }
    }
}

/// What a failed attempt says about the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Nobody answered: name lookup, connect, TLS, timeout, reset.
    Unreachable,
    /// Something answered for the host that the application is not there or overloaded: 408, 429,
    /// and 5xx other than those of [`FailureClass::Refused`].
    HostError,
    /// The application answered, and did not take this message: any other status. 500 and 501 count
    /// here, since that is how applications answer a single message that they cannot handle.
    Refused,
    /// 410 from a webhook endpoint: the merchant wants no more.
    Gone,
}

impl FailureClass {
    /// What an HTTP status says; `None` if the message has been delivered.
    pub fn of_status(receiver: Receiver, status: u16) -> Option<Self> {
        match (receiver, status) {
            _ if receiver.accepts(status) => None,
            (Receiver::Webhook, 410) => Some(Self::Gone),
            (_, 500 | 501) => Some(Self::Refused),
            (_, 408 | 429 | 500..=599) => Some(Self::HostError),
            _ => Some(Self::Refused),
        }
    }
}

/// Whether a message may go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Send,
    /// Yes, as the one probe; report how it went. Choose the newest message that is due.
    Probe,
    /// No; ask again then. A delivery parked for this uses up no attempt.
    Wait {
        /// Unix milliseconds.
        until_ms: i64,
    },
    /// No, until a person enables the endpoint again.
    Never,
}

/// What to do about a failure, besides retrying the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Continue,
    /// Tell the merchant that nothing has been delivered for so many days; said once per outage and
    /// day in [`NOTICE_DAYS`].
    Notify {
        /// Full days.
        failing_days: u8,
    },
    /// The endpoint is now disabled: store that and tell the merchant.
    Disable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    Closed { consecutive_failures: u32, first_failure_at_ms: Option<i64> },
    Open { since_ms: i64, until_ms: i64, openings: u32 },
    HalfOpen { since_ms: i64, probe_until_ms: Option<i64>, openings: u32 },
    Disabled { since_ms: i64 },
}

const CLOSED: State = State::Closed { consecutive_failures: 0, first_failure_at_ms: None };

/// Failing without a single success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Streak {
    since_ms: i64,
    last_ms: i64,
    notified_days: u8,
}

/// The breaker of one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    receiver: Receiver,
    #[serde(flatten)]
    state: State,
    /// Ids of the different messages that met a failing host since the last sign of life.
    messages: Vec<String>,
    streak: Option<Streak>,
}

impl Breaker {
    /// A closed breaker; also what a person's "enable again" makes.
    pub fn new(receiver: Receiver) -> Self {
        Self { receiver, state: CLOSED, messages: Vec::new(), streak: None }
    }

    /// True while deliveries are held back.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// True once the endpoint has been disabled.
    pub fn is_disabled(&self) -> bool {
        matches!(self.state, State::Disabled { .. })
    }

    /// Since when nothing has been delivered.
    pub fn failing_since_ms(&self) -> Option<i64> {
        self.streak.map(|streak| streak.since_ms)
    }

    /// Asks to send one message. [`Permit::Probe`] changes the state: store it (compare and set)
    /// before sending, so that there is one probe however many workers ask.
    pub fn may_send(&mut self, now_ms: i64) -> Permit {
        match self.state {
            State::Closed { .. } => Permit::Send,
            State::Disabled { .. } => Permit::Never,
            State::Open { until_ms, .. } if now_ms < until_ms => Permit::Wait { until_ms },
            State::HalfOpen { probe_until_ms: Some(until_ms), .. } if now_ms < until_ms => {
                Permit::Wait { until_ms }
            }
            State::Open { since_ms, openings, .. } | State::HalfOpen { since_ms, openings, .. } => {
                let probe_until_ms = Some(now_ms.saturating_add(PROBE_MS_MAX));
                self.state = State::HalfOpen { since_ms, probe_until_ms, openings };
                Permit::Probe
            }
        }
    }

    /// A message was delivered. Only a person undoes "disabled".
    pub fn on_success(&mut self) {
        if !self.is_disabled() {
            self.close();
            self.streak = None;
        }
    }

    /// An attempt at the message `message_id` failed.
    pub fn on_failure(&mut self, now_ms: i64, message_id: &str, class: FailureClass) -> Verdict {
        if self.is_disabled() {
            return Verdict::Continue;
        }
        match class {
            FailureClass::Unreachable | FailureClass::HostError => {
                self.host_failed(now_ms, message_id, class);
            }
            FailureClass::Refused | FailureClass::Gone => self.close(),
        }
        let verdict = self.extend_streak(now_ms);
        let gone = class == FailureClass::Gone && self.receiver == Receiver::Webhook;
        if gone || verdict == Verdict::Disable {
            self.state = State::Disabled { since_ms: now_ms };
            return Verdict::Disable;
        }
        verdict
    }

    /// The host has shown that it is there.
    fn close(&mut self) {
        self.state = CLOSED;
        self.messages.clear();
    }

    fn host_failed(&mut self, now_ms: i64, message_id: &str, class: FailureClass) {
        let is_new = !self.messages.iter().any(|known| known == message_id);
        if is_new && self.messages.len() < MESSAGES_MAX {
            self.messages.push(message_id.to_owned());
        }
        match self.state {
            State::Closed { consecutive_failures, first_failure_at_ms } => {
                self.state = if self.messages.len() >= OPENS_AT_MESSAGES {
                    opened(now_ms, now_ms, 0)
                } else {
                    State::Closed {
                        consecutive_failures: consecutive_failures.saturating_add(1),
                        first_failure_at_ms: first_failure_at_ms.or(Some(now_ms)),
                    }
                };
            }
            // Not the host's fault for certain: let another message try at once.
            State::HalfOpen { since_ms, openings, .. } if class == FailureClass::HostError && !is_new => {
                self.state = State::HalfOpen { since_ms, probe_until_ms: None, openings };
            }
            State::HalfOpen { since_ms, openings, .. } => {
                self.state = opened(since_ms, now_ms, openings.saturating_add(1));
            }
            // A request that was under way when the breaker opened.
            State::Open { .. } | State::Disabled { .. } => {}
        }
    }

    fn extend_streak(&mut self, now_ms: i64) -> Verdict {
        let fresh = Streak { since_ms: now_ms, last_ms: now_ms, notified_days: 0 };
        let mut streak = self
            .streak
            .filter(|streak| now_ms.saturating_sub(streak.last_ms) <= STREAK_GAP_MS_MAX)
            .unwrap_or(fresh);
        // Workers' clocks may differ a little: never backwards.
        streak.last_ms = streak.last_ms.max(now_ms);
        let failing_ms = now_ms.saturating_sub(streak.since_ms);
        let due = NOTICE_DAYS
            .into_iter()
            .rev()
            .find(|days| failing_ms >= i64::from(*days) * DAY_MS && *days > streak.notified_days);
        streak.notified_days = due.unwrap_or(streak.notified_days);
        self.streak = Some(streak);
        if self.receiver == Receiver::Webhook && failing_ms >= DISABLED_AFTER_MS {
            return Verdict::Disable;
        }
        due.map_or(Verdict::Continue, |failing_days| Verdict::Notify { failing_days })
    }
}

fn opened(since_ms: i64, now_ms: i64, openings: u32) -> State {
    // 2^5 minutes already exceed the maximum; more doublings would only overflow.
    let pause_ms = (PAUSE_MS_FIRST << openings.min(5)).min(PAUSE_MS_MAX);
    State::Open { since_ms, until_ms: now_ms.saturating_add(pause_ms), openings }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: i64 = 1_800_000_000_000;

    fn broken_open(receiver: Receiver) -> Breaker {
        let mut breaker = Breaker::new(receiver);
        for message in ["a", "b", "c", "d", "e"] {
            breaker.on_failure(T0, message, FailureClass::Unreachable);
        }
        breaker
    }

    #[test]
    fn statuses_are_classed_by_what_they_say_about_the_host() {
        use FailureClass::{Gone, HostError, Refused};
        for (receiver, status, class) in [
            (Receiver::Ipn, 200, None),
            (Receiver::Ipn, 204, Some(Refused)),
            (Receiver::Webhook, 204, None),
            (Receiver::Ipn, 302, Some(Refused)),
            (Receiver::Ipn, 403, Some(Refused)),
            (Receiver::Ipn, 410, Some(Refused)),
            (Receiver::Webhook, 410, Some(Gone)),
            (Receiver::Ipn, 500, Some(Refused)),
            (Receiver::Ipn, 429, Some(HostError)),
            (Receiver::Ipn, 503, Some(HostError)),
            (Receiver::Webhook, 521, Some(HostError)),
        ] {
            assert_eq!(FailureClass::of_status(receiver, status), class, "{receiver:?} {status}");
        }
    }

    #[test]
    fn a_message_that_is_refused_each_time_never_holds_back_the_next() {
        for class in [FailureClass::Refused, FailureClass::HostError, FailureClass::Unreachable] {
            let mut breaker = Breaker::new(Receiver::Ipn);
            for attempt in 0..100 {
                breaker.on_failure(T0 + attempt, "failed of an unpaid invoice", class);
                assert_eq!(breaker.may_send(T0 + attempt), Permit::Send);
            }
        }
        let mut breaker = Breaker::new(Receiver::Ipn);
        for message in 0..100 {
            breaker.on_failure(T0, &message.to_string(), FailureClass::Refused);
            assert_eq!(breaker.may_send(T0), Permit::Send, "the host is there");
        }
    }

    #[test]
    fn several_messages_that_meet_a_dead_host_open_it_and_one_probe_closes_it() {
        let mut breaker = broken_open(Receiver::Webhook);
        assert_eq!(breaker.may_send(T0 + 1), Permit::Wait { until_ms: T0 + PAUSE_MS_FIRST });
        let later = T0 + PAUSE_MS_FIRST;
        assert_eq!(breaker.may_send(later), Permit::Probe);
        assert_eq!(breaker.may_send(later), Permit::Wait { until_ms: later + PROBE_MS_MAX }, "one probe");
        breaker.on_success();
        assert_eq!(breaker, Breaker::new(Receiver::Webhook));
    }

    #[test]
    fn a_success_in_between_keeps_it_closed() {
        let mut breaker = Breaker::new(Receiver::Webhook);
        for message in 0..100 {
            if message % 4 == 0 {
                breaker.on_success();
            }
            breaker.on_failure(T0, &message.to_string(), FailureClass::HostError);
            assert_eq!(breaker.may_send(T0), Permit::Send);
        }
    }

    #[test]
    fn pauses_double_up_to_their_maximum() {
        let mut breaker = broken_open(Receiver::Ipn);
        let mut now_ms = T0;
        let mut pauses = Vec::new();
        for probe in 0..8 {
            let Permit::Wait { until_ms } = breaker.may_send(now_ms) else { panic!("open") };
            pauses.push((until_ms - now_ms) / MINUTE_MS);
            now_ms = until_ms;
            assert_eq!(breaker.may_send(now_ms), Permit::Probe);
            breaker.on_failure(now_ms, &format!("probe {probe}"), FailureClass::Unreachable);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut breaker = broken_open(Receiver::Ipn);
        assert_eq!(breaker.may_send(T0 + PAUSE_MS_FIRST), Permit::Probe);
        assert_eq!(breaker.may_send(T0 + PAUSE_MS_FIRST + PROBE_MS_MAX), Permit::Probe);
    }

    #[test]
    fn a_probe_with_a_known_bad_message_lets_another_message_try_at_once() {
        let mut breaker = broken_open(Receiver::Ipn);
        let now_ms = T0 + PAUSE_MS_FIRST;
        assert_eq!(breaker.may_send(now_ms), Permit::Probe);
        breaker.on_failure(now_ms, "a", FailureClass::HostError);
        assert_eq!(breaker.may_send(now_ms), Permit::Probe);
        breaker.on_failure(now_ms, "paid", FailureClass::HostError);
        assert!(matches!(breaker.may_send(now_ms), Permit::Wait { .. }), "a new message also failed");
    }

    #[test]
    fn a_refused_probe_shows_that_the_host_is_back() {
        let mut breaker = broken_open(Receiver::Ipn);
        assert_eq!(breaker.may_send(T0 + PAUSE_MS_FIRST), Permit::Probe);
        breaker.on_failure(T0 + PAUSE_MS_FIRST, "f", FailureClass::Refused);
        assert_eq!(breaker.may_send(T0 + PAUSE_MS_FIRST), Permit::Send);
    }

    #[test]
    fn five_days_of_failing_disable_an_endpoint_after_two_notices() {
        let mut breaker = Breaker::new(Receiver::Webhook);
        let mut said = Vec::new();
        for hour in 0..=5 * 24 {
            let verdict =
                breaker.on_failure(T0 + hour * HOUR_MS, &hour.to_string(), FailureClass::Unreachable);
            if verdict != Verdict::Continue {
                said.push((hour / 24, verdict));
            }
        }
        assert_eq!(
            said,
            [
                (1, Verdict::Notify { failing_days: 1 }),
                (3, Verdict::Notify { failing_days: 3 }),
                (5, Verdict::Disable)
            ]
        );
        assert_eq!(breaker.may_send(i64::MAX), Permit::Never);
        breaker.on_success();
        assert!(breaker.is_disabled(), "only a person enables it");
    }

    #[test]
    fn an_ipn_host_is_never_disabled() {
        let mut breaker = Breaker::new(Receiver::Ipn);
        for hour in 0..24 * 30 {
            let now_ms = T0 + hour * HOUR_MS;
            assert_ne!(
                breaker.on_failure(now_ms, &hour.to_string(), FailureClass::Unreachable),
                Verdict::Disable
            );
        }
        assert_ne!(breaker.on_failure(T0, "gone", FailureClass::Gone), Verdict::Disable);
    }

    #[test]
    fn gone_disables_a_webhook_endpoint_at_once() {
        let mut breaker = Breaker::new(Receiver::Webhook);
        assert_eq!(breaker.on_failure(T0, "a", FailureClass::Gone), Verdict::Disable);
        assert!(breaker.is_disabled());
    }

    #[test]
    fn failures_a_week_apart_are_not_an_outage() {
        let mut breaker = Breaker::new(Receiver::Webhook);
        for week in 0..10 {
            let verdict =
                breaker.on_failure(T0 + week * 7 * DAY_MS, &week.to_string(), FailureClass::Unreachable);
            assert_eq!(verdict, Verdict::Continue);
        }
    }

    #[test]
    fn it_is_stored_as_plain_data() {
        let mut half_open = broken_open(Receiver::Ipn);
        half_open.may_send(T0 + PAUSE_MS_FIRST);
        for breaker in [Breaker::new(Receiver::Webhook), broken_open(Receiver::Webhook), half_open] {
            let text = serde_json::to_string(&breaker).unwrap();
            assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker, "{text}");
            let document = bson::serialize_to_document(&breaker).unwrap();
            assert_eq!(bson::deserialize_from_document::<Breaker>(document).unwrap(), breaker);
        }
    }

    proptest! {
        /// Whatever happened before, a receiver that works again is found within the longest pause.
        #[test]
        fn a_host_that_is_back_is_found_again(
            events in prop::collection::vec((0_u8..4, 0_u8..20, 0_i64..3_600_000), 0..200),
        ) {
            let mut breaker = Breaker::new(Receiver::Ipn);
            let mut now_ms = T0;
            for (event, message, passed) in events {
                now_ms += passed;
                match event {
                    0 => { breaker.may_send(now_ms); }
                    1 => { breaker.on_failure(now_ms, &message.to_string(), FailureClass::Unreachable); }
                    2 => { breaker.on_failure(now_ms, &message.to_string(), FailureClass::HostError); }
                    _ => { breaker.on_failure(now_ms, &message.to_string(), FailureClass::Refused); }
                }
            }
            let waited = match breaker.may_send(now_ms) {
                Permit::Wait { until_ms } => until_ms,
                _ => now_ms,
            };
            prop_assert!(waited - now_ms <= PAUSE_MS_MAX);
            prop_assert!(matches!(breaker.may_send(waited), Permit::Send | Permit::Probe) || waited == now_ms);
            breaker.on_success();
            prop_assert_eq!(breaker.may_send(waited), Permit::Send);
        }
    }
}
