//! Discounts: what a code takes off, for whom, when, and how often.
//!
//! What a code takes off becomes lines of the checkout, one per tax rate, so that sums and tax come out right
//! by the same arithmetic as everything else. How often it may be used is kept by claims: a row per use, each
//! in a slot of its own, so that no number has to be counted up by everybody at once (ADR 11).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    CheckoutId, Currency, DiscountClaimId, DiscountId, Mode, OrganizationId, ProductId, Tenant, Timestamp,
    TransactionId,
    checkout::{Item, items},
};
use crate::opaque::SearchHash;

/// Longest code, in characters.
pub const CODE_CHARS_MAX: usize = 64;
/// The largest limit of uses in all: finding the last free slot reads every taken one.
pub const REDEMPTIONS_MAX: i64 = 100_000;
/// The largest limit of uses by one customer.
pub const REDEMPTIONS_PER_CUSTOMER_MAX: i64 = 1000;
/// The most products that a discount may be restricted to.
pub const PRODUCTS_MAX: usize = 1000;
/// Slots of uses that no limit governed begin here, beyond every limit.
pub const SLOT_UNLIMITED: i64 = 1 << 40;

/// How much a discount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DiscountValue {
    /// A part of what its lines come to.
    Percent {
        /// Above 0, at most 100.
        percent: Decimal,
    },
    /// An amount in the discount's currency, or all that its lines come to where that is less.
    Amount {
        /// Minor units, at least 1.
        amount: i64,
    },
}

/// A discount.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discount {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: DiscountId,
    /// Whose discount it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// What customers type, as the merchant writes it.
    pub code: String,
    /// The code as it is compared. Unique in the tenant; taken out when the discount is archived.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code_key: Option<String>,
    /// For the merchant's own eyes.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub name: String,
    /// How much it takes off.
    pub value: DiscountValue,
    /// Of `amount` and `minimum_amount`; a percentage without a minimum needs none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<Currency>,
    /// What an order must come to before the discount, in minor units.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minimum_amount: Option<i64>,
    /// How often it may be used in all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_redemptions: Option<i64>,
    /// How often one customer may use it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_redemptions_per_customer: Option<i64>,
    /// From when on it is accepted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub starts_at: Option<Timestamp>,
    /// From when on it is no longer accepted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_at: Option<Timestamp>,
    /// The products that it reduces; the whole order when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_ids: Vec<ProductId>,
    /// Whether it is accepted at all.
    pub active: bool,
    /// When it was taken out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub archived_at: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why a code cannot be used. The words are for merchants; customers read the page's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum DiscountRefusal {
    #[error("is no discount code of this organization and mode")]
    Unknown,
    #[error("is switched off")]
    NotActive,
    #[error("is not accepted yet")]
    NotStarted,
    #[error("is no longer accepted")]
    Ended,
    #[error("has been used up")]
    Spent,
    #[error("has been used up by this customer")]
    SpentByCustomer,
    #[error("is limited per customer: send email or clientId with it")]
    NeedsCustomer,
    #[error("is for another currency")]
    OtherCurrency,
    #[error("is for larger orders")]
    BelowMinimum,
    #[error("is for products that are not in this order")]
    OtherProducts,
    #[error("takes nothing off this order")]
    NothingOff,
}

impl DiscountRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "DISCOUNT_CODE_UNKNOWN",
            Self::NotActive => "DISCOUNT_CODE_NOT_ACTIVE",
            Self::NotStarted => "DISCOUNT_CODE_NOT_STARTED",
            Self::Ended => "DISCOUNT_CODE_ENDED",
            Self::Spent => "DISCOUNT_CODE_SPENT",
            Self::SpentByCustomer => "DISCOUNT_CODE_SPENT_BY_CUSTOMER",
            Self::NeedsCustomer => "DISCOUNT_CODE_NEEDS_CUSTOMER",
            Self::OtherCurrency => "DISCOUNT_CODE_OTHER_CURRENCY",
            Self::BelowMinimum => "DISCOUNT_CODE_BELOW_MINIMUM",
            Self::OtherProducts => "DISCOUNT_CODE_OTHER_PRODUCTS",
            Self::NothingOff => "DISCOUNT_CODE_NOTHING_OFF",
        }
    }
}

/// A code as it is compared: case does not count, nor white space around it.
pub fn code_key(code: &str) -> String {
    code.trim().to_uppercase()
}

/// What a code is sent with.
#[derive(Debug, Clone, Copy)]
pub struct Basket<'a> {
    /// Its lines.
    pub items: &'a [Item],
    /// What they come to before the discount, in minor units.
    pub amount: i64,
    /// Of what currency.
    pub currency: Currency,
    /// Whether it is known who buys.
    pub has_customer: bool,
}

impl Discount {
    /// The tenant that the discount belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether payments with it may start: the merchant wants it. Window, minimum and products were right
    /// when the order was made, and are not asked again.
    pub const fn is_wanted(&self) -> bool {
        self.active && self.archived_at.is_none()
    }

    /// The lines that take it off an order; all of them are negative. Limits are not looked at.
    pub fn reduce(&self, basket: Basket<'_>, now: Timestamp) -> Result<Vec<Item>, DiscountRefusal> {
        self.accepts(basket, now)?;
        let eligible: Vec<&Item> = basket.items.iter().filter(|item| self.covers(item)).collect();
        if eligible.is_empty() {
            return Err(DiscountRefusal::OtherProducts);
        }
        // Lines that were added up before: an overflow means that nothing sensible can be taken off.
        let groups = items::gross_by_rate(eligible).map_err(|_| DiscountRefusal::NothingOff)?;
        // With a whole order this is its amount; the lines of some products may come to more than all lines.
        let base = groups.iter().map(|group| group.1).sum::<i64>().min(basket.amount);
        let off = self.off(base);
        if off <= 0 {
            return Err(DiscountRefusal::NothingOff);
        }
        let shares = split(off, &groups.iter().map(|group| group.1).collect::<Vec<_>>());
        let line = |((rate, _), share): (&(Option<Decimal>, i64), i64)| Item {
            description: self.code.clone(),
            quantity: 1,
            unit_price: -share,
            vat_rate: *rate,
            item_type: items::DISCOUNT_TYPE.to_owned(),
            ..Item::default()
        };
        Ok(groups.iter().zip(shares).filter(|(_, share)| *share > 0).map(line).collect())
    }

    fn accepts(&self, basket: Basket<'_>, now: Timestamp) -> Result<(), DiscountRefusal> {
        use DiscountRefusal as R;
        let refusals = [
            (self.archived_at.is_some(), R::Unknown),
            (!self.active, R::NotActive),
            (self.starts_at.is_some_and(|at| now < at), R::NotStarted),
            (self.ends_at.is_some_and(|at| now >= at), R::Ended),
            (self.currency.is_some_and(|currency| currency != basket.currency), R::OtherCurrency),
            (self.minimum_amount.is_some_and(|least| basket.amount < least), R::BelowMinimum),
            (self.max_redemptions_per_customer.is_some() && !basket.has_customer, R::NeedsCustomer),
        ];
        match refusals.into_iter().find(|(applies, _)| *applies) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(()),
        }
    }

    fn covers(&self, item: &Item) -> bool {
        self.product_ids.is_empty() || item.product_id.is_some_and(|id| self.product_ids.contains(&id))
    }

    /// Minor units off `base`, half up, never more than `base`.
    fn off(&self, base: i64) -> i64 {
        match self.value {
            DiscountValue::Amount { amount } => amount.min(base),
            DiscountValue::Percent { percent } => {
                items::share(base, percent, Decimal::ONE_HUNDRED).map_or(0, |off| off.min(base))
            }
        }
    }
}

/// Splits an amount by weights, remainders to the largest; weights below zero get nothing. Needs an amount
/// of at most the positive weights together, and then gives none more than its weight.
fn split(amount: i64, weights: &[i64]) -> Vec<i64> {
    let weight_of = |weight: i64| i128::from(weight.max(0));
    let whole: i128 = weights.iter().copied().map(weight_of).sum();
    if whole == 0 {
        return vec![0; weights.len()];
    }
    let product = |weight: i64| i128::from(amount) * weight_of(weight);
    let floor = |weight: i64| i64::try_from(product(weight) / whole).unwrap_or(i64::MAX);
    let mut shares: Vec<i64> = weights.iter().map(|weight| floor(*weight)).collect();
    let mut left = amount - shares.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(product(weights[index]) % whole));
    for index in order {
        if left == 0 {
            break;
        }
        shares[index] += 1;
        left -= 1;
    }
    shares
}

/// One use of a discount: from when a payment starts until it has ended unpaid, or for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscountClaim {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: DiscountClaimId,
    /// Whose discount it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The discount.
    pub discount_id: DiscountId,
    /// Its number among the uses: unique, and below the limit where there is one.
    pub slot: i64,
    /// The checkout that uses it. Unique with the discount.
    pub checkout_id: CheckoutId,
    /// Site and order number: a customer who comes back with a newer checkout of the same order takes the
    /// claim along.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<String>,
    /// The payment that holds it: whose end gives it back.
    pub transaction_id: TransactionId,
    /// Who uses it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<SearchHash>,
    /// Its number among this customer's uses: unique, and below the limit per customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer_slot: Option<i64>,
    /// Whether it was paid with.
    #[serde(default)]
    pub kept: bool,
    /// When the sweep should look at it; absent once it is kept. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl DiscountClaim {
    /// The tenant that the claim belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}

/// The slots that may be taken under a limit, given those that are; none when the limit is reached.
///
/// A limit may be lowered below slots that are taken. Then only slots below a bound are free, such that the
/// bound and what is taken at or above it come to the limit at most. Nobody takes a slot above the bound, so
/// the sum cannot grow: whoever takes slots at the same moment, the limit holds.
pub fn free_slots(taken: &[i64], limit: i64) -> Vec<i64> {
    if i64::try_from(taken.len()).is_ok_and(|taken| taken >= limit) {
        return Vec::new();
    }
    let taken: std::collections::BTreeSet<i64> = taken.iter().copied().collect();
    let mut bound = limit;
    let mut sum = limit + i64::try_from(taken.range(limit..).count()).unwrap_or(limit);
    while sum > limit && bound > 0 {
        bound -= 1;
        if !taken.contains(&bound) {
            sum -= 1;
        }
    }
    (0..bound).filter(|slot| !taken.contains(slot)).collect()
}

#[cfg(test)]
#[path = "discount_tests.rs"]
mod tests;
