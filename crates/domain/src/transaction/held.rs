//! The money that a payment holds, and how its order sees it.

use crate::order::{DisputeStage, DisputeWord, PaymentFacts, Standing};

use super::{Dispute, DisputeState, PaymentState, Transaction};

impl Dispute {
    /// Whether money is held back or gone over it. Inquiries move none.
    pub const fn is_against_merchant(&self) -> bool {
        !self.inquiry && self.state.is_against_merchant()
    }
}

impl Transaction {
    /// Minor units in disputes against the merchant that pass `filter`. One without an amount is over everything; one in
    /// another currency counts nothing, since nobody can say how much of the payment it is.
    pub(super) fn disputed(&self, filter: impl Fn(&Dispute) -> bool) -> i64 {
        let of_payment = |d: &&Dispute| d.is_against_merchant() && d.currency.is_none() && filter(d);
        let amounts = self.disputes.iter().filter(of_payment).map(|d| d.amount.unwrap_or(self.captured));
        amounts.fold(0_i64, i64::saturating_add)
    }

    /// Minor units in disputes that are open or lost.
    pub fn in_dispute(&self) -> i64 {
        self.disputed(|_| true).min(self.captured)
    }

    /// Minor units that it holds: taken, less refunds that succeeded and disputes that are open or lost.
    pub fn held(&self) -> i64 {
        (self.captured - self.refunded - self.in_dispute()).max(0)
    }

    /// How its order sees it.
    pub fn order_facts(&self) -> PaymentFacts {
        let standing = self.standing();
        PaymentFacts {
            id: self.id,
            checkout: self.checkout_id,
            begun_at: self.created_at,
            version: self.outbox.seq,
            standing,
            succeeded_at: self.succeeded_at,
            dispute: self.last_dispute(),
            disputed_in_part: standing == Standing::Holding && self.in_dispute() > 0,
        }
    }

    fn standing(&self) -> Standing {
        match self.payment.as_ref().map_or(PaymentState::Initiated, |payment| payment.state) {
            PaymentState::Initiated => Standing::Begun,
            // The provider's page is open for another try, and nothing is on its way.
            PaymentState::Pending if self.was_declined() => Standing::Begun,
            PaymentState::Pending | PaymentState::Authorized => Standing::OnItsWay,
            PaymentState::Failed => Standing::Failed,
            PaymentState::Cancelled | PaymentState::Expired => Standing::Ended,
            // Where there was nothing to pay, there is nothing to give back.
            PaymentState::Succeeded if self.held() > 0 || self.amount == 0 => Standing::Holding,
            PaymentState::Succeeded if self.in_dispute() >= self.captured => Standing::ChargedBack,
            PaymentState::Succeeded => Standing::Refunded,
        }
    }

    fn last_dispute(&self) -> Option<DisputeWord> {
        let disputes = self.disputes.iter().filter(|dispute| !dispute.inquiry);
        let last = disputes.max_by_key(|dispute| (dispute.at, dispute.state.rank()))?;
        let stage = match last.state {
            DisputeState::Open => DisputeStage::Open,
            DisputeState::UnderReview => DisputeStage::UnderReview,
            DisputeState::Won => DisputeStage::Won,
            DisputeState::Accepted => DisputeStage::Accepted,
            DisputeState::Lost => DisputeStage::Lost,
        };
        Some(DisputeWord { stage, id: last.reference.clone() })
    }
}
