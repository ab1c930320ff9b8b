//! A million random histories against each receiver: in every one the shop ends with the order paid exactly when a
//! payment holds money, but for what no word of the contract can tell.
//!
//! `ORDER_HISTORIES` plays another number, `ORDER_SEED` begins elsewhere.

use std::collections::BTreeMap;

use super::super::{
    Attention, Flag, Notification, NotificationState, OrderState, PaymentFacts, Progress, Target,
    trial::{Event, Kind, Line, RECEIVERS, Random, Shop, World, exception, history},
};
use crate::Timestamp;

const HISTORIES: u64 = 1_000_000;

/// Most deliveries of one order: aMember takes 100 per invoice.
const DELIVERIES_MAX: usize = 100;

/// The gateway and one shop.
struct Play {
    world: World,
    order: OrderState,
    shop: Shop,
    version: u8,
    line: Line,
}

impl Play {
    fn new(kind: Kind, version: u8) -> Self {
        Self {
            world: World::default(),
            order: OrderState::default(),
            shop: Shop::new(kind),
            version,
            line: Line::Up,
        }
    }

    fn run(&mut self, events: &[Event]) {
        for &event in events {
            self.world.happen(event);
            match event {
                Event::Hear(index) => self.hear(index),
                Event::Receiver(line) => self.line = line,
                Event::Deliver => {
                    self.deliver();
                }
                // The end of a checkout is an announcement of its own.
                Event::End => self.look(),
                _ => {}
            }
        }
    }

    fn hear(&mut self, index: usize) {
        let Some(facts) = self.world.payments.get(index).cloned() else { return };
        self.order.take_payment(facts);
        self.look();
    }

    fn look(&mut self) {
        let Some(newest) = self.world.newest() else { return };
        let target = Target { checkout: newest.id, version: self.version };
        self.order.take_checkouts(newest, Some(target));
        if !self.order.payments.is_empty() {
            self.order.evaluate(false, Timestamp::from_millis(self.world.now));
        }
    }

    /// Tries the head once; false where nothing waits.
    fn deliver(&mut self) -> bool {
        self.look();
        let Some(head) = self.order.head().cloned() else { return false };
        let session = self.world.newest().unwrap().id;
        let processed = matches!(self.line, Line::Up | Line::Deaf);
        let accepted = processed && self.shop.receive(&head, session);
        let answered = self.line == Line::Up;
        let progress = Progress {
            sent: self.line != Line::Down,
            refusals: head.refusals + i64::from(answered && !accepted),
            ended: (answered && accepted).then_some(NotificationState::Answered),
        };
        self.order.take_progress(head.number, progress);
        self.look();
        true
    }

    /// Everything is heard of, the receiver is up, and what it refuses to the end is given up.
    fn finish(&mut self) {
        for index in 0..self.world.payments.len() {
            self.hear(index);
        }
        self.look();
        self.line = Line::Up;
        let mut tries = 0;
        while self.deliver() {
            tries += 1;
            assert!(tries < 200, "the queue does not come to an end: {:?}", self.order.notifications);
            let Some(head) = self.order.head().filter(|head| head.refusals >= 6) else { continue };
            let given_up =
                Progress { sent: true, refusals: head.refusals, ended: Some(NotificationState::GivenUp) };
            self.order.take_progress(head.number, given_up);
        }
    }

    /// What the shop was told, for a failure's text.
    fn told(&self) -> String {
        let word = |n: &Notification| {
            let payment = n.payment.bytes()[11];
            format!(
                "{}: {}({payment}) of checkout {} {:?}",
                n.number,
                n.status,
                n.checkout.bytes()[11],
                n.state
            )
        };
        let told: Vec<String> = self.order.notifications.iter().map(word).collect();
        format!("{}\nbooked {:?}, {:?}", told.join("\n"), self.order.booked, self.shop)
    }

    fn exception(&self) -> Option<&'static str> {
        exception(&self.order, self.shop.kind())
    }
}

/// Deviations by shop and reason, and how often each reason stood without one.
type Counts = BTreeMap<(String, &'static str), (u64, u64)>;

fn play(seed: u64, is_calm: bool, counts: &mut Counts) {
    let events = history(&mut Random::new(seed), is_calm);
    for &(kind, version) in RECEIVERS {
        let mut play = Play::new(kind, version);
        play.run(&events);
        play.finish();
        assert!(play.shop.deliveries <= DELIVERIES_MAX, "seed {seed}: {} deliveries", play.shop.deliveries);
        let (truth, shop) = (play.world.is_paid(), play.shop.is_paid());
        assert_eq!(truth, play.order.is_paid(), "seed {seed}: everything was heard of");
        let exception = play.exception();
        if truth != shop {
            assert!(
                exception.is_some(),
                "seed {seed}, {kind:?} with version {version}: paid {truth}, the shop says {shop}\n{events:?}\n{}",
                play.told()
            );
        }
        if let Some(reason) = exception {
            let count = counts.entry((format!("{kind:?}, version {version}"), reason)).or_default();
            if truth == shop {
                count.1 += 1;
            } else {
                count.0 += 1;
            }
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_million_histories_end_with_the_shop_knowing_what_it_must() {
    let (count, first) = (number("ORDER_HISTORIES", HISTORIES), number("ORDER_SEED", 0));
    let threads = u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let share = |thread: u64| {
        let mut counts = Counts::new();
        for seed in (first + thread..first + count).step_by(usize::try_from(threads).unwrap()) {
            play(seed, seed % 2 == 0, &mut counts);
        }
        counts
    };
    let mut all = Counts::new();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        for counts in running.into_iter().map(|thread| thread.join().unwrap()) {
            for (key, (deviating, agreeing)) in counts {
                let sum = all.entry(key).or_default();
                sum.0 += deviating;
                sum.1 += agreeing;
            }
        }
    });
    let table: Vec<String> = all
        .iter()
        .map(|((shop, reason), (deviating, agreeing))| format!("{shop}: {reason}: {deviating}, {agreeing}"))
        .collect();
    println!("{}", table.join("\n"));
    if (count, first) == (HISTORIES, 0) {
        assert_eq!(
            table, DEVIATIONS,
            "the rules, the models or the histories have changed: look at what differs"
        );
    }
}

/// What no word of the contract can tell: how many of the million histories deviate for this reason, and in how many
/// the shop is right in spite of it.
const DEVIATIONS: &[&str] = &[
    "A1, version 1: R5: 24919, 19473",
    "A1, version 1: charged back twice: 7666, 2735",
    "A1, version 1: row 19: 12706, 1636",
    "A1, version 2: R5: 44339, 53",
    "A1, version 2: charged back twice: 379, 649",
    "A1, version 2: row 19: 11652, 2650",
    "A2, version 2: R5: 44380, 12",
    "A2, version 2: charged back twice: 90, 938",
    "ById, version 1: R5: 24727, 19665",
    "ById, version 2: R5: 44392, 0",
    "Keyed, version 1: R5: 24727, 19665",
    "Keyed, version 2: R5: 44392, 0",
    "W1, version 1: R5: 40694, 3698",
    "W1, version 2: R5: 44392, 0",
    "W2, version 2: R5: 44392, 0",
    "W2, version 2: rows 18 and 20: 15730, 1086",
];

/// Every payment's last standing is heard of once, in any order.
#[test]
fn permuting_arrivals_gives_the_same_order() {
    let outcome = |events: &[Event], arrivals: &[usize]| {
        let mut play = Play::new(Kind::Keyed, 2);
        for &event in events {
            play.world.happen(event);
        }
        for &index in arrivals {
            play.hear(index);
            while play.deliver() {}
        }
        let mut reasons: Vec<Attention> = play.order.flags.iter().map(|flag: &Flag| flag.reason).collect();
        reasons.sort();
        let facts: Vec<PaymentFacts> =
            play.order.payments.iter().map(|payment| payment.facts.clone()).collect();
        (facts, reasons, play.order.status(), play.shop.is_paid())
    };
    for seed in 0..20_000 {
        let events = history(&mut Random::new(seed), true);
        let count = events.iter().filter(|event| matches!(event, Event::Begin)).count().min(4);
        let mut arrivals: Vec<usize> = (0..count).collect();
        let first = outcome(&events, &arrivals);
        permutations(&mut arrivals, 0, &mut |order| {
            assert_eq!(outcome(&events, order), first, "seed {seed}, {order:?}: {events:?}");
        });
    }
}

fn permutations(items: &mut [usize], from: usize, each: &mut impl FnMut(&[usize])) {
    if from + 1 >= items.len() {
        return each(items);
    }
    for index in from..items.len() {
        items.swap(from, index);
        permutations(items, from + 1, each);
        items.swap(from, index);
    }
}
