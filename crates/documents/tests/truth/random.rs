//! Papers at random, and the arithmetic that their XML must keep.

use documents::samples::Draft;
use gateway_core::domain::invoice::paper::{Paper, PaperKind, TaxCategory};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use roxmltree::{Document, Node};
use rust_decimal::Decimal;

#[derive(Debug, Clone)]
struct Line {
    quantity: Decimal,
    price: i64,
    category: TaxCategory,
    rate: i64,
}

fn line() -> impl Strategy<Value = Line> {
    let tax = prop_oneof![
        (1_i64..=27).prop_map(|rate| (TaxCategory::S, rate)),
        Just((TaxCategory::S, 20)),
        Just((TaxCategory::Z, 0)),
        Just((TaxCategory::E, 0)),
        Just((TaxCategory::AE, 0)),
        Just((TaxCategory::K, 0)),
        Just((TaxCategory::G, 0)),
    ];
    // Whole quantities and such with decimals.
    let quantity = prop_oneof![
        (1_i64..2_000).prop_map(Decimal::from),
        (1_i64..9_000_000).prop_map(|q| Decimal::new(q, 4))
    ];
    (quantity, -50_000_i64..500_000, tax).prop_map(|(quantity, price, (category, rate))| Line {
        quantity,
        price,
        category,
        rate,
    })
}

/// Valid papers: any mix of rates, price modes, discounts, part payments and rounding.
fn paper() -> impl Strategy<Value = Paper> {
    let currency = prop_oneof![Just("EUR"), Just("JPY"), Just("GBP")];
    let language = prop_oneof![Just("en"), Just("de"), Just("fr"), Just("pt"), Just("es")];
    let lines = prop::collection::vec(line(), 1..8);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (currency, language, lines, flags, 0_i64..5_000, -4_i64..=4, 0_i64..100_000).prop_map(
        |(currency, language, lines, (gross, credit, shipped), discount, rounding, paid)| {
            let mut draft = Draft::new(language, currency).rounding(rounding).paid(paid);
            if gross {
                draft = draft.gross();
            }
            for (index, line) in lines.iter().enumerate() {
                let name = format!("Line {index} & <more>");
                draft = draft
                    .line(&name, 1, line.price, line.category, line.rate)
                    .quantity(&line.quantity.to_string(), if index % 2 == 0 { "HUR" } else { "C62" });
            }
            if discount > 0 {
                draft = draft.allowance("", discount, lines[0].category, lines[0].rate);
            }
            draft
                .with(|paper| {
                    if credit {
                        paper.kind = PaperKind::CreditNote;
                    }
                    if shipped {
                        paper.supply_date = Some("2026-11-01".to_owned());
                    }
                })
                .finish()
        },
    )
}

/// The same papers each time.
pub fn papers(count: usize) -> Vec<Paper> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| paper().new_tree(&mut runner).unwrap().current()).collect()
}

fn numbers(root: Node, name: &str) -> Vec<Decimal> {
    let named = root.descendants().filter(|node| node.tag_name().name() == name);
    named.map(|node| node.text().unwrap().parse().unwrap()).collect()
}

fn one(root: Node, name: &str) -> Decimal {
    numbers(root, name).first().copied().unwrap_or_default()
}

fn child<'a, 'i>(root: Node<'a, 'i>, name: &str) -> Vec<Node<'a, 'i>> {
    root.descendants().filter(|node| node.tag_name().name() == name).collect()
}

proptest! {
    #[test]
    fn sums_hold_in_the_xml_of_any_paper(paper in paper()) {
        let xml = documents::xml(&paper).unwrap();
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        let exponent = paper.currency.exponent();
        let mut lines_total = Decimal::ZERO;
        for line in child(root, "IncludedSupplyChainTradeLineItem") {
            let (price, quantity) = (one(line, "ChargeAmount"), one(line, "BilledQuantity"));
            let basis = numbers(line, "BasisQuantity").first().copied().unwrap_or(Decimal::ONE);
            prop_assert!(!price.is_sign_negative() || price.is_zero(), "BR-27");
            // Rounded once, or the price would be another one.
            let exact = price * quantity / basis;
            let half = Decimal::new(5, exponent + 1) + Decimal::new(1, 12);
            prop_assert!((exact - one(line, "LineTotalAmount")).abs() <= half, "{price} × {quantity} / {basis}");
            lines_total += one(line, "LineTotalAmount");
        }
        let totals = child(root, "SpecifiedTradeSettlementHeaderMonetarySummation")[0];
        let taxes = child(child(root, "ApplicableHeaderTradeSettlement")[0], "ApplicableTradeTax");
        let sum = |name| taxes.iter().map(|tax| one(*tax, name)).sum::<Decimal>();
        let allowances: Decimal = numbers(root, "ActualAmount").into_iter().sum();
        prop_assert_eq!(one(totals, "LineTotalAmount"), lines_total, "BR-CO-10");
        prop_assert_eq!(one(totals, "AllowanceTotalAmount"), allowances, "BR-CO-11");
        prop_assert_eq!(one(totals, "TaxBasisTotalAmount"), lines_total - allowances, "BR-CO-13");
        prop_assert_eq!(sum("BasisAmount"), lines_total - allowances);
        prop_assert_eq!(one(totals, "TaxTotalAmount"), sum("CalculatedAmount"), "BR-CO-14");
        let gross = one(totals, "TaxBasisTotalAmount") + one(totals, "TaxTotalAmount");
        prop_assert_eq!(one(totals, "GrandTotalAmount"), gross, "BR-CO-15");
        let due = gross - one(totals, "TotalPrepaidAmount") + one(totals, "RoundingAmount");
        prop_assert_eq!(one(totals, "DuePayableAmount"), due, "BR-CO-16");
        for name in ["LineTotalAmount", "GrandTotalAmount", "DuePayableAmount", "CalculatedAmount"] {
            prop_assert!(numbers(root, name).iter().all(|amount| amount.scale() == exponent), "{}", name);
        }
    }
}
