//! The lines of a checkout: sums that must agree, and the tax within them.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::{Currency, ImageId, Money, ProductId, money::AMOUNT_MAX};

/// At most this many lines.
pub const ITEMS_MAX: usize = 1000;
/// The most of one thing in a line.
pub const QUANTITY_MAX: i64 = 1_000_000;

/// Whether a unit price holds the tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountType {
    /// It does.
    #[default]
    Gross,
    /// Tax comes on top.
    Net,
}

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub description: String,
    /// How many.
    pub quantity: i64,
    /// Minor units for one; negative for a discount.
    pub unit_price: i64,
    /// Percent, as decimal text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vat_rate: Option<Decimal>,
    /// goods, `digital_service`, shipping, tax, discount, or a word of the shop's own.
    #[serde(rename = "itemType", skip_serializing_if = "String::is_empty", default)]
    pub item_type: String,
    /// Whether `unit_price` holds the tax.
    #[serde(default)]
    pub amount_type: AmountType,
    /// The product that it was copied from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product_id: Option<ProductId>,
    /// Its picture, once the worker has fetched it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image_id: Option<ImageId>,
}

impl Item {
    /// Quantity × unit price.
    pub fn line_amount(&self) -> Option<i64> {
        self.quantity.checked_mul(self.unit_price)
    }

    /// What a page calls it.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|n| !n.is_empty()).unwrap_or(&self.description)
    }
}

/// The type of lines that take something off.
pub const DISCOUNT_TYPE: &str = "discount";

/// The line that takes up what a shop's rounding left over.
pub const ROUNDING_TYPE: &str = "rounding";

/// Tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxGroup {
    /// Percent.
    pub rate: Decimal,
    /// Minor units without tax.
    pub net: i64,
    /// Minor units of tax.
    pub tax: i64,
}

/// What the lines come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Minor units to be paid.
    pub gross: i64,
    /// Tax per rate, in order of appearance.
    pub taxes: Vec<TaxGroup>,
}

/// Why lines and amount do not make a checkout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TotalsError {
    /// Past what is accepted.
    #[error("the sum of item amounts is too large")]
    TooLarge,
    /// Further apart than rounding explains.
    #[error("sum of item amounts {sum} does not match total amount {amount}")]
    Mismatch {
        /// Of the lines.
        sum: i64,
        /// As sent.
        amount: i64,
    },
}

impl TotalsError {
    /// As people read it: amounts in their currency.
    pub fn in_words(&self, currency: Currency) -> String {
        match *self {
            Self::TooLarge => self.to_string(),
            // Shops' plugins look for these words.
            Self::Mismatch { sum, amount } => format!(
                "sum of item amounts {} does not match total amount {}",
                Money::new(sum, currency),
                Money::new(amount, currency)
            ),
        }
    }
}

/// Adds up lines, tax per rate group, rounded half up.
pub fn totals(items: &[Item]) -> Result<Totals, TotalsError> {
    let mut gross: i64 = 0;
    let mut groups: Vec<(Decimal, i64, i64)> = Vec::new();
    for item in items {
        let line = item.line_amount().filter(|amount| fits(*amount)).ok_or(TotalsError::TooLarge)?;
        gross += line;
        let Some(rate) = item.vat_rate.filter(|rate| !rate.is_zero()) else { continue };
        let index = groups.iter().position(|g| g.0 == rate).unwrap_or_else(|| {
            groups.push((rate, 0, 0));
            groups.len() - 1
        });
        match item.amount_type {
            AmountType::Gross => groups[index].1 += line,
            AmountType::Net => groups[index].2 += line,
        }
    }
    let mut taxes = Vec::with_capacity(groups.len());
    for (rate, gross_part, net_part) in groups {
        let within = share(gross_part, rate, Decimal::ONE_HUNDRED + rate)?;
        let on_top = share(net_part, rate, Decimal::ONE_HUNDRED)?;
        gross = gross.checked_add(on_top).ok_or(TotalsError::TooLarge)?;
        taxes.push(TaxGroup { rate, net: gross_part - within + net_part, tax: within + on_top });
    }
    if fits(gross) { Ok(Totals { gross, taxes }) } else { Err(TotalsError::TooLarge) }
}

/// Whether an amount is within bounds, whatever its sign: the smallest integer has no absolute value.
pub const fn fits(amount: i64) -> bool {
    amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs()
}

/// What lines come to, tax included, per rate in order of appearance. The sums add up to [`totals`]' gross.
pub fn gross_by_rate<'a>(
    items: impl IntoIterator<Item = &'a Item>,
) -> Result<Vec<(Option<Decimal>, i64)>, TotalsError> {
    let mut groups: Vec<(Option<Decimal>, i64, i64)> = Vec::new();
    for item in items {
        let line = item.line_amount().filter(|a| a.abs() <= AMOUNT_MAX).ok_or(TotalsError::TooLarge)?;
        let index = groups.iter().position(|g| g.0 == item.vat_rate).unwrap_or_else(|| {
            groups.push((item.vat_rate, 0, 0));
            groups.len() - 1
        });
        match item.amount_type {
            AmountType::Gross => groups[index].1 += line,
            AmountType::Net => groups[index].2 += line,
        }
    }
    let gross = |(rate, gross, net): (Option<Decimal>, i64, i64)| {
        Ok((rate, gross + net + share(net, rate.unwrap_or_default(), Decimal::ONE_HUNDRED)?))
    };
    groups.into_iter().map(gross).collect()
}

/// `amount × part / whole`, half up (away from zero).
pub fn share(amount: i64, part: Decimal, whole: Decimal) -> Result<i64, TotalsError> {
    Decimal::from(amount)
        .checked_mul(part)
        .and_then(|product| product.checked_div(whole))
        .map(|d| d.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
        .and_then(|d| d.to_i64())
        .ok_or(TotalsError::TooLarge)
}

/// Brings lines and a stated amount together: a difference up to the sum of the quantities is a shop's
/// rounding and becomes a line of its own; the amount is what is charged.
pub fn reconcile(items: &mut Vec<Item>, amount: i64) -> Result<(), TotalsError> {
    if items.is_empty() {
        return Ok(());
    }
    let sum = totals(items)?.gross;
    let difference = amount.checked_sub(sum).ok_or(TotalsError::TooLarge)?;
    if difference == 0 {
        return Ok(());
    }
    let tolerance = items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.quantity));
    if !i64::try_from(difference.unsigned_abs()).is_ok_and(|off| off <= tolerance) {
        return Err(TotalsError::Mismatch { sum, amount });
    }
    items.push(Item {
        description: "Rounding".to_owned(),
        quantity: 1,
        unit_price: difference,
        item_type: ROUNDING_TYPE.to_owned(),
        ..Item::default()
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(quantity: i64, unit_price: i64, rate: Option<i64>, amount_type: AmountType) -> Item {
        Item {
            name: None,
            description: "Thing".into(),
            quantity,
            unit_price,
            vat_rate: rate.map(|r| Decimal::new(r, 1)),
            item_type: "goods".into(),
            amount_type,
            ..Item::default()
        }
    }

    #[test]
    fn ten_euros_for_three_gets_a_rounding_line() {
        let mut items = vec![item(3, 334, None, AmountType::Gross)];
        reconcile(&mut items, 1000).unwrap();
        assert_eq!(items[1].unit_price, -2);
        assert_eq!(totals(&items).unwrap().gross, 1000);
    }

    #[test]
    fn numbers_at_the_ends_of_their_range_are_refused_and_do_not_panic() {
        for (quantity, unit_price, rate, amount) in [
            (1, i64::MIN, None, 1000),
            (2, i64::MIN / 2, None, 1000),
            (1, i64::MAX, None, 1000),
            (1, 1000, None, i64::MIN),
            (1, 1000, None, i64::MAX),
            (1, AMOUNT_MAX, Some(i64::MAX), 1000),
            (1, AMOUNT_MAX, Some(i64::MIN), 1000),
        ] {
            for amount_type in [AmountType::Gross, AmountType::Net] {
                let mut items = vec![item(quantity, unit_price, rate, amount_type)];
                assert!(reconcile(&mut items, amount).is_err(), "{quantity} × {unit_price}, {amount}");
            }
        }
        let mut many =
            vec![item(i64::MAX, 0, None, AmountType::Gross), item(i64::MAX, 0, None, AmountType::Gross)];
        assert!(reconcile(&mut many, 1).is_ok());
    }

    #[test]
    fn a_larger_difference_is_refused_in_words_that_shops_know() {
        let error =
            reconcile(&mut vec![item(3, 334, None, AmountType::Gross)], 1006).unwrap_err().to_string();
        assert!(error.contains("sum of item amounts") && error.contains("does not match total amount"));
    }

    #[test]
    fn tax_is_within_gross_and_on_top_of_net() {
        let within = totals(&[item(1, 11_900, Some(190), AmountType::Gross)]).unwrap();
        assert_eq!((within.gross, within.taxes[0].net, within.taxes[0].tax), (11_900, 10_000, 1_900));
        let on_top = totals(&[item(1, 10_000, Some(190), AmountType::Net)]).unwrap();
        assert_eq!((on_top.gross, on_top.taxes[0].net, on_top.taxes[0].tax), (11_900, 10_000, 1_900));
    }

    proptest! {
        #[test]
        fn a_reconciled_checkout_charges_the_stated_amount(
            lines in prop::collection::vec((1_i64..50, -5_000_i64..50_000, prop::option::of(1_i64..300), any::<bool>()), 1..20),
            off in -60_i64..60,
        ) {
            let mut items: Vec<Item> = lines.into_iter().map(|(q, p, r, net)|
                item(q, p, r, if net { AmountType::Net } else { AmountType::Gross })).collect();
            let amount = totals(&items).unwrap().gross + off;
            let tolerance: i64 = items.iter().map(|i| i.quantity).sum();
            match reconcile(&mut items, amount) {
                Ok(()) => prop_assert_eq!(totals(&items).unwrap().gross, amount),
                Err(TotalsError::Mismatch { .. }) => prop_assert!(off.abs() > tolerance),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        #[test]
        fn net_and_tax_of_each_group_add_up(price in 1_i64..10_000_000, rate in 1_i64..500) {
            let t = totals(&[item(1, price, Some(rate), AmountType::Gross)]).unwrap();
            prop_assert_eq!(t.taxes[0].net + t.taxes[0].tax, price);
            prop_assert_eq!(t.gross, price);
        }
    }
}
