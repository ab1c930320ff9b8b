//! When the reconciler asks the provider: 1 m, 5 m, 15 m, 1 h, 6 h, then daily, until the state is final.

use std::time::Duration;

use super::{Reconcile, RefundState, Transaction};
use crate::{Timestamp, pace::scaled};

const STEPS_SECONDS: [u64; 6] = [60, 300, 900, 3600, 6 * 3600, 24 * 3600];

impl Transaction {
    /// Whether something may still come that no webhook is sure to tell.
    pub fn is_unsettled(&self) -> bool {
        let refund_runs = self
            .refunds
            .iter()
            .any(|r| matches!(r.state, RefundState::NotSent | RefundState::Pending | RefundState::Unknown));
        let dispute_runs = self.disputes.iter().any(|d| d.state.is_against_merchant() && !d.state.is_lost());
        self.status.is_open()
            || refund_runs
            || dispute_runs
            || self.operations.iter().any(super::operation::Operation::is_running)
    }

    /// Plans the next look after a change; a new status starts the schedule anew.
    pub fn schedule_reconcile(&mut self, status_changed: bool, now: Timestamp) {
        if !self.is_unsettled() || self.provider_id.is_none() {
            self.reconcile = None;
        } else if status_changed || self.reconcile.is_none() {
            self.reconcile = Some(Reconcile { due: self.look_after(step(0), now), step: 0 });
        }
    }

    /// Plans the look after this one.
    pub fn advance_reconcile(&mut self, now: Timestamp) {
        if !self.is_unsettled() || self.provider_id.is_none() {
            self.reconcile = None;
            return;
        }
        let next = self.reconcile.map_or(0, |r| r.step + 1);
        self.reconcile = Some(Reconcile { due: self.look_after(step(next), now), step: next });
    }

    /// Plans a single look at a payment of which no more news is expected.
    pub(super) fn look_once_more(&mut self, now: Timestamp) {
        self.reconcile = Some(Reconcile { due: now + step(0), step: 0 });
    }

    /// A transfer is looked at when its time is over, too: then it ends.
    fn look_after(&self, pause: Duration, now: Timestamp) -> Timestamp {
        let ends = Some(self.expires_at).filter(|ends| self.awaits_transfer() && *ends > now);
        ends.map_or(now + pause, |ends| ends.min(now + pause))
    }
}

fn step(index: i64) -> Duration {
    let index = usize::try_from(index).unwrap_or_default().min(STEPS_SECONDS.len() - 1);
    scaled(Duration::from_secs(STEPS_SECONDS[index]))
}
