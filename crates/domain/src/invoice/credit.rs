//! Credits: how much of an invoice is taken back, split over its tax groups so that several credits together
//! take back exactly what the invoice charged.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    CreditError,
    paper::{Paper, PaperTax, TaxCategory},
    tax::in_proportion,
};
use crate::{
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
    /// Which lines, where lines were named instead of an amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<CreditLine>,
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

/// Part of a line that is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditLine {
    /// The line's place on the invoice, from 0.
    pub line: usize,
    /// How many of it.
    pub quantity: Decimal,
    /// Minor units in the price mode of the invoice, before allowances of the whole.
    pub amount: i64,
}

/// A line that somebody wants to be credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRequest {
    /// The line's place on the invoice, from 0.
    pub line: usize,
    /// How many of it; all that is left when absent.
    pub quantity: Option<Decimal>,
}

/// What is left of a line: quantity, and minor units in the price mode of the invoice.
pub fn line_left(paper: &Paper, credits: &[Credit], line: usize) -> Option<(Decimal, i64)> {
    let whole = paper.lines.get(line)?;
    let taken = credits.iter().flat_map(|credit| &credit.lines).filter(|taken| taken.line == line);
    Some(taken.fold((whole.quantity, whole.amount), |(quantity, amount), taken| {
        (quantity - taken.quantity, amount - taken.amount)
    }))
}

/// What crediting some lines takes of an invoice: each line's share, less its part of the allowances of the whole,
/// with the tax of its group. All lines together take exactly what the invoice charged.
pub fn of_lines(
    paper: &Paper,
    credits: &[Credit],
    left: &Split,
    asked: &[LineRequest],
) -> Result<(Vec<CreditLine>, Split), CreditError> {
    let mut lines: Vec<CreditLine> = Vec::with_capacity(asked.len());
    for (index, request) in asked.iter().enumerate() {
        let (rest, amount) = line_left(paper, credits, request.line).ok_or(CreditError::NoLine { index })?;
        if lines.iter().any(|line| line.line == request.line) {
            return Err(CreditError::LineTwice { index });
        }
        let quantity = request.quantity.unwrap_or(rest);
        if quantity <= Decimal::ZERO || quantity > rest {
            return Err(CreditError::Quantity { index, left: rest.normalize() });
        }
        let whole = &paper.lines[request.line];
        let part =
            if quantity == rest { Some(amount) } else { line_share(whole.amount, quantity, whole.quantity) };
        let amount = part.ok_or(CreditError::Quantity { index, left: rest.normalize() })?;
        lines.push(CreditLine { line: request.line, quantity, amount });
    }
    let mut split = left.clone();
    for (index, tax) in paper.taxes.iter().enumerate() {
        let part = group_part(paper, credits, &lines, tax);
        if let (Some(slot), Some(rest)) = (split.groups.get_mut(index), left.groups.get(index)) {
            *slot = part_in_mode(rest, part, paper.prices_include_tax);
        }
    }
    let is_all = split.groups == left.groups;
    split.rounding = if is_all { left.rounding } else { 0 };
    Ok((lines, split))
}

fn line_share(amount: i64, quantity: Decimal, whole: Decimal) -> Option<i64> {
    share(amount, quantity, whole).ok()
}

/// Minor units, in the price mode of the invoice, that credited lines take of a group: theirs less their part of the
/// group's allowances, which is counted from the beginning so that all parts add up.
fn group_part(paper: &Paper, credits: &[Credit], lines: &[CreditLine], tax: &PaperTax) -> i64 {
    let is_of =
        |line: usize| paper.lines.get(line).is_some_and(|l| (l.category, l.rate) == (tax.category, tax.rate));
    let sum = |lines: &mut dyn Iterator<Item = &CreditLine>| -> i64 {
        lines.filter(|line| is_of(line.line)).map(|line| line.amount).sum()
    };
    let before = sum(&mut credits.iter().flat_map(|credit| &credit.lines));
    let now = sum(&mut lines.iter());
    let all: i64 =
        (0..paper.lines.len()).filter(|line| is_of(*line)).map(|line| paper.lines[line].amount).sum();
    let of_group = |allowance: &&super::paper::Allowance| {
        (allowance.category, allowance.rate) == (tax.category, tax.rate)
    };
    let off: i64 = paper.allowances.iter().filter(of_group).map(|allowance| allowance.amount).sum();
    let off_until = |sum: i64| {
        if all == 0 { 0 } else { share(off, Decimal::from(sum), Decimal::from(all)).unwrap_or_default() }
    };
    now - (off_until(before + now) - off_until(before))
}

/// A part of what is left of a group, given with tax or without it.
fn part_in_mode(left: &GroupAmount, part: i64, is_gross: bool) -> GroupAmount {
    let rest = if is_gross { left.gross() } else { left.net };
    if part == rest {
        return left.clone();
    }
    if is_gross {
        return part_of(left, part);
    }
    let tax = share(part, left.rate, Decimal::ONE_HUNDRED).unwrap_or_default();
    GroupAmount { net: part, tax: tax.clamp(left.tax.min(0), left.tax.max(0)), ..left.clone() }
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

    fn paper(is_gross: bool) -> Paper {
        use crate::{
            Currency,
            checkout::AmountType,
            invoice::{
                PaperKind,
                compose::{self, Heading},
                tax::{Sale, TaxRules, compute},
                words::Words,
            },
        };
        let sale = |quantity: &str, unit_price, rate: &str, item_type: &str| Sale {
            name: "Thing".to_owned(),
            description: String::new(),
            quantity: quantity.parse().unwrap(),
            unit: None,
            unit_price,
            amount_type: if is_gross { AmountType::Gross } else { AmountType::Net },
            rate: Some(rate.parse().unwrap()),
            category: None,
            item_type: item_type.to_owned(),
        };
        let sales = [
            sale("3", 3_333, "19", "goods"),
            sale("7.5", 9_500, "19", "goods"),
            sale("2", 535, "7", "goods"),
            sale("1", -1_111, "19", "discount"),
        ];
        let computed = compute(&sales, &TaxRules::default(), Words::of("en")).unwrap();
        compose::paper(PaperKind::Invoice, Currency::EUR, Heading::default(), computed)
    }

    fn whole(paper: &Paper) -> Split {
        Split { groups: paper.taxes.iter().map(GroupAmount::from).collect(), rounding: 0 }
    }

    fn recorded(lines: Vec<CreditLine>, split: Split) -> Credit {
        Credit {
            id: InvoiceId::from_bytes([1; 12]),
            cause: "request:1".to_owned(),
            amount: split.amount(),
            groups: split.groups,
            rounding: split.rounding,
            lines,
            whole: false,
            reason: None,
            idem: None,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn a_line_takes_its_own_rate_and_its_part_of_the_discount() {
        let paper = paper(true);
        let ask = |line, quantity: Option<&str>| LineRequest {
            line,
            quantity: quantity.map(|q| q.parse().unwrap()),
        };
        let (lines, split) = of_lines(&paper, &[], &whole(&paper), &[ask(2, Some("1"))]).unwrap();
        assert_eq!((split.groups[0].gross(), split.groups[1].gross()), (0, 535), "nothing of the other rate");
        assert_eq!(lines[0].amount, 535);
        let (_, split) = of_lines(&paper, &[], &whole(&paper), &[ask(1, Some("2.5"))]).unwrap();
        // 237.50 of 812.49, less as much of 11.11.
        assert_eq!(split.amount(), 23_750 - 325);
        let left =
            |line, quantity| of_lines(&paper, &[], &whole(&paper), &[ask(line, quantity)]).unwrap_err();
        assert_eq!(left(1, Some("7.6")), CreditError::Quantity { index: 0, left: "7.5".parse().unwrap() });
        assert_eq!(left(9, None), CreditError::NoLine { index: 0 });
        let twice = of_lines(&paper, &[], &whole(&paper), &[ask(0, None), ask(0, None)]).unwrap_err();
        assert_eq!(twice, CreditError::LineTwice { index: 1 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn credits_by_line_together_take_back_all(
            is_gross in any::<bool>(), steps in prop::collection::vec((0_usize..3, 1_i64..30), 0..20),
        ) {
            let paper = paper(is_gross);
            let mut credits: Vec<Credit> = Vec::new();
            for (line, tenths) in steps.into_iter().chain([(0, i64::MAX), (1, i64::MAX), (2, i64::MAX)]) {
                let left = whole(&paper).less(credits.iter().map(|c| (c.groups.as_slice(), c.rounding)));
                let (rest, _) = line_left(&paper, &credits, line).unwrap();
                if rest.is_zero() { continue }
                let quantity = Decimal::new(tenths.min(1_000), 1).min(rest);
                let asked = [LineRequest { line, quantity: Some(quantity) }];
                let (lines, split) = of_lines(&paper, &credits, &left, &asked).unwrap();
                for (mine, had) in split.groups.iter().zip(&left.groups) {
                    prop_assert!((0..=had.net).contains(&mine.net), "{:?} of {:?}", mine, had);
                    prop_assert!((0..=had.tax).contains(&mine.tax), "{:?} of {:?}", mine, had);
                }
                credits.push(recorded(lines, split));
            }
            let left = whole(&paper).less(credits.iter().map(|c| (c.groups.as_slice(), c.rounding)));
            prop_assert!(left.groups.iter().all(|g| g.net == 0 && g.tax == 0), "{:?}", left);
        }

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
