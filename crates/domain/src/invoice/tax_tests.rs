//! What must hold for whatever a shop sells.

use proptest::prelude::*;

use super::*;
use crate::checkout::items;

pub(in crate::invoice) fn rules() -> TaxRules {
    TaxRules::default()
}

fn item(quantity: i64, unit_price: i64, rate: Option<&str>, amount_type: AmountType, kind: &str) -> Item {
    Item {
        name: Some("Thing".to_owned()),
        description: String::new(),
        quantity,
        unit_price,
        vat_rate: rate.map(|rate| rate.parse().unwrap()),
        item_type: kind.to_owned(),
        amount_type,
        ..Item::default()
    }
}

fn computed(items: &[Item]) -> Computed {
    compute(&items.iter().map(Sale::of).collect::<Vec<_>>(), &rules(), Words::of("en")).unwrap()
}

/// Everything that must agree on any paper.
#[track_caller]
pub(in crate::invoice) fn assert_agrees(c: &Computed) {
    for group in &c.taxes {
        let of = |category, rate| (category, rate) == (group.category, group.rate);
        let lines: i64 = c.lines.iter().filter(|l| of(l.category, l.rate)).map(|l| l.net).sum();
        let off: i64 = c.allowances.iter().filter(|a| of(a.category, a.rate)).map(|a| a.net).sum();
        assert_eq!(lines - off, group.basis, "net of {group:?} in {c:#?}");
        let due = Decimal::from(group.basis) * group.rate / Decimal::ONE_HUNDRED;
        let entries = c.lines.len() + c.allowances.len();
        let off = (Decimal::from(group.tax) - due).abs();
        assert!(off <= Decimal::from(entries.max(1)), "{group:?} is {off} off");
        assert_eq!(group.rate.is_zero(), group.category != TaxCategory::S);
        assert_eq!(group.exemption_reason.is_some(), group.category.needs_reason());
    }
    let t = c.totals;
    assert_eq!(t.lines_net, c.lines.iter().map(|l| l.net).sum::<i64>());
    assert_eq!(t.allowances_net, c.allowances.iter().map(|a| a.net).sum::<i64>());
    assert_eq!(t.net, t.lines_net - t.allowances_net);
    assert_eq!(t.tax, c.taxes.iter().map(|g| g.tax).sum::<i64>());
    assert_eq!(t.gross, t.net + t.tax);
    assert_eq!(t.due, t.gross - t.paid + t.rounding);
    let shown: i64 =
        c.lines.iter().map(|l| l.amount).sum::<i64>() - c.allowances.iter().map(|a| a.amount).sum::<i64>();
    assert_eq!(shown, if c.prices_include_tax { t.gross } else { t.net });
    for line in &c.lines {
        assert_eq!(line_amount(line.quantity, line.unit_price), Some(line.amount), "{line:?}");
    }
}

#[test]
fn gross_prices_hold_their_tax() {
    let c = computed(&[
        item(1, 11_900, Some("19"), AmountType::Gross, "goods"),
        item(3, 333, Some("7"), AmountType::Gross, "goods"),
    ]);
    assert_agrees(&c);
    assert!(c.prices_include_tax);
    assert_eq!((c.taxes[0].basis, c.taxes[0].tax), (10_000, 1_900));
    assert_eq!((c.taxes[1].basis, c.taxes[1].tax), (934, 65));
}

#[test]
fn net_prices_get_their_tax_once_per_group() {
    // Three times 0.05 of tax each would be 0.15 per line; the group of 99 has 18.81.
    let line = item(1, 33, Some("19"), AmountType::Net, "goods");
    let c = computed(&[line.clone(), line.clone(), line]);
    assert_agrees(&c);
    assert!(!c.prices_include_tax);
    assert_eq!((c.totals.net, c.totals.tax, c.totals.gross), (99, 19, 118));
}

#[test]
fn discount_without_a_rate_lowers_every_group_by_its_share() {
    let c = computed(&[
        item(1, 10_700, Some("7"), AmountType::Gross, "goods"),
        item(1, 11_900, Some("19"), AmountType::Gross, "goods"),
        item(1, -2_260, None, AmountType::Gross, "discount"),
    ]);
    assert_agrees(&c);
    assert_eq!(c.allowances.iter().map(|a| a.amount).collect::<Vec<_>>(), [1_070, 1_190]);
    assert_eq!((c.taxes[0].basis, c.taxes[1].basis), (9_000, 9_000));
}

#[test]
fn tax_sent_as_a_line_becomes_a_group_with_its_rate() {
    let c = computed(&[
        item(2, 5_000, None, AmountType::Gross, "goods"),
        item(1, 499, None, AmountType::Gross, "shipping"),
        item(1, 2_415, None, AmountType::Gross, "tax"),
    ]);
    assert_agrees(&c);
    assert_eq!((c.taxes[0].rate, c.taxes[0].basis, c.taxes[0].tax), (Decimal::from(23), 10_499, 2_415));
    assert_eq!((c.lines.len(), c.prices_include_tax), (2, false));
}

#[test]
fn rounding_stays_outside_the_tax() {
    let mut items = vec![item(3, 334, Some("19"), AmountType::Gross, "goods")];
    items::reconcile(&mut items, 1_000).unwrap();
    let c = computed(&items);
    assert_agrees(&c);
    assert_eq!((c.totals.gross, c.totals.rounding, c.totals.due), (1_002, -2, 1_000));
}

#[test]
fn lines_without_any_rate_follow_the_sellers_rules() {
    let sales = [Sale::of(&item(1, 1_000, None, AmountType::Gross, "goods"))];
    let none = compute(&sales, &rules(), Words::of("de")).unwrap();
    assert_eq!(none.taxes[0].category, TaxCategory::O);
    assert_eq!(none.taxes[0].exemption_reason.as_deref(), Some("Nicht umsatzsteuerbar"));
    let small = TaxRules { untaxed: Some(TaxCategory::E), reason: Some("§ 19 UStG".into()), ..rules() };
    let exempt = compute(&sales, &small, Words::of("de")).unwrap();
    assert_eq!(exempt.taxes[0].exemption_reason.as_deref(), Some("§ 19 UStG"));
    let usual = TaxRules { default_rate: Some(Decimal::from(25)), ..rules() };
    let taxed = compute(&sales, &usual, Words::of("en")).unwrap();
    assert_agrees(&taxed);
    assert_eq!((taxed.totals.net, taxed.totals.tax), (800, 200));
    // Nothing may stand beside "outside the tax".
    let mixed = computed(&[
        item(1, 1_000, None, AmountType::Gross, "goods"),
        item(1, 1_190, Some("19"), AmountType::Gross, "goods"),
    ]);
    assert_agrees(&mixed);
    assert_eq!(mixed.taxes[0].category, TaxCategory::Z);
}

/// A German small business whose shop states 0 % per line.
#[test]
fn stated_zero_takes_the_sellers_reason() {
    let sales = [Sale::of(&item(1, 1_000, Some("0"), AmountType::Gross, "goods"))];
    let none = compute(&sales, &rules(), Words::of("de")).unwrap();
    assert_eq!((none.taxes[0].category, none.taxes[0].exemption_reason.as_deref()), (TaxCategory::Z, None));
    for category in [TaxCategory::E, TaxCategory::AE, TaxCategory::K, TaxCategory::G, TaxCategory::O] {
        let own = TaxRules {
            untaxed: Some(category),
            reason: Some("Gemäß § 19 UStG".to_owned()),
            code: Some("VATEX-EU-132".to_owned()),
            ..rules()
        };
        let computed = compute(&sales, &own, Words::of("de")).unwrap();
        assert_agrees(&computed);
        assert_eq!(computed.taxes[0].category, category);
        assert_eq!(computed.taxes[0].exemption_reason.as_deref(), Some("Gemäß § 19 UStG"));
        assert_eq!(computed.taxes[0].reason_code(), Some("VATEX-EU-132"));
    }
    let plain = TaxRules { untaxed: Some(TaxCategory::K), ..rules() };
    let within_the_union = compute(&sales, &plain, Words::of("de")).unwrap();
    assert_eq!(within_the_union.taxes[0].reason_code(), Some("VATEX-EU-IC"));
    assert!(within_the_union.taxes[0].exemption_reason.as_deref().unwrap().starts_with("Steuerfreie"));
}

/// 19 % and 7 % in one cart, whose tax is one line: 13 % of nothing that exists.
#[test]
fn tax_of_several_rates_in_one_line_is_no_rate_of_the_sellers() {
    let cart = [
        item(1, 10_000, None, AmountType::Gross, "goods"),
        item(1, 10_000, None, AmountType::Gross, "goods"),
        item(1, 2_600, None, AmountType::Gross, "tax"),
    ];
    let sales: Vec<Sale> = cart.iter().map(Sale::of).collect();
    let german = TaxRules { rates: vec![Decimal::from(19), Decimal::from(7)], ..rules() };
    let computed = compute(&sales, &german, Words::of("en")).unwrap();
    assert_eq!(
        computed.taxes[0].rate,
        Decimal::from(13),
        "told as it looks; whoever issues it sees that it is none"
    );
    // Rounded per line by the shop: it is 19 all the same.
    let rounded = [
        item(3, 333, None, AmountType::Gross, "goods"),
        item(1, 95, None, AmountType::Gross, "goods"),
        item(1, 209, None, AmountType::Gross, "tax"),
    ];
    let sales: Vec<Sale> = rounded.iter().map(Sale::of).collect();
    let computed = compute(&sales, &german, Words::of("en")).unwrap();
    assert_eq!((computed.taxes[0].rate, computed.totals.tax), (Decimal::from(19), 209));
}

#[test]
fn decimal_quantities_are_rounded_once_per_line() {
    let mut hours = Sale::of(&item(1, 9_500, Some("19"), AmountType::Net, ""));
    (hours.quantity, hours.unit) = ("7.5".parse().unwrap(), Some("HUR".to_owned()));
    let mut thirds = Sale::of(&item(1, 10_001, Some("19"), AmountType::Net, ""));
    thirds.quantity = "0.333333".parse().unwrap();
    let computed = compute(&[hours, thirds], &rules(), Words::of("en")).unwrap();
    assert_agrees(&computed);
    assert_eq!((computed.lines[0].amount, computed.lines[1].amount), (71_250, 3_334));
    assert_eq!(computed.lines[0].unit.as_deref(), Some("HUR"));
    assert_eq!(computed.totals.tax, 14_171);
}

#[test]
fn lines_below_zero_stay_in_their_place() {
    let sale = |name: &str, price, rate| {
        let mut sale = Sale::of(&item(1, price, rate, AmountType::Gross, ""));
        name.clone_into(&mut sale.name);
        sale
    };
    let sales = [
        sale("Desk", 11_900, Some("19")),
        sale("Loyalty discount", -1_190, Some("19")),
        sale("Book", 1_070, Some("7")),
    ];
    let computed = compute(&sales, &rules(), Words::of("en")).unwrap();
    assert_agrees(&computed);
    let names: Vec<&str> = computed.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["Desk", "Loyalty discount", "Book"]);
    assert!(computed.allowances.is_empty() && computed.lines.iter().all(|line| line.position.is_none()));
    // Without a rate of its own it lowers every rate, in parts that bear its number.
    let sales = [sale("Desk", 11_900, Some("19")), sale("Off", -1_297, None), sale("Book", 1_070, Some("7"))];
    let computed = compute(&sales, &rules(), Words::of("en")).unwrap();
    assert_agrees(&computed);
    let paper = crate::invoice::compose::paper(
        crate::invoice::PaperKind::Invoice,
        crate::Currency::EUR,
        crate::invoice::compose::Heading::default(),
        computed,
    );
    let rows: Vec<(String, &str)> =
        paper.line_numbers().into_iter().zip(paper.lines.iter().map(|line| line.name.as_str())).collect();
    let expected = [("1", "Desk"), ("2.1", "Off"), ("2.2", "Off"), ("3", "Book")];
    assert_eq!(rows, expected.map(|(number, name)| (number.to_owned(), name)));
}

#[test]
fn nothing_but_reductions_is_refused() {
    let sales = [Sale::of(&item(1, -5, None, AmountType::Gross, "discount"))];
    assert_eq!(compute(&sales, &rules(), Words::of("en")), Err(TaxError::NothingSold));
}

pub(in crate::invoice) fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let rates = prop::sample::select(vec![None, Some("0"), Some("5.5"), Some("7"), Some("19"), Some("23")]);
    let line = (1_i64..40, -300_i64..20_000, rates, any::<bool>(), 0..4_u8).prop_map(
        |(quantity, price, rate, net, kind)| {
            let kind = ["goods", "shipping", "discount", "tax"][usize::from(kind)];
            let amount_type = if net { AmountType::Net } else { AmountType::Gross };
            item(quantity, price, rate, amount_type, kind)
        },
    );
    let sold = item(1, 50_000, Some("19"), AmountType::Gross, "goods");
    prop::collection::vec(line, 0..12).prop_map(move |mut lines| {
        lines.push(sold.clone());
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn sums_agree_and_come_to_what_was_charged(items in any_items(), off in -3_i64..4) {
        let charged = items::totals(&items).unwrap().gross;
        let mut items = items;
        prop_assume!(items::reconcile(&mut items, charged + off).is_ok());
        let c = computed(&items);
        assert_agrees(&c);
        prop_assert_eq!(c.totals.due, charged + off);
    }

    #[test]
    fn shares_add_up_and_are_at_most_one_off(total in -1_000_000_i64..1_000_000, weights in prop::collection::vec(1_i64..10_000, 1..30)) {
        let shares = in_proportion(total, &weights);
        prop_assert_eq!(shares.iter().sum::<i64>(), total);
        let sum: i64 = weights.iter().sum();
        for (share, weight) in shares.iter().zip(&weights) {
            prop_assert!((share * sum - total * weight).abs() < sum, "{share} of {total} for {weight}/{sum}");
        }
    }
}
