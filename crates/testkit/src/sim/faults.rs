//! Faults that a test asks for.

use std::collections::VecDeque;
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status and the provider's error body; nothing happens.
    Status(u16),
    /// Takes effect, and is then answered with this status (a 500 whose outcome the caller cannot know).
    StatusAfterEffect(u16),
    /// Accepted and never answered; nothing happens.
    Hang,
    /// Takes effect and is never answered.
    HangAfterEffect,
    /// The connection breaks; nothing happens.
    Drop,
    /// Takes effect, and the connection breaks before the answer: a lost answer.
    DropAfterEffect,
    /// Takes effect, and is answered 200 with something that is not the provider's JSON.
    Garbled,
}

impl Fault {
    /// Whether the request still reaches the provider's logic.
    pub(crate) fn takes_effect(self) -> bool {
        matches!(
            self,
            Self::StatusAfterEffect(_) | Self::HangAfterEffect | Self::DropAfterEffect | Self::Garbled
        )
    }
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    remaining: u32,
    route: String,
}

/// The faults that are waiting for a request, and the state of the line.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: VecDeque<Rule>,
    pub(crate) outage: bool,
    pub(crate) latency_before: Duration,
    pub(crate) latency_after: Duration,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault, times: u32, route: &str) {
        if times > 0 {
            self.rules.push_back(Rule { fault, remaining: times, route: route.to_owned() });
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault for this request, if one waits for it; it is used up once.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        if self.outage {
            return Some(Fault::Drop);
        }
        let route = format!("{method} {path}");
        let found = self.rules.iter().position(|rule| route.starts_with(&rule.route))?;
        let rule = &mut self.rules[found];
        rule.remaining -= 1;
        let fault = rule.fault;
        if rule.remaining == 0 {
            self.rules.remove(found);
        }
        Some(fault)
    }
}
