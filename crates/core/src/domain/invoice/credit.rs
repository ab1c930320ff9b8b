//! Credits: how much of an invoice is taken back, split over its tax groups so that several credits together
//! take back exactly what the invoice charged.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    paper::{PaperTax, TaxCategory},
    tax::in_proportion,
};
use crate::domain::{
    InvoiceId, Timestamp,
    checkout::{Idempotency, items::share},
};

/// At most this many credits of one invoice.
pub const CREDITS_MAX: usize = 200;

/// A tax group's figures, without words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupAmount {
    /// Category.
    pub category: TaxCategory,
    /// Percent.
    pub rate: Decimal,
    /// Minor units without tax.
    pub net: i64,
    /// Minor units of tax.
    pub tax: i64,
}

impl GroupAmount {
    /// With tax.
    pub const fn gross(&self) -> i64 {
        self.net + self.tax
    }
}

impl From<&PaperTax> for GroupAmount {
    fn from(tax: &PaperTax) -> Self {
        Self { category: tax.category, rate: tax.rate, net: tax.basis, tax: tax.tax }
    }
}

/// Part of an invoice that is taken back; recorded in the invoice before its credit note is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credit {
    /// The credit note.
    pub id: InvoiceId,
    /// Why: `refund:<id>`, `dispute:<reference>` or `request:<id>`. Unique within the invoice.
    pub cause: String,
    /// Minor units, with tax and rounding.
    pub amount: i64,
    /// Per tax group of the invoice, in its order.
    pub groups: Vec<GroupAmount>,
    /// Of the invoice's rounding.
    pub rounding: i64,
    /// Whether it takes back the whole invoice at once.
    pub whole: bool,
    /// The merchant's reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// When it was decided.
    pub at: Timestamp,
}

/// What a credit takes of each group and of the rounding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Per tax group, in the invoice's order.
    pub groups: Vec<GroupAmount>,
    /// Of the rounding.
    pub rounding: i64,
}

impl Split {
    /// Minor units in all.
    pub fn amount(&self) -> i64 {
        self.groups.iter().map(GroupAmount::gross).sum::<i64>() + self.rounding
    }

    /// What is left after others have been taken off.
    pub fn less<'a>(&self, others: impl Iterator<Item = (&'a [GroupAmount], i64)>) -> Self {
        let mut left = self.clone();
        for (groups, rounding) in others {
            for (mine, taken) in left.groups.iter_mut().zip(groups) {
                mine.net -= taken.net;
                mine.tax -= taken.tax;
            }
            left.rounding -= rounding;
        }
        left
    }

    /// `amount` of what is left here, in proportion; the whole rest exactly when it is all of it.
    pub fn take(&self, amount: i64) -> Self {
        if amount == self.amount() {
            return self.clone();
        }
        let mut weights: Vec<i64> = self.groups.iter().map(GroupAmount::gross).collect();
        weights.push(self.rounding);
        let parts = in_proportion(amount, &weights);
        let groups = self.groups.iter().zip(&parts).map(|(group, part)| part_of(group, *part)).collect();
        Self { groups, rounding: parts.last().copied().unwrap_or_default() }
    }
}

/// Splits a part of a group into net and tax, half up, neither beyond what the group has left.
fn part_of(left: &GroupAmount, part: i64) -> GroupAmount {
    let tax = share(part, left.rate, Decimal::ONE_HUNDRED + left.rate).unwrap_or_default();
    let (a, b) = (part - left.net, left.tax);
    let tax = tax.clamp(a.min(b), a.max(b));
    GroupAmount { net: part - tax, tax, ..left.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(rate: i64, gross: i64) -> GroupAmount {
        let rate = Decimal::from(rate);
        let tax = share(gross, rate, Decimal::ONE_HUNDRED + rate).unwrap();
        let category = if rate.is_zero() { TaxCategory::Z } else { TaxCategory::S };
        GroupAmount { category, rate, net: gross - tax, tax }
    }

    #[test]
    fn part_is_split_in_proportion_and_the_rest_is_exact() {
        let whole = Split { groups: vec![group(19, 11_900), group(7, 5_350)], rounding: -2 };
        let first = whole.take(10_000);
        assert_eq!(first.amount(), 10_000);
        assert_eq!(first.groups[0].gross(), 6_899);
        let left = whole.less([(first.groups.as_slice(), first.rounding)].into_iter());
        let rest = left.take(left.amount());
        assert_eq!(first.groups[0].net + rest.groups[0].net, 10_000);
        assert_eq!(first.groups[1].tax + rest.groups[1].tax, 350);
        assert_eq!(first.rounding + rest.rounding, -2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn credits_never_exceed_a_group_and_together_take_back_all(
            groups in prop::collection::vec((0_i64..26, 1_i64..100_000), 1..6),
            rounding in -5_i64..6,
            parts in prop::collection::vec(1_i64..60_000, 0..12),
        ) {
            let groups: Vec<_> = groups.into_iter().map(|(rate, gross)| group(rate, gross)).collect();
            let whole = Split { groups, rounding };
            prop_assume!(whole.amount() > 0);
            let mut taken: Vec<Split> = Vec::new();
            for part in parts.into_iter().chain([i64::MAX]) {
                let left = whole.less(taken.iter().map(|s| (s.groups.as_slice(), s.rounding)));
                if left.amount() == 0 { break }
                let split = left.take(part.min(left.amount()));
                prop_assert_eq!(split.amount(), part.min(left.amount()));
                for (mine, had) in split.groups.iter().zip(&left.groups) {
                    prop_assert!((0..=had.net).contains(&mine.net) && (0..=had.tax).contains(&mine.tax), "{mine:?} of {had:?}");
                }
                taken.push(split);
            }
            let left = whole.less(taken.iter().map(|s| (s.groups.as_slice(), s.rounding)));
            prop_assert!(left.groups.iter().all(|g| g.net == 0 && g.tax == 0) && left.rounding == 0);
        }
    }
}
