//! Figures, and how they are shown. Integers throughout: microseconds, hundredths.

use std::time::Duration;

use serde_json::{Value, json};

/// Latencies in microseconds.
#[derive(Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// None yet.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds others.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Percentiles, in microseconds; zero without any.
    pub fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [u64; N] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        percents.map(|percent| {
            // The nearest rank.
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0).into()
        })
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let [p50, p90, p99, max] = self.percentiles([50, 90, 99, 100]);
        json!({ "count": self.len(), "p50Us": p50, "p90Us": p90, "p99Us": p99, "maxUs": max })
    }
}

/// Microseconds as milliseconds with two digits.
pub fn ms(us: u64) -> String {
    format!("{}.{:02} ms", us / 1000, us % 1000 / 10)
}

/// Hundredths as a number with two digits.
pub fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

/// KiB as megabytes (10⁶ bytes) with one digit.
pub fn megabytes(kib: u64) -> String {
    let tenths = kib * 1024 / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// One aim and what was measured.
#[derive(Debug, Clone)]
pub struct Aim {
    what: String,
    measured: String,
    wanted: String,
    met: bool,
}

impl Aim {
    /// A figure that should be small.
    pub fn at_most(what: impl Into<String>, value: u64, most: u64, show: impl Fn(u64) -> String) -> Self {
        let (measured, wanted) = (show(value), format!("≤ {}", show(most)));
        Self { what: what.into(), measured, wanted, met: value > 0 && value <= most }
    }

    /// A count of what should not be, where none at all is well.
    pub fn no_more(what: impl Into<String>, count: u64, most: u64) -> Self {
        Self {
            what: what.into(),
            measured: count.to_string(),
            wanted: format!("≤ {most}"),
            met: count <= most,
        }
    }

    /// A figure that should be large.
    pub fn at_least(what: impl Into<String>, value: u64, least: u64, show: impl Fn(u64) -> String) -> Self {
        let (measured, wanted) = (show(value), format!("≥ {}", show(least)));
        Self { what: what.into(), measured, wanted, met: value >= least }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({ "what": self.what, "measured": self.measured, "aim": self.wanted, "met": self.met })
    }
}

/// Prints the aims, those that were missed among them.
pub fn print_aims(aims: &[Aim]) {
    println!("\nAims");
    for Aim { what, measured, wanted, met } in aims {
        let verdict = if *met { "met" } else { "MISSED" };
        println!("  {what:<52}{measured:>12}   {wanted:<12} {verdict}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|ms| latencies.push(Duration::from_millis(ms)));
        assert_eq!(latencies.percentiles([50, 99, 100]), [100_000, 198_000, 200_000]);
        assert_eq!(Latencies::default().percentiles([99]), [0]);
    }

    #[test]
    fn figures_are_shown_without_floats() {
        assert_eq!(ms(12_345), "12.34 ms");
        assert_eq!(hundredths(107), "1.07");
        assert_eq!(megabytes(97_656), "99.9 MB");
        assert!(!Aim::at_most("x", 0, 5, ms).met, "nothing measured is nothing met");
    }
}
