//! What the payments of the last days came to, beside the days before.
//!
//! A figure belongs to the day on which its payment was begun, whenever the money came or went back: so volume,
//! success and refunds of a period speak of the same payments.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};

use super::{App, AppError};
use crate::{
    domain::{
        Currency, ProviderId, SiteId, Tenant, Timestamp,
        delivery::Delivery,
        provider_event::ProviderEvent,
        transaction::{Transaction, TransactionStatus},
    },
    store::{
        TenantStore,
        daily_sums::{self, DaySums, Sum, day_of, plus_days},
        list,
    },
};

/// Exact counts of what needs a look end here.
pub const ATTENTION_MAX: u64 = 1000;

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// Seven days, today included.
    Week,
    /// Thirty.
    #[default]
    Month,
    /// Ninety.
    Quarter,
}

impl Period {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Week, Self::Month, Self::Quarter];

    /// Its number of days.
    pub const fn days(self) -> i64 {
        match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }

    /// The same as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Week => "7",
            Self::Month => "30",
            Self::Quarter => "90",
        }
    }
}

/// Sums of payments in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Payments begun.
    pub begun: i64,
    /// Of these: paid, whatever became of the money later.
    pub paid: i64,
    /// Of these: failed, cancelled or expired.
    pub unpaid: i64,
    /// Minor units taken.
    pub volume: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// Minor units lost in disputes.
    pub lost: i64,
}

impl Figures {
    /// What is left of what was taken, in minor units; providers' fees are not known here.
    pub const fn net(&self) -> i64 {
        self.volume - self.refunded - self.lost
    }

    /// Paid ones in a thousand that have ended; `None` where none has.
    pub fn success_per_mille(&self) -> Option<i64> {
        let ended = self.paid + self.unpaid;
        (ended > 0).then(|| (self.paid * 1000 + ended / 2) / ended)
    }

    fn add(&mut self, sum: &Sum) {
        self.begun += sum.begun;
        self.paid += sum.paid;
        self.unpaid += sum.unpaid;
        self.volume = self.volume.saturating_add(sum.taken);
        self.refunded = self.refunded.saturating_add(sum.refunded);
        self.lost = self.lost.saturating_add(sum.lost);
    }
}

/// A period beside the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// The period.
    pub now: Figures,
    /// As many days before it.
    pub before: Figures,
}

/// What a person should look at, whatever its currency, counted to [`ATTENTION_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attention {
    /// Transactions that are flagged.
    pub reviews: u64,
    /// Open disputes.
    pub disputes: u64,
    /// Providers' events that could not be applied.
    pub events: u64,
    /// Messages to the shop that did not arrive in the period.
    pub deliveries: u64,
}

/// The figures.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// Which days.
    pub period: Period,
    /// The first of them.
    pub from: Timestamp,
    /// The end: now.
    pub to: Timestamp,
    /// The currency of all amounts; `None` where nothing was ever begun.
    pub currency: Option<Currency>,
    /// Every currency of these days and those before, the most used first.
    pub currencies: Vec<Currency>,
    /// All of it.
    pub total: Compared,
    /// Each day, the oldest first.
    pub days: Vec<(Timestamp, Compared)>,
    /// By provider, the largest first. Without one: nothing was to be taken.
    pub providers: Vec<(Option<ProviderId>, Compared)>,
    /// By site, the largest first.
    pub sites: Vec<(SiteId, Compared)>,
    /// What needs a look.
    pub attention: Attention,
}

/// Adds up a tenant's payments. `currency` is the most used one where it is absent.
pub async fn dashboard(
    app: &App,
    tenant: Tenant,
    period: Period,
    currency: Option<Currency>,
) -> Result<Dashboard, AppError> {
    let (store, now) = (app.store.for_org(tenant), app.now());
    let from = plus_days(day_of(now), 1 - period.days());
    let before = plus_days(from, -period.days());
    let (days, attention) = tokio::try_join!(daily_sums::read(&store, before, now), attention(&store, from))?;
    Ok(put_together(&days, period, (from, now), currency, attention))
}

async fn attention(store: &TenantStore, from: Timestamp) -> Result<Attention, crate::store::StoreError> {
    let mut failed = doc! { "state": "failed" };
    list::within(&mut failed, Some(from), None);
    let flagged = doc! { "needsReview": { "$exists": true } };
    let contested = doc! { "status": TransactionStatus::Disputed.as_str() };
    let count = |filter: Document| store.count::<Transaction>(filter, ATTENTION_MAX);
    let (reviews, disputes, events, deliveries) = tokio::try_join!(
        count(flagged),
        count(contested),
        store.count::<ProviderEvent>(doc! { "state": "parked" }, ATTENTION_MAX),
        store.count::<Delivery>(failed, ATTENTION_MAX),
    )?;
    Ok(Attention { reviews, disputes, events, deliveries })
}

fn put_together(
    all: &[DaySums],
    period: Period,
    (from, to): (Timestamp, Timestamp),
    wanted: Option<Currency>,
    attention: Attention,
) -> Dashboard {
    let currencies = by_use(all);
    let currency = wanted.or_else(|| currencies.first().copied());
    let mut total = Compared::default();
    let mut days: Vec<(Timestamp, Compared)> =
        (0..period.days()).map(|index| (plus_days(from, index), Compared::default())).collect();
    let (mut providers, mut sites) = (BTreeMap::new(), BTreeMap::new());
    for day in all {
        let is_now = day.day >= from;
        let at = if is_now { day.day } else { plus_days(day.day, period.days()) };
        for sum in day.rows.iter().filter(|sum| Some(sum.currency) == currency) {
            let add = |to: &mut Compared| if is_now { to.now.add(sum) } else { to.before.add(sum) };
            add(&mut total);
            add(providers.entry(sum.provider).or_default());
            add(sites.entry(sum.site).or_default());
            if let Some((_, of_day)) = days.iter_mut().find(|(day, _)| *day == at) {
                add(of_day);
            }
        }
    }
    Dashboard {
        period,
        from,
        to,
        currency,
        currencies,
        total,
        days,
        providers: largest_first(providers),
        sites: largest_first(sites),
        attention,
    }
}

fn by_use(all: &[DaySums]) -> Vec<Currency> {
    let mut used: BTreeMap<Currency, i64> = BTreeMap::new();
    for sum in all.iter().flat_map(|day| &day.rows) {
        *used.entry(sum.currency).or_default() += sum.begun;
    }
    let mut used: Vec<(Currency, i64)> = used.into_iter().collect();
    used.sort_by_key(|(currency, count)| (std::cmp::Reverse(*count), *currency));
    used.into_iter().map(|(currency, _)| currency).collect()
}

fn largest_first<T>(parts: BTreeMap<T, Compared>) -> Vec<(T, Compared)> {
    let mut parts: Vec<(T, Compared)> = parts.into_iter().collect();
    parts.sort_by_key(|(_, part)| std::cmp::Reverse((part.now.volume, part.now.begun, part.before.volume)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId::from_bytes([1; 12]);

    fn sum(code: &str, begun: i64, taken: i64) -> Sum {
        let currency = code.parse().unwrap();
        let (paid, unpaid) = (begun - 1, 1);
        Sum { currency, site: SITE, provider: None, begun, paid, unpaid, taken, refunded: 1, lost: 2 }
    }

    #[test]
    fn periods_are_told_apart_by_day_and_currency() {
        let from = plus_days(Timestamp::from_millis(0), 100);
        let day = |days: i64, rows| DaySums { day: plus_days(from, days), rows };
        let all = [
            day(-7, vec![sum("EUR", 4, 50)]),
            day(-1, vec![sum("EUR", 2, 70), sum("USD", 1, 9)]),
            day(0, vec![sum("USD", 9, 9)]),
            day(6, vec![sum("EUR", 3, 300), sum("EUR", 2, 30)]),
        ];
        let to = plus_days(from, 7);
        let board = put_together(&all, Period::Week, (from, to), None, Attention::default());
        assert_eq!(board.currencies.iter().map(Currency::code).collect::<Vec<_>>(), ["EUR", "USD"]);
        assert_eq!((board.total.now.volume, board.total.before.volume), (330, 120));
        assert_eq!((board.total.now.begun, board.total.now.net()), (5, 330 - 2 - 4));
        assert_eq!(board.days.len(), 7);
        assert_eq!((board.days[0].1.now.volume, board.days[0].1.before.volume), (0, 50));
        assert_eq!((board.days[6].1.now.volume, board.days[6].1.before.volume), (330, 70));
        assert_eq!(board.sites, [(SITE, board.total)]);
        let usd = Some("USD".parse().unwrap());
        let board = put_together(&all, Period::Week, (from, to), usd, Attention::default());
        assert_eq!((board.total.now.volume, board.total.before.volume), (9, 9));
        let none = put_together(&[], Period::Month, (from, to), None, Attention::default());
        assert_eq!((none.currency, none.days.len()), (None, 30));
    }

    #[test]
    fn success_counts_what_has_ended() {
        let of = |paid, unpaid| Figures { paid, unpaid, ..Figures::default() }.success_per_mille();
        assert_eq!((of(0, 0), of(2, 1), of(1, 0), of(0, 3)), (None, Some(667), Some(1000), Some(0)));
    }
}
