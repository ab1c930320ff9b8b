//! From what was sold to lines, allowances and tax groups that agree with each other and with what was
//! charged, to the last minor unit.
//!
//! Tax is computed per group (category and rate), half up; what a group's net comes to is then shared out
//! among its lines, the odd units going to the largest remainders.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};

use super::{
    paper::{Allowance, PaperLine, PaperTax, PaperTotals, TaxCategory},
    words::Words,
};
use crate::{
    checkout::{
        AmountType, Item,
        items::{DISCOUNT_TYPE, ROUNDING_TYPE, share},
    },
    money::AMOUNT_MAX,
};

/// What an item type calls a line that is itself tax.
const TAX_TYPE: &str = "tax";

/// How a seller's lines are taxed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxRules {
    /// Percent within the price of lines that state none.
    pub default_rate: Option<Decimal>,
    /// The category of lines without tax, stated as such or not. Where the seller has none, a stated zero is zero
    /// rated, and what states nothing is outside the tax.
    pub untaxed: Option<TaxCategory>,
    /// Why no tax is charged on them.
    pub reason: Option<String>,
    /// The same as a code of the list VATEX.
    pub code: Option<String>,
    /// The rates that a tax which stands on a line of its own can come from; any where empty.
    pub rates: Vec<Decimal>,
}

/// A line as it was sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// What was sold.
    pub name: String,
    /// More about it.
    pub description: String,
    /// How many; positive, at most six decimals.
    pub quantity: Decimal,
    /// The unit of the quantity, a code of [`super::units`].
    pub unit: Option<String>,
    /// Minor units for one; negative for a reduction.
    pub unit_price: i64,
    /// Whether the price holds the tax.
    pub amount_type: AmountType,
    /// Percent, where stated.
    pub rate: Option<Decimal>,
    /// A category other than the rate's own: exempt, reverse charge, outside the tax.
    pub category: Option<TaxCategory>,
    /// The item's type.
    pub item_type: String,
}

impl Sale {
    /// A line of a checkout.
    pub fn of(item: &Item) -> Self {
        let name = item.title().to_owned();
        let description = if item.description == name { String::new() } else { item.description.clone() };
        Self {
            name,
            description,
            quantity: Decimal::from(item.quantity),
            unit: None,
            unit_price: item.unit_price,
            amount_type: item.amount_type,
            rate: item.vat_rate,
            category: None,
            item_type: item.item_type.clone(),
        }
    }

    /// Minor units of the line: quantity × price, half up (EN 16931 rounds a line's amount once).
    fn amount(&self) -> Option<i64> {
        line_amount(self.quantity, self.unit_price).filter(|amount| amount.abs() <= AMOUNT_MAX)
    }

    /// Whether it lowers the document as a whole (BG-20) and stands with the totals. Every other line stays in its place,
    /// also one below zero.
    fn is_allowance(&self) -> bool {
        self.item_type == DISCOUNT_TYPE
    }
}

/// Quantity × price in minor units, half up.
pub fn line_amount(quantity: Decimal, unit_price: i64) -> Option<i64> {
    let exact = quantity.checked_mul(Decimal::from(unit_price))?;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64()
}

/// Why lines cannot be put on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaxError {
    /// Past what is accepted.
    #[error("the sum of the lines is too large")]
    TooLarge,
    /// Nothing but reductions.
    #[error("there is no line that is sold, only reductions")]
    NothingSold,
}

/// Lines with their tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// Whether prices and amounts below hold the tax.
    pub prices_include_tax: bool,
    /// What was sold.
    pub lines: Vec<PaperLine>,
    /// What was taken off.
    pub allowances: Vec<Allowance>,
    /// Tax by category and rate.
    pub taxes: Vec<PaperTax>,
    /// Sums, with nothing paid yet.
    pub totals: PaperTotals,
}

/// Shares a total out in proportion: each share is rounded down, and the units left over go to the largest
/// remainders, among equals to the largest share.
pub fn apportion(total: i64, ideals: &[Decimal]) -> Vec<i64> {
    let floor = |ideal: &Decimal| ideal.floor().to_i64().unwrap_or_default();
    let mut shares: Vec<i64> = ideals.iter().map(floor).collect();
    let mut order: Vec<usize> = (0..ideals.len()).collect();
    let remainder = |i: usize| ideals[i] - ideals[i].floor();
    order.sort_by_key(|&i| (std::cmp::Reverse((remainder(i), ideals[i].abs())), i));
    let mut left = total - shares.iter().sum::<i64>();
    while left != 0 && !order.is_empty() {
        let step = left.signum();
        // Too much has been given only where the caller's ideals exceed the total: take it back from the end.
        let hands: Vec<usize> = if step > 0 { order.clone() } else { order.iter().rev().copied().collect() };
        for index in hands {
            if left == 0 {
                break;
            }
            shares[index] += step;
            left -= step;
        }
    }
    shares
}

/// In proportion to weights whose sum is not zero.
pub(super) fn in_proportion(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum = Decimal::from(weights.iter().sum::<i64>());
    let ideal =
        |weight: &i64| (Decimal::from(total) * Decimal::from(*weight)).checked_div(sum).unwrap_or_default();
    apportion(total, &weights.iter().map(ideal).collect::<Vec<_>>())
}

/// An entry of a group: a sale, or a reduction's share.
struct Entry {
    sale: usize,
    amount: i64,
    is_net: bool,
    net: i64,
    shown: i64,
}

struct Group {
    category: TaxCategory,
    rate: Decimal,
    entries: Vec<Entry>,
}

impl Group {
    fn sum(&self, is_net: bool) -> i64 {
        self.entries.iter().filter(|e| e.is_net == is_net).map(|e| e.amount).sum()
    }
}

/// Computes lines, allowances, tax and totals.
pub fn compute(sales: &[Sale], rules: &TaxRules, words: &Words) -> Result<Computed, TaxError> {
    let mut rounding = 0;
    let mut sold = Vec::with_capacity(sales.len());
    let mut sum: i64 = 0;
    for sale in sales {
        let amount = sale.amount().ok_or(TaxError::TooLarge)?;
        sum = sum.checked_add(amount.abs()).filter(|s| *s <= AMOUNT_MAX).ok_or(TaxError::TooLarge)?;
        if sale.item_type == ROUNDING_TYPE { rounding += amount } else { sold.push((sale, amount)) }
    }
    let mut computed = match stated_tax(&sold) {
        Some((net, tax)) => with_stated_tax(&sold, net, tax, rules),
        None => with_rates(&sold, rules, words)?,
    };
    if computed.lines.iter().all(|line| line.amount < 0) {
        return Err(TaxError::NothingSold);
    }
    for tax in computed.taxes.iter_mut().filter(|tax| tax.category.needs_reason()) {
        let is_sellers = rules.untaxed == Some(tax.category);
        let own = rules.reason.clone().filter(|_| is_sellers);
        tax.exemption_reason = own.or_else(|| Some(words.exemption(tax.category).to_owned()));
        tax.exemption_code = rules.code.clone().filter(|_| is_sellers);
    }
    computed.totals = totals(&computed, rounding);
    Ok(computed)
}

/// The sums of lines, allowances and groups.
pub(super) fn totals(computed: &Computed, rounding: i64) -> PaperTotals {
    let lines_net: i64 = computed.lines.iter().map(|line| line.net).sum();
    let allowances_net: i64 = computed.allowances.iter().map(|a| a.net).sum();
    let tax: i64 = computed.taxes.iter().map(|group| group.tax).sum();
    let net = lines_net - allowances_net;
    let gross = net + tax;
    PaperTotals { lines_net, allowances_net, net, tax, gross, paid: 0, rounding, due: gross + rounding }
}

/// A shop that sends its tax as a line of its own: (net, tax), where no other line states a rate.
fn stated_tax(sold: &[(&Sale, i64)]) -> Option<(i64, i64)> {
    let is_tax = |sale: &Sale| sale.item_type == TAX_TYPE && sale.rate.is_none();
    let stated = |sale: &Sale| sale.rate.is_some() || sale.category.is_some();
    let tax: i64 = sold.iter().filter(|(sale, _)| is_tax(sale)).map(|(_, amount)| amount).sum();
    let net: i64 = sold.iter().filter(|(sale, _)| !is_tax(sale)).map(|(_, amount)| amount).sum();
    let plain = !sold.iter().any(|(sale, _)| stated(sale));
    (plain && tax > 0 && net > 0).then_some((net, tax))
}

fn with_stated_tax(sold: &[(&Sale, i64)], net: i64, tax: i64, rules: &TaxRules) -> Computed {
    let tolerance = i64::try_from(sold.len()).unwrap_or(i64::MAX);
    let rate =
        known_rate(net, tax, tolerance, &rules.rates).unwrap_or_else(|| implied_rate(net, tax, tolerance));
    let mut table = Table::default();
    for (index, (sale, amount)) in sold.iter().enumerate().filter(|(_, (sale, _))| sale.item_type != TAX_TYPE)
    {
        let entry = Entry { sale: index, amount: *amount, is_net: true, net: *amount, shown: *amount };
        table.put(sale, &entry, TaxCategory::S, rate);
    }
    let group = PaperTax {
        category: TaxCategory::S,
        rate,
        basis: net,
        tax,
        exemption_reason: None,
        exemption_code: None,
    };
    table.finish(false, vec![group])
}

/// The rate of the seller's that a stated tax comes from; `None` where none explains it, as where several rates
/// stand in one cart.
fn known_rate(net: i64, tax: i64, tolerance: i64, rates: &[Decimal]) -> Option<Decimal> {
    let off = |rate: &Decimal| share(net, *rate, Decimal::ONE_HUNDRED).map(|exact| (exact - tax).abs()).ok();
    let fitting =
        rates.iter().filter_map(|rate| Some((off(rate)?, *rate))).filter(|(off, _)| *off <= tolerance);
    fitting.min_by_key(|(off, _)| *off).map(|(_, rate)| rate.normalize())
}

/// The rate that a stated tax looks like: a half percent that explains it, else two digits.
fn implied_rate(net: i64, tax: i64, tolerance: i64) -> Decimal {
    let exact = Decimal::from(tax) * Decimal::ONE_HUNDRED / Decimal::from(net);
    let half = (exact * Decimal::TWO).round() / Decimal::TWO;
    let explained = share(net, half, Decimal::ONE_HUNDRED).is_ok_and(|t| (t - tax).abs() <= tolerance);
    let rate = if explained && !half.is_zero() { half } else { exact.round_dp(2) };
    rate.normalize()
}

const NO_TOTALS: PaperTotals =
    PaperTotals { lines_net: 0, allowances_net: 0, net: 0, tax: 0, gross: 0, paid: 0, rounding: 0, due: 0 };

fn with_rates(sold: &[(&Sale, i64)], rules: &TaxRules, words: &Words) -> Result<Computed, TaxError> {
    let mut groups = grouped(sold, rules);
    // Amounts are shown without tax only where every taxed line is sold that way.
    let with_rate = || groups.iter().filter(|g| !g.rate.is_zero()).flat_map(|g| &g.entries);
    let prices_include_tax = with_rate().next().is_none() || with_rate().any(|entry| !entry.is_net);
    let mut taxes = Vec::new();
    for group in &mut groups {
        let (gross_part, net_part) = (group.sum(false), group.sum(true));
        let whole = Decimal::ONE_HUNDRED + group.rate;
        let within = share(gross_part, group.rate, whole).map_err(|_| TaxError::TooLarge)?;
        let on_top = share(net_part, group.rate, Decimal::ONE_HUNDRED).map_err(|_| TaxError::TooLarge)?;
        settle(group, gross_part - within, on_top, prices_include_tax);
        taxes.push(PaperTax {
            category: group.category,
            rate: group.rate,
            basis: gross_part - within + net_part,
            tax: within + on_top,
            exemption_reason: None,
            exemption_code: None,
        });
    }
    let mut entries: Vec<(&Entry, &Group)> =
        groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (entry, group))).collect();
    entries.sort_by_key(|(entry, _)| entry.sale);
    let mut table = Table::default();
    for (entry, group) in entries {
        table.put(sold[entry.sale].0, entry, group.category, group.rate);
    }
    for allowance in table.allowances.iter_mut().filter(|allowance| allowance.reason.is_empty()) {
        words.discount.clone_into(&mut allowance.reason);
    }
    Ok(table.finish(prices_include_tax, taxes))
}

/// Sales by category and rate. A reduction that states no rate takes from every group what is its share.
fn grouped(sold: &[(&Sale, i64)], rules: &TaxRules) -> Vec<Group> {
    let rate_of = |sale: &Sale| sale.rate.or(rules.default_rate.filter(|_| sale.category.is_none()));
    let any_taxed = sold.iter().any(|(sale, _)| rate_of(sale).is_some_and(|rate| !rate.is_zero()));
    // Nothing else may stand beside what is outside the tax (EN 16931, BR-O-11): then it is zero rated.
    let or = |otherwise| match rules.untaxed.unwrap_or(otherwise) {
        TaxCategory::O if any_taxed => TaxCategory::Z,
        category => category,
    };
    let (zero, untaxed) = (or(TaxCategory::Z), or(TaxCategory::O));
    let mut groups: Vec<Group> = Vec::new();
    let mut shared = Vec::new();
    for (index, (sale, amount)) in sold.iter().enumerate() {
        let (category, rate) = match (sale.category, rate_of(sale)) {
            (Some(category), _) if category != TaxCategory::S => (category, Decimal::ZERO),
            (_, Some(rate)) if rate.is_zero() => (zero, Decimal::ZERO),
            (_, Some(rate)) => (TaxCategory::S, rate.normalize()),
            (_, None) if *amount < 0 && any_taxed => {
                shared.push((index, *amount));
                continue;
            }
            (_, None) => (untaxed, Decimal::ZERO),
        };
        // A rate that only the rules give is within the price: it was charged as it stands.
        let is_net = sale.amount_type == AmountType::Net && sale.rate.is_some();
        let entry = Entry { sale: index, amount: *amount, is_net, net: 0, shown: 0 };
        match groups.iter_mut().find(|group| (group.category, group.rate) == (category, rate)) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group { category, rate, entries: vec![entry] }),
        }
    }
    for (sale, amount) in shared {
        let worth = |group: &Group| {
            let on_top = share(group.sum(true), group.rate, Decimal::ONE_HUNDRED).unwrap_or_default();
            (group.sum(false) + group.sum(true) + on_top).max(0)
        };
        let mut weights: Vec<i64> = groups.iter().map(worth).collect();
        if weights.iter().all(|weight| *weight == 0) {
            weights = vec![1; groups.len()];
        }
        for (group, amount) in groups.iter_mut().zip(in_proportion(amount, &weights)) {
            if amount != 0 {
                group.entries.push(Entry { sale, amount, is_net: false, net: 0, shown: 0 });
            }
        }
    }
    groups
}

/// Shares a group's net out among its gross entries, and its tax on top among its net ones.
fn settle(group: &mut Group, gross_net: i64, on_top: i64, prices_include_tax: bool) {
    let whole = Decimal::ONE_HUNDRED + group.rate;
    let ideal = |entry: &Entry| {
        let share_of = if entry.is_net { group.rate } else { Decimal::ONE_HUNDRED };
        let base = if entry.is_net { Decimal::ONE_HUNDRED } else { whole };
        Decimal::from(entry.amount) * share_of / base
    };
    let of = |is_net: bool| -> Vec<usize> {
        (0..group.entries.len()).filter(|i| group.entries[*i].is_net == is_net).collect()
    };
    let (gross, net) = (of(false), of(true));
    let ideals = |indexes: &[usize]| indexes.iter().map(|i| ideal(&group.entries[*i])).collect::<Vec<_>>();
    let nets = apportion(gross_net, &ideals(&gross));
    let taxes = apportion(on_top, &ideals(&net));
    for (index, share) in gross.into_iter().zip(nets) {
        let entry = &mut group.entries[index];
        entry.net = share;
        entry.shown = if prices_include_tax { entry.amount } else { share };
    }
    for (index, tax) in net.into_iter().zip(taxes) {
        let entry = &mut group.entries[index];
        entry.net = entry.amount;
        entry.shown = if prices_include_tax { entry.amount + tax } else { entry.amount };
    }
}

/// Lines and allowances as they are laid out.
#[derive(Default)]
struct Table {
    lines: Vec<PaperLine>,
    allowances: Vec<Allowance>,
    /// The sale of each line, as its place among those that have lines.
    places: Vec<u32>,
    last: Option<usize>,
}

impl Table {
    /// Adds a sale's entry: a line in its place, or an allowance of the whole document.
    fn put(&mut self, sale: &Sale, entry: &Entry, category: TaxCategory, rate: Decimal) {
        if entry.amount < 0 && sale.is_allowance() {
            let reason = sale.name.clone();
            let allowance = Allowance { reason, net: -entry.net, amount: -entry.shown, category, rate };
            self.allowances.push(allowance);
            return;
        }
        let mut line = PaperLine {
            name: sale.name.clone(),
            description: sale.description.clone(),
            quantity: sale.quantity.normalize(),
            unit: sale.unit.clone(),
            unit_price: sale.unit_price,
            net: entry.net,
            amount: entry.shown,
            category,
            rate,
            position: None,
        };
        // A price that was given without tax among prices with it, or a part of a reduction: its lines must still
        // multiply out.
        if line_amount(line.quantity, line.unit_price) != Some(line.amount) {
            multiply_out(&mut line);
        }
        let previous = self.places.last().copied().unwrap_or_default();
        self.places.push(if self.last == Some(entry.sale) { previous } else { previous + 1 });
        self.last = Some(entry.sale);
        self.lines.push(line);
    }

    fn finish(mut self, prices_include_tax: bool, taxes: Vec<PaperTax>) -> Computed {
        // Lines count themselves unless a sale became several.
        let is_plain = self.places.iter().zip(1..).all(|(place, index)| *place == index);
        if !is_plain {
            for (line, place) in self.lines.iter_mut().zip(&self.places) {
                line.position = Some(*place);
            }
        }
        Computed {
            prices_include_tax,
            lines: self.lines,
            allowances: self.allowances,
            taxes,
            totals: NO_TOTALS,
        }
    }
}

/// Gives a line a price that comes to its amount: for one where that is even, else for the whole quantity.
pub(super) fn multiply_out(line: &mut PaperLine) {
    let each = line.quantity.to_i64().filter(|quantity| line.quantity.is_integer() && *quantity > 0);
    match each {
        Some(1) => line.unit_price = line.amount,
        Some(quantity) if line.amount % quantity == 0 => line.unit_price = line.amount / quantity,
        _ => {
            line.name = format!("{} × {}", line.quantity, line.name);
            (line.quantity, line.unit, line.unit_price) = (Decimal::ONE, None, line.amount);
        }
    }
}

#[cfg(test)]
#[path = "tax_tests.rs"]
pub(super) mod tests;
