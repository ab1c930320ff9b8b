//! What a person should look at.

use serde::{Deserialize, Serialize};

use super::{OrderState, Payment};
use crate::TransactionId;

/// Why an order needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Another payment of the order holds money as well.
    SecondPayment,
    /// The payment came by a checkout that a newer one had replaced.
    SupersededPayment,
    /// The payment holds money again, and no word of the contract says so to the shop.
    ShopNotTold,
    /// A receiver is known that does not act on what it was told.
    ShopMayNotFollow,
    /// The receiver refuses what it is told.
    ShopRefused,
    /// A part of the money is disputed.
    DisputedInPart,
}

impl Attention {
    /// A stable word for `needsReview`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecondPayment => "second_payment",
            Self::SupersededPayment => "superseded_payment",
            Self::ShopNotTold => "shop_not_told",
            Self::ShopMayNotFollow => "shop_may_not_follow",
            Self::ShopRefused => "shop_refused",
            Self::DisputedInPart => "disputed_in_part",
        }
    }

    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::SecondPayment,
        Self::SupersededPayment,
        Self::ShopNotTold,
        Self::ShopMayNotFollow,
        Self::ShopRefused,
        Self::DisputedInPart,
    ];
}

/// A payment that needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The payment.
    pub payment: TransactionId,
    /// Why.
    pub reason: Attention,
}

/// A flag that its transaction is to be given, or that is to be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The flag.
    pub flag: Flag,
    /// Whether it is raised; else it is taken back.
    pub raised: bool,
}

impl OrderState {
    /// Raises flags whose reason is new and takes back those whose reason is gone: each change once, so that a person
    /// who has resolved one is not asked again.
    pub(super) fn update_flags(&mut self) {
        let wanted = self.wanted_flags();
        if wanted == self.flags {
            return;
        }
        let gone = self.flags.iter().filter(|flag| !wanted.contains(flag));
        let gone: Vec<_> = gone.map(|flag| Effect { flag: *flag, raised: false }).collect();
        let new = wanted.iter().filter(|flag| !self.flags.contains(flag));
        let new: Vec<_> = new.map(|flag| Effect { flag: *flag, raised: true }).collect();
        for effect in gone.into_iter().chain(new) {
            // Of one flag only the last change counts.
            self.effects.retain(|known| known.flag != effect.flag);
            self.effects.push(effect);
        }
        self.flags = wanted;
    }

    pub(super) fn wanted_flags(&self) -> Vec<Flag> {
        let mut wanted = Vec::new();
        let holding = self.holding();
        let kept = holding.iter().find(|payment| self.booked == Some(payment.facts.id)).or(holding.first());
        let kept = kept.map(|payment| payment.facts.id);
        for payment in &self.payments {
            let mut raise = |reason| wanted.push(Flag { payment: payment.facts.id, reason });
            let is_booked = self.booked == Some(payment.facts.id);
            if payment.facts.holds() {
                if kept != Some(payment.facts.id) {
                    raise(Attention::SecondPayment);
                }
                if self.is_superseded(payment) {
                    raise(Attention::SupersededPayment);
                }
                if payment.facts.disputed_in_part {
                    raise(Attention::DisputedInPart);
                }
            }
            if is_booked && self.booked_untold {
                raise(Attention::ShopNotTold);
            } else if payment.may_not_be_followed
                && (is_booked || payment.told == Some(super::status::CHARGED_BACK))
            {
                raise(Attention::ShopMayNotFollow);
            }
            if is_booked && payment.refused {
                raise(Attention::ShopRefused);
            }
        }
        wanted
    }

    /// Whether money came by a checkout that had been replaced by then, while the newer one is not paid.
    fn is_superseded(&self, payment: &Payment) -> bool {
        let (Some(newest), Some(succeeded)) = (self.newest, payment.facts.succeeded_at) else { return false };
        newest.id != payment.facts.checkout
            && newest.created_at < succeeded
            && !self.payments.iter().any(|other| other.facts.checkout == newest.id && other.facts.holds())
    }
}
