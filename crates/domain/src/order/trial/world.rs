//! A random history of an order, and the world that it happens in.

use super::super::{DisputeStage, DisputeWord, Newest, PaymentFacts, Standing};
use crate::{CheckoutId, Timestamp, TransactionId};

/// Xorshift, seeded by splitmix: fast, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap_or(1)).unwrap_or_default()
    }

    /// True so often in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What happens in the world.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// The shop makes a checkout.
    Checkout,
    /// The newest checkout ends, unless money is on its way in it.
    End,
    /// A payment is begun in the newest checkout.
    Begin,
    /// A payment takes another standing.
    Move(usize, Standing),
    /// A dispute over everything takes a stage.
    Dispute(usize, DisputeStage),
    /// The gateway hears of what happened to a payment.
    Hear(usize),
    /// The receiver is up, answers with an error, loses its answers, or is not reached.
    Receiver(Line),
    /// A delivery is tried.
    Deliver,
}

/// How the receiver is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// It processes and answers.
    Up,
    /// Processed, and the answer is lost.
    Deaf,
    /// Not processed, and answered with an error.
    Broken,
    /// Not reached.
    Down,
}

/// The world as it is, whatever the gateway has heard of it.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Checkouts: id, when it was made, whether it is over.
    pub checkouts: Vec<(CheckoutId, Timestamp, bool)>,
    /// Payments, oldest first.
    pub payments: Vec<PaymentFacts>,
    /// The time, in milliseconds.
    pub now: i64,
}

fn id(kind: u8, index: usize) -> [u8; 12] {
    let mut bytes = [kind; 12];
    bytes[11] = u8::try_from(index).unwrap_or(u8::MAX);
    bytes
}

impl World {
    fn tick(&mut self) -> Timestamp {
        self.now += 1;
        Timestamp::from_millis(self.now)
    }

    /// Something happens.
    pub fn happen(&mut self, event: Event) {
        let now = self.tick();
        match event {
            Event::Checkout => {
                self.checkouts.push((CheckoutId::from_bytes(id(1, self.checkouts.len())), now, false));
            }
            Event::End => {
                let Some(newest) = self.checkouts.last_mut() else { return };
                let of_it = |payment: &&mut PaymentFacts| payment.checkout == newest.0;
                if self.payments.iter_mut().filter(of_it).any(|p| p.standing == Standing::OnItsWay) {
                    return;
                }
                newest.2 = true;
                for payment in self.payments.iter_mut().filter(|p| p.standing == Standing::Begun) {
                    payment.standing = Standing::Ended;
                    payment.version += 1;
                }
            }
            Event::Begin => {
                let Some((checkout, _, false)) = self.checkouts.last().copied() else { return };
                self.payments.push(PaymentFacts {
                    id: TransactionId::from_bytes(id(2, self.payments.len())),
                    checkout,
                    begun_at: now,
                    version: 1,
                    standing: Standing::Begun,
                    succeeded_at: None,
                    dispute: None,
                    disputed_in_part: false,
                });
            }
            Event::Move(index, standing) => self.change(index, standing, now),
            Event::Dispute(index, stage) => {
                let standing =
                    if stage == DisputeStage::Won { Standing::Holding } else { Standing::ChargedBack };
                if let Some(payment) = self.payments.get_mut(index) {
                    payment.dispute = Some(DisputeWord { stage, id: String::new() });
                }
                self.change(index, standing, now);
            }
            Event::Hear(_) | Event::Receiver(_) | Event::Deliver => {}
        }
    }

    fn change(&mut self, index: usize, standing: Standing, now: Timestamp) {
        let Some(payment) = self.payments.get_mut(index) else { return };
        payment.version += 1;
        payment.standing = standing;
        if standing == Standing::Holding {
            payment.succeeded_at.get_or_insert(now);
            // A paid checkout takes no further payment.
            if let Some(checkout) = self.checkouts.iter_mut().find(|(id, ..)| *id == payment.checkout) {
                checkout.2 = true;
            }
        }
    }

    /// The newest checkout.
    pub fn newest(&self) -> Option<Newest> {
        self.checkouts.last().map(|&(id, created_at, over)| Newest { id, created_at, over })
    }

    /// Whether any payment holds money.
    pub fn is_paid(&self) -> bool {
        self.payments.iter().any(PaymentFacts::holds)
    }
}

/// A history that could happen.
pub fn history(random: &mut Random, is_calm: bool) -> Vec<Event> {
    let mut world = World::default();
    let mut events = vec![Event::Checkout, Event::Begin];
    for event in events.clone() {
        world.happen(event);
    }
    events.extend([Event::Hear(0), Event::Deliver]);
    for _ in 0..=random.below(12) {
        let Some(event) = next_event(random, &world) else { continue };
        world.happen(event);
        events.push(event);
        for index in 0..world.payments.len() {
            if is_calm || random.chance(50) {
                events.push(Event::Hear(index));
            }
        }
        if !is_calm && random.chance(30) {
            let lines = [Line::Up, Line::Deaf, Line::Broken, Line::Down];
            events.push(Event::Receiver(lines[random.below(lines.len())]));
        }
        if is_calm || random.chance(50) {
            events.push(Event::Deliver);
        }
    }
    events
}

fn next_event(random: &mut Random, world: &World) -> Option<Event> {
    if random.chance(12) && world.checkouts.len() < 4 {
        return Some(Event::Checkout);
    }
    if random.chance(12) {
        return Some(Event::End);
    }
    if random.chance(25) && world.payments.len() < 5 {
        // The page asks before another payment is begun beside one that holds money or is on its way.
        let asks =
            world.payments.iter().any(|p| matches!(p.standing, Standing::OnItsWay | Standing::Holding));
        return (!asks || random.chance(40)).then_some(Event::Begin);
    }
    let index = random.below(world.payments.len());
    let payment = &world.payments[index];
    let stage = payment.dispute.as_ref().map(|dispute| dispute.stage);
    let choices: &[Standing] = match payment.standing {
        Standing::Begun => &[Standing::OnItsWay, Standing::Holding, Standing::Failed, Standing::Ended],
        Standing::OnItsWay => &[Standing::Holding, Standing::Holding, Standing::Failed, Standing::Ended],
        Standing::Holding if stage.is_none_or(|stage| stage == DisputeStage::Won) && random.chance(40) => {
            return Some(Event::Dispute(index, DisputeStage::Open));
        }
        Standing::Holding => &[Standing::Failed, Standing::Refunded, Standing::Refunded],
        Standing::Failed => &[Standing::OnItsWay, Standing::Holding],
        Standing::Ended | Standing::Refunded => {
            return random.chance(30).then_some(Event::Move(index, Standing::Holding));
        }
        Standing::ChargedBack => {
            let next = match stage {
                Some(DisputeStage::Open) => {
                    [DisputeStage::UnderReview, DisputeStage::Won, DisputeStage::Lost][random.below(3)]
                }
                Some(DisputeStage::UnderReview) => [DisputeStage::Won, DisputeStage::Lost][random.below(2)],
                _ => return None,
            };
            return Some(Event::Dispute(index, next));
        }
    };
    Some(Event::Move(index, choices[random.below(choices.len())]))
}
