//! Each row of the table of `docs/orders.md` is a test. A is the older checkout, B the newer; payments are a and b.

use super::{
    super::DisputeStage::{Lost, Open, UnderReview, Won},
    super::{OrderStatus, PaymentFacts, Standing},
    scene::Scene,
};

/// Plays a row for both versions.
fn both(play: impl Fn(&mut Scene)) {
    for version in [1, 2] {
        play(Scene::new(version).checkout('A'));
    }
}

/// Rows 8 to 13 begin with two payments that are both paid, in one checkout or in two.
fn paid_twice(play: impl Fn(&mut Scene)) {
    both(|scene| {
        scene.begin('a', 'A').paid('a').begin('b', 'A').paid('b').hears("1(a)").flagged("second_payment(b)");
        play(scene);
    });
    both(|scene| {
        scene.begin('a', 'A').paid('a').checkout('B').begin('b', 'B').paid('b').hears("1(a)");
        play(scene);
    });
}

#[test]
fn row_1_nothing_begun_nothing_said() {
    both(|scene| {
        scene.ends().hears("");
        assert_eq!(scene.order.status(), OrderStatus::Cancelled);
    });
}

#[test]
fn row_2_an_abandoned_payment_is_ended_with_its_checkout() {
    both(|scene| {
        scene.begin('a', 'A').hears("").ends().hears("-2(a)");
    });
    both(|scene| {
        scene.begin('a', 'A').is_ended('a').hears("").ends().hears("-2(a)");
    });
}

#[test]
fn row_3_a_decline_is_not_told_while_another_may_pay() {
    both(|scene| {
        scene.begin('a', 'A').fails('a').hears("").begin('b', 'A').paid('b').hears("1(b)").ends().hears("");
    });
    both(|scene| {
        scene.begin('a', 'A').fails('a').ends().hears("-2(a)");
    });
}

#[test]
fn row_4_another_method_after_a_pending_one() {
    both(|scene| {
        scene
            .begin('a', 'A')
            .pending('a')
            .hears("0(a)")
            .is_ended('a')
            .begin('b', 'A')
            .hears("")
            .paid('b')
            .hears("1(b)");
    });
    both(|scene| {
        scene.begin('a', 'A').pending('a').is_ended('a').begin('b', 'A').hears("0(a)").ends().hears("-2(b)");
    });
}

#[test]
fn row_5_a_pending_payment_that_fails_is_told_once() {
    both(|scene| {
        scene.begin('a', 'A').pending('a').fails('a').hears("0(a) 2(a)").ends().hears("");
    });
    both(|scene| {
        scene.begin('a', 'A').pending('a').ends().fails('a').hears("0(a) 2(a)");
    });
}

#[test]
fn row_6_a_try_of_an_older_checkout_ends_without_a_word() {
    both(|scene| {
        scene
            .begin('a', 'A')
            .checkout('B')
            .begin('b', 'B')
            .paid('b')
            .hears("1(b)")
            .is_ended('a')
            .ends()
            .hears("");
        scene.flagged("");
    });
}

#[test]
fn row_7_a_pending_payment_of_an_older_checkout() {
    both(|scene| {
        scene
            .begin('a', 'A')
            .pending('a')
            .hears("0(a)")
            .checkout('B')
            .begin('b', 'B')
            .paid('b')
            .hears("1(b)");
        scene.fails('a').hears("").flagged("");
    });
    both(|scene| {
        scene.begin('a', 'A').pending('a').checkout('B').begin('b', 'B').paid('b').hears("0(a) 1(b)");
        scene.paid('a').hears("").flagged("second_payment(a)");
    });
}

#[test]
fn row_8_a_second_payment_is_flagged_and_not_told() {
    paid_twice(|scene| {
        scene.hears("").flagged("second_payment(b)");
    });
}

#[test]
fn row_9_giving_one_of_two_back_is_not_told() {
    paid_twice(|scene| {
        scene.refunded('b').hears("").flagged("");
    });
    paid_twice(|scene| {
        scene.refunded('a').hears("").flagged("");
        assert_eq!(scene.order.status(), OrderStatus::Paid);
    });
}

#[test]
fn row_10_both_given_back_is_told_once_of_the_booked_one() {
    paid_twice(|scene| {
        scene.refunded('a').refunded('b').hears("3(a)").flagged("");
    });
    paid_twice(|scene| {
        scene.refunded('b').hears("").refunded('a').hears("3(a)");
    });
}

#[test]
fn row_11_the_booked_one_says_how_it_ended() {
    paid_twice(|scene| {
        scene.fails('a').hears("").refunded('b').hears("2(a)");
    });
    for version in [1, 2] {
        let mut scene = Scene::new(version);
        scene.checkout('A').begin('a', 'A').paid('a').begin('b', 'A').paid('b').refunded('b').hears("1(a)");
        scene.dispute('a', Open).hears(if version == 1 { "4(a)+open" } else { "4(a)" });
    }
}

#[test]
fn row_12_disputes_of_one_of_two_are_not_told() {
    for disputed in ['a', 'b'] {
        for end in [Won, Lost] {
            paid_twice(|scene| {
                scene.dispute(disputed, Open).dispute(disputed, end).hears("");
            });
        }
    }
}

#[test]
fn row_13_a_late_failure_is_told_when_the_other_goes_back() {
    paid_twice(|scene| {
        scene.fails('a').hears("").refunded('b').hears("2(a)");
    });
}

#[test]
fn row_14_a_chargeback_that_is_lost() {
    let mut scene = Scene::new(1);
    scene.checkout('A').begin('a', 'A').paid('a').dispute('a', Open).hears("1(a) 4(a)+open");
    scene.dispute('a', UnderReview).dispute('a', Lost).hears("4(a)+under_review 4(a)+lost");
    let mut scene = Scene::new(2);
    scene.checkout('A').begin('a', 'A').paid('a').dispute('a', Open).dispute('a', Lost).hears("1(a) 4(a)");
}

#[test]
fn row_15_a_chargeback_that_is_won() {
    let mut scene = Scene::new(1);
    scene.checkout('A').begin('a', 'A').paid('a').dispute('a', Open).dispute('a', Won);
    scene.hears("1(a) 4(a)+open 1(a)+won").flagged("shop_not_told(a)");
    let mut scene = Scene::new(2);
    scene.checkout('A').begin('a', 'A').paid('a').dispute('a', Open).dispute('a', Won);
    scene.hears("1(a) 4(a)").flagged("shop_not_told(a)");
    scene.refunded('a').hears("3(a)").flagged("");
}

#[test]
fn row_16_an_inquiry_or_a_part_is_not_told() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').hears("1(a)");
        let mut facts = scene.order.payments[0].facts.clone();
        facts.version += 1;
        facts.disputed_in_part = true;
        scene.order.take_payment(facts);
        scene.paid('a').hears("").flagged("disputed_in_part(a)");
    });
}

#[test]
fn what_is_heard_late_is_older_than_what_says_the_same() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').hears("1(a)");
        let paid = scene.order.payments[0].facts.clone();
        let failed = PaymentFacts { version: paid.version + 1, standing: Standing::Failed, ..paid.clone() };
        let again = PaymentFacts { version: paid.version + 2, ..paid };
        assert!(!scene.order.take_payment(again), "it says the same");
        assert!(!scene.order.take_payment(failed), "it was between the two");
        assert_eq!(scene.order.payments[0].facts.standing, Standing::Holding);
    });
}

#[test]
fn row_17_a_late_failure() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').fails('a').hears("1(a) 2(a)");
        scene.ends();
        scene.hears("");
        assert_eq!(scene.order.status(), OrderStatus::Failed);
    });
}

#[test]
fn row_18_another_checkout_after_a_late_failure() {
    for version in [1, 2] {
        let may_not_follow = if version == 2 { "shop_may_not_follow(b)" } else { "" };
        let mut scene = Scene::new(version);
        scene.checkout('A').begin('a', 'A').paid('a').fails('a').hears("1(a) 2(a)");
        scene.checkout('B').begin('b', 'B').pending('b').hears("0(b)").paid('b').hears("1(b)");
        scene.by_session('B').flagged(may_not_follow);
        let mut scene = Scene::new(version);
        scene.checkout('A').begin('a', 'A').paid('a').fails('a').checkout('B').begin('b', 'B').paid('b');
        scene.hears("1(a) 2(a) 1(b)").flagged(may_not_follow);
    }
}

#[test]
fn row_19_a_late_failure_that_comes_good() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').fails('a').paid('a').hears("1(a) 2(a) 1(a)").flagged("");
    });
    both(|scene| {
        scene.begin('a', 'A').paid('a').fails('a').down().paid('a').refuses(2).flagged("");
        scene.refuses(3).flagged("shop_refused(a)").up().hears("1(a) 2(a) 1(a)");
    });
}

#[test]
fn row_20_another_payment_after_a_full_refund() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').refunded('a').checkout('B').begin('b', 'B').paid('b');
        scene.hears("1(a) 3(a) 0(b) 1(b)");
    });
    both(|scene| {
        scene.begin('a', 'A').paid('a').refunded('a').checkout('B').begin('b', 'B').pending('b').paid('b');
        scene.hears("1(a) 3(a) 0(b) 1(b)");
    });
}

#[test]
fn row_20_the_0_that_opens_is_delivered_before_the_1() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').refunded('a').hears("1(a) 3(a)");
        scene.down().checkout('B').begin('b', 'B').pending('b').paid('b').up().hears("0(b) 1(b)");
    });
}

#[test]
fn row_21_a_refund_that_bounces() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').refunded('a').hears("1(a) 3(a)");
        scene.paid('a').hears("").flagged("shop_not_told(a)").refunded('a').hears("3(a)").flagged("");
    });
}

#[test]
fn row_22_money_after_the_end() {
    both(|scene| {
        scene.begin('a', 'A').is_ended('a').ends().hears("-2(a)").paid('a').hears("1(a)");
    });
}

#[test]
fn row_23_money_by_a_superseded_checkout() {
    both(|scene| {
        scene
            .begin('a', 'A')
            .checkout('B')
            .paid('a')
            .hears("1(a)")
            .by_session('B')
            .flagged("superseded_payment(a)");
    });
}

#[test]
fn row_24_the_end_of_an_unpaid_newer_checkout() {
    both(|scene| {
        scene
            .begin('a', 'A')
            .paid('a')
            .checkout('B')
            .begin('b', 'B')
            .is_ended('b')
            .ends()
            .hears("1(a)")
            .flagged("");
    });
}

#[test]
fn row_25_a_cancelled_newest_checkout_ends_the_order() {
    both(|scene| {
        scene.checkout('B').ends().hears("");
    });
    both(|scene| {
        scene.begin('a', 'A').checkout('B').is_ended('a').ends().hears("-2(a)");
    });
}

#[test]
fn row_26_two_authorizations() {
    both(|scene| {
        scene.begin('a', 'A').pending('a').begin('b', 'A').pending('b').paid('a').hears("0(a) 1(a)");
        scene.is_ended('b').hears("").flagged("");
    });
    both(|scene| {
        scene
            .begin('a', 'A')
            .pending('a')
            .begin('b', 'A')
            .pending('b')
            .paid('a')
            .paid('b')
            .hears("0(a) 1(a)");
        scene.flagged("second_payment(b)");
    });
}

#[test]
fn row_27_a_checkout_waits_for_money_on_its_way() {
    both(|scene| {
        scene.begin('a', 'A').pending('a').hears("0(a)").paid('a').hears("1(a)");
    });
    both(|scene| {
        scene.begin('a', 'A').pending('a').is_ended('a').hears("0(a)").ends().hears("-2(a)");
    });
}

#[test]
fn row_28_a_waiting_word_is_said_anew_for_a_newer_checkout() {
    both(|scene| {
        scene.begin('a', 'A').down().paid('a');
        let first = scene.order.head().unwrap().number;
        scene.checkout('B').by_session('B').up().hears("1(a)").flagged("");
        assert_eq!(scene.order.counter, first + 1);
    });
}

#[test]
fn row_29_what_was_paid_is_taken_back() {
    both(|scene| {
        scene.begin('f', 'A').paid('f').hears("1(f)").fails('f').hears("2(f)");
    });
}

#[test]
fn minus_2_that_waits_is_dropped_when_a_newer_checkout_opens_the_question_again() {
    both(|scene| {
        scene.begin('a', 'A').down().is_ended('a').ends().checkout('B').up().hears("");
        scene.ends().hears("-2(a)");
    });
}

#[test]
fn a_newer_checkout_opens_the_question_again() {
    both(|scene| {
        scene.begin('a', 'A').ends().hears("-2(a)").checkout('B').begin('b', 'B').ends().hears("-2(b)");
    });
    both(|scene| {
        scene.begin('a', 'A').pending('a').fails('a').hears("0(a) 2(a)");
        scene.checkout('B').begin('b', 'B').ends().hears("-2(b)");
    });
}

#[test]
fn minus_1_only_where_it_is_asked_for() {
    both(|scene| {
        scene.begin('a', 'A').hears("");
        let now = crate::Timestamp::from_millis(9_000_000);
        scene.order.evaluate(true, now);
        assert_eq!(scene.order.head().unwrap().status, -1);
        scene.up().hears("-1(a)").paid('a').hears("1(a)");
        scene.order.evaluate(true, now);
        assert_eq!(scene.order.head(), None);
    });
}

#[test]
fn an_undoing_word_gives_way_after_three_refusals_when_another_waits() {
    both(|scene| {
        scene.begin('a', 'A').paid('a').hears("1(a)").down().refunded('a').refuses(3);
        assert_eq!(scene.order.waiting(), 1, "nothing else waits, so that it is tried on");
        scene.checkout('B').begin('b', 'B').paid('b');
        scene.refuses(2).refuses(3).up().hears("0(b) 1(b)");
    });
}

#[test]
fn a_failure_that_the_shop_cannot_know_of_gives_way() {
    both(|scene| {
        scene.begin('a', 'A').down().paid('a').fails('a').begin('b', 'A').paid('b').up().hears("1(b)");
    });
}

#[test]
fn version_does_not_go_back_within_an_order() {
    let mut scene = Scene::new(2);
    scene.checkout('A').begin('a', 'A').paid('a').hears("1(a)");
    let newest = scene.order.newest.unwrap();
    let target = super::super::Target { checkout: newest.id, version: 1 };
    scene.order.take_checkouts(newest, Some(target));
    assert_eq!(scene.order.target.unwrap().version, 2);
}

#[test]
fn payments_that_came_to_nothing_are_forgotten_and_others_are_not() {
    let mut scene = Scene::new(2);
    scene.checkout('A').begin('a', 'A').paid('a');
    for number in 0_u8..200 {
        let mut facts = scene.order.payments[0].facts.clone();
        let mut bytes = [9; 12];
        bytes[0] = number;
        facts.id = crate::TransactionId::from_bytes(bytes);
        facts.begun_at = crate::Timestamp::from_millis(100_000 + i64::from(number));
        facts.standing = super::super::Standing::Ended;
        facts.succeeded_at = None;
        scene.order.take_payment(facts);
    }
    assert_eq!(scene.order.payments.len(), super::super::PAYMENTS_MAX);
    assert!(scene.order.is_paid());
}
