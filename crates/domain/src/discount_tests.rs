//! The arithmetic of discounts, and the slots of their uses.

use proptest::prelude::*;

use super::*;
use crate::checkout::AmountType;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn discount(value: DiscountValue) -> Discount {
    Discount {
        id: DiscountId::from_bytes([1; 12]),
        org: OrganizationId::from_bytes([2; 12]),
        mode: Mode::Test,
        code: "Spring".to_owned(),
        code_key: Some(code_key("Spring")),
        name: String::new(),
        value,
        currency: None,
        minimum_amount: None,
        max_redemptions: None,
        max_redemptions_per_customer: None,
        starts_at: None,
        ends_at: None,
        product_ids: Vec::new(),
        active: true,
        archived_at: None,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn percent(text: &str) -> Discount {
    discount(DiscountValue::Percent { percent: text.parse().unwrap() })
}

fn item(quantity: i64, unit_price: i64, rate: Option<i64>, amount_type: AmountType) -> Item {
    let vat_rate = rate.map(|rate| Decimal::new(rate, 1));
    Item { description: "Thing".into(), quantity, unit_price, vat_rate, amount_type, ..Item::default() }
}

fn basket(items: &[Item]) -> Basket<'_> {
    let amount = items::totals(items).unwrap().gross;
    Basket { items, amount, currency: Currency::EUR, has_customer: false }
}

fn amounts(lines: &[Item]) -> Vec<i64> {
    lines.iter().map(|line| line.unit_price).collect()
}

#[test]
fn a_percentage_is_taken_off_each_rate() {
    let items = [
        item(1, 11_900, Some(190), AmountType::Gross),
        item(2, 5350, Some(70), AmountType::Gross),
        item(1, 499, None, AmountType::Gross),
    ];
    let lines = percent("10").reduce(basket(&items), NOW).unwrap();
    assert_eq!(amounts(&lines), [-1190, -1070, -50]);
    let all: Vec<Item> = items.into_iter().chain(lines).collect();
    let totals = items::totals(&all).unwrap();
    assert_eq!(totals.gross, 23_099 - 2310);
    assert_eq!((totals.taxes[0].net, totals.taxes[0].tax), (9000, 1710));
    assert_eq!((totals.taxes[1].net, totals.taxes[1].tax), (9000, 630));
}

#[test]
fn net_lines_are_reduced_with_their_tax() {
    let items = [item(1, 10_000, Some(190), AmountType::Net)];
    let mut all = items.to_vec();
    all.extend(percent("10").reduce(basket(&items), NOW).unwrap());
    let totals = items::totals(&all).unwrap();
    assert_eq!((totals.gross, totals.taxes[0].net, totals.taxes[0].tax), (10_710, 9000, 1710));
}

#[test]
fn an_amount_takes_off_no_more_than_there_is() {
    let items = [item(1, 300, None, AmountType::Gross), item(1, 200, Some(0), AmountType::Gross)];
    let lines = discount(DiscountValue::Amount { amount: 900 }).reduce(basket(&items), NOW).unwrap();
    assert_eq!(amounts(&lines), [-300, -200]);
}

#[test]
fn half_a_cent_goes_to_the_customer() {
    let items = [item(1, 5, None, AmountType::Gross)];
    assert_eq!(amounts(&percent("10").reduce(basket(&items), NOW).unwrap()), [-1]);
    let items = [item(1, 4, None, AmountType::Gross)];
    assert_eq!(percent("10").reduce(basket(&items), NOW), Err(DiscountRefusal::NothingOff));
}

#[test]
fn only_the_products_meant_are_reduced() {
    let wanted = ProductId::from_bytes([7; 12]);
    let mut discount = percent("50");
    discount.product_ids = vec![wanted];
    let mut items = vec![item(1, 1000, None, AmountType::Gross)];
    assert_eq!(discount.reduce(basket(&items), NOW), Err(DiscountRefusal::OtherProducts));
    items.push(Item { product_id: Some(wanted), ..item(1, 400, Some(190), AmountType::Gross) });
    let lines = discount.reduce(basket(&items), NOW).unwrap();
    assert_eq!((amounts(&lines), lines[0].vat_rate), (vec![-200], Some(Decimal::from(19))));
    // The shop takes something off by a line of its own: never more than the whole.
    items.push(item(1, -1300, None, AmountType::Gross));
    assert_eq!(amounts(&discount.reduce(basket(&items), NOW).unwrap()), [-50]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    use DiscountRefusal as R;
    type Spoil = fn(&mut Discount);
    let items = [item(1, 1000, None, AmountType::Gross)];
    let second = std::time::Duration::from_secs(1);
    let cases: [(R, Spoil); 8] = [
        (R::Unknown, |d| d.archived_at = Some(NOW)),
        (R::NotActive, |d| d.active = false),
        (R::NotStarted, |d| d.starts_at = Some(Timestamp::from_millis(NOW.millis() + 1))),
        (R::Ended, |d| d.ends_at = Some(NOW)),
        (R::OtherCurrency, |d| d.currency = Some("USD".parse().unwrap())),
        (R::BelowMinimum, |d| d.minimum_amount = Some(1001)),
        (R::NeedsCustomer, |d| d.max_redemptions_per_customer = Some(1)),
        (R::OtherProducts, |d| d.product_ids = vec![ProductId::from_bytes([7; 12])]),
    ];
    for (refusal, spoil) in cases {
        let mut discount = percent("10");
        spoil(&mut discount);
        assert_eq!(discount.reduce(basket(&items), NOW), Err(refusal));
    }
    let mut fits = percent("10");
    (fits.starts_at, fits.ends_at) = (Some(NOW), Some(NOW + second));
    (fits.minimum_amount, fits.currency) = (Some(1000), Some(Currency::EUR));
    assert!(fits.reduce(basket(&items), NOW).is_ok());
}

#[test]
fn a_code_is_compared_without_case_and_space() {
    assert_eq!(code_key(" Frühling25\t"), code_key("FRÜHLING25"));
}

#[test]
fn a_lowered_limit_counts_what_is_taken_above_it() {
    assert_eq!(free_slots(&[], 2), [0, 1]);
    assert_eq!(free_slots(&[0], 2), [1]);
    assert_eq!(free_slots(&[SLOT_UNLIMITED + 5, 7], 2), [0_i64; 0]);
    assert_eq!(free_slots(&[SLOT_UNLIMITED + 5, 7], 3), [0]);
    // One may be taken; slot 1 is safe from whoever still sees the state before this.
    assert_eq!(free_slots(&[2, 9], 3), [0]);
    assert_eq!(free_slots(&[0, 9], 3), [1]);
}

fn lines() -> impl Strategy<Value = Vec<Item>> {
    let line = (1_i64..50, -3_000_i64..50_000, prop::option::of(0_i64..300), any::<bool>());
    prop::collection::vec(line, 1..20).prop_map(|lines| {
        let kind = |net| if net { AmountType::Net } else { AmountType::Gross };
        lines.into_iter().map(|(quantity, price, rate, net)| item(quantity, price, rate, kind(net))).collect()
    })
}

fn values() -> impl Strategy<Value = DiscountValue> {
    prop_oneof![
        (1_i64..=10_000).prop_map(|p| DiscountValue::Percent { percent: Decimal::new(p, 2) }),
        (1_i64..2_000_000).prop_map(|amount| DiscountValue::Amount { amount }),
    ]
}

proptest! {
    #[test]
    fn what_is_taken_off_is_exact_and_no_more_than_there_is(items in lines(), value in values()) {
        let before = items::totals(&items).unwrap();
        let discount = discount(value);
        let Ok(off) = discount.reduce(basket(&items), NOW) else {
            prop_assert!(discount.off(before.gross) <= 0);
            return Ok(());
        };
        let sum: i64 = off.iter().map(|line| line.unit_price).sum();
        prop_assert!(off.iter().all(|line| line.unit_price < 0));
        prop_assert_eq!(-sum, discount.off(before.gross));
        let all: Vec<Item> = items.iter().cloned().chain(off).collect();
        let after = items::totals(&all).unwrap();
        prop_assert_eq!(after.gross, before.gross + sum);
        prop_assert!(after.gross >= 0);
        let untaxed: i64 = items::gross_by_rate(&all).unwrap().iter()
            .filter(|(rate, _)| rate.is_none_or(|rate| rate.is_zero())).map(|(_, gross)| gross).sum();
        let taxed: i64 = after.taxes.iter().map(|group| group.net + group.tax).sum();
        prop_assert_eq!(untaxed + taxed, after.gross);
    }

    #[test]
    fn no_rate_is_reduced_below_zero(
        items in lines().prop_map(|mut items| {
            for item in &mut items {
                item.unit_price = item.unit_price.abs();
            }
            items
        }),
        value in values(),
    ) {
        let Ok(off) = discount(value).reduce(basket(&items), NOW) else { return Ok(()) };
        let all: Vec<Item> = items.into_iter().chain(off).collect();
        for (_, gross) in items::gross_by_rate(&all).unwrap() {
            prop_assert!(gross >= 0);
        }
        for group in items::totals(&all).unwrap().taxes {
            prop_assert!(group.net >= 0 && group.tax >= 0, "{group:?}");
        }
    }

    #[test]
    fn the_sums_by_rate_come_to_the_total(items in lines()) {
        let sums: i64 = items::gross_by_rate(&items).unwrap().iter().map(|group| group.1).sum();
        prop_assert_eq!(sums, items::totals(&items).unwrap().gross);
    }

    #[test]
    fn shares_add_up_and_none_exceeds_its_weight(
        weights in prop::collection::vec(-1_000_i64..1_000_000_000_000, 1..20), part in 0_i64..=1000,
    ) {
        let positive: i64 = weights.iter().map(|weight| weight.max(&0)).sum();
        let amount = i64::try_from(i128::from(positive) * i128::from(part) / 1000).unwrap();
        let shares = split(amount, &weights);
        prop_assert_eq!(shares.iter().sum::<i64>(), amount);
        for (share, weight) in shares.iter().zip(&weights) {
            prop_assert!((0..=*weight.max(&0)).contains(share));
        }
    }

    /// Claimers see states that are out of date; slots that are given back are taken again; what was taken
    /// before a limit, or under a higher one, stays. Never more uses than the limit, or than there were.
    #[test]
    fn a_limit_holds_for_claimers_with_an_old_view(
        before in prop::collection::btree_set(0_i64..30, 0..12),
        limit in 1_i64..20,
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, any::<bool>()), 1..60),
    ) {
        let mut taken = before;
        let most = taken.len().max(usize::try_from(limit).unwrap());
        let mut views = vec![taken.clone()];
        for (index, age, gives_back) in steps {
            let all: Vec<i64> = taken.iter().copied().collect();
            if gives_back && !all.is_empty() {
                taken.remove(index.get(&all));
            } else {
                let view: Vec<i64> = views[views.len().saturating_sub(age + 1)].iter().copied().collect();
                let free = free_slots(&view, limit);
                if !free.is_empty() {
                    // The unique index: a slot that is taken meanwhile is not taken twice.
                    taken.insert(*index.get(&free));
                }
            }
            prop_assert!(taken.len() <= most, "{} of {limit}", taken.len());
            views.push(taken.clone());
        }
    }
}
