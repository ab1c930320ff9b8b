//! The gateway and the driver in turns: A-B-A-B, so that whatever else the machine does meanwhile meets both.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::load::{Load, Pace, Round, round};
use super::machine::Process;
use super::report::{Aim, hundredths, ms};
use crate::Outcome;

/// Clients at once, in the order in which they are measured.
pub const LEVELS: [usize; 3] = [1, 32, 256];

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    /// Rounds of each side per level.
    pub rounds: usize,
    /// Of each round, not counted.
    pub warm_up: Duration,
    /// Of each round, counted.
    pub counted: Duration,
}

/// Both sides at one level.
pub struct Level {
    at_once: usize,
    gateway: Round,
    raw: Round,
}

impl Level {
    /// Requests per second, gateway to driver, in hundredths.
    pub fn ratio(&self) -> u64 {
        self.gateway.per_second() * 100 / self.raw.per_second().max(1)
    }

    fn json(&self) -> Value {
        let [gateway, raw] = [&self.gateway, &self.raw].map(|side| {
            json!({
                "perSecond": side.per_second(),
                "latency": side.latencies.json(),
                "failed": side.failed,
                "firstError": side.first_error,
                "cpuUsPerRequest": side.cpu_us_per_request().map(|(name, us)| (name.to_owned(), us.into()))
                    .collect::<Map<String, Value>>(),
            })
        });
        json!({ "atOnce": self.at_once, "gateway": gateway, "raw": raw, "ratioHundredths": self.ratio() })
    }

    fn print(&self) {
        for (name, side) in [("gateway", &self.gateway), ("driver", &self.raw)] {
            let [p50, p99] = side.latencies.percentiles([50, 99]);
            let ratio = if name == "gateway" { hundredths(self.ratio()) } else { String::new() };
            println!(
                "  {:>4}  {name:<8}{:>8}/s   p50 {:>10}   p99 {:>11}   {ratio:>6}   {}",
                self.at_once,
                side.per_second(),
                ms(p50),
                ms(p99),
                cpu(side)
            );
            if side.failed > 0 {
                let error = side.first_error.as_deref().unwrap_or_default();
                println!("        {} FAILED, the first: {error}", side.failed);
            }
        }
    }
}

fn cpu(side: &Round) -> String {
    let used = side.cpu_us_per_request().filter(|(_, us)| *us > 0);
    used.map(|(name, us)| format!("{name} {us}")).collect::<Vec<_>>().join(", ")
}

/// Measures every level; `settle` runs after each of the gateway's rounds.
pub async fn compare<G, R, S>(
    turns: Turns,
    gateway: &Arc<G>,
    raw: &Arc<R>,
    processes: &[Process],
    settle: S,
) -> Outcome<Vec<Level>>
where
    G: Load,
    R: Load,
    S: AsyncFn() -> Outcome<()>,
{
    println!(
        "  once  side      throughput   latency                                ratio   µs of processor per request"
    );
    let mut levels = Vec::new();
    for at_once in LEVELS {
        let pace = Pace { at_once, warm_up: turns.warm_up, counted: turns.counted };
        let mut level = Level { at_once, gateway: Round::default(), raw: Round::default() };
        for _ in 0..turns.rounds {
            level.gateway.add(round(gateway, pace, processes).await?);
            settle().await?;
            level.raw.add(round(raw, pace, processes).await?);
        }
        level.print();
        levels.push(level);
    }
    Ok(levels)
}

/// The aims at 32 and 256.
pub fn aims(what: &str, levels: &[Level]) -> Vec<Aim> {
    let judged = levels.iter().filter(|level| level.at_once > 1);
    judged
        .map(|level| {
            let what = format!("{what}, {} at once: ratio (stretch 2.00)", level.at_once);
            Aim::at_least(what, level.ratio(), 100, hundredths)
        })
        .collect()
}

/// All levels as JSON.
pub fn json(levels: &[Level]) -> Value {
    levels.iter().map(Level::json).collect()
}
