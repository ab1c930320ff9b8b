//! What only a snapshot may do: it is as new as anything that was applied before, so it may take back what events made
//! final, and what a person was asked to look at because of them.

use super::{
    DisputeState, Failure, PaymentState, ProviderUpdate, RefundFact, RefundState, Transaction, Unread,
    UpdateMismatch,
};
use crate::{RefundId, Timestamp};

/// Flags that an agreeing snapshot answers.
const MISMATCHES: &[&str] = &["currency_mismatch", "amount_mismatch", "reference_mismatch"];

/// The flag for what could not be read at the provider.
const UNREADABLE: &str = "unreadable";

impl Transaction {
    /// Whether an event can only be understood beside everything else: refunds and disputes are objects of their own,
    /// whose events come in another order than they happened, and one that does not fit may be told in another
    /// version of the provider's API.
    pub fn needs_snapshot(&self, event: &ProviderUpdate) -> bool {
        let is_of_part =
            !event.refunds.is_empty() || !event.disputes.is_empty() || event.refunded_total.is_some();
        is_of_part || self.check(event).is_err()
    }

    /// Whether an event spoke of a refund that is not known here: it does not say how much.
    pub fn misses_refund_of(&self, event: &ProviderUpdate) -> bool {
        let is_known = |fact: &RefundFact| {
            let same = |reference: &str| reference == fact.reference;
            self.refunds.iter().any(|refund| refund.reference.as_deref().is_some_and(same))
        };
        event.refunds.iter().any(|fact| fact.amount.is_none() && !is_known(fact))
    }

    /// Prepares for a snapshot that [`Self::check`] has passed. Answers whether anything is different.
    pub fn before_snapshot(&mut self, snapshot: &ProviderUpdate, now: Timestamp) -> bool {
        let mut changed = false;
        self.flag_returned(snapshot, now);
        let settled =
            |reason: &str| MISMATCHES.contains(&reason) || (reason == UNREADABLE && is_whole(snapshot));
        for reason in MISMATCHES.iter().chain(&[UNREADABLE]).filter(|reason| settled(reason)) {
            changed |= self.unflag(reason, now);
        }
        for unread in &snapshot.unread {
            if let Unread::Object { what, id, problem } = unread {
                let detail = format!(
                    "a {what} at the provider could not be read and is not counted: {id} ({problem})"
                );
                self.flag(UNREADABLE, detail, now);
            }
        }
        if changed {
            self.updated_at = now;
        }
        changed
    }

    /// A bank may give a chargeback back that was settled. Lost is final in the books, so a person takes it in.
    fn flag_returned(&mut self, snapshot: &ProviderUpdate, now: Timestamp) {
        let is_won = |reference: &str| {
            snapshot.disputes.iter().any(|d| d.reference == reference && d.state == DisputeState::Won)
        };
        let mut lost = self.disputes.iter().filter(|dispute| dispute.state.is_lost());
        if let Some(dispute) = lost.find(|dispute| is_won(&dispute.reference)) {
            let detail =
                format!("the provider says that the lost dispute {} was given back", dispute.reference);
            self.flag("dispute_returned", detail, now);
        }
    }

    /// Whether what an event calls a refund only let an authorization go, as its snapshot shows: where nothing was
    /// taken, nothing goes back.
    pub fn is_released(&self, reference: &str, snapshot: &ProviderUpdate) -> bool {
        let state = snapshot.payment.as_ref().map(|payment| payment.state);
        let is_untaken =
            matches!(state, Some(PaymentState::Authorized | PaymentState::Cancelled | PaymentState::Expired));
        (is_untaken && self.captured == 0) || snapshot.released.iter().any(|released| released == reference)
    }

    /// What a snapshot says of refunds that were imported, though they only let an authorization go.
    pub fn released_refunds(&self, snapshot: &ProviderUpdate) -> Vec<RefundFact> {
        let is_released = |reference: &String| self.is_released(reference, snapshot);
        let taken =
            self.refunds.iter().filter(|refund| refund.imported && refund.state != RefundState::Failed);
        let taken = taken.filter_map(|refund| refund.reference.clone().filter(is_released));
        let text = "It let an authorization go: nothing that was taken went back.";
        let failed = |reference| RefundFact {
            reference,
            refund_id: None,
            amount: None,
            state: RefundState::Failed,
            failure: Some(Failure::new("authorization_released", text)),
            at: None,
        };
        taken.map(failed).collect()
    }
}

impl Transaction {
    /// Records that the provider made a refund, but not the one that was asked for: nobody knows what went back, and
    /// it must not be sent again.
    pub fn doubt_refund(
        &mut self,
        id: RefundId,
        answer: &ProviderUpdate,
        mismatch: &UpdateMismatch,
        now: Timestamp,
    ) {
        self.mark_refund_unknown(id, now);
        let reference = answer.refunds.iter().find(|fact| fact.refund_id == Some(id));
        if let (Some(refund), Some(fact)) = (self.refunds.iter_mut().find(|r| r.id == id), reference) {
            refund.reference = Some(fact.reference.clone());
            refund.updated_at = now;
        }
        let detail = format!("the provider made a refund otherwise than it was asked for: {mismatch}");
        self.flag("refund_mismatch", detail, now);
        self.updated_at = now;
    }
}

impl Transaction {
    /// Why the provider refused a refund, capture or cancel before it did anything.
    pub fn refusal_of(&self, id: RefundId) -> Option<&Failure> {
        if let Some(refund) = self.refund(id) {
            let is_refused = refund.state == RefundState::Failed && refund.reference.is_none();
            return refund.failure.as_ref().filter(|_| is_refused);
        }
        let operation = self.operation(id)?;
        operation.failure.as_ref().filter(|_| operation.state == RefundState::Failed)
    }
}

/// Whether a snapshot of a paid payment shows all of its refunds and disputes.
fn is_whole(snapshot: &ProviderUpdate) -> bool {
    let is_paid = snapshot.payment.as_ref().is_some_and(|payment| payment.state == PaymentState::Succeeded);
    is_paid && snapshot.unread.is_empty()
}
