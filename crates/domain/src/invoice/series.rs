//! Series: where numbers come from.

use serde::{Deserialize, Serialize};

use super::paper::PaperKind;
use crate::{SeriesId, Timestamp};

/// At most this many series in an organization and mode.
pub const SERIES_MAX: usize = 50;
/// The most digits that a number is filled up to.
pub const PADDING_MAX: u8 = 12;
/// The longest prefix, in characters.
pub const PREFIX_CHARS_MAX: usize = 16;

/// When a series begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesPeriod {
    /// Never.
    None,
    /// Each year.
    #[default]
    Year,
    /// Each month.
    Month,
}

impl SeriesPeriod {
    /// Every period.
    pub const ALL: &[Self] = &[Self::None, Self::Year, Self::Month];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Year => "year",
            Self::Month => "month",
        }
    }

    /// The period of a civil date `YYYY-MM-DD`, as text that sorts as time does.
    pub fn of(self, date: &str) -> &str {
        let length = match self {
            Self::None => 0,
            Self::Year => 4,
            Self::Month => 7,
        };
        date.get(..length).unwrap_or_default()
    }
}

/// What numbers look like: `INV-2030-00042`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Its id.
    pub id: SeriesId,
    /// What it numbers.
    pub kind: PaperKind,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What its numbers begin with. None begins with another's.
    pub prefix: String,
    /// When it begins again.
    pub period: SeriesPeriod,
    /// The first number of each period.
    pub start: i64,
    /// Digits that a number is filled up to.
    pub padding: u8,
    /// Whether documents of the kind that name no series take this one.
    pub default: bool,
    /// Whether it has numbered anything: then what its numbers look like is settled for good.
    #[serde(default)]
    pub used: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Series {
    /// The series of a kind that an organization begins with.
    pub fn initial(kind: PaperKind, id: SeriesId, now: Timestamp) -> Self {
        let prefix = match kind {
            PaperKind::Invoice => "INV-",
            PaperKind::CreditNote => "CN-",
            PaperKind::PaymentReceipt => "REC-",
        };
        Self {
            id,
            kind,
            name: String::new(),
            prefix: prefix.to_owned(),
            period: SeriesPeriod::Year,
            start: 1,
            padding: 5,
            default: true,
            used: false,
            created_at: now,
        }
    }

    /// A number as it is printed.
    pub fn number(&self, period: &str, sequence: i64) -> String {
        let between = if period.is_empty() { "" } else { "-" };
        let width = usize::from(self.padding);
        format!("{}{period}{between}{sequence:0width$}", self.prefix)
    }

    /// What follows the newest number of the series: period, sequence and printed number on a date.
    pub fn next(&self, newest: Option<&Numbered>, date: &str) -> Numbered {
        // A clock that is behind must not take a date back.
        let date = newest.map_or(date, |newest| date.max(newest.date.as_str()));
        let period = self.period.of(date);
        let sequence = match newest {
            Some(newest) if newest.period == period => newest.sequence + 1,
            _ => self.start,
        };
        Numbered {
            series_id: self.id,
            period: period.to_owned(),
            sequence,
            number: self.number(period, sequence),
            date: date.to_owned(),
        }
    }
}

/// A number that was given. Unique by (organization, mode, series, period, sequence), and by its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbered {
    /// Its series.
    pub series_id: SeriesId,
    /// Its period: empty, `YYYY` or `YYYY-MM`.
    pub period: String,
    /// Rises by one within its period.
    pub sequence: i64,
    /// As it is printed.
    pub number: String,
    /// The date of issue, `YYYY-MM-DD` in the seller's zone. Never before that of the number before.
    pub date: String,
}

/// What is wrong with a prefix.
pub fn prefix_problem(prefix: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.' | '_');
    let length = (1..=PREFIX_CHARS_MAX).contains(&prefix.len());
    (!length || !prefix.chars().all(fits)).then_some("must be 1 to 16 letters, digits, or any of - / . _")
}

/// Whether numbers of two prefixes could be taken for each other's.
pub fn prefixes_collide(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(period: SeriesPeriod) -> Series {
        let id = SeriesId::from_bytes([1; 12]);
        Series { period, ..Series::initial(PaperKind::Invoice, id, Timestamp::default()) }
    }

    #[test]
    fn numbers_rise_and_begin_again_with_the_period() {
        let yearly = series(SeriesPeriod::Year);
        let first = yearly.next(None, "2030-12-31");
        assert_eq!(first.number, "INV-2030-00001");
        let second = yearly.next(Some(&first), "2030-12-31");
        assert_eq!(second.number, "INV-2030-00002");
        assert_eq!(yearly.next(Some(&second), "2031-01-01").number, "INV-2031-00001");
        let monthly = series(SeriesPeriod::Month);
        assert_eq!(monthly.next(None, "2030-02-03").number, "INV-2030-02-00001");
        let plain = Series { start: 500, padding: 0, ..series(SeriesPeriod::None) };
        assert_eq!(plain.next(None, "2030-02-03").number, "INV-500");
    }

    #[test]
    fn clock_that_is_behind_neither_takes_a_date_back_nor_opens_an_old_year() {
        let yearly = series(SeriesPeriod::Year);
        let newest = yearly.next(None, "2031-01-01");
        let next = yearly.next(Some(&newest), "2030-12-31");
        assert_eq!((next.number.as_str(), next.date.as_str()), ("INV-2031-00002", "2031-01-01"));
    }

    #[test]
    fn prefixes_are_told_apart() {
        assert!(prefix_problem("INV-").is_none() && prefix_problem("A/2.b_").is_none());
        assert!(prefix_problem("").is_some() && prefix_problem("É").is_some());
        assert!(prefixes_collide("INV-", "INV-2030-") && !prefixes_collide("INV-", "CN-"));
    }

    proptest! {
        #[test]
        fn whatever_the_clocks_say_numbers_have_no_gap_and_dates_never_go_back(
            days in prop::collection::vec((0_u8..3, 1_u8..13, 1_u8..29), 1..60), period in 0_usize..3,
        ) {
            let series = series(SeriesPeriod::ALL[period]);
            let mut newest: Option<Numbered> = None;
            for (year, month, day) in days {
                let next = series.next(newest.as_ref(), &format!("{}-{month:02}-{day:02}", 2030 + u16::from(year)));
                if let Some(before) = &newest {
                    prop_assert!(next.date >= before.date);
                    let follows = next.period == before.period && next.sequence == before.sequence + 1;
                    let begins = next.period > before.period && next.sequence == series.start;
                    prop_assert!(follows || begins);
                }
                newest = Some(next);
            }
        }
    }
}
