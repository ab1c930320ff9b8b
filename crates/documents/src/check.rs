//! What must hold before anything is printed.

use std::collections::BTreeMap;

use gateway_core::domain::invoice::paper::{Paper, TaxCategory};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::RenderError;

/// Dates are dates and sums are sums. A document with a wrong total is worse than none.
pub(crate) fn check(paper: &Paper) -> Result<(), RenderError> {
    date("date", &paper.date)?;
    let optional = [
        ("supplyDate", paper.supply_date.as_deref()),
        ("dueDate", paper.due_date.as_deref()),
        ("preceding.date", paper.preceding.as_ref().map(|preceding| preceding.date.as_str())),
        ("payment.date", paper.payment.as_ref().map(|payment| payment.date.as_str())),
    ];
    for (field, text) in optional {
        text.map(|text| date(field, text)).transpose()?;
    }
    if paper.lines.is_empty() {
        return Err(RenderError::field("lines", "are empty"));
    }
    if let Some(line) = paper.lines.iter().find(|line| line.quantity <= Decimal::ZERO) {
        return Err(RenderError::field("lines.quantity", format!("{} is not positive", line.quantity)));
    }
    sums(paper)
}

/// A civil date.
pub(crate) fn date(field: &'static str, text: &str) -> Result<Date, RenderError> {
    let parsed = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
    parsed.ok_or_else(|| RenderError::field(field, format!("{text:?} is not a date YYYY-MM-DD")))
}

fn sums(paper: &Paper) -> Result<(), RenderError> {
    let totals = &paper.totals;
    // In i128 no sum of i64 can overflow.
    let lines = sum(paper.lines.iter().map(|line| line.net));
    let allowances = sum(paper.allowances.iter().map(|allowance| allowance.net));
    let tax = sum(paper.taxes.iter().map(|tax| tax.tax));
    let [lines_net, allowances_net, net] =
        [totals.lines_net, totals.allowances_net, totals.net].map(i128::from);
    let [total_tax, gross, paid] = [totals.tax, totals.gross, totals.paid].map(i128::from);
    let [rounding, due] = [totals.rounding, totals.due].map(i128::from);
    for (what, stated, computed) in [
        ("totals.linesNet", lines_net, lines),
        ("totals.allowancesNet", allowances_net, allowances),
        ("totals.net", net, lines_net - allowances_net),
        ("totals.tax", total_tax, tax),
        ("totals.gross", gross, net + total_tax),
        ("totals.due", due, gross - paid + rounding),
    ] {
        equal(what, stated, computed)?;
    }
    let mut bases = BTreeMap::<(TaxCategory, Decimal), i128>::new();
    for line in &paper.lines {
        *bases.entry((line.category, line.rate)).or_default() += i128::from(line.net);
    }
    for allowance in &paper.allowances {
        *bases.entry((allowance.category, allowance.rate)).or_default() -= i128::from(allowance.net);
    }
    for tax in &paper.taxes {
        let computed = bases.remove(&(tax.category, tax.rate)).unwrap_or_default();
        equal("taxes.basis", tax.basis.into(), computed)?;
    }
    match bases.keys().next() {
        Some((category, rate)) => Err(RenderError::Sums(format!("taxes lack {category:?} at {rate} %"))),
        None => Ok(()),
    }
}

fn sum(amounts: impl Iterator<Item = i64>) -> i128 {
    amounts.map(i128::from).sum()
}

fn equal(what: &str, stated: i128, computed: i128) -> Result<(), RenderError> {
    if stated == computed {
        return Ok(());
    }
    Err(RenderError::Sums(format!("{what} is {stated} and should be {computed}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn samples_add_up_and_each_changed_total_is_noticed() {
        for (name, paper) in samples::all() {
            check(&paper).unwrap_or_else(|error| panic!("{name}: {error}"));
            let changes: [fn(&mut Paper); 8] = [
                |paper| paper.totals.lines_net += 1,
                |paper| paper.totals.allowances_net += 1,
                |paper| paper.totals.tax -= 1,
                |paper| paper.totals.gross += 1,
                |paper| paper.totals.due += 1,
                |paper| paper.lines[0].net += 1,
                |paper| paper.taxes[0].basis += 1,
                |paper| paper.taxes.clear(),
            ];
            for change in changes {
                let mut wrong = paper.clone();
                change(&mut wrong);
                assert!(matches!(check(&wrong), Err(RenderError::Sums(_))), "{name}");
            }
        }
    }

    #[test]
    fn dates_that_are_none_are_named() {
        let mut paper = samples::invoice();
        paper.due_date = Some("2026-02-30".to_owned());
        let problem = check(&paper).expect_err("no such day").to_string();
        assert_eq!(problem, "dueDate: \"2026-02-30\" is not a date YYYY-MM-DD");
    }
}
