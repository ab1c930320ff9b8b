//! Refused webhooks, counted and told of now and then: a flood of forged ones must not fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gateway_core::domain::provider_account::ProviderKind;

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts per provider type since the last line.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    since: Mutex<Since>,
}

#[derive(Debug, Default)]
struct Since {
    told_at: Option<Instant>,
    counts: Vec<(ProviderKind, u64)>,
}

impl Refusals {
    /// Counts one; writes a line when it is time. The line names neither the address nor the query: both are
    /// the sender's to choose.
    pub(crate) fn note(&self, kind: ProviderKind) {
        let Some(counts) = self.count(kind, Instant::now()) else { return };
        for (kind, count) in counts {
            tracing::warn!(%kind, count, "webhooks refused: unknown provider, or the signature is not valid");
        }
    }

    fn count(&self, kind: ProviderKind, now: Instant) -> Option<Vec<(ProviderKind, u64)>> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match since.counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => since.counts.push((kind, 1)),
        }
        if since.told_at.is_some_and(|at| now.duration_since(at) < LINE_EVERY) {
            return None;
        }
        since.told_at = Some(now);
        Some(std::mem::take(&mut since.counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_one_line_per_interval() {
        let refusals = Refusals::default();
        let start = Instant::now();
        assert_eq!(refusals.count(ProviderKind::Stripe, start), Some(vec![(ProviderKind::Stripe, 1)]));
        for _ in 0..1000 {
            assert_eq!(refusals.count(ProviderKind::Stripe, start), None);
        }
        assert_eq!(
            refusals.count(ProviderKind::GoCardless, start + LINE_EVERY),
            Some(vec![(ProviderKind::Stripe, 1000), (ProviderKind::GoCardless, 1)])
        );
    }
}
