//! Refused webhooks, counted and told of now and then: a flood of forged ones must fill neither the log nor the
//! database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gateway_core::app::health::NOTE_EVERY;
use gateway_core::domain::ProviderId;
use gateway_core::domain::provider_account::ProviderKind;
use gateway_core::domain::provider_health::RefusalReason;

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Accounts that are counted one by one; what comes beyond them is told by the log alone.
const ACCOUNTS_MAX: usize = 1000;

type Line = (ProviderKind, RefusalReason);

/// Counts since the last line, and since the last note about an account.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    lines: Mutex<Lines>,
    notes: Mutex<HashMap<(ProviderId, RefusalReason), Note>>,
}

#[derive(Debug, Default)]
struct Lines {
    told_at: Option<Instant>,
    counts: Vec<(Line, u64)>,
}

#[derive(Debug)]
struct Note {
    noted_at: Instant,
    count: u64,
}

impl Refusals {
    /// Counts one; writes a line when it is time. The line names neither the address nor the query: both are
    /// the sender's to choose.
    pub(crate) fn note(&self, kind: ProviderKind, reason: RefusalReason) {
        let Some(counts) = self.count((kind, reason), Instant::now()) else { return };
        for ((kind, reason), count) in counts {
            tracing::warn!(%kind, %reason, count, "webhooks refused");
        }
    }

    /// Counts one of an account. Answers how many are to be noted now, with it; those in between wait for the next.
    pub(crate) fn note_of(&self, id: ProviderId, reason: RefusalReason) -> Option<(ProviderId, u64)> {
        self.count_of(id, reason, Instant::now()).map(|count| (id, count))
    }

    fn count_of(&self, id: ProviderId, reason: RefusalReason, now: Instant) -> Option<u64> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(note) = notes.get_mut(&(id, reason)) {
            note.count += 1;
            if now.duration_since(note.noted_at) < NOTE_EVERY {
                return None;
            }
            note.noted_at = now;
            return Some(std::mem::take(&mut note.count));
        }
        if notes.len() >= ACCOUNTS_MAX {
            notes.retain(|_, note| note.count > 0 || now.duration_since(note.noted_at) < NOTE_EVERY);
        }
        if notes.len() >= ACCOUNTS_MAX {
            return None;
        }
        notes.insert((id, reason), Note { noted_at: now, count: 0 });
        Some(1)
    }

    fn count(&self, line: Line, now: Instant) -> Option<Vec<(Line, u64)>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.counts.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => lines.counts.push((line, 1)),
        }
        if lines.told_at.is_some_and(|at| now.duration_since(at) < LINE_EVERY) {
            return None;
        }
        lines.told_at = Some(now);
        Some(std::mem::take(&mut lines.counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_one_line_per_interval() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let stripe = (ProviderKind::Stripe, RefusalReason::Signature);
        assert_eq!(refusals.count(stripe, start), Some(vec![(stripe, 1)]));
        for _ in 0..1000 {
            assert_eq!(refusals.count(stripe, start), None);
        }
        let other = (ProviderKind::GoCardless, RefusalReason::Body);
        assert_eq!(refusals.count(other, start + LINE_EVERY), Some(vec![(stripe, 1000), (other, 1)]));
    }

    #[test]
    fn a_flood_makes_one_note_per_interval_and_account() {
        let refusals = Refusals::default();
        let (start, id) = (Instant::now(), ProviderId::from_bytes([1; 12]));
        assert_eq!(refusals.count_of(id, RefusalReason::Signature, start), Some(1));
        for _ in 0..1000 {
            assert_eq!(refusals.count_of(id, RefusalReason::Signature, start), None);
        }
        assert_eq!(refusals.count_of(id, RefusalReason::Body, start), Some(1));
        assert_eq!(refusals.count_of(id, RefusalReason::Signature, start + NOTE_EVERY), Some(1001));
    }

    #[test]
    fn accounts_that_are_counted_are_bounded() {
        let refusals = Refusals::default();
        let start = Instant::now();
        for index in 0..u32::try_from(ACCOUNTS_MAX).unwrap() + 10 {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&index.to_be_bytes());
            refusals.count_of(ProviderId::from_bytes(id), RefusalReason::Signature, start);
        }
        assert_eq!(refusals.notes.lock().unwrap().len(), ACCOUNTS_MAX);
    }
}
